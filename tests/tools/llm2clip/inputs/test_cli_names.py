"""File names that are any bytes: ids come back exactly, and messages cannot harm a terminal."""

import base64
import csv
import json
import os
import random
import subprocess
import unicodedata

import pytest
from PIL import Image

COUNT = 2000
FORBIDDEN = [0x00, 0x2F]  # what a name cannot hold
ODD = [b"\n", b"\t", b'"', b"'", b"\\", b"\x1b[31m", b"-", b"--", b" ", b"\r", b"\x7f", b"\xff", b"\xc3", b"\xe2\x80\xae",
       b"\xc2\x9b", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", "é".encode(), "日本".encode(), b",",
       b";", b"$(id)", b"%n", b"a"]  # fmt: skip


def random_name(source, ending):
    """5 to 255 bytes: some of any values, some of parts that often go wrong."""
    length = source.choice([5, 7, 10, 60, 255]) - len(ending)
    name = b""
    while len(name) < length:
        byte = bytes([source.choice([b for b in range(256) if b not in FORBIDDEN])])
        name += source.choice(ODD) if source.random() < 0.3 else byte
    return name[:length] + ending


@pytest.fixture(scope="module")
def names():
    source = random.Random(20)
    found = {random_name(source, b".png") for _ in range(COUNT)}
    found |= {odd + b".png" for odd in ODD} | {b"n" * 251 + b".png"}
    return sorted(found - {b"-.png"}) + [b"-.png"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("names")
    Image.new("RGB", (2, 2), "red").save(folder / "original", "PNG")
    os.mkdir(folder / "p")
    for name in names:
        os.link(folder / "original", os.path.join(os.fsencode(folder / "p"), name))
    return folder


@pytest.fixture
def call(binary, folder, demo_model):
    """Runs the program in the folder; bytes in, bytes out."""

    def run(command, *arguments, stdin=b"", **environment):
        flags = ["-m", demo_model] if command != "preprocess" else []
        return subprocess.run([binary, command, *flags, *arguments], cwd=folder, input=stdin, capture_output=True,
                              env={**os.environ, **environment}, timeout=300)  # fmt: skip

    return run


def id_of(row):
    return base64.b64decode(row["id_base64"]) if "id_base64" in row else row["id"].encode()


def strict_json(line):
    return json.loads(line.decode("utf-8"))  # of bytes that are not UTF-8 it would be a UnicodeError


def test_ids_of_json_lines_are_the_names(call, names):
    done = call("embed-image", "-r", "p")
    assert (done.returncode, done.stderr) == (0, f"{len(names)} embedded, 0 failed\n".encode())
    ids = [id_of(strict_json(line)) for line in done.stdout.splitlines()]
    assert ids == sorted(b"p/" + name for name in names)


def test_names_on_standard_input_come_back(call, names):
    paths = [b"p/" + name for name in names]
    done = call("embed-image", "-0", "-", stdin=b"\0".join(paths))
    assert done.returncode == 0
    assert [id_of(strict_json(line)) for line in done.stdout.splitlines()] == paths


def test_ids_of_files_are_the_names(call, folder, names):
    expected = sorted(b"p/" + name for name in names)
    assert call("embed-image", "-r", "p", "-o", "rows.npy").returncode == 0
    ids = (folder / "rows.npy.ids.jsonl").read_bytes().splitlines()
    assert [id_of(strict_json(line)) for line in ids] == expected
    assert call("embed-image", "-r", "p", "-o", "rows.csv").returncode == 0
    with open(folder / "rows.csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = list(csv.reader(file))[1:]
    assert len(rows) == len(expected)


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_messages_about_odd_names_are_lines_of_printable_characters(call, names, locale):
    missing = [b"missing/" + name for name in names]
    done = call("embed-image", "--max-errors", "100%", "-0", "-", stdin=b"\0".join(missing), LC_ALL=locale)
    assert done.returncode == 3
    assert done.stdout == b""
    lines = done.stderr.split(b"\n")
    assert len(lines) == len(missing) + 2  # the summary, and nothing after its end
    for line in lines[:-2]:
        assert line.startswith(b"llm2clip: missing/")
        text = line.decode("utf-8")
        kinds = {unicodedata.category(character) for character in text}
        assert not kinds & {"Cc", "Cs", "Zl", "Zp"}, text  # controls, surrogates, ends of lines
        assert not set(text) & set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def test_messages_as_json_are_json(call, names):
    missing = [b"missing/" + name for name in names]
    done = call("embed-image", "--max-errors", "100%", "-0", "-", "--log-json", stdin=b"\0".join(missing))
    messages = [strict_json(line) for line in done.stderr.splitlines()]
    assert [message["level"] for message in messages] == ["error"] * len(missing) + ["note"]


def test_a_name_that_starts_with_a_dash_follows_two(call, folder):
    os.link(folder / "original", folder / "-r.png")
    done = call("embed-image", "--", "-r.png")
    assert strict_json(done.stdout)["id"] == "-r.png"
