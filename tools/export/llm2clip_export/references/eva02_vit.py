"""EVA02's vision transformer: LLM2CLIP eva_clip/eva_vit_model.py and rope.py, evaluated in float64 or a half precision.

Written from the formulas (reference.md 2.2) in the published names, with complex numbers for the rotations, so that it
shares no line with our tower; tests/reference compares it with timm's.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from llm2clip_export.checkpoints.eva02_vit import HEAD, LAYERS, PATCH, PREFIX, ROTARY_COS, ROTARY_SIN
from llm2clip_export.checkpoints.tensors import Tensors
from llm2clip_export.checkpoints.vision import VisionCheckpoint

EPS = 1e-6


class Published:
    """The checkpoint's tensors, as the exported precision has them, in the precision to compute in."""

    def __init__(self, checkpoint: VisionCheckpoint, dtype: torch.dtype):
        self.tensors: Tensors = checkpoint.weights.tensors
        self.dtype = dtype
        self._read = checkpoint.weights.read

    def __getitem__(self, key: str) -> Tensor:
        return self._read(key).to(self.dtype)

    def get(self, *keys: str) -> Tensor | None:
        """The first of `keys` that is there."""
        return next((self[key] for key in keys if key in self.tensors), None)

    def linear(self, x: Tensor, name: str, *bias: str) -> Tensor:
        return F.linear(x, self[f"{name}.weight"], self.get(f"{name}.bias", *bias))

    def norm(self, x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self[f"{name}.weight"], self[f"{name}.bias"], EPS)


def image_embeddings(checkpoint: VisionCheckpoint, pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """(images, D) before L2 normalization. `dtype` float32 is computed in float64."""
    published = Published(checkpoint, torch.float64 if dtype == torch.float32 else dtype)
    turns = rotations(checkpoint, published)
    patches = F.conv2d(
        pixels.to(published.dtype), published[PATCH], published[f"{PREFIX}patch_embed.proj.bias"],
        stride=checkpoint.geometry["patch_size"],
    )  # fmt: skip
    tokens = patches.flatten(2).mT
    first = published[f"{PREFIX}cls_token"].repeat(len(tokens), 1, 1)
    x = torch.cat([first, tokens], 1) + published[f"{PREFIX}pos_embed"]
    for layer in range(checkpoint.geometry["layers"]):
        at = f"{LAYERS}{layer}."
        x = x + attention(published.norm(x, f"{at}norm1"), f"{at}attn.", published, turns)
        x = x + perceptron(published.norm(x, f"{at}norm2"), f"{at}mlp.", published)
    return published.linear(published.norm(x, f"{PREFIX}norm")[:, 0], HEAD.removesuffix(".weight"))


def rotations(checkpoint: VisionCheckpoint, published: Published) -> Tensor:
    """(N, head_dim / 2) complex128: from the tables in the file, as loading it leaves them, else from the formula."""
    if ROTARY_COS in published.tensors:
        cos, sin = published.tensors.read(ROTARY_COS).double(), published.tensors.read(ROTARY_SIN).double()
        return torch.complex(cos[:, ::2], sin[:, ::2])
    geometry = checkpoint.geometry
    side, dim = geometry["image_size"] // geometry["patch_size"], geometry["width"] // geometry["heads"] // 2
    speeds = 10000.0 ** (-torch.arange(0, dim, 2).double() / dim)
    places = torch.arange(side).double() / side * 16
    y, x = torch.meshgrid(places, places, indexing="ij")
    angles = torch.cat([y.reshape(-1, 1) * speeds, x.reshape(-1, 1) * speeds], 1)
    return torch.polar(torch.ones_like(angles), angles)


def attention(x: Tensor, at: str, published: Published, turns: Tensor) -> Tensor:
    heads = x.shape[-1] // (2 * turns.shape[-1])
    query = turned(by_head(published.linear(x, f"{at}q_proj", f"{at}q_bias"), heads), turns)
    key = turned(by_head(published.linear(x, f"{at}k_proj"), heads), turns)
    value = by_head(published.linear(x, f"{at}v_proj", f"{at}v_bias"), heads)
    weights = (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1)
    context = (weights @ value).transpose(1, 2).reshape(x.shape)
    return published.linear(published.norm(context, f"{at}inner_attn_ln"), f"{at}proj")


def by_head(x: Tensor, heads: int) -> Tensor:
    return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)


def turned(x: Tensor, turns: Tensor) -> Tensor:
    """Neighbors as real and imaginary part; the class token stays. Half precisions are rounded at the end."""
    numbers = torch.view_as_complex(x.double().reshape(*x.shape[:-1], -1, 2).contiguous())
    turned_numbers = torch.cat([numbers[:, :, :1], numbers[:, :, 1:] * turns], 2)
    return torch.view_as_real(turned_numbers).reshape(x.shape).to(x.dtype)


def perceptron(x: Tensor, at: str, published: Published) -> Tensor:
    gate = published.linear(x, f"{at}w1")
    hidden = gate * gate.sigmoid() * published.linear(x, f"{at}w2")
    return published.linear(published.norm(hidden, f"{at}ffn_ln"), f"{at}w3")
