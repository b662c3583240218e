"""What README.md prints is what the program prints."""

import re
import subprocess

import pytest

from doc_blocks import ROOT, console_sessions

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command, expected", console_sessions(README))
def test_console_sessions_print_what_the_readme_says(shell, command, expected):
    done = shell(command, ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip() == expected.rstrip()


def test_the_cpp_program_runs(binary):
    program = binary.parent.parent.parent / "tests" / "readme_program"
    done = subprocess.run([program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = re.search(r"prints:?\n+```text\n(.*?)```", README, flags=re.S)
    assert expected, "README.md has no output for its program"
    assert done.stdout == expected.group(1)
