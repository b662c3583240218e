"""The program with a model: rows, files, scores, and directories that are refused. Uses models/demo."""

import base64
import csv
import hashlib
import json
import os
import pathlib
import pty
import shutil
import subprocess
import tempfile
import unicodedata

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import safetensors
from cli_support import assert_refused

TEXTS = ["a red circle", "a blue square", "two green triangles", 'a "quoted", text']


@pytest.fixture
def demo(run, demo_model):
    """run() with the demo model: demo("embed-text", "-t", "a dog")."""
    return lambda command, *arguments, **options: run(command, "-m", demo_model, *arguments, **options)


@pytest.fixture
def copied(demo_model, tmp_path):
    """A copy of the demo model that a test may damage."""
    return pathlib.Path(shutil.copytree(demo_model, tmp_path / "copied"))


def rows_of(result):
    assert result.code == 0, result.err
    lines = [json.loads(line) for line in result.lines]
    return [line["id"] for line in lines], np.array([line["embedding"] for line in lines], dtype=np.float32)


def flags_of(texts):
    return [part for text in texts for part in ("-t", text)]


def edit_manifest(directory, edit):
    path = directory / "llm2clip.json"
    manifest = json.loads(path.read_text())
    edit(manifest)
    path.write_text(json.dumps(manifest))


# Rows


def test_rows_have_unit_length_and_follow_the_inputs(demo, pictures):
    ids, rows = rows_of(demo("embed-image", *pictures, pictures[0]))
    assert ids == [*pictures, pictures[0]]
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.allclose(rows[0], rows[5], atol=1e-6)
    _, reversed_rows = rows_of(demo("embed-image", *reversed(pictures)))
    assert np.allclose(reversed_rows[::-1], rows[:5], atol=1e-5)


def test_a_text_has_the_same_row_alone_and_among_others(demo):
    ids, rows = rows_of(demo("embed-text", *flags_of(TEXTS)))
    assert ids == TEXTS
    for text, row in zip(TEXTS, rows):
        _, alone = rows_of(demo("embed-text", "-t", text, "--batch-tokens", "1"))
        assert np.allclose(alone[0], row, atol=1e-5)


def test_rows_that_are_not_normalized_point_the_same_way(demo, pictures):
    _, unit = rows_of(demo("embed-image", *pictures))
    _, rows = rows_of(demo("embed-image", "--no-normalize", *pictures))
    assert not np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)
    assert np.allclose(rows / np.linalg.norm(rows, axis=1, keepdims=True), unit, atol=1e-5)


def test_standard_error_holds_the_summary_alone(demo, pictures):
    assert demo("embed-image", *pictures).err == "5 embedded, 0 failed\n"
    assert demo("embed-image", "-q", *pictures).err == ""
    always = demo("embed-image", "--progress", "always", *pictures).err.splitlines()
    assert always[0].startswith("  5 / 5 images")
    assert json.loads(demo("embed-image", "--log-json", *pictures).err)["message"] == "5 embedded, 0 failed"
    assert " on cpu in " in demo("embed-image", "-v", "--device", "cpu", *pictures).err


# Files


@pytest.fixture
def expected(demo):
    return rows_of(demo("embed-text", *flags_of(TEXTS)))


@pytest.fixture
def written(demo, tmp_path):
    def write(name, *flags):
        result = demo("embed-text", *flags_of(TEXTS), "-o", name, *flags)
        assert (result.code, result.out) == (0, ""), result.err
        return tmp_path / name

    return write


