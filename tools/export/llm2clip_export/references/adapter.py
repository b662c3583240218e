"""The adapter: LLM2CLIP eva_clip/model.py, TextProj and LinearBlock, evaluated in float64 or a half precision."""

import torch
from torch import Tensor
from torch.nn import functional as F

from llm2clip_export.checkpoints.adapter import AdapterCheckpoint
from llm2clip_export.references.half_products import HalfProducts


@torch.inference_mode()
def reference_text_embeddings(
    checkpoint: AdapterCheckpoint, captions: Tensor, dtype: torch.dtype = torch.float64
) -> Tensor:
    """(texts, H) -> (texts, D) float32, before L2 normalization; computed in `dtype`."""
    blocks = checkpoint.geometry["blocks"]
    x = captions.to(dtype)
    if checkpoint.geometry["normalize"]:
        x = F.normalize(x, dim=-1, eps=1e-12)
    with HalfProducts():
        for block in range(blocks):
            normed = layer_norm(x, checkpoint, f"{block}.ln")
            hidden = F.gelu(linear(normed, checkpoint, f"{block}.fn.0"))
            x = x + linear(hidden, checkpoint, second_linear(checkpoint, block))
        return linear(layer_norm(x, checkpoint, f"{blocks}"), checkpoint, f"{blocks + 1}").float()


def second_linear(checkpoint: AdapterCheckpoint, block: int) -> str:
    alias = f"{block}.fn.2"
    return alias if f"{checkpoint.prefix}{alias}.weight" in checkpoint.weights.tensors else f"{block}.fn.3"


def linear(x: Tensor, checkpoint: AdapterCheckpoint, name: str) -> Tensor:
    return F.linear(x, *parameters(checkpoint, name, x.dtype))


def layer_norm(x: Tensor, checkpoint: AdapterCheckpoint, name: str) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], *parameters(checkpoint, name, x.dtype), 1e-5)


def parameters(checkpoint: AdapterCheckpoint, name: str, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Weight and bias of a published module."""
    key = f"{checkpoint.prefix}{name}"
    return checkpoint.weights.read(f"{key}.weight").to(dtype), checkpoint.weights.read(f"{key}.bias").to(dtype)
