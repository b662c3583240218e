"""SigLIP 2's vision transformer as timm names it: no class token, pooled by attention.

Letters: B batch, S image side, P patch side, N = (S/P)^2 patches, W width, which is the embedding size D as well.
Reference: timm models/vision_transformer.py (vit_so400m_patch14_siglip_224) and layers/attention_pool.py; paper:
SigLIP 2, arXiv 2502.14786.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Of every norm: timm's vision transformers.
EPS = 1e-6


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, N, W) -> (B, heads, N, W / heads)"""
    return x.view(x.size(0), x.size(1), heads, -1).transpose(1, 2)


class MLP(nn.Module):
    """Two layers with exact GELU between; SigLIP's own code has the tanh approximation, timm has not."""

    def __init__(self, width: int, mlp_width: int):
        super().__init__()
        self.fc1 = nn.Linear(width, mlp_width)
        self.fc2 = nn.Linear(mlp_width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class Attention(nn.Module):
    """Every patch looks at every patch: (B, N, W) -> (B, N, W)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(x).chunk(3, dim=-1)
        context = F.scaled_dot_product_attention(
            split_heads(query, self.heads), split_heads(key, self.heads), split_heads(value, self.heads)
        )
        return self.out(context.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    """Attention, then a two-layer perceptron, each on the normalized stream: (B, N, W) -> (B, N, W)."""

    def __init__(self, width: int, heads: int, mlp_width: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, EPS)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, EPS)
        self.mlp = MLP(width, mlp_width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class AttentionPool(nn.Module):
    """One learned query looks at every patch, then a perceptron beside the identity: (B, N, W) -> (B, W)."""

    def __init__(self, width: int, heads: int, mlp_width: int):
        super().__init__()
        self.heads = heads
        self.latent = nn.Parameter(torch.empty(1, 1, width))
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, EPS)
        self.mlp = MLP(width, mlp_width)

    def forward(self, x: Tensor) -> Tensor:
        query = self.query(self.latent).expand(x.size(0), -1, -1)
        key, value = self.key_value(x).chunk(2, dim=-1)
        context = F.scaled_dot_product_attention(
            split_heads(query, self.heads), split_heads(key, self.heads), split_heads(value, self.heads)
        )
        x = self.out(context.transpose(1, 2).flatten(2))
        x = x + self.mlp(self.norm(x))
        return x[:, 0]


class SigLIP2ViT(nn.Module):
    """Pixels (B, 3, S, S) -> image embedding (B, W), not normalized, in the precision of the weights."""

    def __init__(self, *, image_size: int, patch_size: int, width: int, layers: int, heads: int, mlp_width: int):
        super().__init__()
        patches = (image_size // patch_size) ** 2
        self.patch_embedding = nn.Conv2d(3, width, patch_size, stride=patch_size)
        self.position_embedding = nn.Parameter(torch.empty(1, patches, width))
        self.layers = nn.ModuleList([Layer(width, heads, mlp_width) for _ in range(layers)])
        self.norm = nn.LayerNorm(width, EPS)
        self.pool = AttentionPool(width, heads, mlp_width)

    def forward(self, pixels: Tensor) -> Tensor:
        pixels = pixels.to(self.position_embedding.dtype)
        x = self.patch_embedding(pixels).flatten(2).transpose(1, 2) + self.position_embedding
        for layer in self.layers:
            x = layer(x)
        return self.pool(self.norm(x))