def test_npy_with_ids_and_provenance(written, expected, demo_model):
    path = written("x.npy")
    rows = np.load(path)
    assert rows.dtype == np.float32
    assert np.array_equal(rows, expected[1])
    ids = [json.loads(line) for line in pathlib.Path(f"{path}.ids.jsonl").read_text().splitlines()]
    assert ids == [{"id": text} for text in TEXTS]
    facts = json.loads(pathlib.Path(f"{path}.json").read_text())
    manifest = (demo_model / "llm2clip.json").read_bytes()
    assert facts["rows"] == len(TEXTS)
    assert facts["dim"] == rows.shape[1] == json.loads(manifest)["embedding_dim"]
    assert facts["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()
    assert sorted(p.name for p in path.parent.iterdir()) == ["x.npy", "x.npy.ids.jsonl", "x.npy.json", "x.npy.run.json"]


def test_literal_texts_are_said_in_the_provenance(demo, tmp_path):
    facts = {}
    for choice in ("parse", "literal"):
        texts = flags_of(["a red circle", "a <|eot_id|> circle"])
        assert demo("embed-text", *texts, "--special-tokens", choice, "-o", f"{choice}.npy").code == 0
        facts[choice] = json.loads((tmp_path / f"{choice}.npy.json").read_text())
        assert facts[choice].pop("special_tokens") == choice
    parsed, literal = (np.load(tmp_path / f"{choice}.npy") for choice in ("parse", "literal"))
    assert np.array_equal(parsed[0], literal[0])
    assert not np.allclose(parsed[1], literal[1], atol=1e-3)


def test_how_images_were_resized_is_said_in_the_provenance(demo, demo_model, tmp_path):
    picture = demo_model / "golden" / "image_0.png"
    assert demo("embed-image", picture, "-o", "x.npy").code == 0
    assert json.loads((tmp_path / "x.npy.json").read_text())["resize_passes"] == "pillow-11"


def test_npy_of_float16(written, expected):
    rows = np.load(written("x.npy", "--out-dtype", "float16"))
    assert rows.dtype == np.float16
    assert np.array_equal(rows, expected[1].astype(np.float16))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_safetensors(written, expected, dtype):
    path = written("x.safetensors", "--out-dtype", dtype)
    rows = load_file(path)["embeddings"]
    assert rows.dtype == dtype
    assert np.array_equal(rows, expected[1].astype(dtype))
    with safetensors.safe_open(path, "np") as file:
        assert json.loads(file.metadata()["ids"]) == TEXTS


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_jsonl(written, expected, dtype):
    lines = [json.loads(line) for line in written("x.jsonl", "--out-dtype", dtype).read_text().splitlines()]
    assert [line["id"] for line in lines] == TEXTS
    rows = np.array([line["embedding"] for line in lines], dtype=np.float32)
    assert np.array_equal(rows, expected[1].astype(dtype).astype(np.float32))


def test_csv(written, expected):
    with open(written("x.csv"), newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["id"] + [f"e{j}" for j in range(expected[1].shape[1])]
    assert [row[0] for row in rows[1:]] == TEXTS
    assert np.array_equal(np.array([row[1:] for row in rows[1:]], dtype=np.float32), expected[1])


def test_a_name_that_is_not_utf8_is_base64(demo, pictures, tmp_path):
    name = b"caf\xe9.png"
    os.rename(tmp_path / pictures[0], os.fsencode(tmp_path) + b"/" + name)
    line = json.loads(demo("embed-image", name).out)
    assert "id" not in line
    assert base64.b64decode(line["id_base64"]) == name


# Inputs that cannot be used


def test_bad_images_are_skipped_and_told(demo, pictures, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"not an image")
    result = demo("embed-image", pictures[0], "missing.png", "bad.png", pictures[1], "-o", "x.npy")
    assert (result.code, result.out) == (3, "")
    first, second, summary = result.err.splitlines()
    assert first.startswith("llm2clip: missing.png: ")
    assert second.startswith("llm2clip: bad.png: ")
    assert summary == "2 embedded, 2 failed"
    assert len(np.load(tmp_path / "x.npy")) == 2
    ids = [json.loads(line)["id"] for line in (tmp_path / "x.npy.ids.jsonl").read_text().splitlines()]
    assert ids == pictures[:2]
    _, good = rows_of(demo("embed-image", *pictures[:2]))
    assert np.allclose(np.load(tmp_path / "x.npy"), good, atol=1e-6)


def test_on_error_fail_stops_and_writes_nothing(demo, pictures, tmp_path):
    result = demo("embed-image", pictures[0], "missing.png", "--on-error", "fail", "-o", "x.npy")
    assert_refused(result, 4, "missing.png: ")
    assert not list(tmp_path.glob("x.npy*"))


def test_only_bad_images_still_end_with_3(demo):
    result = demo("classify", "missing.png", "--label", "a", "--json")
    assert (result.code, result.out) == (3, "")
    assert result.err.splitlines()[1] == "0 classified, 1 failed"


def test_long_texts_are_counted_or_refused(demo):
    flags = flags_of(["circle " * 2000, "short"])
    result = demo("embed-text", *flags)
    assert result.code == 0
    assert len(result.lines) == 2
    assert result.err.startswith("2 embedded, 0 failed, 1 longer than ")
    assert result.err.endswith(" tokens and cut\n")
    assert_refused(demo("embed-text", *flags, "--on-long", "error"), 4, "-t 1: has more than ", " tokens")


def test_invalid_utf8_is_skipped_or_stops(demo, tmp_path):
    (tmp_path / "texts").write_bytes(b"good\nbad \xff\ngood too\n")
    result = demo("embed-text", "-f", "texts")
    assert result.code == 3
    assert [json.loads(line)["id"] for line in result.lines] == ["good", "good too"]
    assert "texts:2: " in result.err and "UTF-8" in result.err
    assert_refused(demo("embed-text", "-f", "texts", "--on-error", "fail"), 4, "texts:2: ")


def peak_and_errors(arguments, chunks):
    """Runs a program on `chunks` as standard input: its peak of resident bytes, and standard error."""
    with tempfile.TemporaryFile() as errors:
        program = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors)
        with program.stdin as pipe:
            for chunk in chunks:
                pipe.write(chunk)
        _, _, usage = os.wait4(program.pid, 0)
        errors.seek(0)
        return usage.ru_maxrss * 1024, errors.read().decode()


@pytest.mark.parametrize("flags", [[], ["--jsonl"]])
def test_a_line_without_end_costs_no_memory(binary, demo_model, flags):
    arguments = [binary, "embed-text", "-m", demo_model, "-f", "-", *flags]
    good = b'{"text": "a"}\n'
    little, _ = peak_and_errors(arguments, [good, b"x\n"])
    much, errors = peak_and_errors(arguments, [good, *[b"x" * (1 << 20)] * 512, b"\n", good])
    limit = 16 << 20 if flags else 1 << 20
    assert f"standard input:2: has more than {limit} bytes; raise it with --max-text-bytes" in errors
    assert errors.endswith("2 embedded, 1 failed\n")
    assert much < little + (64 << 20)


def test_json_lines_give_ids(demo, tmp_path):
    (tmp_path / "rows").write_text('{"text": "a", "id": "x"}\n{"text": "b", "id": 7}\n{"text": "c"}\n')
    assert rows_of(demo("embed-text", "--jsonl", "-f", "rows"))[0] == ["x", "7", "c"]


# classify


LABELS = ["--label", "a red image", "--label", "a blue image", "--label", "一张绿色的图"]


def test_classify_gives_json_lines_best_first(demo, pictures):
    result = demo("classify", *pictures, *LABELS, "--json")
    assert (result.code, result.err) == (0, "")
    lines = [json.loads(line) for line in result.lines]
    assert [line["id"] for line in lines] == pictures
    for line in lines:
        cosines = [label["cosine"] for label in line["labels"]]
        assert cosines == sorted(cosines, reverse=True)
        assert sum(label["score"] for label in line["labels"]) == pytest.approx(1, abs=1e-5)


def test_scores_are_what_the_embeddings_say(demo, demo_model, pictures):
    scale = json.loads((demo_model / "llm2clip.json").read_text())["score_scale"]
    _, images = rows_of(demo("embed-image", *pictures))
    _, texts = rows_of(demo("embed-text", *flags_of(LABELS[1::2])))
    cosines = images @ texts.T
    softmax = np.exp(scale * (cosines - cosines.max(axis=1, keepdims=True)))
    softmax /= softmax.sum(axis=1, keepdims=True)
    sigmoid = 1 / (1 + np.exp(-10 * cosines))
    for flags, wanted in (
        ([], softmax),
        (["--activation", "sigmoid", "--scale", "10"], sigmoid),
        (["--activation", "cosine"], cosines),
    ):
        result = demo("classify", *pictures, *LABELS, "--json", *flags)
        for line, expected in zip(map(json.loads, result.lines), wanted):
            by_label = {label["label"]: label["score"] for label in line["labels"]}
            assert [by_label[label] for label in LABELS[1::2]] == pytest.approx(expected.tolist(), abs=1e-3)


def test_top_k_and_threshold_leave_labels_out(demo, pictures):
    def counts(*flags):
        result = demo("classify", *pictures, *LABELS, "--json", *flags)
        return [len(json.loads(line)["labels"]) for line in result.lines]

    assert counts("--top-k", "2") == [2] * 5
    assert counts("--top-k", "0") == [3] * 5
    assert counts("--threshold", "1.1") == [0] * 5


def test_label_banks_give_the_same_scores(demo, pictures, tmp_path):
    (tmp_path / "labels").write_text("red\r\nblue\n\ngreen\n")
    (tmp_path / "templates").write_text("a {} circle\na {} square\n")
    labels = ["--labels", "labels", "--templates", "templates"]
    direct = demo("classify", *pictures, *labels, "--json")
    saved = demo("classify", *labels, "--save-labels", "bank.safetensors")
    assert (saved.code, saved.out) == (0, "")
    loaded = demo("classify", *pictures, "--load-labels", "bank.safetensors", "--json")
    assert loaded.out == direct.out


def test_a_damaged_or_foreign_bank_is_refused(run, demo, pictures, tmp_path, copied):
    demo("classify", *LABELS, "--save-labels", "bank.safetensors")
    bank = (tmp_path / "bank.safetensors").read_bytes()
    (tmp_path / "short.safetensors").write_bytes(bank[:-7])
    assert_refused(demo("classify", pictures[0], "--load-labels", "short.safetensors"), 5, "short.safetensors")
    assert_refused(demo("classify", pictures[0], "--load-labels", "missing.safetensors"), 5, "missing.safetensors")
    edit_manifest(copied, lambda manifest: manifest["files"]["text.pt"].update(sha256="0" * 64))
    foreign = run("classify", "-m", copied, pictures[0], "--load-labels", "bank.safetensors")
    assert_refused(foreign, 2, "text")
    assert_refused(demo("classify", *LABELS, "--save-labels", "bank.txt"), 2, "bank.txt")
    assert_refused(demo("classify", *LABELS, "--save-labels", "no/bank.safetensors"), 6, "no/bank.safetensors")


def test_classify_without_labels_or_with_a_wrong_template(demo, pictures):
    assert_refused(demo("classify", pictures[0]), 2, "labels: none")
    assert_refused(demo("classify", pictures[0], "--label", "a", "--template", "no braces"), 2, "no braces", "{}")


def on_terminal(arguments, columns, folder):
    """What the program prints on a terminal of so many columns."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        arguments, stdout=slave, stderr=subprocess.PIPE, cwd=folder, env={**os.environ, "COLUMNS": str(columns)}
    )
    os.close(slave)
    output = b""
    while True:
        try:
            block = os.read(master, 65536)
        except OSError:  # the other side is closed
            break
        if not block:
            break
        output += block
    os.close(master)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return output.decode().splitlines()


def columns_of(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def test_a_table_fits_the_terminal(binary, demo, demo_model, pictures, tmp_path):
    folder = tmp_path / ("a rather long folder name " * 4)
    folder.mkdir()
    shutil.copy(tmp_path / pictures[0], folder)
    path = f"{folder.name}/{pictures[0]}"
    labels = ["--label", "示意图" * 20, "--label", "a label that goes on " * 6, "--label", "dog"]
    arguments = ["classify", path, pictures[1], *labels]
    lines = on_terminal([binary, arguments[0], "-m", demo_model, *arguments[1:]], 80, tmp_path)
    assert len(lines) == 1 + 2 * 3
    assert all(columns_of(line) <= 80 for line in lines)
    assert any("…" in line for line in lines)
    assert len({columns_of(line) for line in lines}) == 1  # numbers are aligned at the right

    uncut = demo(*arguments).lines
    assert not any("…" in line for line in uncut)
    assert any(path in line for line in uncut)


# info and verify


def test_info_shows_the_manifest(demo, demo_model):
    manifest = json.loads((demo_model / "llm2clip.json").read_text())
    text = demo("info")
    assert (text.code, text.err) == (0, "")
    assert text.lines[0].split() == ["name", manifest["name"]]
    facts = json.loads(demo("info", "--json").out)
    assert facts["embedding_dim"] == manifest["embedding_dim"]
    for part in ("vision", "text", "adapter"):
        file = manifest[part]["file"]
        assert facts[part]["sha256"] == manifest["files"][file]["sha256"]
        assert facts[part]["bytes"] == manifest["files"][file]["bytes"]


def test_verify_passes_every_stage(demo):
    result = demo("verify")
    assert (result.code, result.err) == (0, "")
    assert result.lines[0].split() == ["stage", "values", "largest", "error", "cosine", "verdict"]
    assert all(line.endswith(" ok") for line in result.lines[1:])
    assert max(map(columns_of, result.lines)) <= 80
    stages = [json.loads(line) for line in demo("verify", "--json").lines]
    assert [stage["ok"] for stage in stages] == [True] * (len(result.lines) - 1)
    assert demo("verify", "--files").code == 0


def test_verify_tells_a_difference_with_8(run, copied):
    golden = copied / "golden.safetensors"
    rows = load_file(golden)
    rows["image_embedding"] = np.roll(rows["image_embedding"], 1, axis=1)
    save_file(rows, golden)

    def edit(manifest):
        manifest["files"]["golden.safetensors"] = {
            "bytes": golden.stat().st_size,
            "sha256": hashlib.sha256(golden.read_bytes()).hexdigest(),
        }

    edit_manifest(copied, edit)
    result = run("verify", "-m", copied)
    assert result.code == 8
    assert any(line.startswith("image embedding") and line.endswith(" MISMATCH") for line in result.lines)
    assert "llm2clip: image embedding: " in result.err


# Directories that are refused


@pytest.mark.parametrize("part", ["vision", "text", "adapter"])
def test_a_changed_byte_is_refused(run, copied, pictures, part):
    file = copied / json.loads((copied / "llm2clip.json").read_text())[part]["file"]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    command = ["embed-image", pictures[0]] if part == "vision" else ["embed-text", "-t", "a"]
    assert_refused(run(*command, "-m", copied), 5, file.name)
    assert_refused(run("verify", "--files", "-m", copied), 8, file.name)


def test_a_shortened_file_is_refused(run, copied, pictures):
    file = copied / "vision.pt"
    file.write_bytes(file.read_bytes()[:-100])
    assert_refused(run("embed-image", "-m", copied, pictures[0]), 5, "vision.pt")


def test_a_newer_format_is_refused(run, copied):
    edit_manifest(copied, lambda manifest: manifest.update(format=4))
    assert_refused(run("info", "-m", copied), 5, "llm2clip.json", "4")


def test_a_missing_part_is_named_before_anything_is_loaded(run, copied, pictures):
    def drop(*parts):
        def edit(manifest):
            for part in parts:
                file = manifest.pop(part)["file"]
                manifest["files"].pop(file)
                (copied / file).unlink()

        edit_manifest(copied, edit)

    drop("adapter")
    assert_refused(run("embed-text", "-m", copied, "-t", "a"), 5, "no adapter part")
    drop("text")
    assert_refused(run("classify", "-m", copied, pictures[0], "--label", "a"), 5, "no text part")
    assert run("embed-image", "-m", copied, pictures[0]).code == 0


def test_a_model_without_images_is_named(run, copied, pictures):
    def edit(manifest):
        manifest["files"].pop(manifest.pop("vision")["file"])

    edit_manifest(copied, edit)
    assert_refused(run("embed-image", "-m", copied, pictures[0]), 5, "no vision part")
    assert run("embed-text", "-m", copied, "-t", "a").code == 0


@pytest.mark.skipif(os.path.exists("/dev/nvidia0"), reason="there is a CUDA device")
def test_cuda_asked_for_and_absent(demo, pictures):
    assert_refused(demo("embed-image", pictures[0], "--device", "cuda"), 7, "cuda")
    assert_refused(demo("embed-text", "-t", "a", "--device", "cuda:3"), 7, "cuda")


def test_an_unknown_device_is_a_usage_error(demo, pictures):
    assert_refused(demo("embed-image", pictures[0], "--device", "tpu"), 2, "tpu")
