"""What the command line puts into other words is what the library says."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[4]
WORDINGS = re.findall(r'Wording\{"([^"]+)", "([^"]+)"\}', (ROOT / "tools/llm2clip/terminal/advice.cpp").read_text())


def literals(text):
    """The string literals of C++, those that follow one another joined."""
    return re.sub(r'"\s*\n?\s*"', "", text)


SOURCES = "".join(literals(path.read_text()) for path in sorted((ROOT / "src").rglob("*.cpp")))


@pytest.mark.parametrize("library, flags", WORDINGS)
def test_the_library_gives_this_advice(library, flags):
    assert re.search(rf"; [^\"]*{re.escape(library)}", SOURCES), library


def test_the_flags_exist(run):
    told = run("embed-image", "--help").out
    for flag in {flag for _, flags in WORDINGS for flag in re.findall(r"--[\w-]+", flags)}:
        assert flag in told
