import pytest
import torch

from llm2clip_export.checkpoints.vision_families import read_vision
from llm2clip_export.errors import CheckpointError
from published_siglip2 import write_siglip2


@pytest.mark.parametrize("safetensors", [True, False])
def test_finds_the_geometry_in_the_tensors(tmp_path, safetensors):
    checkpoint, adapter = read_vision(write_siglip2(tmp_path, safetensors=safetensors).parent, "as-stored")
    assert checkpoint.geometry == {
        "image_size": 42, "patch_size": 14, "width": 144, "layers": 2, "heads": 2, "mlp_width": 538,
    }  # fmt: skip
    assert (checkpoint.order, checkpoint.embedding_dim) == ("torchvision", 144)
    assert adapter.geometry == {"width": 64, "hidden": 128, "blocks": 4, "embedding_dim": 144, "normalize": False}


def test_a_language_model_in_the_file_is_left_alone(tmp_path):
    write_siglip2(tmp_path, tensors={"text.text.model.embed_tokens.weight": torch.zeros(3, 4)})
    checkpoint, _ = read_vision(tmp_path, "as-stored")
    assert not any(key.startswith("text.text.") for key in checkpoint.weights.keys.values())


def test_names_a_tensor_of_another_shape(tmp_path):
    key = "visual.trunk.attn_pool.kv.weight"
    write_siglip2(tmp_path, tensors={key: torch.zeros(144, 144)})
    with pytest.raises(CheckpointError, match=r"attn_pool.kv.weight: expected shape \[288, 144\], got \[144, 144\]"):
        read_vision(tmp_path, "as-stored")
