"""Every program under examples/, built against the installed package and run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
UNSEEN = ROOT / "tests" / "data" / "unseen"
PICTURE = UNSEEN / "image_000.png"  # a brown ring
LABELS = ["red circle", "brown ring", "green square"]


def run(*command, code: int = 0, **environment) -> str:
    done = subprocess.run([str(part) for part in command], env={**os.environ, **environment}, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(prefix, tmp_path_factory) -> Path:
    """examples/ as a user would build it: outside the tree, with nothing but the installed package."""
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(EXAMPLES, folder / "source")
    run("cmake", "-G", "Ninja", "-S", folder / "source", "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={prefix}",
        "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror")
    run("cmake", "--build", folder / "build")
    return folder / "build"


@pytest.fixture(scope="module")
def demo(prefix):
    return prefix / "share" / "llm2clip" / "models" / "demo"


def labels_in_order(output: str) -> list[str]:
    return [line.split("  ", 1)[1] for line in output.splitlines()]


def test_every_example_is_in_the_table():
    names = {path.name for path in EXAMPLES.iterdir()} - {"CMakeLists.txt", "README.md", "__pycache__"}
    assert all(f"[{name}]({name})" in (EXAMPLES / "README.md").read_text() for name in names)
    assert len((EXAMPLES / "zero_shot.cpp").read_text().splitlines()) <= 33


@pytest.mark.parametrize("program", ["zero_shot", "classify"])
def test_an_image_is_classified(built, demo, program):
    assert labels_in_order(run(built / program, demo, PICTURE, *LABELS))[0] == "brown ring"
    assert "no such model directory" in run(built / program, "/nowhere", PICTURE, *LABELS, code=1)


def test_a_folder_is_embedded_and_every_input_is_accounted_for(built, demo, tmp_path):
    shutil.copytree(UNSEEN, tmp_path / "images")
    for path in (tmp_path / "images").iterdir():
        if path.suffix not in {".png", ".jpg"}:
            path.unlink()
    count = len(list((tmp_path / "images").iterdir()))
    (tmp_path / "images" / "bad.png").write_bytes(b"no image")
    for _ in range(2):  # made, and found complete
        out = run(built / "embed_folder", demo, tmp_path / "images", tmp_path / "rows.npy")
        assert f"{count} embedded, 1 failed" in out
    assert len((tmp_path / "rows.npy.ids.jsonl").read_text().splitlines()) == count
    assert "no such model directory" in run(built / "embed_folder", "/nowhere", tmp_path, tmp_path / "x.npy", code=1)


def test_python_gives_the_same_numbers_as_c(built, demo, prefix):
    python = run(sys.executable, EXAMPLES / "llm2clip_ctypes.py", demo, PICTURE, *LABELS,
                 LLM2CLIP_LIBRARY=str(prefix / "lib" / "libllm2clip.so"))
    assert python == run(built / "classify", demo, PICTURE, *LABELS)


def test_frames_are_scored(built, demo, tmp_path):
    assert (built / "video_frames").exists(), "OpenCV's videoio is missing: run scripts/setup --test"
    for number in range(2):
        shutil.copyfile(PICTURE, tmp_path / f"frame_{number:03d}.png")
    lines = run(built / "video_frames", demo, tmp_path / "frame_%03d.png", *LABELS).splitlines()
    assert [line.split("  ")[0] for line in lines] == ["0", "1"]
    assert all(line.endswith("brown ring") for line in lines)


def test_an_album_is_saved_and_searched(built, demo, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    pictures = sorted(UNSEEN.glob("*.png"))
    saved = run(built / "album_search", "save", demo, tmp_path / "album.safetensors", *pictures, tmp_path / "broken.jpg")
    assert f"{len(pictures)} images saved" in saved and "left out: " in saved
    found = run(built / "album_search", "find", demo, tmp_path / "album.safetensors", "a photo of a brown ring.")
    assert found.splitlines()[0].endswith(PICTURE.name)


def test_threads_share_a_model(built, demo):
    assert run(built / "shared_model", demo, 4, "a red circle", "a brown ring") == "4 threads, 2 texts, equal rows\n"


def test_a_call_tells_how_far_it_is_and_stops(built, demo):
    assert run(built / "progress_and_cancel", demo, 40, 1000).splitlines()[-2:] == ["40 of 40", "done"]
    lines = run(built / "progress_and_cancel", demo, 40, 10).splitlines()
    assert lines[-1] == "stopped: cancelled" and len(lines) < 6
