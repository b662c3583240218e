"""Help, version and usage errors do not wait for LibTorch: the commands are loaded when one is to run."""

import shutil
import subprocess

import pytest

QUICK = [
    (["--help"], 0),
    (["--version"], 0),
    (["embed-image", "--help"], 0),
    ([], 2),
    (["frobnicate"], 2),
    (["info", "--frobnicate"], 2),
    (["info"], 2),  # no model
    (["embed-text", "-m", "models/demo"], 2),  # no texts
    (["tokenize", "-t", "a"], 2),  # no tokenizer
    (["serve"], 2),  # no model
    (["preprocess", "x.png", "-o", "x.npy"], 2),  # no size
]


def libraries_loaded(run, tmp_path, *arguments):
    result = run(*arguments, LD_DEBUG="files", LD_DEBUG_OUTPUT=str(tmp_path / "loader"))
    (report,) = tmp_path.glob("loader.*")
    return result, report.read_text()


@pytest.mark.parametrize("arguments, code", QUICK)
def test_what_needs_no_command_loads_no_libtorch(run, tmp_path, arguments, code):
    result, report = libraries_loaded(run, tmp_path, *arguments)
    assert result.code == code
    assert "libstdc++" in report
    assert "libtorch" not in report and "libllm2clip" not in report


def test_a_command_loads_libtorch(run, tmp_path):
    """The report shows it when it is loaded, so the test above can fail."""
    result, report = libraries_loaded(run, tmp_path, "info", "-m", "no/such")
    assert result.code == 5
    assert "libtorch_cpu" in report and "libllm2clip" in report


def test_commands_that_are_not_there_are_told_in_one_line(binary, tmp_path):
    alone = shutil.copy(binary, tmp_path / "llm2clip")
    done = subprocess.run([alone, "info", "-m", "."], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr.startswith("llm2clip: the commands cannot be loaded: llm2clip-commands.so: ")
    assert len(done.stderr.splitlines()) == 1
    assert subprocess.run([alone, "--version"], timeout=60).returncode == 0
