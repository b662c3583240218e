"""EVA-02's vision transformer as EVA-CLIP uses it: rotary positions, gated perceptrons, norms inside the blocks.

Letters: B batch, S image side, P patch side, G = S/P patches a side, N = G^2 patches, W width, D embedding size.
Reference: LLM2CLIP eva_clip/eva_vit_model.py and rope.py; paper: EVA-02, arXiv 2303.11331.
"""

from typing import List

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Of every norm; the reference passes it explicitly.
EPS = 1e-6
# The grid that rotary positions were trained on. Finer and coarser grids are stretched to it, 14 patches a side as well.
TRAINED_GRID = 16
THETA = 10000.0


def rotary_frequencies(head_dim: int) -> list[float]:
    """head_dim / 4 rotation speeds, in radians a patch of the trained grid: the same for rows and for columns.

    Computed step by step in float32, as the reference does.
    """
    axis_dim = head_dim // 2
    exponents = torch.arange(0, axis_dim, 2).float() / axis_dim
    return (1.0 / THETA**exponents).tolist()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns each pair of neighbors (2m, 2m + 1) of the last axis: x (B, heads, N, head_dim), cos and sin (N, head_dim / 2).

    Llama pairs the two halves instead.
    """
    first, second = x.unflatten(-1, [-1, 2]).unbind(-1)
    return torch.stack([first * cos - second * sin, second * cos + first * sin], dim=-1).flatten(-2)


class Attention(nn.Module):
    """Every token looks at every token; the class token is not turned: (B, N+1, W) -> (B, N+1, W)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, EPS)
        self.out = nn.Linear(width, width)

    def split_heads(self, x: Tensor) -> Tensor:
        """(B, N+1, W) -> (B, heads, N+1, W / heads)"""
        return x.view(x.size(0), x.size(1), self.heads, -1).transpose(1, 2)

    def rotate_patches(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """(B, heads, N+1, W / heads) -> the same; the first token stays as it is."""
        return torch.cat([x[:, :, :1], rotate(x[:, :, 1:], cos, sin)], dim=2)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        query = self.rotate_patches(self.split_heads(self.query(x)), cos, sin)
        key = self.rotate_patches(self.split_heads(self.key(x)), cos, sin)
        value = self.split_heads(self.value(x))
        context = F.scaled_dot_product_attention(query, key, value)
        return self.out(self.norm(context.transpose(1, 2).flatten(2)))


class GatedMLP(nn.Module):
    """down(norm(silu(gate x) * up x)): (B, N+1, W) -> (B, N+1, W)."""

    def __init__(self, width: int, mlp_width: int):
        super().__init__()
        self.gate = nn.Linear(width, mlp_width)
        self.up = nn.Linear(width, mlp_width)
        self.norm = nn.LayerNorm(mlp_width, EPS)
        self.down = nn.Linear(mlp_width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.norm(F.silu(self.gate(x)) * self.up(x)))


class Layer(nn.Module):
    """Attention, then the gated perceptron, each on the normalized stream: (B, N+1, W) -> (B, N+1, W)."""

    def __init__(self, width: int, heads: int, mlp_width: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, EPS)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, EPS)
        self.mlp = GatedMLP(width, mlp_width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x), cos, sin)
        return x + self.mlp(self.norm2(x))


class EVA02ViT(nn.Module):
    """Pixels (B, 3, S, S) -> image embedding (B, D), not normalized, in the precision of the weights.

    Note [Half rotations]: published files carry tables of cosines and sines in float16, and loading such a file puts
    them over the exact ones. With `half_rotations` the tables are rounded as those in the file.
    """

    # Numbers, not a buffer: converting the module to bfloat16 must not round the rotation speeds.
    frequencies: List[float]

    def __init__(
        self,
        *,
        image_size: int,
        patch_size: int,
        width: int,
        layers: int,
        heads: int,
        mlp_width: int,
        embedding_dim: int,
        frequencies: list[float],
        half_rotations: bool,
    ):
        super().__init__()
        self.grid = image_size // patch_size
        self.half_rotations = half_rotations
        self.frequencies = frequencies
        self.trained_grid = TRAINED_GRID
        self.patch_embedding = nn.Conv2d(3, width, patch_size, stride=patch_size)
        self.class_embedding = nn.Parameter(torch.empty(1, 1, width))
        self.position_embedding = nn.Parameter(torch.empty(1, self.grid**2 + 1, width))
        self.layers = nn.ModuleList([Layer(width, heads, mlp_width) for _ in range(layers)])
        self.norm = nn.LayerNorm(width, EPS)
        self.projection = nn.Linear(width, embedding_dim)

    def embed(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, N+1, W): the class token, then the patches row by row, each with its position."""
        patches = self.patch_embedding(pixels).flatten(2).transpose(1, 2)
        class_token = self.class_embedding.expand(pixels.size(0), -1, -1)
        return torch.cat([class_token, patches], dim=1) + self.position_embedding

    def angles(self, pixels: Tensor) -> Tensor:
        """(N, head_dim / 2) float32: how far the pairs of each patch are turned; first by its row, then by its column."""
        # One fill each: torch.tensor would make them on the host, and a GPU would stop for the copy.
        frequencies = torch.stack([torch.full([], f, dtype=torch.float32, device=pixels.device) for f in self.frequencies])
        places = torch.arange(self.grid, dtype=torch.float32, device=pixels.device) / self.grid * self.trained_grid
        turns = torch.outer(places, frequencies)
        rows = turns.unsqueeze(1).expand(-1, self.grid, -1)
        columns = turns.unsqueeze(0).expand(self.grid, -1, -1)
        return torch.cat([rows, columns], dim=-1).flatten(0, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.embed(pixels.to(self.class_embedding.dtype))
        angles = self.angles(pixels)
        cos, sin = angles.cos(), angles.sin()
        if self.half_rotations:
            cos, sin = cos.half(), sin.half()
        cos, sin = cos.to(x.dtype), sin.to(x.dtype)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.projection(self.norm(x[:, 0]))
