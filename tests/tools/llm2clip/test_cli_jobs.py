"""Jobs of embed-image and embed-text: resuming, sharing, stopping, and accounting for every input."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

TEXTS = [f"a {color} {shape} {place} {number}" for color in ("red", "blue", "green") for shape in ("circle", "square")
         for place in ("on the left", "above", "in the middle of it all") for number in range(20)]
BAD_LINE = 17  # from 0: not UTF-8


@pytest.fixture
def job(binary, demo_model, tmp_path):
    """embed-text of 360 lines, one of them bad, in small shards."""
    lines = [text.encode() for text in TEXTS]
    lines[BAD_LINE] = b"caf\xe9"
    (tmp_path / "lines.txt").write_bytes(b"\n".join(lines) + b"\n")

    def command(*flags, command="embed-text"):
        inputs = ["-f", "lines.txt"] if command == "embed-text" else []
        return [str(part) for part in (binary, command, "-m", demo_model, *inputs, *flags)]

    def run(*flags, **options):
        return subprocess.run(command(*flags), cwd=tmp_path, capture_output=True, text=True, timeout=120, **options)

    run.command = command
    return run


def check_account(folder, name, inputs, failed):
    """inputs = embedded + failed, each input in one list, ids unique."""
    report = json.loads((folder / f"{name}.run.json").read_text())["summary"]
    assert (report["inputs"], report["embedded"], report["failed"]) == (inputs, inputs - failed, failed)
    ids = [line for line in (folder / f"{name}.ids.jsonl").read_text().splitlines()]
    assert len(ids) == len(set(ids)) == len(np.load(folder / name)) == inputs - failed
    errors = folder / f"{name}.errors.jsonl"
    assert len(errors.read_text().splitlines() if errors.exists() else []) == failed


def test_every_input_is_embedded_or_told(job, tmp_path):
    done = job("-o", "x.npy")
    assert (done.returncode, done.stdout) == (3, "")
    check_account(tmp_path, "x.npy", len(TEXTS), 1)
    error = json.loads((tmp_path / "x.npy.errors.jsonl").read_text())
    assert (error["index"], error["stage"], error["code"]) == (BAD_LINE, "tokenize", "unreadable_input")
    assert error["message"].startswith("lines.txt:18: invalid UTF-8 at byte 3")
    assert not (tmp_path / "x.npy.run").exists()


def test_standard_output_has_errors_and_summary_in_files(job, tmp_path):
    done = job("--errors", "errors.jsonl", "--summary", "summary.json")
    assert done.returncode == 3
    assert len(done.stdout.splitlines()) == len(TEXTS) - 1
    assert json.loads((tmp_path / "errors.jsonl").read_text())["index"] == BAD_LINE
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["inputs"] == summary["embedded"] + summary["failed"] == len(TEXTS)
    assert (summary["failed_by_code"], summary["exit_code"]) == ({"unreadable_input": 1}, 3)


@pytest.mark.parametrize("ending", ["npy", "safetensors", "jsonl", "csv"])
def test_a_killed_job_goes_on_to_the_same_bytes(job, tmp_path, ending):
    job("-o", f"whole.{ending}", "--commit-rows", "16")
    killed = subprocess.Popen(job.command("-o", f"x.{ending}", "--commit-rows", "16"), cwd=tmp_path,
                              stderr=subprocess.DEVNULL)
    journal = tmp_path / f"x.{ending}.run" / "journal"
    while killed.poll() is None and not (journal.exists() and journal.read_text().count("\n") >= 3):
        time.sleep(0.002)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL, "it had finished already"
    assert not (tmp_path / f"x.{ending}").exists()

    refused = job("-o", f"x.{ending}", "--commit-rows", "16")
    assert refused.returncode == 6
    assert "an unfinished run is there; go on with --resume" in refused.stderr
    done = job("-o", f"x.{ending}", "--commit-rows", "16", "--resume")
    assert done.returncode == 3
    assert " done earlier" in done.stderr
    assert (tmp_path / f"x.{ending}").read_bytes() == (tmp_path / f"whole.{ending}").read_bytes()


def test_another_runs_output_is_refused_with_what_differs(job, tmp_path):
    job("-o", "x.npy")
    before = (tmp_path / "x.npy").read_bytes()
    for flags in ([], ["--resume", "--no-normalize"], ["--resume", "--out-dtype", "float16"],
                  ["--resume", "--special-tokens", "literal"]):
        done = job("-o", "x.npy", *flags)
        assert done.returncode == 6
        assert done.stderr.count("\n") == 1
        assert (tmp_path / "x.npy").read_bytes() == before
    assert "special_tokens is parse there and literal here" in done.stderr
    assert job("-o", "x.npy", "--resume").stderr == "359 embedded, 1 failed, 360 done earlier\n"
    assert job("-o", "x.npy", "--overwrite", "--no-normalize").returncode == 3


def test_changed_inputs_are_refused(job, tmp_path):
    stopped = job("-o", "x.npy", "--commit-rows", "16", "--max-errors", "0")
    assert stopped.returncode == 4
    assert "1 of 32 inputs failed, more than --max-errors 0 allows" in stopped.stderr
    lines = (tmp_path / "lines.txt").read_bytes()
    (tmp_path / "lines.txt").write_bytes(lines.replace(b"a red", b"a RED", 1))
    done = job("-o", "x.npy", "--commit-rows", "16", "--resume")
    assert done.returncode == 6
    assert "inputs 0 to 15 are not what they were" in done.stderr
    (tmp_path / "lines.txt").write_bytes(lines)
    assert job("-o", "x.npy", "--commit-rows", "16", "--resume").returncode == 3
    check_account(tmp_path, "x.npy", len(TEXTS), 1)


def test_shards_are_joined_to_the_same_rows(job, tmp_path):
    job("-o", "whole.jsonl")
    for shard in (1, 2, 3):
        done = job("-o", "x.jsonl", "--shard", f"{shard}/3")
        assert done.returncode == (3 if BAD_LINE % 3 == shard - 1 else 0)
        assert "llm2clip merge x.jsonl joins the shards" in done.stderr
    assert not (tmp_path / "x.jsonl").exists()
    merged = subprocess.run([job.command()[0], "merge", "x.jsonl"], cwd=tmp_path, capture_output=True, text=True)
    assert merged.returncode == 3, merged.stderr

    def rows(name):
        lines = [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        return [line["id"] for line in lines], np.array([line["embedding"] for line in lines])

    ids, values = rows("x.jsonl")
    assert ids == rows("whole.jsonl")[0]
    assert np.abs(values - rows("whole.jsonl")[1]).max() < 1e-6
    assert not list(tmp_path.glob("x.jsonl.shard*"))


def test_shards_of_other_runs_are_not_joined(job, tmp_path):
    job("-o", "x.npy", "--shard", "1/2")
    merge = [job.command()[0], "merge", "x.npy"]
    assert subprocess.run(merge, cwd=tmp_path, capture_output=True).returncode == 6
    job("-o", "x.npy", "--shard", "2/2", "--no-normalize")
    done = subprocess.run(merge, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 6
    assert "normalized is false there and true here" in done.stderr


@pytest.mark.parametrize("name, code", [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_stops_in_order(job, tmp_path, name, code):
    """Lines from a pipe that stays open: the job would wait for ever."""
    job("-o", "whole.npy", "--commit-rows", "16")
    command = [*job.command("-o", "x.npy", "--commit-rows", "16")]
    command[command.index("lines.txt")] = "-"
    running = subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    running.stdin.write((tmp_path / "lines.txt").read_bytes()[:4000])
    running.stdin.flush()
    journal = tmp_path / "x.npy.run" / "journal"
    while not (journal.exists() and journal.read_text().count("\n") >= 2):
        time.sleep(0.01)
    running.send_signal(getattr(signal, name))
    assert running.wait(timeout=20) == code
    assert f"stopped by {name}: " in running.stderr.read().decode()
    running.stdin.close()
    # The same inputs, by their lines, from wherever they come.
    command.append("--resume")
    done = subprocess.run(command, cwd=tmp_path, input=(tmp_path / "lines.txt").read_bytes(), capture_output=True)
    assert done.returncode == 3, done.stderr
    assert (tmp_path / "x.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


def test_a_second_interrupt_ends_at_once(job, tmp_path):
    command = [*job.command("-o", "x.npy")]
    command[command.index("lines.txt")] = "-"
    running = subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (tmp_path / "x.npy.run" / "run.json").exists():
        time.sleep(0.01)
    for _ in range(2):
        running.send_signal(signal.SIGINT)
    assert running.wait(timeout=10) == 130
    running.stdin.close()


def test_two_writers_one_output(job, tmp_path):
    command = [*job.command("-o", "x.npy", "--commit-rows", "16")]
    command[command.index("lines.txt")] = "-"
    first = subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    while not (tmp_path / "x.npy.run" / "run.json").exists():
        time.sleep(0.01)
    for flag in ([], ["--resume"], ["--overwrite"]):
        second = job("-o", "x.npy", *flag)
        assert second.returncode == 6
        assert f"is being written by process {first.pid} on " in second.stderr
    first.communicate(b"one\ntwo\n")
    assert first.returncode == 0
    assert len(np.load(tmp_path / "x.npy")) == 2


def test_too_many_failures_stop_the_job(job, tmp_path):
    (tmp_path / "lines.txt").write_bytes(b"\xff\n" * 150 + b"good\n" * 900)
    done = job("--commit-rows", "64")
    assert done.returncode == 4
    assert "more than --max-errors 10% allows" in done.stderr
    assert job("--max-errors", "150").returncode == 3
    assert job("--max-errors", "20%").returncode == 3
    assert job("--max-errors", "149").returncode == 4
    for wrong in ("x", "101%", "-1", "1.5", ""):
        assert job("--max-errors", wrong).returncode == 2


def test_flags_that_contradict_one_another(job):
    for flags in (["--resume"], ["--overwrite"], ["-o", "x.npy", "--errors", "e.jsonl"],
                  ["-o", "x.npy", "--resume", "--overwrite"], ["--shard", "0/2"], ["--shard", "3/2"], ["--shard", "2"]):
        assert job(*flags).returncode == 2, flags


def test_a_full_disk_stops_the_job_and_resume_completes_it(job, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", small], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("no right to mount a small file system")
    try:
        done = job("-o", "small/x.npy", "--commit-rows", "64")
        assert done.returncode == 6
        assert "No space left on device" in done.stderr
        assert not (small / "x.npy").exists()
        subprocess.run(["mount", "-o", "remount,size=4m", small], check=True)
        assert job("-o", "small/x.npy", "--commit-rows", "64", "--resume").returncode == 3
        check_account(small, "x.npy", len(TEXTS), 1)
    finally:
        subprocess.run(["umount", small], check=True)


def test_pictures_are_resumed_too(binary, demo_model, tmp_path):
    folder = tmp_path / "pictures"
    source = os.path.join(os.path.dirname(__file__), "..", "..", "data", "unseen")
    shutil.copytree(source, folder)
    (folder / "picture_bad.png").write_bytes(b"not a picture")

    def run(*flags):
        return subprocess.run([binary, "embed-image", "-m", demo_model, "-r", "pictures", "--batch-size", "4", *flags],
                              cwd=tmp_path, capture_output=True, text=True)

    assert run("-o", "whole.npy").returncode == 3
    stopped = run("-o", "x.npy", "--commit-rows", "4", "--on-error", "fail")
    assert stopped.returncode == 4
    assert (tmp_path / "x.npy.run").is_dir()
    done = run("-o", "x.npy", "--commit-rows", "4", "--resume")
    assert done.returncode == 3 and " done earlier" in done.stderr
    assert (tmp_path / "x.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


@pytest.mark.parametrize("kind", ["png", "webp", "gif", "tiff", "bmp", "jpeg"])
def test_pictures_decoded_at_once_share_a_bounded_memory(binary, demo_model, tmp_path, kind):
    """Twelve threads and twelve pictures, against one picture: that is what --decode-memory 1 allows at a time."""
    side = 6000 if kind == "gif" else 3000  # 27 MB, GIF 36
    picture = Image.new("P" if kind == "gif" else "RGB", (side, side), 3 if kind == "gif" else (200, 30, 90))
    options = {"png": {"compress_level": 1}, "webp": {"lossless": True, "method": 0}, "jpeg": {"progressive": True}}
    alone, folder = tmp_path / "alone", tmp_path / "pictures"
    for place, count in ((alone, 1), (folder, 12)):
        place.mkdir()
        picture.save(place / "0", kind, **options.get(kind, {}))
        for number in range(1, count):
            os.link(place / "0", place / f"{number}")

    # A process of its own in between: what the kernel keeps of a child begins with its parent's size.
    measure = ("import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]); "
               "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(done.returncode)")

    def peak(place, *flags):
        paths = sorted(place.iterdir())
        command = [binary, "embed-image", "-m", demo_model, *paths, "--threads", "12", "-q", *flags]
        done = subprocess.run([sys.executable, "-c", measure, *command], capture_output=True, text=True, check=True)
        return int(done.stderr) / 1024, done.stdout

    one, _ = peak(alone)
    bounded, rows = peak(folder, "--decode-memory", "1")
    _, same = peak(folder)
    assert rows == same
    # What malloc keeps of one picture, and half of one for what else moves; twelve would be ten times that.
    assert bounded < one + 1.5 * 36
