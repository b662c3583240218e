"""What pages show, so that tests can run it: the blocks of code in README.md and docs/."""

import fnmatch
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# A line of three dots in a shown output stands for any lines, three dots within a line for any words.
ANY = "..."


def pages() -> list[Path]:
    """Everything people read, relative to the root."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "models/README.md"]
    return sorted(path.relative_to(ROOT) for path in found)


def text_of(page: Path) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The content of every ```language block."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.S | re.M)


def console_sessions(text: str) -> list[tuple[str, str]]:
    """(command, expected output) of every ```console block: `$ command`, then what it prints."""
    sessions = []
    for block in blocks(text, "console"):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            while command.endswith("\\"):
                more, _, output = output.partition("\n")
                command = command[:-1] + more
            sessions.append((command, output))
    return sessions


def shows(expected: str, printed: str) -> bool:
    """Whether `printed` is what a page says, its dots filled in."""
    pattern = re.sub(r"([\[*?])", r"[\1]", expected.rstrip()).replace(ANY, "*")
    return fnmatch.fnmatchcase(printed.rstrip(), pattern)


def program_output(text: str) -> str | None:
    """What the program of a page, its ```cpp block, is said to print."""
    found = re.search(r"^```cpp\n.*?^```\n+[^\n]*prints:?\n+```text\n(.*?)^```$", text, flags=re.S | re.M)
    return found and found[1]


def prose(text: str) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)
