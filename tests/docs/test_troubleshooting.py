"""Every message that docs/troubleshooting.md quotes is one that the programs have."""

import re
from pathlib import Path

import pytest

from doc_blocks import ROOT, prose, text_of

PAGE = text_of(Path("docs/troubleshooting.md"))


def cpp_words(text: str) -> str:
    """C++ with neighboring literals joined and quotes unescaped, comments and line breaks gone."""
    text = re.sub(r"^\s*//.*$", "", text, flags=re.M)
    text = text.replace(r"\"", "\0")
    return re.sub(r'"\s*\n?\s*"', "", text).replace("\0", '"')


def python_words(text: str) -> str:
    """The same for Python's literals, whose values in braces vary."""
    text = re.sub(r'"\s*\n\s*f?"', "", text)
    return re.sub(r"\{[^{}\n]*\}", "\0", text).replace(r"\"", '"')


def sources() -> str:
    words = [cpp_words(path.read_text(encoding="utf-8")) for folder in ("src", "tools/llm2clip")
             for path in sorted((ROOT / folder).rglob("*")) if path.suffix in {".cpp", ".h"}]
    words += [python_words(path.read_text(encoding="utf-8")) for path in (ROOT / "tools/export").rglob("*.py")
              if "tests" not in path.parts]
    words += [path.read_text(encoding="utf-8") for path in (ROOT / "scripts").iterdir() if path.name == "setup"]
    return "\n".join(words)


SOURCES = sources()


def quoted_messages() -> list[str]:
    """What stands in `code` in the first column of the page's tables."""
    rows = re.findall(r"^\| (?!message|---)(.*?) \| .* \|$", prose(PAGE), flags=re.M)
    return [message for row in rows for message in re.findall(r"`([^`]+)`", row)]


def fixed_parts(message: str) -> list[str]:
    return [part.strip(" :;,") for part in message.split("…") if re.search(r"\w{2}", part)]


@pytest.mark.parametrize("message", quoted_messages())
def test_a_quoted_message_is_in_the_sources(message):
    assert fixed_parts(message), f"nothing of {message!r} is fixed"
    for part in fixed_parts(message):
        assert part in SOURCES, part


def test_there_are_messages_for_every_exit_code_that_has_some():
    headings = re.findall(r"^## (\d(?: and \d)?): ", PAGE, flags=re.M)
    assert headings == ["1", "2", "3 and 4", "5", "6", "7", "8"]
    assert len(quoted_messages()) > 60


def test_a_message_that_nobody_says_would_be_found():
    assert "this sentence is in no source file" not in SOURCES
