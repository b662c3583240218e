import pytest
import torch
from safetensors.torch import save_file

from llm2clip_export.checkpoints.vision_families import read_vision
from llm2clip_export.errors import CheckpointError
from published_eva02 import write_eva02
from published_layout import write_text, write_vision
from published_siglip2 import write_siglip2


@pytest.mark.parametrize("write, family", [(write_vision, "openai"), (write_eva02, "eva02"), (write_siglip2, "siglip2")])
def test_tells_the_family_by_the_keys(tmp_path, write, family):
    write(tmp_path)
    assert read_vision(tmp_path, "as-stored")[0].family == family


@pytest.mark.parametrize("write", [write_vision, write_eva02, write_siglip2])
def test_takes_the_file_instead_of_its_directory(tmp_path, write):
    write(tmp_path)
    file = next(path for path in tmp_path.iterdir() if path.suffix in {".pt", ".safetensors"})
    checkpoints = [read_vision(path, "as-stored")[0] for path in (file, tmp_path)]
    assert checkpoints[0].weights.keys == checkpoints[1].weights.keys


def refusal(path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_vision(path, "as-stored")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("prefix", ["", "model."])
def test_a_text_tower_is_recognized(tmp_path, prefix):
    write_text(tmp_path, prefix=prefix)
    assert "it is a text tower: give it with --text" in refusal(tmp_path)


@pytest.mark.parametrize(
    "key, message",
    [
        ("visual.conv1.weight", "in the names of open_clip"),
        ("vision_model.head.attention.in_proj_weight", "SigLIP tower of transformers"),
        ("decoder.weight", "expected the vision tower of an LLM2CLIP model, but tensor decoder.weight is in it"),
    ],
)
def test_strangers_are_named(tmp_path, key, message):
    save_file({key: torch.zeros(2)}, tmp_path / "model.safetensors")
    assert message in refusal(tmp_path)


def test_names_several_checkpoints(tmp_path):
    write_eva02(tmp_path)
    write_eva02(tmp_path, name="b.pt")
    assert "has several checkpoints, LLM2CLIP-EVA02-L-14-336.pt, b.pt; give the file" in refusal(tmp_path)


def test_the_converted_eva02_weights_are_not_taken(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    assert "pytorch_model.bin is a conversion without adapter: download the .pt file" in refusal(tmp_path)


def test_names_a_directory_without_weights(tmp_path):
    assert "has neither model.safetensors nor a .pt file; the directory has no weights" in refusal(tmp_path)
    assert "expected a directory with a downloaded model" in refusal(tmp_path / "nowhere")
