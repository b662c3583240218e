"""pyproject.toml of the Python distribution says what other files say; scripts/check-wheel tries what it makes."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_extra_has_what_the_exporter_needs():
    exporter = tomllib.loads((ROOT / "tools/export/pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert PROJECT["optional-dependencies"]["export"] == exporter["dependencies"]


def test_torch_and_arrow_are_those_of_the_build():
    pinned = dict(line.split("==") for line in (ROOT / "scripts/requirements.txt").read_text(encoding="utf-8").splitlines()
                  if "==" in line)
    for requirement, package in ((PROJECT["dependencies"][0], "torch"),
                                 (PROJECT["optional-dependencies"]["parquet"][0], "pyarrow")):
        minor = pinned[package].rsplit(".", 1)[0]
        assert requirement.startswith(f"{package}>={minor},<")


@pytest.mark.parametrize("call, program, words", [
    ("main", "llm2clip", "is not there; install the package as a wheel"),
    ("export", "llm2clip-export", "not installed; pip install 'llm2clip[export]'"),
])
def test_a_program_that_cannot_start_says_why(call, program, words):
    # -S: without the packages of this environment.
    done = subprocess.run([sys.executable, "-S", "-c", f"from llm2clip import _command; _command.{call}()"],
                          env={"PYTHONPATH": str(ROOT / "python")}, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{program}: ")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def start(tmp_path):
    """Runs Python where the package and a torch of some version are, each in a folder of its own."""
    def run(version, program, *arguments):
        (tmp_path / "torch").mkdir()
        (tmp_path / "torch/__init__.py").write_text("")
        (tmp_path / "torch/version.py").write_text(f"__version__ = '{version}'\n")
        return subprocess.run([sys.executable, "-S", "-c", f"from llm2clip import _command\n{program}", *arguments],
                              env={"PYTHONPATH": f"{ROOT / 'python'}:{tmp_path}", "LD_LIBRARY_PATH": "/elsewhere"},
                              capture_output=True, text=True)

    return run


def test_the_program_takes_the_place_of_the_script(start):
    done = start("2.13.0+cpu", "_command.PROGRAM = _command.Path('/bin/echo'); _command.main()", "info", "a b")
    assert (done.stdout, done.stderr) == ("info a b\n", "")


def test_the_program_finds_the_libtorch_of_a_torch_that_is_elsewhere(start, tmp_path):
    done = start("2.13.0", "print(_command.environment()['LD_LIBRARY_PATH'])")
    assert done.stdout == f"{tmp_path / 'torch/lib'}:/elsewhere\n"


def test_the_program_is_not_started_with_another_torch(start):
    done = start("2.12.1", "_command.PROGRAM = _command.Path('/bin/echo'); _command.main()")
    assert (done.returncode, done.stdout) == (7, "")
    assert "torch 2.12.1 in " in done.stderr
    assert "install torch>=2.13,<2.14" in done.stderr
