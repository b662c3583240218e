"""The vision transformer of OpenAI's CLIP.

Letters: B batch, S image side, P patch side, N = (S/P)^2 patches, W width, D embedding size.
Reference: transformers models/clip/modeling_clip.py, openai/CLIP clip/model.py.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class QuickGELU(nn.Module):
    """The GELU that CLIP was trained with: x * sigmoid(1.702 x), off from the exact one by up to 0.02."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


# By the name that config.json calls them.
ACTIVATIONS = {"quick_gelu": QuickGELU, "gelu": nn.GELU}


class Attention(nn.Module):
    """Every token looks at every token: (B, N+1, W) -> (B, N+1, W)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def split_heads(self, x: Tensor) -> Tensor:
        """(B, N+1, W) -> (B, heads, N+1, W / heads)"""
        return x.view(x.size(0), x.size(1), self.heads, -1).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        query = self.split_heads(self.query(x))
        key = self.split_heads(self.key(x))
        value = self.split_heads(self.value(x))
        context = F.scaled_dot_product_attention(query, key, value)
        return self.out(context.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    """Attention, then a two-layer perceptron, each on the normalized stream: (B, N+1, W) -> (B, N+1, W)."""

    def __init__(self, width: int, heads: int, mlp_width: int, activation: str, eps: float):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps)
        self.fc1 = nn.Linear(width, mlp_width)
        self.activation = ACTIVATIONS[activation]()
        self.fc2 = nn.Linear(mlp_width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.fc2(self.activation(self.fc1(self.norm2(x))))


class OpenAIViT(nn.Module):
    """Pixels (B, 3, S, S) -> image embedding (B, D), not normalized, in the precision of the weights."""

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
        activation: str,
        eps: float,
    ):
        super().__init__()
        tokens = (image_size // patch_size) ** 2 + 1
        self.patch_embedding = nn.Conv2d(3, width, patch_size, stride=patch_size, bias=False)
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.position_embedding = nn.Parameter(torch.empty(tokens, width))
        self.norm_before = nn.LayerNorm(width, eps)
        self.layers = nn.ModuleList([Layer(width, heads, mlp_width, activation, eps) for _ in range(layers)])
        self.norm_after = nn.LayerNorm(width, eps)
        self.projection = nn.Linear(width, embedding_dim, bias=False)

    def embed(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, N+1, W): the class token, then the patches row by row, each with its position."""
        patches = self.patch_embedding(pixels).flatten(2).transpose(1, 2)
        class_token = self.class_embedding.expand(pixels.size(0), 1, -1)
        return torch.cat([class_token, patches], dim=1) + self.position_embedding

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.norm_before(self.embed(pixels.to(self.class_embedding.dtype)))
        for layer in self.layers:
            x = layer(x)
        return self.projection(self.norm_after(x[:, 0]))
