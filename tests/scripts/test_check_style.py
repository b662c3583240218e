"""scripts/check-style: what it refuses, and that each of its parts can."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-style" / "bin" / "python"

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="scripts/setup --test makes .venv-style")


def function(lines: int, comment: str = "") -> str:
    return f"{comment}int f(int x) {{\n" + "  x += 1;\n" * (lines - 2) + "}\n"


def too_long(folder: Path, text: str) -> str:
    (folder / "some.cpp").write_text(text)
    command = [PYTHON, ROOT / "scripts" / "function_length.py", folder / "some.cpp"]
    return subprocess.run(command, capture_output=True, text=True).stdout


def test_a_function_of_more_than_40_lines_is_named(tmp_path):
    assert too_long(tmp_path, function(40)) == ""
    assert "some.cpp:1: f has 41 lines, 40 is the most" in too_long(tmp_path, function(41))


def test_a_table_may_be_longer_where_its_comment_says_so(tmp_path):
    assert too_long(tmp_path, function(60, "// All of them.\n// Straight line: a table.\n")) == ""
    assert "f has 60 lines" in too_long(tmp_path, function(60, "// All of them.\n"))
    assert "f has 60 lines" in too_long(tmp_path, function(60, "// Straight line: a table.\n\n"))


def test_a_part_that_is_not_there_is_named():
    done = subprocess.run([ROOT / "scripts" / "check-style", "spelling"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "check-style: spelling: expected format, length, python, types or tidy\n"
