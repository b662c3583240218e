"""Jobs of embed-image and embed-text: resuming, sharing, stopping, and accounting for every input."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

import safetensors

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

    run.command = command  # type: ignore[attr-defined]
    return run


def check_account(folder, name, inputs, failed):
    """inputs = embedded + failed, each input in one list, ids unique."""
    report = json.loads((folder / f"{name}.run.json").read_text())["summary"]
    assert (report["inputs"], report["embedded"], report["failed"]) == (inputs, inputs - failed, failed)
    ids = (folder / f"{name}.ids.jsonl").read_text().splitlines()
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
    assert "an unfinished run is there; go on with --resume, or start anew with --overwrite" in refused.stderr
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


def rows_of(folder, name):
    lines = [json.loads(line) for line in (folder / name).read_text().splitlines()]
    return [line["id"] for line in lines], np.array([line["embedding"] for line in lines])


def test_a_changed_input_is_made_anew_with_the_rest_of_its_part(job, tmp_path):
    stopped = job("-o", "x.jsonl", "--commit-rows", "16", "--max-errors", "0")
    assert stopped.returncode == 4
    assert "1 of 32 inputs failed, more than --max-errors 0 allows" in stopped.stderr
    lines = (tmp_path / "lines.txt").read_bytes().split(b"\n")
    lines[3] = b"a purple pentagon"
    (tmp_path / "lines.txt").write_bytes(b"\n".join(lines))
    done = job("-o", "x.jsonl", "--commit-rows", "16", "--resume")
    assert done.returncode == 3
    assert "x.jsonl.run: input 3, 'a purple pentagon', is not what it was; inputs 3 to 15 are made anew" in done.stderr
    assert ", 3 done earlier" in done.stderr
    job("-o", "whole.jsonl")
    ids, values = rows_of(tmp_path, "x.jsonl")
    assert ids == rows_of(tmp_path, "whole.jsonl")[0]
    assert np.abs(values - rows_of(tmp_path, "whole.jsonl")[1]).max() < 1e-6


def test_a_finished_output_is_resumed_with_its_inputs_alone(job, tmp_path):
    lines = (tmp_path / "lines.txt").read_bytes()
    job("-o", "x.npy")
    rows = (tmp_path / "x.npy").read_bytes()
    for changed, words in ((lines.replace(b"a red", b"a RED", 1), "is finished and was made of other inputs: inputs 0 to 1"),
                           (lines + b"one more\n", "has more than the 360 inputs that it was made of: 'one more'"),
                           (lines[:-len(TEXTS[-1]) - 1], "was made of 360 inputs, and there are 359 now"),
                           (b"", "and there are 0 now")):
        (tmp_path / "lines.txt").write_bytes(changed)
        done = job("-o", "x.npy", "--resume")
        assert (done.returncode, done.stderr.count("\n")) == (6, 1)
        assert words in done.stderr
        assert (tmp_path / "x.npy").read_bytes() == rows
    (tmp_path / "lines.txt").write_bytes(lines)
    assert job("-o", "x.npy", "--resume").returncode == 3


def shard(job, *flags, code=0):
    done = job(*flags)
    assert done.returncode == code, done.stderr
    return done


def merge(job, folder, *arguments):
    return subprocess.run([job.command()[0], "merge", *arguments], cwd=folder, capture_output=True, text=True)


def test_shards_of_two_lists_are_not_joined(job, tmp_path):
    (tmp_path / "lines.txt").write_text("one\ntwo\nthree\nfour\n")
    shard(job, "-o", "x.npy", "--shard", "1/2")
    for other in ("four\nthree\ntwo\none\n", "one\ntwo\nthree\nfive\n"):
        (tmp_path / "lines.txt").write_text(other)
        shard(job, "-o", "x.npy", "--shard", "2/2", "--overwrite")
        done = merge(job, tmp_path, "x.npy")
        assert done.returncode == 6
        assert "was made of another list than x.npy.shard-1-of-2.run" in done.stderr
        assert not (tmp_path / "x.npy").exists()
    shard(job, "-o", "x.npy", "--shard", "1/2", "--resume")
    assert merge(job, tmp_path, "x.npy").returncode == 0
    assert [json.loads(line)["id"] for line in (tmp_path / "x.npy.ids.jsonl").read_text().splitlines()] == [
        "one", "two", "three", "five"]


def test_a_finished_shard_is_resumed_and_repaired(job, tmp_path):
    (tmp_path / "lines.txt").write_text("one\ntwo\nthree\nfour\n")
    shard(job, "-o", "whole.npy")
    for number in (1, 2):
        shard(job, "-o", "x.npy", "--shard", f"{number}/2")
    for _ in range(2):
        done = shard(job, "-o", "x.npy", "--shard", "2/2", "--resume")
        assert "2 embedded, 0 failed, 2 done earlier" in done.stderr
    part = tmp_path / "x.npy.shard-2-of-2.run" / "chunk-00000.safetensors"
    content = bytearray(part.read_bytes())
    content[-40] ^= 1
    part.write_bytes(content)
    done = merge(job, tmp_path, "x.npy")
    assert done.returncode == 6
    assert "is damaged or missing; resume shard 2/2, which makes it anew" in done.stderr
    done = shard(job, "-o", "x.npy", "--shard", "2/2", "--resume")
    assert "chunk-00000.safetensors: is damaged or missing; inputs 0 to 1 are made anew" in done.stderr
    assert merge(job, tmp_path, "x.npy").returncode == 0
    assert np.abs(np.load(tmp_path / "x.npy") - np.load(tmp_path / "whole.npy")).max() < 1e-6
    done = merge(job, tmp_path, "x.npy")
    assert (done.returncode, done.stderr.count("\n")) == (6, 1)


def test_a_run_goes_on_in_its_precision_and_however_it_is_optimized(job, tmp_path):
    stop = ("--commit-rows", "16", "--max-errors", "0")
    settings = tmp_path / "x.npy.run" / "run.json"

    def recorded(name):
        return json.loads(settings.read_text())[name]

    for precision in ("bfloat16", "float32"):
        assert job("-o", "x.npy", "--precision", precision, *stop, "--overwrite").returncode == 4
        assert recorded("computed_in") == precision
        here = recorded("computing.optimized")  # not prepacked where the processor lacks the precision
        settings.write_text(settings.read_text().replace(f'"{here}"', '"none"'))
        done = job("-o", "x.npy", "--precision", "float32" if precision == "bfloat16" else "bfloat16", "--resume")
        assert done.returncode == 6
        assert f"computed_in is {precision} there and " in done.stderr
        done = job("-o", "x.npy", "--resume")
        assert done.returncode == 3, done.stderr
        assert f"optimized is none, {here}" in done.stderr
        facts = json.loads((tmp_path / "x.npy.json").read_text())
        assert (facts["computed_in"], facts["optimized"]) == (precision, f"none, {here}")
        assert job("-o", "x.npy", "--resume").returncode == 3
        (tmp_path / "x.npy").unlink()
    assert job("-o", "x.npy", *stop).returncode == 4
    settings.write_text(settings.read_text().replace(f'"{recorded("computed_in")}"', '"float16"'))
    done = job("-o", "x.npy", "--resume")
    assert done.returncode == 6
    assert " is float16 there and " in done.stderr  # some processors compute in it


def test_a_run_of_an_earlier_format_is_refused_in_a_sentence(job, tmp_path):
    assert job("-o", "x.npy", "--commit-rows", "16", "--max-errors", "0").returncode == 4
    settings = tmp_path / "x.npy.run" / "run.json"
    facts = json.loads(settings.read_text())
    del facts["run.format"]
    settings.write_text(json.dumps(facts))
    done = job("-o", "x.npy", "--resume")
    assert (done.returncode, done.stderr.count("\n")) == (6, 1)
    assert "is of format 1, this version of llm2clip reads format 3" in done.stderr
    assert job("-o", "x.npy", "--overwrite").returncode == 3


@pytest.mark.parametrize("ending", ["npy", "safetensors"])
def test_ids_of_more_than_a_header_holds(job, tmp_path, ending):
    with (tmp_path / "lines.txt").open("w") as lines:
        for number in range(101):
            lines.write(json.dumps({"text": "a dog", "id": f"{number:04d} " + "x" * 1_000_000}) + "\n")
    done = job("-o", f"x.{ending}", "--jsonl")
    assert done.returncode == 0, done.stderr
    if ending == "npy":
        return
    with safetensors.safe_open(tmp_path / "x.safetensors", framework="numpy") as file:
        assert "ids" not in file.metadata()
        bounds, content = file.get_tensor("boundaries"), file.get_tensor("ids").tobytes()
        assert file.get_tensor("embeddings").shape[0] == 101
    ids = [content[first:end].decode()[:5] for first, end in zip(bounds, bounds[1:])]
    assert ids == [f"{number:04d} " for number in range(101)]


def test_shards_are_joined_to_the_same_rows(job, tmp_path):
    job("-o", "whole.jsonl")
    for shard in (1, 2, 3):
        done = job("-o", "x.jsonl", "--shard", f"{shard}/3")
        assert done.returncode == (3 if BAD_LINE % 3 == shard - 1 else 0)
        assert "llm2clip merge x.jsonl joins the shards" in done.stderr
    assert not (tmp_path / "x.jsonl").exists()
    merged = subprocess.run([job.command()[0], "merge", "x.jsonl"], cwd=tmp_path, capture_output=True, text=True)
    assert merged.returncode == 3, merged.stderr

    ids, values = rows_of(tmp_path, "x.jsonl")
    assert ids == rows_of(tmp_path, "whole.jsonl")[0]
    assert np.abs(values - rows_of(tmp_path, "whole.jsonl")[1]).max() < 1e-6
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
        assert running.poll() is None, "it ended"
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
        assert running.poll() is None, "it ended"
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
        assert first.poll() is None, "it ended"
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


def test_images_are_resumed_too(binary, demo_model, tmp_path):
    folder = tmp_path / "images"
    source = os.path.join(os.path.dirname(__file__), "..", "..", "data", "unseen")
    shutil.copytree(source, folder)
    (folder / "image_bad.png").write_bytes(b"not an image")

    def run(*flags):
        return subprocess.run([binary, "embed-image", "-m", demo_model, "-r", "images", "--batch-size", "4", *flags],
                              cwd=tmp_path, capture_output=True, text=True)

    assert run("-o", "whole.npy").returncode == 3
    stopped = run("-o", "x.npy", "--commit-rows", "4", "--on-error", "fail")
    assert stopped.returncode == 4
    assert (tmp_path / "x.npy.run").is_dir()
    done = run("-o", "x.npy", "--commit-rows", "4", "--resume")
    assert done.returncode == 3 and " done earlier" in done.stderr
    assert (tmp_path / "x.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_images_that_changed_or_came_back_are_made_anew(binary, demo_model, tmp_path, kind):
    folder = tmp_path / "images"
    folder.mkdir()
    names = [f"{number}.png" for number in range(8)]

    def paint(name, color):
        Image.new("RGB", (40, 30), color).save(folder / name)

    def pack():
        with tarfile.open(tmp_path / "images.tar", "w") as tar:
            for name in names:
                tar.add(folder / name, name)

    def run(*flags):
        if kind == "tar":
            pack()
        inputs = ["images.tar"] if kind == "tar" else [f"images/{name}" for name in names]
        return subprocess.run([binary, "embed-image", "-m", demo_model, *inputs, "--batch-size", "2", "--commit-rows", "4", *flags],
                              cwd=tmp_path, capture_output=True, text=True)

    for number, name in enumerate(names):
        paint(name, (30 * number, 255 - 30 * number, 99))
    good = (folder / "6.png").read_bytes()
    (folder / "1.png").write_bytes(b"no image")
    (folder / "6.png").write_bytes(b"no image")
    assert run("-o", "x.jsonl", "--max-errors", "1").returncode == 4
    paint("1.png", (1, 2, 3))
    (folder / "6.png").write_bytes(good)
    done = run("-o", "x.jsonl", "--resume")
    assert done.returncode == 0, done.stderr
    assert "1.png', is not what it was; inputs 1 to 3 are made anew" in done.stderr
    assert run("-o", "whole.jsonl").returncode == 0
    assert rows_of(tmp_path, "x.jsonl")[0] == rows_of(tmp_path, "whole.jsonl")[0]
    assert np.abs(rows_of(tmp_path, "x.jsonl")[1] - rows_of(tmp_path, "whole.jsonl")[1]).max() < 1e-5
    assert run("-o", "x.jsonl", "--resume").returncode == 0
    paint("7.png", (9, 9, 9))
    done = run("-o", "x.jsonl", "--resume")
    assert done.returncode == 6
    assert "7.png', is not what it was made of" in done.stderr


@pytest.mark.parametrize("kind", ["png", "webp", "gif", "tiff", "bmp", "jpeg"])
def test_images_decoded_at_once_share_a_bounded_memory(binary, demo_model, tmp_path, kind):
    """Twelve threads and twelve images, against one image: that is what --decode-memory 1 allows at a time."""
    side = 6000 if kind == "gif" else 3000  # 27 MB, GIF 36
    picture = Image.new("P" if kind == "gif" else "RGB", (side, side), 3 if kind == "gif" else (200, 30, 90))
    options: dict[str, dict[str, Any]] = {
        "png": {"compress_level": 1}, "webp": {"lossless": True, "method": 0}, "jpeg": {"progressive": True}}
    alone, folder = tmp_path / "alone", tmp_path / "images"
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
    # What malloc keeps of one image, with its file where that is as large; twelve would be six times that.
    assert bounded < one + 2 * 36
