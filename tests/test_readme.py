"""What README.md prints is what the program prints."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

README = (ROOT / "README.md").read_text(encoding="utf-8")


def console_sessions() -> list[tuple[str, str]]:
    """(command, expected output) of every ```console block: `$ command`, then what it prints."""
    sessions = []
    for block in re.findall(r"```console\n(.*?)```", README, flags=re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            while command.endswith("\\"):
                more, _, output = output.partition("\n")
                command = command[:-1] + more
            sessions.append((command, output))
    return sessions


@pytest.fixture(scope="module")
def shell(binary, tmp_path_factory):
    """A shell as a user has it after scripts/demo: the binary on the path, pictures drawn."""
    environment = {**os.environ, "PATH": f"{binary.parent}:{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
                   "LLM2CLIP_MODEL": "models/demo", "COLUMNS": "100"}

    def run(command: str) -> subprocess.CompletedProcess:
        return subprocess.run(["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True)

    return run


@pytest.mark.parametrize("command, expected", console_sessions())
def test_console_sessions_print_what_the_readme_says(shell, command, expected):
    done = shell(command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip() == expected.rstrip()


def test_the_cpp_program_runs(binary):
    program = binary.parent.parent.parent / "tests" / "readme_program"
    done = subprocess.run([program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = re.search(r"prints:?\n+```text\n(.*?)```", README, flags=re.S)
    assert expected, "README.md has no output for its program"
    assert done.stdout == expected.group(1)


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
