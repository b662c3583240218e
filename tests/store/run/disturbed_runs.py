"""Runs whose calls fail and that are killed, for test_disturbed_runs.py and scripts/soak."""

import dataclasses
import os
import pathlib
import random
import signal
import subprocess
import time

FORMATS = (".npy", ".safetensors", ".jsonl")

# What may be answered by a call. EINTR and short counts are no failures: nobody may notice them. Nor is a file system
# without locks, nor a temporary name that is taken.
ANSWERS = {
    "open": ("ENOSPC", "EIO", "EINTR", "EMFILE", "EEXIST"),
    "read": ("EIO", "EINTR", "short"),
    "write": ("ENOSPC", "EIO", "EINTR", "short"),
    "pwrite": ("ENOSPC", "EIO", "EINTR", "short"),
    "fsync": ("ENOSPC", "EIO", "EINTR"),
    "rename": ("ENOSPC", "EIO", "EINTR"),
    "close": ("ENOSPC", "EIO", "EINTR"),
    "flock": ("EIO", "EINTR", "ENOLCK", "ENOSYS", "EOPNOTSUPP"),
}
INVISIBLE = ("EINTR", "short", "ENOLCK", "ENOSYS", "EOPNOTSUPP")


@dataclasses.dataclass
class Job:
    """A command that writes `output` in the folder where it is run, and goes on when it is run again."""

    command: list
    output: str
    expected: dict = dataclasses.field(default_factory=dict)  # name -> bytes, of an undisturbed run
    seconds: float = 0.0  # that one took

    def run_undisturbed(self, folder: pathlib.Path):
        started = time.monotonic()
        subprocess.run(self.command, cwd=folder, check=True, capture_output=True)
        self.seconds = time.monotonic() - started
        self.expected = content_of(folder)
        assert self.output in self.expected
        return self

    def check_untorn(self, folder: pathlib.Path):
        """A final name holds the whole file or nothing."""
        for name, content in self.expected.items():
            path = folder / name
            assert not path.exists() or path.read_bytes() == content, f"{path} is torn"

    def check_complete(self, folder: pathlib.Path):
        there = content_of(folder)
        assert sorted(there) == sorted(self.expected), "files are missing or were left over"
        for name, content in self.expected.items():
            assert there[name] == content, f"{folder / name} is not what an undisturbed run writes"

    def resume(self, folder: pathlib.Path):
        done = subprocess.run(self.command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        self.check_complete(folder)


def content_of(folder: pathlib.Path):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def empty(folder: pathlib.Path):
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def writer_job(writer: pathlib.Path, ending: str, inputs: int, flag: str = "--resume") -> Job:
    return Job([writer, f"rows{ending}", str(inputs), flag], f"rows{ending}")


def embed_text_job(program: pathlib.Path, model: pathlib.Path, texts: pathlib.Path) -> Job:
    # How a tower is optimized may depend on how much memory is free, and is recorded in the output.
    return Job([program, "embed-text", "-m", model, "-f", texts, "-o", "rows.npy", "--commit-rows", "64", "--resume",
                "--optimize", "always"], "rows.npy")


class FailingCalls:
    """Runs a job so that one of its calls fails, or kills it."""

    def __init__(self, shim: pathlib.Path, folder: pathlib.Path):
        self.folder = folder / "run"
        self.folder.mkdir()
        self.mark = folder / "mark"
        self.environment = {**os.environ, "LD_PRELOAD": str(shim), "LLM2CLIP_FAIL_UNDER": str(self.folder.resolve()),
                            "LLM2CLIP_FAIL_MARK": str(self.mark)}

    def run(self, job: Job, call: str, at: int, answer: str):
        """What became of it, or None when it makes fewer such calls."""
        self.mark.unlink(missing_ok=True)
        done = subprocess.run(
            # The shim knows files by their absolute paths.
            [*job.command[:1], self.folder.resolve() / job.output, *job.command[2:]],
            cwd=self.folder, capture_output=True, text=True,
            env={**self.environment, "LLM2CLIP_FAIL_CALL": call, "LLM2CLIP_FAIL_AT": str(at), "LLM2CLIP_FAIL_WITH": answer})
        return done if self.mark.exists() else None


def fail_call(calls: FailingCalls, job: Job, call: str, at: int, answer: str, half_done: bool) -> bool:
    """Fails the `at`-th call of a new run, or of one that was killed half way. False: there is none."""
    empty(calls.folder)
    if half_done:
        killed = calls.run(job, "rename", 3, "kill")
        assert killed.returncode == -signal.SIGKILL
    done = calls.run(job, call, at, answer)
    if done is None:
        return False
    what = f"{call} {at} answers {answer}: ends with {done.returncode}, {done.stderr!r}"
    job.check_untorn(calls.folder)
    if done.returncode == 0:
        job.check_complete(calls.folder)
    else:
        assert answer not in INVISIBLE, what
        assert done.returncode == 6, what
        assert len(done.stderr.splitlines()) == 1, what
        assert str(calls.folder.resolve()) in done.stderr, what
        reasons = {"ENOSPC": "No space left on device", "EIO": "Input/output error", "EMFILE": "Too many open files",
                   "EEXIST": "File exists"}
        assert reasons[answer] in done.stderr, what
    job.resume(calls.folder)
    return True


def fail_calls(calls: FailingCalls, job: Job, call: str, answer: str, most: int, half_done: bool = False) -> int:
    """Fails the first, the second, ... of the calls; returns how many there were, or `most`."""
    at = 1
    while at <= most and fail_call(calls, job, call, at, answer, half_done):
        at += 1
    return at - 1


def kill_at_every_call(calls: FailingCalls, job: Job, most: int) -> int:
    """Kills a run before its first call, the next one before its second, ...; returns the kills."""
    for at in range(1, most + 1):
        empty(calls.folder)
        if calls.run(job, "any", at, "kill") is None:
            return at - 1
        job.check_untorn(calls.folder)
        job.resume(calls.folder)
    return most


def kill_at_random(job: Job, folder: pathlib.Path, kills: int, seed: int) -> int:
    """Starts the job, kills it somewhere, starts it again, until it has been killed so many times.
    A run that gets to its end is checked and begun anew. Returns how many got there."""
    chance = random.Random(seed)
    ends = 0
    while kills > 0:
        process = subprocess.Popen(job.command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            process.wait(timeout=chance.uniform(0, 1.2 * job.seconds))
        except subprocess.TimeoutExpired:
            process.kill()
        _, message = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), message
        job.check_untorn(folder)
        if process.returncode == 0:
            job.check_complete(folder)
            empty(folder)
            ends += 1
        else:
            kills -= 1
    job.resume(folder)
    return ends
