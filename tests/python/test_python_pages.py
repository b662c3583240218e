"""The programs of docs/how_to/python.md and python/README.md print what the pages say."""

import os
import re
from pathlib import Path

import pytest

from doc_blocks import ROOT, text_of

PAGES = [Path("docs/how_to/python.md"), Path("python/README.md")]
PROGRAM = re.compile(r"^```python\n(.*?)^```\n+(?:prints\n+)?```text\n(.*?)^```$", re.S | re.M)
SHOWN = [(program, output) for page in PAGES for program, output in PROGRAM.findall(text_of(page))]


@pytest.mark.parametrize("program,output", SHOWN, ids=range(len(SHOWN)))
def test_a_program_prints_what_its_page_says(python, binary, tmp_path, program, output):
    for name in ("models", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    done = python(f"import os; os.chdir({str(tmp_path)!r})\n{program}", PATH=f"{binary.parent}:{os.environ['PATH']}")
    assert done.stdout == output


def test_every_program_of_the_guide_is_run():
    assert len(SHOWN) == sum(text_of(page).count("```python") for page in PAGES)


def test_the_table_of_errors_has_them_all(llm2clip):
    from llm2clip import errors

    rows = re.findall(r"^\| `(\w+Error)` \| (?:`(\w+)`)? ?\|", text_of(PAGES[0]), re.M)
    assert rows == [(error.__name__, error.__bases__[1].__name__ if len(error.__bases__) > 1 else "")
                    for error in errors.OF_STATUS.values()]
