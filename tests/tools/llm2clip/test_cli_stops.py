"""Stops in the middle of work, and descriptors whose other end does not keep up."""

import fcntl
import json
import os
import signal
import struct
import subprocess
import termios
import time
from typing import Any

import numpy as np
import pytest


def held(descriptor):
    """The bytes that wait in a pipe."""
    return struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, b"\0\0\0\0"))[0]


def wait_until(true, process):
    while not true():
        assert process.poll() is None, "it has ended"
        time.sleep(0.01)


def do_not_block(descriptor):
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_NONBLOCK)


@pytest.fixture
def embed(binary, demo_model, tmp_path):
    def command(*flags):
        return [str(part) for part in (binary, "embed-text", "-m", demo_model, *flags)]

    return command


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_that_does_not_block_is_waited_for(embed, tmp_path, stream):
    """More than a pipe holds, and nobody reads before it is full."""
    texts, damaged = [b"text %d" % number for number in range(400)], [b"\xff %d" % number for number in range(3000)]
    lines = texts if stream == "stdout" else damaged
    (tmp_path / "lines.txt").write_bytes(b"\n".join(lines) + b"\n")
    reader, writer = os.pipe()
    do_not_block(writer)
    streams: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: writer}
    running = subprocess.Popen(embed("-f", "lines.txt", "--max-errors", "100%"), cwd=tmp_path, **streams)
    os.close(writer)
    wait_until(lambda: held(reader) > 60000, running)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().splitlines()
    assert running.wait(timeout=60) == (0 if stream == "stdout" else 3)
    if stream == "stdout":
        assert [json.loads(line)["id"].encode() for line in said] == lines
    else:
        assert len(said) == len(lines) + 1  # and the summary


def test_standard_input_that_does_not_block_is_waited_for(embed, tmp_path):
    reader, writer = os.pipe()
    do_not_block(reader)
    running = subprocess.Popen(embed("-f", "-"), cwd=tmp_path, stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.close(reader)
    with os.fdopen(writer, "wb", buffering=0) as pipe:
        for number in range(3):
            pipe.write(b"text %d\n" % number)
            time.sleep(0.2)  # so that there is nothing to read for a while
    out, err = running.communicate(timeout=60)
    assert (running.returncode, err.decode()) == (0, "3 embedded, 0 failed\n")
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["text 0", "text 1", "text 2"]


@pytest.mark.parametrize("blocks", [True, False])
def test_a_reader_that_stalls_does_not_keep_a_stopped_job(embed, tmp_path, blocks):
    (tmp_path / "lines.txt").write_text("".join(f"text {number}\n" for number in range(4000)))
    reader, writer = os.pipe()
    if not blocks:
        do_not_block(writer)
    running = subprocess.Popen(embed("-f", "lines.txt", "--commit-rows", "64"), cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    wait_until(lambda: held(reader) > 60000, running)
    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 143
    assert err.decode().startswith("stopped by SIGTERM: ")
    os.close(reader)


def test_a_stop_does_not_wait_for_the_rest_of_a_window(embed, tmp_path):
    """Texts of one length, so that the first progress is of the first of many batches of a window."""
    texts = [f"a red circle and {number:04} blue squares " * 12 for number in range(2000)]
    (tmp_path / "lines.txt").write_text("\n".join(texts) + "\n")
    flags = ["-f", "lines.txt", "--batch-tokens", "512", "--threads", "1", "--progress", "always"]
    running = subprocess.Popen(embed(*flags, "-o", "x.npy"), cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    first = running.stderr.readline()
    assert " texts" in first
    running.send_signal(signal.SIGTERM)
    said = running.stderr.read()
    assert running.wait(timeout=60) == 143
    assert "stopped by SIGTERM: 0 embedded, 0 failed; the same command with --resume goes on" in said
    assert not (tmp_path / "x.npy").exists()
    small = ["-f", "small.txt", *flags[2:]]
    (tmp_path / "small.txt").write_text("\n".join(texts[:40]) + "\n")
    assert subprocess.run(embed(*small, "-o", "x.npy", "--overwrite"), cwd=tmp_path, capture_output=True).returncode == 0


@pytest.mark.parametrize("name, code", [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_stop_while_a_long_text_is_cut_into_tokens(embed, tmp_path, name, code):
    """Which takes longer than the job waits for its threads."""
    (tmp_path / "long.txt").write_text("a short one\n" + "".join(f"word{number} " for number in range(6_000_000)) + "\n")
    running = subprocess.Popen(embed("-f", "long.txt", "--max-text-bytes", "200000000", "-o", "x.npy"), cwd=tmp_path,
                               stderr=subprocess.PIPE, text=True)
    wait_until(lambda: (tmp_path / "x.npy.run" / "run.json").exists(), running)
    running.send_signal(getattr(signal, name))
    _, err = running.communicate(timeout=60)
    assert running.returncode == code, err
    assert err.startswith(f"stopped by {name}: 0 embedded, 0 failed") and err.count("\n") == 1


def test_an_error_while_standard_input_stays_open(embed, tmp_path):
    running = subprocess.Popen(embed("-f", "-", "-o", "x.npy", "--on-error", "fail", "--commit-rows", "2"), cwd=tmp_path,
                               stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    running.stdin.write(b"one\ntwo\n\xff\nthree\nfour\n")
    running.stdin.flush()
    assert running.wait(timeout=60) == 4
    assert b"standard input:3: " in running.stderr.read()
    running.stdin.close()
    done = subprocess.run(embed("-f", "-", "-o", "x.npy", "--resume", "--commit-rows", "2"), cwd=tmp_path,
                          input=b"one\ntwo\n\xff\nthree\nfour\n", capture_output=True)
    assert done.returncode == 3
    assert b"2 done earlier" in done.stderr  # what was whole was committed
    assert len(np.load(tmp_path / "x.npy")) == 4


def test_a_file_of_texts_that_nobody_writes(embed, tmp_path):
    os.mkfifo(tmp_path / "fifo.txt")
    running = subprocess.Popen(embed("-f", "fifo.txt", "-o", "x.npy"), cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: (tmp_path / "x.npy.run" / "run.json").exists(), running)
    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 143
    assert err.startswith("stopped by SIGTERM: 0 embedded, 0 failed")
