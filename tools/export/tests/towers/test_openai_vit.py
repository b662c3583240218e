import pytest
import torch
from torch.nn import functional as F

from agreement import assert_equal_in_float32, assert_near_in_bfloat16
from fill_rule import EXACT_GELU_VIT, QUICK_GELU_VIT, VIT, vit_in_published_keys, vit_picture
from llm2clip_export.checkpoints.vision_families import read_vision
from llm2clip_export.references.vision import reference_image_embeddings
from llm2clip_export.towers.openai_vit import QuickGELU
from published_layout import write_vision


def read(directory, precision="as-stored"):
    return read_vision(directory, precision)[0]


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
def test_equals_transformers(tmp_path, saved, activation, batch):
    write_vision(tmp_path / "v", layers=3, vision_config={"hidden_act": activation})
    checkpoint = read(tmp_path / "v")
    pixels = torch.randn(batch, 3, 42, 42, generator=torch.Generator().manual_seed(batch))
    assert_equal_in_float32(saved(checkpoint.weights)(pixels), reference_image_embeddings(checkpoint, pixels))


def test_is_near_transformers_in_bfloat16(tmp_path, saved):
    write_vision(tmp_path / "v", layers=3)
    pixels = torch.randn(4, 3, 42, 42, generator=torch.Generator().manual_seed(0))
    ours = saved(read(tmp_path / "v", "bfloat16").weights)(pixels)
    assert ours.dtype == torch.bfloat16
    assert_near_in_bfloat16(ours, reference_image_embeddings(read(tmp_path / "v"), pixels))


@pytest.mark.parametrize("activation, expected", [("quick_gelu", QUICK_GELU_VIT), ("gelu", EXACT_GELU_VIT)])
def test_the_tiny_network_gives_the_measured_values(tmp_path, saved, activation, expected):
    write_vision(
        tmp_path / "v", **VIT, adapter_width=None, tensors=vit_in_published_keys(),
        vision_config={"hidden_act": activation},
    )  # fmt: skip
    checkpoint = read(tmp_path / "v")
    expected = torch.tensor([expected])
    # The two activations differ by 3e-5 here.
    torch.testing.assert_close(saved(checkpoint.weights)(vit_picture()), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(reference_image_embeddings(checkpoint, vit_picture()), expected, rtol=0, atol=1e-6)


def test_the_activations_have_the_measured_values():
    x = torch.tensor([-1.0, 1.0, 3.0])
    torch.testing.assert_close(QuickGELU()(x), torch.tensor([-0.154204234, 0.845795751, 2.98192883]))
    torch.testing.assert_close(F.gelu(x), torch.tensor([-0.158655286, 0.841344714, 2.99595022]))


def test_an_image_of_another_size_is_an_error(vision, saved):
    tower = saved(read(vision).weights)
    with pytest.raises(RuntimeError, match="size of tensor"):
        tower(torch.zeros(1, 3, 56, 56))


def test_rows_do_not_depend_on_their_company(vision, saved):
    tower = saved(read(vision).weights)
    pixels = torch.randn(3, 3, 42, 42, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(tower(pixels)[1:2], tower(pixels[1:2]), rtol=1e-5, atol=1e-6)
