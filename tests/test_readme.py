"""What README.md prints and shows is what the program prints."""

import re
import subprocess
import sys

import pytest

from doc_blocks import ROOT, console_sessions

sys.path.insert(0, str(ROOT / "scripts"))
import make_readme_image

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


NUMBERS = re.compile(r'(?<=class="number")( x="\d+" y="\d+">)([\d.-]+)|(?<=bar")( x="\d+" y="\d+" width=")(\d+)')


def without_numbers(svg: str) -> str:
    return NUMBERS.sub("", svg)


def cosines_and_scores(svg: str) -> list[float]:
    return [float(found[2]) for found in NUMBERS.finditer(svg) if found[2]]


def test_the_image_of_the_readme_is_drawn_from_what_the_program_prints(binary):
    shown = make_readme_image.DRAWING.read_text(encoding="utf-8")
    drawn = make_readme_image.drawing(make_readme_image.classified(binary))
    assert without_numbers(shown) == without_numbers(drawn)
    # Processors differ in last digits, and the last digit that is shown may be rounded the other way.
    ours, theirs = cosines_and_scores(shown), cosines_and_scores(drawn)
    assert ours[0::2] == pytest.approx(theirs[0::2], abs=0.011)
    assert ours[1::2] == pytest.approx(theirs[1::2], abs=0.11)
    assert len(ours) == 4 * 3 * 2
    assert len(shown) < 100_000
    assert "](docs/classify.svg)" in README
