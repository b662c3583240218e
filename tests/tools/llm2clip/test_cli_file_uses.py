"""What a command writes is never what it reads, nor written twice: refused before anything is touched."""

import os
import shutil
import subprocess
import tarfile

import pytest
from PIL import Image

from cli_support import assert_refused

PICTURES = ("red.png", "green.png")


def snapshot(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def model(demo_model, tmp_path_factory):
    """A copy, in case that it is written to after all."""
    return shutil.copytree(demo_model, tmp_path_factory.mktemp("models") / "demo")


@pytest.fixture
def folder(tmp_path):
    for name in PICTURES:
        Image.new("RGB", (20, 16), name.removesuffix(".png")).save(tmp_path / name)
    photos = tmp_path / "photos"
    (photos / "more").mkdir(parents=True)
    shutil.copy(tmp_path / "red.png", photos / "more" / "a.png")
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        archive.add(tmp_path / "red.png", "red.png")
    (tmp_path / "cap.txt").write_text("a dog\na cat\n")
    (tmp_path / "rows.jsonl").write_text('{"text": "a dog"}\n')
    (tmp_path / "labels").write_text("dog\ncat\n")
    (tmp_path / "templates").write_text("a photo of a {}.\n")
    (tmp_path / "list").write_text("red.png\ngreen.png\n")
    (tmp_path / "bank.safetensors").write_bytes(b"a bank")
    os.symlink("cap.txt", tmp_path / "link")
    os.symlink("link", tmp_path / "link to link")
    os.link(tmp_path / "cap.txt", tmp_path / "hard")
    os.symlink("nothing yet", tmp_path / "dangling")
    os.symlink(".", tmp_path / "here")
    return tmp_path


REFUSED = [
    "embed-text -f cap.txt --errors cap.txt",
    "embed-text -f cap.txt --errors ./here/photos/../cap.txt",
    "embed-text -f cap.txt --errors link",
    "embed-text -f cap.txt --summary link¬to¬link",
    "embed-text -f link --summary cap.txt",
    "embed-text -f hard --errors cap.txt",
    "embed-text -f cap.txt --errors e --summary e",
    "embed-text -f cap.txt --errors e --summary here/e",
    "embed-text -f cap.txt --errors dangling --summary nothing¬yet",
    "embed-text -f rows.jsonl --jsonl -o rows.jsonl --overwrite",
    "embed-text -f rows.jsonl --jsonl -o rows.jsonl --resume",
    "embed-text -f rows.jsonl --jsonl -o here/rows.jsonl",
    "embed-text -f side.npy.ids.jsonl --jsonl -o side.npy --overwrite",
    "embed-text -f side.npy.errors.jsonl --jsonl -o side.npy",
    "embed-text -f shard.tar --summary shard.tar",
    "embed-text -f cap.txt -o s.npy --summary s.npy",
    "embed-text -f cap.txt -o s.npy --summary s.npy.json",
    "embed-text -f cap.txt -o s.npy --summary s.npy.ids.jsonl",
    "embed-text -f cap.txt -o s.jsonl --summary s.jsonl.run.json",
    "embed-text -f cap.txt -o s.jsonl --summary s.jsonl.errors.jsonl",
    "embed-text -f cap.txt -o s.jsonl --summary s.jsonl.run/journal",
    "embed-text -f cap.txt -o s.jsonl --shard 1/2 --summary s.jsonl.shard-1-of-2.run",
    "embed-text -t x --errors MODEL/llm2clip.json",
    "embed-text -t x -o MODEL/x.npy",
    "embed-text -t x --summary MODEL/new",
    "embed-text -t x --summary golden",
    "embed-image red.png -o s.npy --summary s.npy",
    "embed-image red.png --errors red.png",
    "embed-image red.png shard.tar --errors shard.tar",
    "embed-image -r photos --summary photos/more/a.png",
    "embed-image -r here/photos --summary photos/more/a.png",
    "embed-image --from-file list --summary list",
    "embed-image --from-file list --summary green.png",
    "embed-image --from-file list -o x.npy --overwrite --summary MODEL/text.pt",
    "classify red.png --labels labels --save-labels bank.safetensors --templates bank.safetensors",
    "classify red.png -l a --save-labels MODEL/golden.safetensors",
    "classify red.png --load-labels bank.safetensors --save-labels bank.safetensors",
    "classify red.png --load-labels bank.safetensors --save-labels ./bank.safetensors",
    "preprocess red.png -o red.png",
    "preprocess -r photos -o photos/more/a.png",
    "preprocess --from-file list -o green.png",
    "preprocess red.png -o MODEL/x.npy",
]


@pytest.mark.parametrize("command", REFUSED)
def test_no_output_is_an_input_or_another_output(run, model, folder, command):
    os.link(model / "golden.safetensors", folder / "golden")
    (folder / "side.npy.ids.jsonl").write_text('{"text": "a dog"}\n')
    (folder / "side.npy.errors.jsonl").write_text('{"text": "a dog"}\n')
    before = snapshot(folder), snapshot(model)
    arguments = [part.replace("¬", " ").replace("MODEL", str(model)) for part in command.split(" ")]
    assert_refused(run(arguments[0], "-m", model, *arguments[1:]), 2, " would write ", "; give another name")
    assert (snapshot(folder), snapshot(model)) == before


def test_it_is_refused_before_a_model_is_looked_at(run, folder):
    assert_refused(run("classify", "-m", "no/such", "red.png", "--labels", "labels", "--save-labels", "labels"), 2,
                   "labels: --save-labels would write over --labels labels; give another name")


def test_names_that_are_apart_are_taken(run, model, folder):
    """Also beside, in folders of inputs, and in place of what an earlier run wrote."""
    for _ in range(2):
        done = run("embed-image", "-m", model, "-r", "photos", "--from-file", "list", "-o", "photos/x.npy", "--overwrite",
                   "--summary", "photos/x.summary")
        assert done.code == 0, done.err
    done = run("embed-text", "-m", model, "-f", "cap.txt", "--errors", "/dev/null", "--summary", "cap.txt.summary")
    assert (done.code, len(done.lines)) == (0, 2), done.err


def test_a_merge_writes_none_of_its_shards(run, model, folder):
    for shard in ("1/2", "2/2"):
        assert run("embed-text", "-m", model, "-f", "cap.txt", "-o", "s.npy", "--shard", shard).code == 0
    shards = ["s.npy.shard-1-of-2.run", "s.npy.shard-2-of-2.run"]
    before = snapshot(folder)
    assert_refused(run("merge", f"{shards[0]}/s.npy", *shards), 2, "would write into the folder")
    assert snapshot(folder) == before
    assert run("merge", "s.npy", *shards).code == 0


@pytest.mark.parametrize("mode", ["ab", "wb"])
def test_standard_streams_are_files_too(binary, demo_model, folder, mode):
    """`embed-text -f cap.txt >> cap.txt` would read what it writes, without end."""

    def call(*arguments, **streams):
        return subprocess.run([binary, *arguments, "-m", demo_model], cwd=folder, stderr=subprocess.PIPE, timeout=60, **streams)

    (folder / "out").write_text("x\n")
    with open(folder / "cap.txt", "ab") as end, open(folder / "out", mode) as out, open(folder / "cap.txt", "rb") as start:
        for command in ("embed-text", "tokenize"):
            done = call(command, "-f", "cap.txt", stdout=end)
            assert (done.returncode, b"standard output would write over -f cap.txt" in done.stderr) == (2, True)
            assert call(command, "-f", "-", stdin=start, stdout=end).returncode == 2
        assert call("embed-text", "-f", "-", "--errors", "cap.txt", stdin=start, stdout=out).returncode == 2
        assert call("embed-text", "-t", "x", "--errors", "out", stdout=out).returncode == 2
        for name in ("list", "green.png"):
            with open(folder / "list", "rb") as paths:
                assert call("embed-image", "-", "--summary", name, stdin=paths, stdout=out).returncode == 2
        assert call("embed-text", "-f", "-", stdin=start, stdout=out).returncode == 0
    assert (folder / "cap.txt").read_text() == "a dog\na cat\n"


@pytest.mark.parametrize("name", ["lk.npy", "far/lk.npy"])
def test_a_link_to_no_file_yet_is_written_at_its_target(run, folder, tmp_path_factory, name):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (folder / "far").mkdir()
    os.symlink(elsewhere / "next.npy", folder / name)
    os.symlink("new.npy", elsewhere / "next.npy")
    for _ in range(2):
        assert run("preprocess", "--image-size", "8", "red.png", "-o", name).code == 0
        assert (folder / name).is_symlink() and (elsewhere / "next.npy").is_symlink()
        assert (elsewhere / "new.npy").stat().st_size > 3 * 8 * 8 * 4
        assert sorted(path.name for path in elsewhere.iterdir()) == ["new.npy", "next.npy"]


def test_outputs_of_a_job_follow_links(run, demo_model, folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for name in ("rows.npy", "summary", "bank2.safetensors"):
        os.symlink(elsewhere / name, folder / name)
    assert run("embed-text", "-m", demo_model, "-t", "x", "-o", "rows.npy", "--summary", "summary").code == 0
    assert run("classify", "-m", demo_model, "-l", "x", "--save-labels", "bank2.safetensors").code == 0
    written = ["bank2.safetensors", "rows.npy", "rows.npy.ids.jsonl", "rows.npy.json", "rows.npy.run.json", "summary"]
    assert sorted(path.name for path in elsewhere.iterdir()) == sorted(written)
    assert not any(path.is_symlink() for path in elsewhere.iterdir())


def test_links_in_a_circle_and_pipes_are_no_outputs(run, demo_model, folder):
    os.symlink("b.npy", folder / "a.npy")
    os.symlink("a.npy", folder / "b.npy")
    for command in (["embed-text", "-m", demo_model, "-t", "x", "-o", "a.npy"],
                    ["preprocess", "--image-size", "8", "red.png", "-o", "a.npy"]):
        assert_refused(run(*command), 6, "a.npy: is a link that leads back to itself")
    os.mkfifo(folder / "pipe")
    assert_refused(run("embed-text", "-m", demo_model, "-t", "x", "--summary", "pipe"), 6, "pipe: is a device or a pipe")
    assert_refused(run("embed-text", "-m", demo_model, "-t", "x", "--summary", "/dev/null"), 6, "/dev/null: is a device")
    assert os.path.exists("/dev/null") and not os.path.isfile("/dev/null")
