"""What stands in files of texts, labels and lists beside the text, and what JSON lines hold."""

import json
import shutil
import subprocess

import pytest

from cli_support import assert_refused

MARK = b"\xef\xbb\xbf"
ENDS = "a\u2028b\u2029c\x85d\x0be"  # all but the line feed that people split lines at


@pytest.fixture
def demo(run, demo_model):
    def call(command, *arguments, **options):
        return run(command, "-m", demo_model, *arguments, **options)

    return call


def test_a_byte_order_mark_is_none_of_the_text(demo, tmp_path, pictures):
    def written(name, content):
        (tmp_path / name).write_bytes(content)
        (tmp_path / f"marked {name}").write_bytes(MARK + content)
        return name, f"marked {name}"

    labels, templates = written("labels", b"brown ring\na dog\n"), written("templates", b"a {}.\nthe {}\n")
    texts, rows, paths = written("texts", b"a dog\ncat"), written("rows", b'{"text": "a dog"}\n'), written("paths", b"red.png\n")
    for commands in (
        [("classify", "red.png", "--labels", file, "--json") for file in labels],
        [("classify", "red.png", "-l", "dog", "-l", "cat", "--templates", file, "--json") for file in templates],
        [("embed-text", "-f", file) for file in texts],
        [("tokenize", "-f", file) for file in texts],
        [("embed-text", "--jsonl", "-f", file) for file in rows],
        [("embed-image", "--from-file", file) for file in paths],
    ):
        plain, marked = [demo(*command) for command in commands]
        assert plain.code == 0 and plain.out, plain.err
        assert (marked.code, marked.out, marked.err) == (0, plain.out, plain.err), commands
    for arguments, content in ((["embed-text", "-f", "-"], b"a dog"), (["embed-text", "--jsonl", "-f", "-"], b'{"text": "x"}'),
                               (["embed-image", "-"], b"red.png"), (["embed-image", "-0", "-"], b"red.png")):
        assert demo(*arguments, stdin=MARK + content).out == demo(*arguments, stdin=content).out != ""


@pytest.mark.parametrize("bad", [b"gr\xf6\xdfe", b"caf\xc3", b"\xed\xa0\x80", b"\xff"])
def test_a_label_or_template_that_is_not_utf8_is_named_with_its_line(demo, tmp_path, bad):
    (tmp_path / "l").write_bytes(b"dog\n\n" + bad + b" {}\nfox\n")
    (tmp_path / "pic.png").write_bytes(b"")
    assert_refused(demo("classify", "pic.png", "--labels", "l"), 4, "l:3: is not UTF-8: ")
    assert_refused(demo("classify", "pic.png", "-l", "dog", "-l", bad), 4, "--label 2: is not UTF-8: ")
    (tmp_path / "t").write_bytes(b"a {}\n" + bad + b" {}\n")
    assert_refused(demo("classify", "pic.png", "-l", "dog", "--templates", "t"), 4, "t:2: is not UTF-8: ")
    assert_refused(demo("classify", "pic.png", "-l", "dog", "--template", bad + b" {}"), 4, "--template 1: is not UTF-8: ")


def test_a_template_without_place_is_named_before_the_model_is_loaded(run, demo_model, tmp_path, pictures):
    model = shutil.copytree(demo_model, tmp_path / "model")
    (model / "text.pt").write_bytes(b"damaged")
    (tmp_path / "t").write_text("a {}\n\na dog\n")
    assert_refused(run("classify", "-m", model, "red.png", "-l", "dog", "--templates", "t"), 2,
                   't:3: template "a dog": expected {} where the label goes')


def test_ids_of_json_lines_are_as_written(demo):
    lines = ['{"text":"a","s":NaN,"t":[-Infinity,1e999]}', '{"text":"a","id":18446744073709551616}',
             '{"text":"a","id":18446744073709551617}', '{"text":"a","id":1e5}', '{"text":"a","id":0.10}',
             '{"text":"a","id":"0.10"}', '{"text":"a","id":NaN}']
    result = demo("embed-text", "--jsonl", "-f", "-", stdin="\n".join(lines).encode())
    assert (result.code, result.err) == (0, "7 embedded, 0 failed\n")
    assert [json.loads(line)["id"] for line in result.out.splitlines()] == [
        "a", "18446744073709551616", "18446744073709551617", "1e5", "0.10", "0.10", "NaN"]


