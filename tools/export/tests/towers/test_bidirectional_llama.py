from typing import Any

import pytest
import torch

from agreement import assert_equal_in_float32, assert_near_in_bfloat16, relative_error
from fill_rule import BIDIRECTIONAL_LLAMA, CAUSAL_LLAMA, LLAMA, LLAMA_IDS, filled
from llm2clip_export.checkpoints.llama import read_llama_repository
from llm2clip_export.references.llama import reference_hidden_states
from llm2clip_export.towers.bidirectional_llama import Llama3Scaling, RMSNorm, rotary_frequencies
from published_layout import LLAMA31_SCALING, llama_shapes, write_text


def random_ids(batch: int, tokens: int) -> torch.Tensor:
    return torch.randint(0, 270, (batch, tokens), generator=torch.Generator().manual_seed(tokens))


@pytest.mark.parametrize("scaling", [None, LLAMA31_SCALING], ids=["plain", "llama3-scaling"])
@pytest.mark.parametrize("heads, kv_heads", [(4, 1), (4, 2), (4, 4)])
def test_equals_transformers_for_every_batch_and_length(tmp_path, saved, scaling, heads, kv_heads):
    write_text(tmp_path / "t", layers=3, heads=heads, kv_heads=kv_heads, rope_scaling=scaling)
    checkpoint = read_llama_repository(tmp_path / "t", "as-stored")
    tower = saved(checkpoint.weights)
    for batch, tokens in [(1, 1), (3, 9), (2, 130)]:
        ids = random_ids(batch, tokens)
        assert_equal_in_float32(tower(ids), torch.stack(reference_hidden_states(checkpoint, ids.tolist())))


def test_is_near_transformers_in_bfloat16(tmp_path, saved):
    write_text(tmp_path / "t", layers=3, dtype=torch.bfloat16)
    checkpoint = read_llama_repository(tmp_path / "t", "as-stored")
    ids = random_ids(2, 400)
    ours = saved(checkpoint.weights)(ids)
    assert ours.dtype == torch.bfloat16
    assert_near_in_bfloat16(ours, torch.stack(reference_hidden_states(checkpoint, ids.tolist())))


def test_the_tiny_network_gives_the_measured_values(tmp_path, saved):
    shapes = llama_shapes(**LLAMA, head_dim=32)
    write_text(tmp_path / "t", **LLAMA, tensors=filled(shapes))
    checkpoint = read_llama_repository(tmp_path / "t", "as-stored")
    bidirectional, causal = torch.tensor(BIDIRECTIONAL_LLAMA), torch.tensor(CAUSAL_LLAMA)
    for states in (
        saved(checkpoint.weights)(torch.tensor([LLAMA_IDS]))[0],
        reference_hidden_states(checkpoint, [LLAMA_IDS])[0],
    ):
        caption = states[-3:].mean(0)[:6]
        torch.testing.assert_close(caption, bidirectional, rtol=0, atol=5e-6)
        assert relative_error(caption, causal) > 0.01


def test_a_later_token_changes_an_earlier_state(text, saved):
    tower = saved(read_llama_repository(text, "as-stored").weights)
    ids = random_ids(1, 6)
    changed = ids.clone()
    changed[0, 5] = (ids[0, 5] + 1) % 270
    assert (tower(ids)[0, 0] - tower(changed)[0, 0]).abs().max() > 1e-3


def test_rotations_stay_float32_when_the_module_becomes_bfloat16(tmp_path, saved):
    # Speeds rounded to bfloat16 would be off by radians after a few hundred tokens.
    write_text(tmp_path / "t", layers=2)
    checkpoint = read_llama_repository(tmp_path / "t", "as-stored")
    tower = saved(checkpoint.weights).to(torch.bfloat16)
    ids = random_ids(1, 500)
    assert tower.angles(ids).dtype == torch.float32
    expected = torch.outer(torch.arange(500.0), torch.tensor(rotary_frequencies(16, 500000.0)))
    assert torch.equal(tower.angles(ids), expected)
    assert_near_in_bfloat16(tower(ids)[0], reference_hidden_states(checkpoint, ids.tolist())[0])


def test_rms_norm_rounds_before_the_gain():
    norm = RMSNorm(3, 1e-5).bfloat16().requires_grad_(False)
    norm.weight.copy_(torch.tensor([1.0078125, 0.99609375, 1.5]))
    x = torch.tensor([1.2890625, -0.333984375, 2.125]).bfloat16()
    quotient = (x.float() / (x.float().square().mean() + 1e-5).sqrt()).bfloat16()
    assert torch.equal(norm(x), norm.weight * quotient)


def at(frequencies: list[float], *indices: int) -> torch.Tensor:
    return torch.tensor([frequencies[index] for index in indices])


def test_rotary_frequencies_have_the_measured_values():
    # reference.md 11.2
    plain = rotary_frequencies(128, 500000.0)
    llama31 = rotary_frequencies(128, 500000.0, Llama3Scaling(8.0, 1.0, 4.0, 8192))
    llama32 = rotary_frequencies(64, 500000.0, Llama3Scaling(32.0, 1.0, 4.0, 8192))
    close: dict[str, Any] = {"rtol": 3e-7, "atol": 0.0}
    torch.testing.assert_close(
        at(plain, 0, 1, 2, 31, 63), torch.tensor([1, 0.814617217, 0.663601279, 0.00173604675, 2.45514070e-06]), **close
    )
    torch.testing.assert_close(
        at(llama31, 31, 29, 34, 63),
        torch.tensor([0.000856751460, 0.00216657063, 0.000178507791, 3.06892588e-07]),
        **close,
    )
    torch.testing.assert_close(
        at(llama32, 15, 17, 31), torch.tensor([0.00129054801, 9.70828623e-05, 9.41830649e-08]), **close
    )


def test_scaling_leaves_the_fast_and_divides_the_slow():
    # reference.md 3.2: 29 unchanged, 6 blended, 29 divided.
    plain = rotary_frequencies(128, 500000.0)
    scaled = rotary_frequencies(128, 500000.0, Llama3Scaling(8.0, 1.0, 4.0, 8192))
    assert [a == b for a, b in zip(plain, scaled, strict=True)] == [True] * 29 + [False] * 35
    assert [a / 8 == b for a, b in zip(plain, scaled, strict=True)] == [False] * 35 + [True] * 29
