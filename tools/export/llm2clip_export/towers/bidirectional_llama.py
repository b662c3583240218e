"""Llama as an encoder: every token attends to every token, no mask, no padding.

Letters: B batch, T tokens, H width.
Reference: transformers models/llama/modeling_llama.py, llm2vec models/bidirectional_llama.py.
"""

from dataclasses import dataclass
from math import pi
from typing import List

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Llama3Scaling:
    """How Llama 3.1 and later stretch slow rotations over longer texts; it holds for short texts as well."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_tokens: int


def rotary_frequencies(head_dim: int, theta: float, scaling: Llama3Scaling | None = None) -> list[float]:
    """The head_dim / 2 rotation speeds, in radians a token.

    Computed step by step in float32 as the reference does: one unit in the last place of the fastest rotation is
    3e-5 radians after 512 tokens.
    """
    exponents = torch.arange(0, head_dim, 2).float() / head_dim
    frequencies = 1.0 / theta**exponents
    if scaling is not None:
        frequencies = stretched(frequencies, scaling)
    return frequencies.tolist()


def stretched(frequencies: Tensor, scaling: Llama3Scaling) -> Tensor:
    """Fast rotations stay, slow ones are divided by the factor, those between are blended (reference.md 3.2)."""
    wavelengths = 2 * pi / frequencies
    shortest = scaling.original_max_tokens / scaling.high_freq_factor
    longest = scaling.original_max_tokens / scaling.low_freq_factor
    slowed = frequencies / scaling.factor
    share = (scaling.original_max_tokens / wavelengths - scaling.low_freq_factor) / (
        scaling.high_freq_factor - scaling.low_freq_factor
    )
    blended = (1 - share) * slowed + share * frequencies
    return torch.where(wavelengths < shortest, frequencies, torch.where(wavelengths > longest, slowed, blended))


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns each pair (i, i + half) of the last axis: x (B, heads, T, head_dim), cos and sin (T, head_dim / 2).

    Llama pairs the two halves; neighbors, as in the paper, would need other query and key weights.
    """
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


class RMSNorm(nn.Module):
    """x / rms(x) * weight over the last axis.

    The quotient is rounded to the precision of x before the product, as in the reference: in bfloat16 it matters.
    """

    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return self.weight * wide.to(x.dtype)


class Attention(nn.Module):
    """Bidirectional grouped-query attention with rotary positions: (B, T, H) -> (B, T, H)."""

    def __init__(self, width: int, heads: int, kv_heads: int, head_dim: int):
        super().__init__()
        self.head_dim = head_dim
        self.queries_per_kv = heads // kv_heads
        self.query = nn.Linear(width, heads * head_dim, bias=False)
        self.key = nn.Linear(width, kv_heads * head_dim, bias=False)
        self.value = nn.Linear(width, kv_heads * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, width, bias=False)

    def split_heads(self, x: Tensor) -> Tensor:
        """(B, T, heads * head_dim) -> (B, heads, T, head_dim)"""
        return x.view(x.size(0), x.size(1), -1, self.head_dim).transpose(1, 2)

    def share_with_queries(self, x: Tensor) -> Tensor:
        """(B, kv_heads, T, head_dim) -> (B, heads, T, head_dim): each serves as many neighboring query heads."""
        return x.unsqueeze(2).expand(-1, -1, self.queries_per_kv, -1, -1).flatten(1, 2)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        query = rotate(self.split_heads(self.query(x)), cos, sin)
        key = rotate(self.split_heads(self.key(x)), cos, sin)
        value = self.split_heads(self.value(x))
        context = F.scaled_dot_product_attention(
            query, self.share_with_queries(key), self.share_with_queries(value)
        )
        return self.out(context.transpose(1, 2).flatten(2))


class GatedMLP(nn.Module):
    """down(silu(gate x) * up x): (B, T, H) -> (B, T, H)."""

    def __init__(self, width: int, mlp_width: int):
        super().__init__()
        self.gate = nn.Linear(width, mlp_width, bias=False)
        self.up = nn.Linear(width, mlp_width, bias=False)
        self.down = nn.Linear(mlp_width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Layer(nn.Module):
    """Attention, then the gated perceptron, each on the normalized stream: (B, T, H) -> (B, T, H)."""

    def __init__(self, width: int, heads: int, kv_heads: int, head_dim: int, mlp_width: int, eps: float):
        super().__init__()
        self.norm1 = RMSNorm(width, eps)
        self.attention = Attention(width, heads, kv_heads, head_dim)
        self.norm2 = RMSNorm(width, eps)
        self.mlp = GatedMLP(width, mlp_width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x), cos, sin)
        return x + self.mlp(self.norm2(x))


class BidirectionalLlama(nn.Module):
    """Token ids (B, T) int64 -> hidden states (B, T, H) after the final norm, in the precision of the weights.

    All rows of a batch have T tokens; positions count from 0. Rotary positions are relative, so that the reference's
    left padding, which shifts a row, changes nothing but the last bits.
    """

    # Numbers, not a buffer: converting the module to bfloat16 must not round the rotation speeds.
    frequencies: List[float]

    def __init__(
        self,
        *,
        vocabulary: int,
        width: int,
        layers: int,
        heads: int,
        kv_heads: int,
        head_dim: int,
        mlp_width: int,
        eps: float,
        frequencies: list[float],
    ):
        super().__init__()
        self.frequencies = frequencies
        self.embedding = nn.Embedding(vocabulary, width)
        self.layers = nn.ModuleList(
            [Layer(width, heads, kv_heads, head_dim, mlp_width, eps) for _ in range(layers)]
        )
        self.norm = RMSNorm(width, eps)

    def angles(self, token_ids: Tensor) -> Tensor:
        """(T, head_dim / 2) float32: how far the pairs at each position are turned."""
        # One fill each: torch.tensor would make them on the host, and a GPU would stop for the copy.
        frequencies = torch.stack([torch.full([], f, dtype=torch.float32, device=token_ids.device) for f in self.frequencies])
        positions = torch.arange(token_ids.size(1), dtype=torch.float32, device=token_ids.device)
        return torch.outer(positions, frequencies)

    def forward(self, token_ids: Tensor) -> Tensor:
        x = self.embedding(token_ids).to(self.norm.weight.dtype)  # a table of 8 bits gives float32
        angles = self.angles(token_ids)
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.norm(x)
