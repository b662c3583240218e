"""The reference itself: that it is what the model cards run, and that it cannot be causal by accident."""

import pytest
import torch
from PIL import Image
from torch.nn import functional as F
from transformers import LlamaModel

from agreement import relative_error, smallest_cosine
from llm2clip_export.checkpoints.llama import read_llama_repository
from llm2clip_export.errors import CheckpointError
from llm2clip_export.goldens import in_half, refuse_infinite
from llm2clip_export.published_tokenizer import TokenIds
from llm2clip_export.references import llama
from llm2clip_export.references.half_products import HALVES, HalfProducts
from llm2clip_export.references.pixels import reference_pixels
from published_layout import LLAMA31_SCALING, write_text

IDS = [[5, 9, 2, 77, 30, 8], [4], [1, 2, 3]]


def whole_model(checkpoint) -> LlamaModel:
    model = LlamaModel(llama.reference_config(checkpoint)).eval()
    keys = checkpoint.weights.keys.values()
    model.load_state_dict({key: checkpoint.weights.read(key).float() for key in keys}, strict=True)
    return model


@torch.inference_mode()
def states_of(model: LlamaModel, ids: list[int]) -> torch.Tensor:
    mask = torch.zeros(1, 1, len(ids), len(ids))
    return model(input_ids=torch.tensor([ids]), attention_mask=mask).last_hidden_state[0]


def test_layer_by_layer_equals_the_whole_model(tmp_path):
    write_text(tmp_path / "t", layers=3, rope_scaling=LLAMA31_SCALING)
    checkpoint = read_llama_repository(tmp_path / "t", "as-stored")
    model = whole_model(checkpoint)
    for ids, states in zip(IDS, llama.reference_hidden_states(checkpoint, IDS), strict=True):
        assert relative_error(states, states_of(model, ids)) < 1e-6


def test_a_config_may_be_silent_about_what_tensors_show(tmp_path):
    silent = dict.fromkeys(["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "head_dim"])
    write_text(tmp_path / "t", config=silent)
    checkpoint = read_llama_repository(tmp_path / "t", "as-stored")
    assert llama.reference_hidden_states(checkpoint, IDS)[0].shape == (6, 64)


def test_a_later_token_changes_an_earlier_state(text):
    checkpoint = read_llama_repository(text, "as-stored")
    before, after = llama.reference_hidden_states(checkpoint, [[5, 9, 2, 77], [5, 9, 2, 78]])
    assert (before[0] - after[0]).abs().max() > 1e-3


@torch.inference_mode()
def test_without_the_mask_of_zeros_transformers_is_causal(text):
    # Why the mask is given: if this fails one day, the mask may go.
    model = whole_model(read_llama_repository(text, "as-stored"))
    first, second = ([5, 9, 2, 77], [5, 9, 2, 78])
    states = [model(input_ids=torch.tensor([ids])).last_hidden_state[0] for ids in (first, second)]
    assert torch.equal(states[0][0], states[1][0])
    assert (states_of(model, first)[0] - states_of(model, second)[0]).abs().max() > 1e-3


def test_pixels_have_the_published_values(tmp_path):
    # reference.md 11.1: (7x + 3y, x^2 + y, x xor y), 640 x 480, first bytes of the 224 crop.
    picture = Image.new("RGB", (640, 480))
    picture.putdata([((7 * x + 3 * y) & 255, (x * x + y) & 255, (x ^ y) & 255) for y in range(480) for x in range(640)])
    picture.save(tmp_path / "p.png")
    pixels = reference_pixels([tmp_path / "p.png"], 224, "hf")
    assert pixels.shape == (1, 3, 224, 224) and pixels.dtype == torch.float32
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
    stored = ((pixels[0] * std + mean) * 255).round().int()
    assert stored[:, 0, :3].T.flatten().tolist() == [50, 69, 80, 65, 148, 82, 80, 138, 84]


def test_captions_average_the_last_states():
    states = [torch.tensor([[1.0], [2.0], [6.0]]), torch.tensor([[1.0], [3.0]])]
    tokens = [TokenIds([7, 8, 9], 2), TokenIds([7, 8], 0)]
    assert llama.reference_captions(states, tokens).tolist() == [[4.0], [2.0]]


def test_refuses_goldens_that_are_no_numbers():
    with pytest.raises(CheckpointError, match="image_embedding: the reference gives NaN"):
        refuse_infinite({"ids": torch.tensor([1]), "image_embedding": torch.tensor([float("nan")])})


HALF = pytest.mark.parametrize("half", ["bfloat16", "float16"])


@HALF
def test_half_products_are_sums_in_float32_rounded_once(half):
    dtype = HALVES[half]
    x, w = (torch.randn(size, generator=torch.Generator().manual_seed(1)).to(dtype) for size in ((7, 96), (50, 96)))
    with HalfProducts():
        assert torch.equal(F.linear(x, w), (x.float() @ w.float().T).to(dtype))
        assert torch.equal(x @ w.mT, (x.float() @ w.float().T).to(dtype))
        assert torch.equal(F.linear(x.float(), w.float()), x.float() @ w.float().T)
    # What PyTorch does by itself is the same but for the order of the sum: a last digit.
    torch.testing.assert_close(F.linear(x, w).float(), (x.float() @ w.float().T), rtol=2 * torch.finfo(dtype).eps, atol=1e-2)


@HALF
def test_the_reference_computes_in_half_precisions(tmp_path, half):
    write_text(tmp_path / "text")
    checkpoint = read_llama_repository(tmp_path / "text", "float32")
    exact = llama.reference_hidden_states(checkpoint, IDS)
    rounded = llama.reference_hidden_states(checkpoint, IDS, dtype=HALVES[half])
    for a, b in zip(exact, rounded, strict=True):
        assert b.dtype == HALVES[half]
        lost = 1 - smallest_cosine(b, a)
        assert torch.finfo(HALVES[half]).eps ** 2 / 10 < lost < 1e-3


def test_goldens_in_a_precision_the_reference_overflows_in_are_left_out():
    there = {"hidden_states": torch.ones(2), "caption_embedding": torch.ones(2)}
    assert set(in_half(there, "float16")) == {"hidden_states_float16", "caption_embedding_float16"}
    assert in_half(there | {"caption_embedding": torch.tensor([1.0, float("inf")])}, "float16") == {}
