"""Parts of different models put together by hand, manifest and all: told on load, with both files and sizes."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from published import export, write_checkpoints


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    """`right`, and one in which each size is another."""
    folder = tmp_path_factory.mktemp("mixed")
    for name, family, width in (("right", "openai", 64), ("narrow", "openai", 32), ("large", "siglip2", 64)):
        at = folder / name
        write_checkpoints("--vision", at / "v", "--family", family, "--text", at / "t", "--width", width)
        export("--vision", at / "v", "--text", at / "t", "-o", at / "m")
    return {name: folder / name / "m" for name in ("right", "narrow", "large")}


def refusal(binary, models, tmp_path, file: str, donor: Path) -> str:
    """What is said of `right` with one file of another model, and a manifest that says nothing of it."""
    mixed = tmp_path / "mixed"
    shutil.copytree(models["right"], mixed)
    shutil.copyfile(donor, mixed / file)
    manifest = json.loads((mixed / "llm2clip.json").read_text())
    content = donor.read_bytes()
    manifest["files"][file] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (mixed / "llm2clip.json").write_text(json.dumps(manifest))
    done = subprocess.run(
        [binary, "classify", "-m", mixed, mixed / "golden" / "image_0.png", "--label", "x", "--label", "y", "-q"],
        capture_output=True, text=True,
    )
    assert done.returncode == 5 and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_an_adapter_for_other_captions(binary, models, tmp_path):
    message = refusal(binary, models, tmp_path, "adapter.pt", models["narrow"] / "adapter.pt")
    assert "adapter.pt: takes captions of 32 components, but text.pt gives 64; they are of different models" in message


def test_an_adapter_for_other_images(binary, models, tmp_path):
    message = refusal(binary, models, tmp_path, "adapter.pt", models["large"] / "adapter.pt")
    assert "adapter.pt: gives embeddings of 144 components, but llm2clip.json says 24; they are" in message


def test_a_vision_tower_for_other_texts(binary, models, tmp_path):
    write_checkpoints("--vision", tmp_path / "v", "--embedding-dim", 40)
    export("--vision", tmp_path / "v", "-o", tmp_path / "m")
    message = refusal(binary, models, tmp_path, "vision.pt", tmp_path / "m" / "vision.pt")
    assert "vision.pt: gives embeddings of 40 components, but llm2clip.json says 24; they are" in message


def test_a_tokenizer_with_more_tokens(binary, models, tmp_path, assets):
    message = refusal(binary, models, tmp_path, "tokenizer.json", assets / "tokenizer.json")
    assert "tokenizer.json: has 128256 tokens, but text.pt has embeddings for" in message
