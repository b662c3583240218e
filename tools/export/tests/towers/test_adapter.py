import pytest
import torch

from agreement import assert_equal_in_float32, assert_near_in_bfloat16
from fill_rule import ADAPTER as EXPECTED
from fill_rule import filled
from llm2clip_export.checkpoints.adapter import read_adapter
from llm2clip_export.checkpoints.tensor_files import TensorFiles
from llm2clip_export.references.adapter import reference_text_embeddings
from published_layout import ADAPTER, write_vision
from published_tensors import adapter_shapes


def read(directory, precision="as-stored"):
    return read_adapter(TensorFiles.open(directory), precision)


@pytest.mark.parametrize("second", ["fn.3", "fn.2"])
def test_the_tiny_network_gives_the_measured_values(tmp_path, saved, second):
    named = filled(adapter_shapes(ADAPTER, width=8, embedding_dim=6))
    tensors = {key.replace("fn.3", second): value for key, value in named.items()}
    write_vision(tmp_path / "v", adapter_width=8, second=second, tensors=tensors)
    # The tiny adapter has 6 outputs, the vision tower beside it 24: only the whole repository must agree.
    adapter = read(tmp_path / "v")
    captions = torch.sin(torch.arange(8, dtype=torch.float64) + 0.5).float()[None]
    expected = torch.tensor([EXPECTED])
    torch.testing.assert_close(saved(adapter.weights)(captions), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(reference_text_embeddings(adapter, captions), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("batch", [1, 7])
def test_equals_the_formula(vision, saved, batch):
    adapter = read(vision)
    captions = 3 * torch.randn(batch, 64, generator=torch.Generator().manual_seed(batch))
    assert_equal_in_float32(saved(adapter.weights)(captions), reference_text_embeddings(adapter, captions))


def test_takes_float32_and_is_near_the_formula_in_bfloat16(vision, saved):
    captions = torch.randn(5, 64, generator=torch.Generator().manual_seed(0))
    ours = saved(read(vision, "bfloat16").weights)(captions)
    assert ours.dtype == torch.bfloat16
    assert_near_in_bfloat16(ours, reference_text_embeddings(read(vision), captions))


def test_the_length_of_a_caption_does_not_matter(vision, saved):
    tower = saved(read(vision).weights)
    captions = torch.randn(2, 64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(tower(1000 * captions), tower(captions), rtol=1e-4, atol=1e-5)


def test_a_zero_caption_gives_no_nan(vision, saved):
    assert saved(read(vision).weights)(torch.zeros(1, 64)).isfinite().all()


def test_keys_have_the_published_prefix(vision):
    assert all(key.startswith(ADAPTER) for key in read(vision).weights.keys.values())
