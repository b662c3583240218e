"""The adapter: LLM2CLIP eva_clip/model.py, TextProj and LinearBlock, evaluated in float64."""

import torch
from torch import Tensor
from torch.nn import functional as F

from llm2clip_export.checkpoints.adapter import AdapterCheckpoint


@torch.inference_mode()
def reference_text_embeddings(checkpoint: AdapterCheckpoint, captions: Tensor) -> Tensor:
    """(texts, H) -> (texts, D) float32, before L2 normalisation; computed in float64."""
    blocks = checkpoint.geometry["blocks"]
    x = captions.double()
    if checkpoint.geometry["normalize"]:
        x = F.normalize(x, dim=-1, eps=1e-12)
    for block in range(blocks):
        normed = layer_norm(x, checkpoint, f"{block}.ln")
        hidden = F.gelu(linear(normed, checkpoint, f"{block}.fn.0"))
        x = x + linear(hidden, checkpoint, second_linear(checkpoint, block))
    return linear(layer_norm(x, checkpoint, f"{blocks}"), checkpoint, f"{blocks + 1}").float()


def second_linear(checkpoint: AdapterCheckpoint, block: int) -> str:
    alias = f"{block}.fn.2"
    return alias if f"{checkpoint.prefix}{alias}.weight" in checkpoint.weights.tensors else f"{block}.fn.3"


def linear(x: Tensor, checkpoint: AdapterCheckpoint, name: str) -> Tensor:
    return F.linear(x, *parameters(checkpoint, name))


def layer_norm(x: Tensor, checkpoint: AdapterCheckpoint, name: str) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], *parameters(checkpoint, name), 1e-5)


def parameters(checkpoint: AdapterCheckpoint, name: str) -> tuple[Tensor, Tensor]:
    """Weight and bias of a published module in float64."""
    key = f"{checkpoint.prefix}{name}"
    return checkpoint.weights.read(f"{key}.weight").double(), checkpoint.weights.read(f"{key}.bias").double()
