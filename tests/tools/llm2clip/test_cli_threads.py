"""Threads: the same rows whatever OpenMP and the system give, and one sentence where they give too few."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest

from cli_support import assert_refused

LOST = 54321  # a user without a process of its own
SETTINGS = [
    {"OMP_THREAD_LIMIT": "1"},
    {"OMP_DYNAMIC": "true", "OMP_NUM_THREADS": "7"},
    {"OMP_MAX_ACTIVE_LEVELS": "0"},
    {"OMP_NUM_THREADS": "99999999"},
    {"MKL_NUM_THREADS": "3", "OMP_THREAD_LIMIT": "2"},
]


def rows_of(result):
    assert result.code == 0, result.err
    return np.array([json.loads(line)["embedding"] for line in result.lines])


@pytest.fixture
def commands(pictures):
    texts = [part for text in ("a red circle", "a blue square on the left of it", "a star") for part in ("-t", text)]
    return [["embed-image", "-q", *pictures], ["embed-text", "-q", *texts]]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda one: " ".join(f"{name}={value}" for name, value in one.items()))
def test_rows_do_not_depend_on_what_openmp_gives(run, demo_model, commands, settings):
    for command in commands:
        right = rows_of(run(*command, "-m", demo_model, "--threads", "1"))
        for flags in ([], ["--threads", "4", "--optimize", "never"]):
            ours = rows_of(run(*command, "-m", demo_model, *flags, **settings))
            assert np.isfinite(ours).all()
            assert (ours * right).sum(axis=1).min() >= 0.999999, flags


@pytest.mark.skipif(shutil.which("taskset") is None, reason="no taskset")
def test_rows_on_one_processor(run, binary, demo_model, commands, tmp_path):
    for command in commands:
        right = rows_of(run(*command, "-m", demo_model, "--threads", "1"))
        for flags in ([], ["--threads", "4"]):
            done = subprocess.run(["taskset", "-c", "0", binary, *command, "-m", demo_model, *flags],
                                  cwd=tmp_path, capture_output=True, text=True, check=True)
            ours = np.array([json.loads(line)["embedding"] for line in done.stdout.splitlines()])
            assert (ours * right).sum(axis=1).min() >= 0.999999


@pytest.mark.parametrize("count", ["0", "-1", "1025", "99999999", "2147483648", "18446744073709551617", "two", "1.5", ""])
@pytest.mark.parametrize("command", [["embed-image", "x.png"], ["embed-text", "-t", "x"], ["verify"],
                                     ["classify", "x.png", "-l", "x"]])
def test_a_number_of_threads_that_is_none(run, demo_model, command, count):
    assert_refused(run(*command, "-m", demo_model, "--threads", count), 2, "--threads", "1 to 1024 is expected", count)


def test_many_threads_on_few_processors(run, demo_model):
    texts = ["-t", "a red circle", "-t", "a star"]
    right = rows_of(run("embed-text", "-q", "-m", demo_model, *texts, "--threads", "1"))
    ours = rows_of(run("embed-text", "-q", "-m", demo_model, *texts, "--threads", "200"))
    assert (ours * right).sum(axis=1).min() >= 0.999999


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None or shutil.which("prlimit") is None,
                    reason="needs root, setpriv and prlimit")
@pytest.mark.parametrize("processes", range(1, 12))
def test_a_thread_that_cannot_be_made(binary, demo_model, tmp_path, pictures, processes):
    """Whichever of the job's threads it is that one too many would be."""
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(folder.stat().st_mode | 0o005)  # the other user reads the images
        if folder.name.startswith("pytest-of-"):
            break
    for command in (["verify"], ["embed-image", "red.png"]):
        done = subprocess.run(
            ["prlimit", f"--nproc={processes}", "setpriv", f"--reuid={LOST}", f"--regid={LOST}", "--clear-groups",
             binary, *command, "-m", demo_model, "--threads", "4"],
            cwd=tmp_path, capture_output=True, text=True, timeout=120)
        if done.returncode == 0:
            assert processes >= 4, "more threads than there may be"
            continue
        assert done.returncode == 7, done.stderr
        assert done.stderr.startswith("llm2clip: threads: ") and done.stderr.count("\n") == 1
        assert "ulimit -u" in done.stderr
    assert processes < 11 or done.returncode == 0
