import pytest
import torch

from llm2clip_export.checkpoints.vision_families import read_vision
from llm2clip_export.errors import CheckpointError
from llm2clip_export.towers.eva02_vit import rotary_frequencies
from published_eva02 import write_eva02


def refusal(path, precision="as-stored") -> str:
    with pytest.raises(CheckpointError) as caught:
        read_vision(path, precision)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_finds_the_geometry_in_the_tensors(tmp_path):
    write_eva02(tmp_path / "LLM2CLIP-EVA02-L-14-336")
    checkpoint, adapter = read_vision(tmp_path / "LLM2CLIP-EVA02-L-14-336", "as-stored")
    assert checkpoint.geometry == {
        "image_size": 42, "patch_size": 14, "width": 128, "layers": 2, "heads": 2, "mlp_width": 341,
        "embedding_dim": 24, "frequencies": rotary_frequencies(64), "half_rotations": True,
    }  # fmt: skip
    assert (checkpoint.order, checkpoint.repository) == ("torchvision", "LLM2CLIP-EVA02-L-14-336")
    assert checkpoint.weights.precision == adapter.weights.precision == "float16"
    assert adapter.geometry == {"width": 64, "hidden": 128, "blocks": 4, "embedding_dim": 24, "normalize": True}


@pytest.mark.parametrize("form", [
    {"old_biases": True}, {"parallel": True}, {"wrapper": "model"}, {"wrapper": "module"},
    {"wrapper": "state_dict", "parallel": True}])  # fmt: skip
def test_every_form_of_the_file_gives_the_same_tower(tmp_path, saved, form):
    paths = [write_eva02(tmp_path / "plain"), write_eva02(tmp_path / "other", **form)]
    towers = [saved(read_vision(path, "float32")[0].weights, f"{index}.pt") for index, path in enumerate(paths)]
    pixels = torch.randn(2, 3, 42, 42, generator=torch.Generator().manual_seed(0))
    assert torch.equal(towers[0](pixels), towers[1](pixels))


def test_float32_tables_are_not_rounded(tmp_path):
    # As after a conversion of the whole file.
    assert not read_vision(write_eva02(tmp_path, dtype=torch.float32), "as-stored")[0].geometry["half_rotations"]


@pytest.mark.parametrize("key", ["visual.rope.freqs_cos", "visual.rope.freqs_sin"])
def test_tables_of_other_rotations_are_refused(tmp_path, key):
    path = write_eva02(tmp_path)
    content = torch.load(path)
    content[key] = content[key].flip(0)
    torch.save(content, path)
    assert f"{path}: {key} is off by" in refusal(tmp_path)
    content[key] = content[key][:-1]
    torch.save(content, path)
    assert f"{path}: {key}: expected shape [9, 64], got [8, 64]" in refusal(tmp_path)


@pytest.mark.parametrize("key", [
    "visual.head.bias", "visual.blocks.1.attn.inner_attn_ln.weight", "visual.blocks.0.mlp.w2.bias",
    "text.text_adaptor.5.weight"])  # fmt: skip
def test_names_a_missing_tensor(tmp_path, key):
    path = write_eva02(tmp_path)
    content = torch.load(path)
    del content[key]
    torch.save(content, path)
    assert key in refusal(tmp_path) and str(path) in refusal(tmp_path)


def test_names_unexpected_tensors(tmp_path):
    write_eva02(tmp_path, tensors={"visual.blocks.0.gamma_1": torch.ones(128)})
    assert "visual.blocks.0.gamma_1" in refusal(tmp_path)


def test_refuses_a_width_that_makes_no_heads(tmp_path):
    write_eva02(tmp_path, width=100, tables=False)
    assert "visual.cls_token: expected heads of 64, got width 100" in refusal(tmp_path)
