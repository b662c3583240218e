"""Products and tables whose weights have 8 or 4 bits: what stands in a tower for a Linear or an Embedding.

N rows, K columns, G columns of a group that share a scale. docs/model_format.md holds the programs to the letter: the
library recognizes them. Every weight is widened exactly, in float32, and rounded once to the type of `x`.
"""

from typing import List

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SCALE = torch.bfloat16  # as wide as float32, so that no scale is lost; q * scale is exact in float32


class Int8Linear(nn.Module):
    """x W^T + bias with W = weight * scale."""

    weight: Tensor
    scale: Tensor
    flat: List[int]
    grouped: List[int]

    def __init__(self, rows: int, columns: int, group: int, bias: torch.dtype | None):
        super().__init__()
        self.flat = [rows, columns]
        self.grouped = [rows, columns // group, group]
        self.register_buffer("weight", torch.empty(rows, columns, dtype=torch.int8))
        self.register_buffer("scale", torch.empty(rows, columns // group, 1, dtype=SCALE))
        self.bias = None if bias is None else nn.Parameter(torch.empty(rows, dtype=bias))

    def forward(self, x: Tensor) -> Tensor:
        wide = self.weight.view(self.grouped).to(torch.float32) * self.scale
        return F.linear(x, wide.view(self.flat).to(x.dtype), self.bias)


class Int4Linear(nn.Module):
    """x W^T + bias with W = q * scale + minimum; byte j of a row of `weight` holds columns 2 j (low half) and 2 j + 1."""

    weight: Tensor
    scale: Tensor
    minimum: Tensor
    flat: List[int]
    grouped: List[int]

    def __init__(self, rows: int, columns: int, group: int, bias: torch.dtype | None):
        super().__init__()
        self.flat = [rows, columns]
        self.grouped = [rows, columns // group, group]
        self.register_buffer("weight", torch.empty(rows, columns // 2, dtype=torch.uint8))
        self.register_buffer("scale", torch.empty(rows, columns // group, 1, dtype=SCALE))
        self.register_buffer("minimum", torch.empty(rows, columns // group, 1, dtype=SCALE))
        self.bias = None if bias is None else nn.Parameter(torch.empty(rows, dtype=bias))

    def forward(self, x: Tensor) -> Tensor:
        halves = torch.stack([torch.bitwise_and(self.weight, 15), torch.bitwise_right_shift(self.weight, 4)], dim=-1)
        wide = halves.view(self.grouped).to(torch.float32) * self.scale + self.minimum
        return F.linear(x, wide.view(self.flat).to(x.dtype), self.bias)


class Int8Embedding(nn.Module):
    """Rows of weight * scale, in float32: only those that are asked for are widened."""

    weight: Tensor
    scale: Tensor
    grouped: List[int]

    def __init__(self, rows: int, columns: int, group: int):
        super().__init__()
        self.grouped = [columns // group, group]
        self.register_buffer("weight", torch.empty(rows, columns, dtype=torch.int8))
        self.register_buffer("scale", torch.empty(rows, columns // group, dtype=SCALE))

    def forward(self, ids: Tensor) -> Tensor:
        wide = torch.embedding(self.weight, ids).unflatten(-1, self.grouped).to(torch.float32)
        return (wide * torch.embedding(self.scale, ids).unsqueeze(-1)).flatten(-2)
