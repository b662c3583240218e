"""Exports in 8 and 4 bits, whole."""

import json

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from llm2clip_export.errors import UsageError
from llm2clip_export.export import export
from llm2clip_export.progress import Progress
from llm2clip_export.request import Request
from published_layout import write_text, write_vision
from published_siglip2 import write_siglip2


def exported(folder, **request) -> dict:
    export(Request(folder / "m", **request), Progress(quiet=True))
    return json.loads((folder / "m" / "llm2clip.json").read_text())


@torch.inference_mode()
def captions_of(model) -> tuple[torch.Tensor, torch.Tensor]:
    """What the saved tower gives for the goldens' texts, as float32, and the goldens."""
    golden = load_file(model / "golden.safetensors")
    text = torch.jit.load(model / "text.pt").float()
    rows = golden["token_ids"].split(golden["token_counts"].tolist())
    pooled = golden["pooled_counts"].tolist()
    states = [text(ids[None])[0] for ids in rows]
    return torch.stack([x[-k:].mean(0) for x, k in zip(states, pooled, strict=True)]), golden["caption_embedding"]


@pytest.mark.parametrize("precision, least", [("int8", 0.999), ("int4", 0.98)])
def test_a_text_tower_is_near_and_as_small_as_asked_for(tmp_path, precision, least):
    write_text(tmp_path / "text", layers=3, dtype=torch.bfloat16)
    manifest = exported(tmp_path, text=tmp_path / "text", text_precision=precision, prompt="llama3")
    section, size = manifest["text"], {"int8": 0.6, "int4": 0.4}[precision]
    assert (manifest["format"], section["precision"]) == (3, precision)
    found = section["quantized"]
    assert (found["size"], found["kept"]) == (size, "bfloat16")
    bits = {matrix["bits"] for matrix in found["matrices"]}
    assert bits <= {4, 8, 16} and int(precision[3:]) in bits
    ours, golden = captions_of(tmp_path / "m")
    assert F.cosine_similarity(ours, golden).min() > least
    parameters = sum(matrix.numel() for matrix in load_file(tmp_path / "text" / "model.safetensors").values())
    assert sum(value.nbytes for value in torch.jit.load(tmp_path / "m" / "text.pt").state_dict().values()) <= 2 * size * parameters


@pytest.mark.parametrize("writer", [write_vision, write_siglip2])
@pytest.mark.parametrize("precision, least", [("int8", 0.999), ("int4", 0.95)])
def test_a_vision_tower_is_near(tmp_path, writer, precision, least):
    writer(tmp_path / "vision")
    manifest = exported(tmp_path, vision=tmp_path / "vision", vision_only=True, vision_precision=precision)
    assert manifest["vision"]["quantized"]["least_cosine"] > least
    golden = load_file(tmp_path / "m" / "golden.safetensors")
    with torch.inference_mode():
        ours = torch.jit.load(tmp_path / "m" / "vision.pt")(golden["pixels"])
    assert F.cosine_similarity(ours, golden["image_embedding"]).min() > least


def test_the_same_command_gives_the_same_bytes_and_is_known_again(tmp_path):
    write_text(tmp_path / "text", dtype=torch.bfloat16)
    manifests = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        manifests.append(exported(tmp_path / name, text=tmp_path / "text", text_precision="int4", prompt="llama3", name="x"))
    assert manifests[0] == manifests[1]
    before = (tmp_path / "a" / "m" / "llm2clip.json").stat().st_mtime_ns
    exported(tmp_path / "a", text=tmp_path / "text", text_precision="int4", prompt="llama3", name="x")
    assert (tmp_path / "a" / "m" / "llm2clip.json").stat().st_mtime_ns == before


def test_a_size_below_the_least_is_refused_with_the_least(tmp_path):
    write_text(tmp_path / "text", dtype=torch.bfloat16)
    with pytest.raises(UsageError, match=r"--size: 0.3 of its bfloat16 bytes is too little .* in int8; 0\.5\d+ is the least"):
        exported(tmp_path, text=tmp_path / "text", text_precision="int8", size=0.3, prompt="llama3")


def test_more_bytes_bring_the_rows_nearer(tmp_path):
    write_text(tmp_path / "text", layers=3, dtype=torch.bfloat16)
    lost = []
    for number, size in enumerate((0.4, 0.5, 0.7)):
        (tmp_path / str(number)).mkdir()
        manifest = exported(tmp_path / str(number), text=tmp_path / "text", text_precision="int4", size=size, prompt="llama3")
        lost.append(1 - manifest["text"]["quantized"]["median_cosine"])
    assert lost[0] > lost[1] > lost[2]
