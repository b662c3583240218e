"""Whatever happens to a process that writes a run, the next one ends in the file of an undisturbed run.

Short here; scripts/soak does the same for hours.
"""

import pathlib
import tempfile

import pytest

from disturbed_runs import (
    ANSWERS,
    FORMATS,
    FailingCalls,
    embed_text_job,
    fail_calls,
    kill_at_every_call,
    kill_at_random,
    writer_job,
)


@pytest.fixture(scope="session")
def programs(binary):
    return binary.parents[2] / "tests" / "store"


@pytest.fixture
def folder():
    """An empty one, in memory where that is possible: whoever is killed loses nothing there either."""
    memory = pathlib.Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as path:
        yield pathlib.Path(path)


@pytest.fixture
def writer_runs(programs, tmp_path):
    def make(ending, inputs, *flags):
        return writer_job(programs / "run_writer", ending, inputs, *flags).run_undisturbed(tmp_path)

    return make


@pytest.fixture
def calls(programs, folder):
    return FailingCalls(programs / "failing_calls.so", folder)


@pytest.mark.parametrize("half_done", [False, True], ids=["new", "resumed"])
@pytest.mark.parametrize("call", [call for call in ANSWERS if call != "pwrite"])
def test_a_failing_call_is_a_named_error_or_invisible(call, half_done, writer_runs, calls):
    # Two chunks, so that fifty calls reach the removal of the run's folder.
    job = writer_runs(".npy", 16)
    for answer in ANSWERS[call]:
        assert fail_calls(calls, job, call, answer, most=12 if half_done else 50, half_done=half_done) > 0


@pytest.mark.parametrize("answer", ANSWERS["pwrite"])
def test_a_failing_call_on_an_array_is_a_named_error_or_invisible(answer, writer_runs, calls):
    job = writer_runs(".npy", 5, "--array")
    assert fail_calls(calls, job, "pwrite", answer, most=12) == 1


@pytest.mark.parametrize("ending", FORMATS)
def test_a_run_may_be_killed_before_any_of_its_calls(ending, writer_runs, calls):
    assert kill_at_every_call(calls, writer_runs(ending, 20), most=1000) > 40


def test_shards_and_their_merge_may_be_killed_before_any_of_their_calls(writer_runs, calls):
    assert kill_at_every_call(calls, writer_runs(".npy", 20, "--shards"), most=1000) > 100


def test_a_merge_that_leaves_a_file_of_each_shard_may_be_killed_before_any_of_its_calls(writer_runs, calls):
    job = writer_runs(".npy", 20, "--chunks")
    assert sorted(name for name in job.expected if name.endswith("-of-00003.npy")) == [
        f"rows-0000{shard}-of-00003.npy" for shard in (1, 2, 3)]
    assert kill_at_every_call(calls, job, most=1000) > 100


def test_a_failing_call_of_shards_and_their_merge_is_a_named_error_or_invisible(writer_runs, calls):
    job = writer_runs(".npy", 4, "--shards")
    for call in ("open", "write", "rename", "fsync"):
        assert fail_calls(calls, job, call, "EIO", most=60) > 0


@pytest.mark.parametrize("ending", FORMATS)
def test_a_run_may_be_killed_at_any_time(ending, writer_runs, folder):
    job = writer_runs(ending, 60)
    assert len(job.expected[f"rows{ending}.errors.jsonl"].splitlines()) == 9
    kill_at_random(job, folder, kills=100, seed=7)


def test_embed_text_may_be_killed_at_any_time(binary, demo_model, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"a photo of {number} dogs\n" for number in range(1000)))
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    undisturbed.mkdir()
    killed.mkdir()
    job = embed_text_job(binary, demo_model, texts).run_undisturbed(undisturbed)
    assert len(job.expected["rows.npy.ids.jsonl"].splitlines()) == 1000
    kill_at_random(job, killed, kills=10, seed=7)
