"""Two processes and one output, with flock and on file systems that have none."""

import os
import pathlib
import signal
import subprocess
import time

import numpy as np
import pytest

NO_LOCKS = ("ENOLCK", "ENOSYS", "EOPNOTSUPP")


@pytest.fixture
def job(binary, demo_model, tmp_path):
    """embed-text of lines on standard input, in chunks of 16, where flock answers with an error."""
    shim = binary.parents[2] / "tests" / "store" / "failing_calls.so"

    embed = ("embed-text", "-m", demo_model, "-f", "-", "-o", "x.npy", "--commit-rows", "16")

    def start(*flags, answer="ENOSYS", command=embed):
        environment = {**os.environ, "LD_PRELOAD": str(shim), "LLM2CLIP_FAIL_CALL": "flock", "LLM2CLIP_FAIL_AT": "all",
                       "LLM2CLIP_FAIL_WITH": answer, "LLM2CLIP_FAIL_UNDER": str(tmp_path.resolve())}
        return subprocess.Popen([binary, *command, *flags], cwd=tmp_path, env=environment, text=True, stdin=subprocess.PIPE,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    return start


def lines(first, end):
    return "".join(f"an image of {number} dogs\n" for number in range(first, end))


def finish(process, text=""):
    """Its exit code and standard error."""
    _, errors = process.communicate(text, timeout=120)
    return process.returncode, errors


def wait_for(path: pathlib.Path, done=lambda path: path.exists()):
    for _ in range(6000):
        if done(path):
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} did not come")


def begin(process, folder):
    """Feeds it two chunks and a half and waits until the two are on the disk: it does nothing until more come."""
    process.stdin.write(lines(0, 40))
    process.stdin.flush()
    wait_for(folder / "x.npy.run" / "journal", lambda path: path.exists() and path.read_text().count("\n") == 2)


@pytest.mark.parametrize("answer", NO_LOCKS)
def test_a_run_goes_on_without_locks_and_warns(job, tmp_path, answer):
    code, errors = finish(job(answer=answer), lines(0, 40))
    assert code == 0, errors
    assert "x.npy.run: this file system has no locks (flock)" in errors
    assert len(np.load(tmp_path / "x.npy")) == 40
    assert not (tmp_path / "x.npy.run").exists()


def test_merge_goes_on_without_locks_and_warns_once(job, tmp_path):
    for shard in ("1/2", "2/2"):
        assert finish(job("--shard", shard), lines(0, 40))[0] == 0
    code, errors = finish(job(command=("merge", "x.npy")))
    assert code == 0, errors
    assert errors.count("this file system has no locks (flock)") == 1
    assert len(np.load(tmp_path / "x.npy")) == 40
    assert list(tmp_path.glob("*.run")) == []


def test_a_writer_at_work_keeps_a_second_one_out_without_locks(job, tmp_path):
    first = job()
    begin(first, tmp_path)
    for flag in ("--resume", "--overwrite"):
        code, errors = finish(job(flag))
        assert code == 6
        assert f"is being written by process {first.pid} on " in errors
    assert finish(first)[0] == 0
    assert len(np.load(tmp_path / "x.npy")) == 40


def test_what_a_killed_writer_left_is_taken_over_without_locks(job, tmp_path):
    first = job()
    begin(first, tmp_path)
    first.kill()
    assert first.wait() == -signal.SIGKILL
    first.stdin.close()
    assert (tmp_path / "x.npy.run" / "owner").exists()
    code, errors = finish(job("--resume"), lines(0, 40))
    assert code == 0, errors
    assert " done earlier" in errors
    assert len(np.load(tmp_path / "x.npy")) == 40


def test_a_writer_elsewhere_cannot_be_asked_and_the_file_to_remove_is_named(job, tmp_path):
    first = job()
    begin(first, tmp_path)
    first.kill()
    first.wait()
    first.stdin.close()
    owner = tmp_path / "x.npy.run" / "owner"
    for content in (owner.read_text().replace('"host": "', '"host": "another-'), "", "{"):
        owner.write_text(content)
        code, errors = finish(job("--resume"), lines(0, 40))
        assert code == 6
        assert errors.count("\n") == 1
        assert "if it has ended, remove x.npy.run/owner" in errors
        assert owner.read_text() == content
    owner.unlink()
    assert finish(job("--resume"), lines(0, 40))[0] == 0


@pytest.mark.parametrize("change", ["another", "removed"])
def test_a_writer_that_was_replaced_stops_before_its_next_commit(job, tmp_path, change):
    first = job()
    begin(first, tmp_path)
    owner = tmp_path / "x.npy.run" / "owner"
    if change == "removed":
        owner.unlink()
    else:
        owner.write_text(owner.read_text().replace('"token": "', '"token": "0'))
    journal = (tmp_path / "x.npy.run" / "journal").read_text()
    left = owner.read_text() if owner.exists() else None
    code, errors = finish(first, lines(40, 100))
    assert code == 6, errors
    assert "was taken by " in errors
    assert (tmp_path / "x.npy.run" / "journal").read_text() == journal
    assert not (tmp_path / "x.npy").exists()
    # What the other one has is left to it.
    assert (owner.read_text() if owner.exists() else None) == left
