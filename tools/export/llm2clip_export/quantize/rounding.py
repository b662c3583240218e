"""Rounding of a matrix to 8 or 4 bits in groups of columns (docs/model_format.md). N rows, K columns, G of a group."""

from dataclasses import dataclass

import torch
from torch import Tensor

from llm2clip_export.towers.quantized import SCALE

# Columns that share a scale, the first that divides K.
GROUPS = {8: (64, 32, 16), 4: (32, 16)}
TABLE_GROUPS = (32, 16)
# Parts of a group's range that 4 bits may span: what sticks out is cut, what lies inside gets a finer grid.
SPANS = [1 - 0.04 * step for step in range(10)]
LAST = 15  # the largest number of 4 bits
# Columns that are rounded before their error reaches those behind them.
BLOCK = 128
# Of the mean of the Hessian's diagonal, which is added to it.
DAMPING = 0.01


@dataclass(frozen=True)
class Rounded:
    """What stands in the file, and `values` (N, K) float32, which it gives."""

    buffers: dict[str, Tensor]
    values: Tensor


def group_of(columns: int, bits: int) -> int | None:
    """G; None where the matrix cannot have so few bits."""
    group = next((group for group in GROUPS[bits] if columns % group == 0), None)
    return columns if group is None and bits == 8 else group


def table_group(columns: int) -> int:
    """G of a table of tokens in 8 bits: errors of a row meet no sum in which they could cancel."""
    return next((group for group in TABLE_GROUPS if columns % group == 0), columns)


def round_to_8_bits(weight: Tensor, group: int) -> Rounded:
    """(N, K) float32. To the nearest, symmetric, the largest of a group at 127."""
    grouped = weight.view(weight.shape[0], -1, group)
    scale = (grouped.abs().amax(-1, keepdim=True) / 127).to(SCALE)
    q = divided(grouped, scale).round_().clamp_(-127, 127)
    values = (q * scale).view_as(weight)
    return Rounded({"weight": q.view_as(weight).to(torch.int8), "scale": scale}, values)


def divided(values: Tensor, scale: Tensor) -> Tensor:
    """0 where the scale is: there every value is 0."""
    return torch.where(scale == 0, 0, values / scale.float())


def grid_of_4_bits(grouped: Tensor, importance: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and minimum (..., 1) bfloat16 for values (..., G): of all SPANS that with the least squared error.

    `importance` (..., G) weighs the errors.
    """
    low, high = grouped.amin(-1, keepdim=True), grouped.amax(-1, keepdim=True)
    middle, width = (low + high) / 2, high - low
    best: tuple[Tensor, Tensor] | None = None
    least = torch.empty(0)
    for span in SPANS:
        scale = (width * (span / LAST)).to(SCALE)
        minimum = (middle - width * (span / 2)).to(SCALE)
        error = (on_grid(grouped, scale, minimum) * scale + minimum - grouped).square().mul_(importance).sum(-1, keepdim=True)
        if best is None:
            best, least = (scale, minimum), error
        else:
            better = error < least
            best = torch.where(better, scale, best[0]), torch.where(better, minimum, best[1])
            least = torch.minimum(error, least)
    assert best
    return best


def on_grid(values: Tensor, scale: Tensor, minimum: Tensor) -> Tensor:
    """The nearest of 0 to 15, in float32."""
    return divided(values - minimum.float(), scale).round_().clamp_(0, LAST)


def round_to_4_bits(weight: Tensor, group: int) -> Rounded:
    """To the nearest, without calibration."""
    grouped = weight.view(weight.shape[0], -1, group)
    scale, minimum = grid_of_4_bits(grouped, torch.ones(()))
    return packed(on_grid(grouped, scale, minimum), scale, minimum)


def calibrate_to_4_bits(weight: Tensor, group: int, hessian: Tensor) -> Rounded:
    """GPTQ (Frantar et al., 2022): the error of each column is made up for by those behind it.

    `hessian` (K, K) is the sum of x x^T over the inputs x of the layer. The result is the same each time.
    """
    remaining = weight.clone()
    rows, columns = weight.shape
    factor = inverse_factor(hessian)
    importance = (1 / factor.diagonal()).square()
    q = torch.empty(rows, columns)
    scales, minima = (torch.empty(rows, columns // group, 1, dtype=SCALE) for _ in range(2))
    for start in range(0, columns, BLOCK):
        end = min(start + BLOCK, columns)
        errors = torch.empty(rows, end - start)
        for column in range(start, end):
            number = column // group
            if column % group == 0:
                of_group = slice(column, column + group)
                scales[:, number], minima[:, number] = grid_of_4_bits(remaining[:, of_group], importance[of_group])
            scale, minimum = scales[:, number, 0], minima[:, number, 0]
            value = remaining[:, column]
            q[:, column] = on_grid(value, scale, minimum)
            error = (value - (q[:, column] * scale + minimum)) / factor[column, column]
            remaining[:, column + 1 : end].addr_(error, factor[column, column + 1 : end], alpha=-1)
            errors[:, column - start] = error
        remaining[:, end:].addmm_(errors, factor[start:end, end:], alpha=-1)
    return packed(q.view(rows, -1, group), scales, minima)


def inverse_factor(hessian: Tensor) -> Tensor:
    """Upper triangular U with U^T U = H^-1, of the damped Hessian. Inputs that are always 0 get a diagonal of their own."""
    damped = hessian.clone()
    diagonal = damped.diagonal()
    diagonal += DAMPING * diagonal.mean() + (diagonal.mean() == 0)
    lower = torch.linalg.cholesky(damped)
    return torch.linalg.cholesky(torch.cholesky_inverse(lower), upper=True)


def packed(q: Tensor, scale: Tensor, minimum: Tensor) -> Rounded:
    """`q` (N, K/G, G) of 0 to 15."""
    rows = q.shape[0]
    values = (q * scale + minimum).view(rows, -1)
    pairs = q.to(torch.uint8).view(rows, -1, 2)
    return Rounded({"weight": pairs[..., 0] | pairs[..., 1] << 4, "scale": scale, "minimum": minimum}, values)
