"""Lists that come slowly, folders that change, lines that never end."""

import json
import os
import resource
import subprocess

import pytest
from PIL import Image


@pytest.fixture
def start(binary, tmp_path):
    processes = []

    def call(*arguments):
        process = subprocess.Popen([binary, *arguments], cwd=tmp_path, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
        processes.append(process)
        return process

    yield call
    for process in processes:
        process.kill()
        process.__exit__(None, None, None)  # closes the pipes and waits


def id_of(line):
    return json.loads(line)["id"]


def test_a_slow_producer_sees_rows_before_it_ends(start, demo_model, pictures):
    process = start("embed-image", "-m", demo_model, "--batch-size", "1", "-")
    for name in pictures:
        process.stdin.write(name.encode() + b"\n")
        process.stdin.flush()
        assert id_of(process.stdout.readline()) == name
    process.stdin.close()
    assert process.wait() == 0


def test_a_list_may_come_through_a_pipe_with_a_name(start, demo_model, pictures, tmp_path):
    os.mkfifo(tmp_path / "list")
    process = start("embed-image", "-m", demo_model, "--batch-size", "1", "--from-file", "list")
    with open(tmp_path / "list", "w") as paths:
        print(pictures[0], file=paths, flush=True)
        assert id_of(process.stdout.readline()) == pictures[0]
        print(pictures[1], file=paths)
    assert [id_of(line) for line in process.stdout] == [pictures[1]]


def test_what_vanishes_after_the_listing_is_a_failed_input(start, demo_model, tmp_path):
    (tmp_path / "photos").mkdir()
    for name in "abcd":
        Image.new("RGB", (8, 8)).save(tmp_path / "photos" / f"{name}.png")
    process = start("embed-image", "-m", demo_model, "--batch-size", "1", "-r", "-", "photos")
    process.stdin.write(b"photos/a.png\n")
    process.stdin.flush()
    assert id_of(process.stdout.readline()) == "photos/a.png"  # so photos/ has been listed
    (tmp_path / "photos/b.png").unlink()
    (tmp_path / "photos/c.png").unlink()
    (tmp_path / "photos/c.png").mkdir()
    (tmp_path / "photos/e.png").write_bytes(b"")
    out, err = process.communicate()
    assert [id_of(line) for line in out.splitlines()] == ["photos/a.png", "photos/d.png"]
    assert process.returncode == 3
    assert b"photos/b.png: cannot be opened" in err
    assert b"photos/c.png: is a folder" in err
    assert err.endswith(b"3 embedded, 2 failed\n")


@pytest.mark.parametrize(
    "command", [["preprocess", "--image-size", "8", "-o", "x.npy", "-"], ["tokenize", "-f", "-"],
                ["tokenize", "--jsonl", "-f", "-"]]  # fmt: skip
)
def test_a_line_without_end_takes_little_memory(binary, tmp_path, demo_model, command):
    if command[0] == "tokenize":
        command = [*command, "-m", str(demo_model)]

    def few():
        resource.setrlimit(resource.RLIMIT_DATA, (300 << 20, 300 << 20))

    with subprocess.Popen(["head", "-c", "1G", "/dev/zero"], stdout=subprocess.PIPE) as line:
        result = subprocess.run([binary, *command], cwd=tmp_path, stdin=line.stdout, capture_output=True, preexec_fn=few)
        line.stdout.close()
    assert result.returncode == 4, result.stderr
    assert b"standard input:1: " in result.stderr
    assert b"bytes" in result.stderr


def test_followed_links_are_taken_once_and_loops_end(run, tmp_path):
    (tmp_path / "photos/in").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "photos/in/a.png")
    os.symlink("..", tmp_path / "photos/in/up")
    os.symlink("in", tmp_path / "photos/twice")
    plain = run("preprocess", "--image-size", "8", "-o", "x.npy", "-v", "-r", "photos")
    assert plain.code == 0
    size = (tmp_path / "x.npy").stat().st_size
    followed = run("preprocess", "--image-size", "8", "-o", "x.npy", "-r", "--follow-links", "photos")
    assert (followed.code, followed.err) == (0, "")
    assert (tmp_path / "x.npy").stat().st_size == size
