import pytest
import torch

from llm2clip_export.quantize.rounding import (
    calibrate_to_4_bits,
    group_of,
    round_to_4_bits,
    round_to_8_bits,
    table_group,
)
from llm2clip_export.towers.quantized import Int4Linear, Int8Linear


def random(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_groups_divide_the_columns():
    assert [group_of(columns, 8) for columns in (4096, 4304, 2730)] == [64, 16, 2730]
    assert [group_of(columns, 4) for columns in (4096, 4304, 2730)] == [32, 16, None]
    assert [table_group(columns) for columns in (4096, 576, 50)] == [32, 32, 50]


@pytest.mark.parametrize("rounding, kind, group", [(round_to_8_bits, Int8Linear, 64), (round_to_4_bits, Int4Linear, 32)])
def test_the_buffers_give_the_values_to_the_bit(rounding, kind, group):
    rounded = rounding(random(8, 128), group)
    layer = kind(8, 128, group, None)
    layer.load_state_dict(rounded.buffers)
    assert torch.equal(layer(torch.eye(128)).T, rounded.values)


def test_8_bits_are_off_by_half_a_step_at_most():
    weight = random(8, 128) * torch.logspace(-20, 3, 8)[:, None]
    rounded = round_to_8_bits(weight, 64)
    steps = rounded.buffers["scale"].float().repeat_interleave(64, 1).view(8, 128)
    assert ((rounded.values - weight).abs() <= 0.8 * steps).all()
    assert rounded.buffers["weight"].abs().max() <= 127


def test_a_group_of_zeros_and_one_of_equal_values_come_back():
    weight = torch.zeros(2, 64)
    weight[1] = 0.5
    for rounding, group in ((round_to_8_bits, 64), (round_to_4_bits, 32)):
        assert (rounding(weight, group).values - weight).abs().max() < 2e-3


def test_calibration_makes_results_nearer_where_inputs_hang_together():
    inputs = random(400, 24, seed=2) @ random(24, 128, seed=3) + 0.1 * random(400, 128, seed=4)
    weight = random(64, 128)
    hessian = inputs.T @ inputs
    errors = [
        ((rounded.values - weight) @ inputs.T).square().mean()
        for rounded in (round_to_4_bits(weight, 32), calibrate_to_4_bits(weight, 32, hessian))
    ]
    assert errors[1] < 0.5 * errors[0]


def test_inputs_that_are_always_zero_do_not_stop_calibration():
    weight = random(4, 64)
    assert calibrate_to_4_bits(weight, 32, torch.zeros(64, 64)).values.isfinite().all()
    assert torch.equal(
        calibrate_to_4_bits(weight, 32, torch.eye(64)).values, calibrate_to_4_bits(weight, 32, torch.eye(64)).values
    )
