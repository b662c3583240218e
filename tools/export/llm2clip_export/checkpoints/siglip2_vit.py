"""LLM2CLIP-*-siglip2-so400m-*: timm's names under `visual.trunk.` (reference.md 1.4, 2.3).

The published file was never seen here: whether it is a .pt or safetensors is left open, and a language model in it
(`text.text.`) is ignored, because the text tower comes from a repository of its own.
"""

from pathlib import Path
from typing import Any

from llm2clip_export.checkpoints.adapter import AdapterCheckpoint
from llm2clip_export.checkpoints.tensors import Tensors
from llm2clip_export.checkpoints.tower_weights import TowerWeights, count_layers, patches_a_side, with_biases
from llm2clip_export.checkpoints.vision import VisionCheckpoint, repository_of, with_adapter
from llm2clip_export.errors import CheckpointError
from llm2clip_export.towers.siglip2_vit import SigLIP2ViT

FAMILY = "siglip2"
PREFIX = "visual.trunk."
PATCH = f"{PREFIX}patch_embed.proj.weight"
POSITION = f"{PREFIX}pos_embed"
LATENT = f"{PREFIX}attn_pool.latent"
LAYERS = f"{PREFIX}blocks."
LANGUAGE_MODEL = "text.text."

# so400m: 16 heads over 1152; the file does not say it.
HEAD_WIDTH = 72


def read_siglip2(path: Path, tensors: Tensors, precision: str) -> tuple[VisionCheckpoint, AdapterCheckpoint | None]:
    geometry = read_geometry(tensors)
    keys = published_keys(geometry["layers"])
    weights = TowerWeights.checked(lambda: SigLIP2ViT(**geometry), tensors, keys, precision)
    vision = VisionCheckpoint(FAMILY, weights, geometry, "torchvision", repository_of(path))
    return with_adapter(
        vision, precision, lambda key: key in {"logit_scale", "logit_bias"} or key.startswith(LANGUAGE_MODEL)
    )


def read_geometry(tensors: Tensors) -> dict[str, Any]:
    width = tensors.shape(LATENT, 3)[-1]
    patch_size = tensors.shape(PATCH, 4)[-1]
    if width % HEAD_WIDTH:
        raise CheckpointError(f"{tensors.path_of(LATENT)}: {LATENT}: expected heads of {HEAD_WIDTH}, got width {width}")
    return {
        "image_size": patch_size * patches_a_side(tensors, POSITION, tensors.shape(POSITION, 3)[1], class_tokens=0),
        "patch_size": patch_size,
        "width": width,
        "layers": count_layers(tensors, LAYERS),
        "heads": width // HEAD_WIDTH,
        "mlp_width": tensors.shape(f"{LAYERS}0.mlp.fc1.weight", 2)[0],
    }


def published_keys(layers: int) -> dict[str, str]:
    """The tower's parameters -> published keys."""
    keys = {"position_embedding": POSITION, "pool.latent": LATENT}
    modules = {
        "patch_embedding": "patch_embed.proj",
        "norm": "norm",
        "pool.query": "attn_pool.q",
        "pool.key_value": "attn_pool.kv",
        "pool.out": "attn_pool.proj",
        "pool.norm": "attn_pool.norm",
        "pool.mlp.fc1": "attn_pool.mlp.fc1",
        "pool.mlp.fc2": "attn_pool.mlp.fc2",
    }
    for layer in range(layers):
        ours, theirs = f"layers.{layer}.", f"blocks.{layer}."
        modules |= {
            f"{ours}norm1": f"{theirs}norm1",
            f"{ours}attention.qkv": f"{theirs}attn.qkv",
            f"{ours}attention.out": f"{theirs}attn.proj",
            f"{ours}norm2": f"{theirs}norm2",
            f"{ours}mlp.fc1": f"{theirs}mlp.fc1",
            f"{ours}mlp.fc2": f"{theirs}mlp.fc2",
        }
    return keys | with_biases({ours: f"{PREFIX}{theirs}" for ours, theirs in modules.items()})
