import pytest
import torch

from agreement import assert_equal_in_float32, assert_near_in_bfloat16
from llm2clip_export.checkpoints.vision_families import read_vision
from llm2clip_export.references.adapter import reference_text_embeddings
from llm2clip_export.references.vision import reference_image_embeddings
from published_siglip2 import write_siglip2


def random_pixels(batch: int) -> torch.Tensor:
    return torch.randn(batch, 3, 42, 42, generator=torch.Generator().manual_seed(batch))


@pytest.mark.parametrize("batch", [1, 5])
def test_equals_transformers_with_exact_gelu(tmp_path, saved, batch):
    checkpoint, _ = read_vision(write_siglip2(tmp_path, layers=3), "as-stored")
    pixels = random_pixels(batch)
    assert_equal_in_float32(saved(checkpoint.weights)(pixels), reference_image_embeddings(checkpoint, pixels))


def test_is_near_transformers_in_bfloat16(tmp_path, saved):
    path = write_siglip2(tmp_path, layers=3)
    ours = saved(read_vision(path, "bfloat16")[0].weights)(random_pixels(4))
    assert ours.dtype == torch.bfloat16
    assert_near_in_bfloat16(ours, reference_image_embeddings(read_vision(path, "float32")[0], random_pixels(4)))


def test_its_adapter_takes_captions_as_they_are(tmp_path, saved):
    _, adapter = read_vision(write_siglip2(tmp_path), "as-stored")
    assert adapter
    captions = 3 * torch.randn(4, 64, generator=torch.Generator().manual_seed(0))
    tower = saved(adapter.weights)
    assert_equal_in_float32(tower(captions), reference_text_embeddings(adapter, captions))
    assert (tower(captions) - tower(2 * captions)).abs().max() > 0.1


def test_rows_do_not_depend_on_their_company(tmp_path, saved):
    tower = saved(read_vision(write_siglip2(tmp_path), "as-stored")[0].weights)
    pixels = random_pixels(3)
    torch.testing.assert_close(tower(pixels)[1:2], tower(pixels[1:2]), rtol=1e-5, atol=1e-6)