def test_what_is_wrong_with_a_json_line_is_said(demo):
    result = demo("tokenize", "--jsonl", "-f", "-", stdin=b'{"text": "cut \\ud83d"}')
    assert_refused(result, 4, "standard input:1: has a lone surrogate before byte ")
    assert_refused(demo("tokenize", "--jsonl", "-f", "-", stdin=b'{"text": "a", "s": nan}'), 4,
                   "standard input:1: is not a JSON object: byte ", "invalid literal")


def bytes_of(binary, folder, *command):
    return subprocess.run([binary, *command], cwd=folder, capture_output=True)


def split_as_people_do(content: bytes):
    """Python's splitlines takes U+0085, U+2028 and U+2029 for line ends, too."""
    return [json.loads(line) for line in content.decode().splitlines()]


def test_no_character_of_an_id_ends_a_line(binary, demo_model, tmp_path, pictures):
    (tmp_path / "texts").write_text(f"{ENDS}\nplain\n", newline="\n")
    (tmp_path / f"{ENDS}.png").write_bytes((tmp_path / "red.png").read_bytes())
    (tmp_path / f"bad{ENDS}.png").write_bytes(b"no image")
    model = ("-m", demo_model)
    done = bytes_of(binary, tmp_path, "embed-text", *model, "-f", "texts")
    assert [row["id"] for row in split_as_people_do(done.stdout)] == [ENDS, "plain"]
    for ending in ("npy", "jsonl"):
        images = [f"{ENDS}.png", f"bad{ENDS}.png"]
        assert bytes_of(binary, tmp_path, "embed-image", *model, *images, "-o", f"x.{ending}").returncode == 3
        rows = "x.npy.ids.jsonl" if ending == "npy" else "x.jsonl"
        assert [row["id"] for row in split_as_people_do((tmp_path / rows).read_bytes())] == [f"{ENDS}.png"]
        error, = split_as_people_do((tmp_path / f"x.{ending}.errors.jsonl").read_bytes())
        assert error["id"] == f"bad{ENDS}.png" and error["message"].startswith(f"bad{ENDS}.png: ")
    done = bytes_of(binary, tmp_path, "embed-image", *model, f"bad{ENDS}.png", "red.png", "--errors", "errors", "--log-json")
    assert split_as_people_do((tmp_path / "errors").read_bytes())[0]["id"] == f"bad{ENDS}.png"
    assert split_as_people_do(done.stderr)[0]["message"].startswith(f"bad{ENDS}.png: ")
    done = bytes_of(binary, tmp_path, "classify", *model, f"{ENDS}.png", "-l", ENDS, "-l", "dog", "--json")
    line, = split_as_people_do(done.stdout)
    assert line["id"] == f"{ENDS}.png" and sorted(label["label"] for label in line["labels"]) == sorted([ENDS, "dog"])
    done = bytes_of(binary, tmp_path, "tokenize", *model, "--raw", "-t", "\u2028", "-t", "a\u2029")
    assert len(split_as_people_do(done.stdout)) == 2


def test_ids_with_colons_stay_whole(run, demo_model, tmp_path, pictures):
    """Also of what fails before it is an input: archives, lines, folders."""
    (tmp_path / "a: b.tar").write_bytes(b"no archive")
    (tmp_path / "c: d.png").write_bytes(b"no image")
    (tmp_path / "e: f.jsonl").write_text('{"text": "good"}\n{"no": "text"}\n')
    run("embed-image", "-m", demo_model, "a: b.tar", "c: d.png", "red.png", "-o", "x.npy")
    run("embed-text", "-m", demo_model, "--jsonl", "-f", "e: f.jsonl", "-o", "y.npy")
    for output, ids in (("x.npy", ["a: b.tar", "c: d.png"]), ("y.npy", ["e: f.jsonl:2"])):
        errors = [json.loads(line) for line in (tmp_path / f"{output}.errors.jsonl").read_text().splitlines()]
        assert [error["id"] for error in errors] == ids
        assert all(error["message"].startswith(f"{error['id']}: ") for error in errors)
