"""What the pages under docs/ show is what happens."""

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest

from doc_blocks import ROOT, blocks, console_sessions, pages, program_output, prose, shows, text_of

PAGES = [page for page in pages() if page != Path("README.md")]
WITH_SESSIONS = [page for page in PAGES if console_sessions(text_of(page))]
WITH_PROGRAMS = [page for page in PAGES if blocks(text_of(page), "cpp")]


@pytest.fixture
def workplace(tmp_path):
    """A folder that looks like the tree to commands that read, and takes what they write."""
    for name in ("models", "tests", "scripts", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.mark.parametrize("page", WITH_SESSIONS, ids=str)
def test_the_sessions_of_a_page_print_what_it_shows(page, shell, workplace):
    for command, expected in console_sessions(text_of(page)):
        done = shell(command, workplace)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert shows(expected, done.stdout), f"{command}\n{done.stdout}"


@pytest.mark.parametrize("page", WITH_PROGRAMS, ids=str)
def test_the_program_of_a_page_prints_what_it_shows(page, binary):
    assert len(blocks(text_of(page), "cpp")) == 1, "one program a page: tests/CMakeLists.txt builds the first"
    program = binary.parent.parent.parent / "tests" / f"{page.stem}_program"
    assert program.exists(), f"{page}: add it to tests/CMakeLists.txt, and build"
    done = subprocess.run([program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shown = program_output(text_of(page))
    assert shown is not None and shows(shown, done.stdout), done.stdout


def test_there_are_pages_with_sessions_and_with_programs():
    assert len(WITH_SESSIONS) >= 5
    assert len(WITH_PROGRAMS) >= 2


def shown_commands(text: str) -> list[str]:
    """Commands that pages name and no test runs: in ```sh blocks and in `code`."""
    lines = "\n".join(blocks(text, "sh")).replace("\\\n", " ").splitlines()
    in_prose = re.findall(r"`((?:llm2clip|llm2clip-export) [^`]+)`", prose(text))
    return [line.split("#")[0].strip() for line in [*lines, *in_prose]]


@pytest.mark.parametrize("page", pages(), ids=str)
def test_every_flag_that_a_page_names_exists(page, shell):
    for command in shown_commands(text_of(page)):
        found = re.match(r"(?:\S*/)?(llm2clip|llm2clip-export)\s+(.*)", command)
        if not found:
            continue
        program, words = found[1], found[2].split()
        subcommand = words[0] if program == "llm2clip" and not words[0].startswith("-") else ""
        help_text = shell(f"{program} {subcommand} --help", ROOT).stdout
        if subcommand and "Subcommands:" in help_text and len(words) > 1:
            help_text = shell(f"{program} {subcommand} {words[1]} --help", ROOT).stdout
        assert help_text, f"{page}: {command}: no such command"
        for flag in (word.split("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)):
            assert re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", help_text), f"{page}: {command}: {flag}"


@pytest.mark.parametrize("page", pages(), ids=str)
def test_every_script_and_folder_that_a_page_names_is_there(page):
    for line in "\n".join(blocks(text_of(page), "sh")).splitlines():
        for name in re.findall(r"(?<![\w/.-])((?:scripts|docs|tools|tests|cmake)/[\w./-]+)", line.split("#")[0]):
            assert (ROOT / name).exists(), f"{page}: {name}"


@pytest.mark.parametrize("page", pages(), ids=str)
def test_python_and_json_on_a_page_can_be_parsed(page):
    for block in blocks(text_of(page), "python"):
        ast.parse(block)
    for block in blocks(text_of(page), "json"):
        json.loads(block)


def glossary_names() -> list[str]:
    """The code that the glossary says its words are, the third column of its tables."""
    rows = re.findall(r"^\| (?!word|---)[^|]+ \| [^|]+ \| ([^|]*) \|", text_of(Path("docs/glossary.md")), flags=re.M)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_the_names_of_the_glossary_are_in_the_sources():
    files = [path for folder in ("include", "src", "tools") for path in (ROOT / folder).rglob("*")
             if path.suffix in {".h", ".cpp", ".py"} and "tests" not in path.parts]
    sources = "\n".join(path.read_text(encoding="utf-8") for path in files)
    assert len(glossary_names()) > 100
    missing = [name for name in glossary_names()
               if not (ROOT / name).exists() and name.split()[-1].split("::")[-1] not in sources]
    assert not missing
