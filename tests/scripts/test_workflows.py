"""The workflows run the four steps of .ci/run, and actionlint has nothing to say where it is installed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def actionlint():
    return shutil.which("actionlint") or shutil.which("actionlint", path=str(Path(sys.executable).parent))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_commands_of_a_workflow_are_there(path):
    steps = [step for job in yaml.safe_load(path.read_text())["jobs"].values() for step in job["steps"]]
    named = [name for step in steps for name in re.findall(r"(?<!\S)(?:\.ci|scripts|tests)/[\w./-]+", step.get("run", ""))]
    assert named and all((ROOT / name).is_file() for name in named)


def test_ci_runs_each_step_of_the_script():
    (job,) = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"].values()
    steps = job["strategy"]["matrix"]["step"]
    assert any(step.get("run") == "bash .ci/run ${{ matrix.step }}" for step in job["steps"])
    default = re.search(r"set -- (.*)$", (ROOT / ".ci/run").read_text(), flags=re.M)[1].split()
    assert [*default, "rest"] == steps


def test_the_script_refuses_another_step():
    done = subprocess.run(["bash", ROOT / ".ci/run", "tets"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == ".ci/run: tets: expected demo, test, sample or rest\n"


@pytest.mark.skipif(actionlint() is None, reason="actionlint is not on the path")
@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actionlint_finds_nothing(path):
    done = subprocess.run([actionlint(), "-no-color", path], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def ci(tmp_path):
    """.ci/run in a tree of its own, whose parts are what a test says."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    (tmp_path / "scripts").mkdir()

    def put(path: Path, body: str):
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def run(*steps: str, programs: dict[str, str] | None = None, **scripts: str):
        """`scripts` of the tree, with _ for -, and `programs` on the path."""
        (tmp_path / "bin").mkdir()
        for name, body in scripts.items():
            put(tmp_path / "scripts" / name.replace("_", "-"), body)
        for name, body in (programs or {}).items():
            put(tmp_path / "bin" / name, body)
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(["bash", tmp_path / ".ci/run", *steps], capture_output=True, text=True,
                              env={**os.environ, "PATH": path})

    return run


def test_each_part_is_in_the_table_at_the_end(ci):
    done = ci("demo", "test", setup="exit 0", demo="echo drawn", check_style="exit 0", test="sleep 1.1")
    assert done.returncode == 0
    assert "==== scripts/demo\ndrawn\n" in done.stdout
    table = done.stdout.split("\n\n")[-1].splitlines()
    names = [line.rsplit(maxsplit=1)[0].strip() for line in table]
    assert names == ["part", "scripts/demo", "setup --test --real-text", "check-style but for tidy", "scripts/test", "all"]
    assert re.search(r"^scripts/test +0:0[1-9]$", done.stdout, flags=re.M)


def test_a_part_that_fails_ends_the_run_and_is_named(ci):
    done = ci("demo", "test", demo="exit 7", test="echo never")
    assert done.returncode == 7
    assert "never" not in done.stdout
    assert re.search(r"^scripts/demo \(FAILED\) +0:0\d$", done.stdout, flags=re.M)


def test_the_sample_builds_what_its_parts_run(ci):
    """On a machine of its own nothing was built before."""
    told = "cat built 2>/dev/null"
    build = 'case "$*" in "--build --preset dev"*) echo the program and every test >>built ;; esac'
    done = ci("sample", programs={"cmake": build, "ctest": "true"}, setup="true", check_memory="true",
              check_processors=told, check_inputs=told)
    assert done.returncode == 0, done.stdout + done.stderr
    for part in ("check-processors: units", "check-inputs"):
        assert f"==== {part}\nthe program and every test\n" in done.stdout


def test_a_part_that_is_not_there_fails(ci):
    done = ci("rest", programs={"cmake": "true", "ctest": "true"}, setup="true", check_style="true", check_memory="true")
    assert done.returncode != 0
    assert re.search(r"^check-processors \(FAILED\)", done.stdout, flags=re.M)
