"""LLM2CLIP-EVA02-*: .pt files in the names of LLM2CLIP's eva_clip/eva_vit_model.py (reference.md 1.4)."""

from pathlib import Path
from typing import Any, cast

import torch

from llm2clip_export.checkpoints.adapter import AdapterCheckpoint
from llm2clip_export.checkpoints.tensors import Tensors
from llm2clip_export.checkpoints.tower_weights import TowerWeights, count_layers, patches_a_side, with_biases
from llm2clip_export.checkpoints.vision import VisionCheckpoint, repository_of, with_adapter
from llm2clip_export.errors import CheckpointError
from llm2clip_export.towers.eva02_vit import EVA02ViT, rotary_frequencies

FAMILY = "eva02"
PREFIX = "visual."
CLASS = f"{PREFIX}cls_token"
PATCH = f"{PREFIX}patch_embed.proj.weight"
POSITION = f"{PREFIX}pos_embed"
HEAD = f"{PREFIX}head.weight"
LAYERS = f"{PREFIX}blocks."
ROTARY_COS, ROTARY_SIN = f"{PREFIX}rope.freqs_cos", f"{PREFIX}rope.freqs_sin"

# All variants; the files do not say it (LLM2CLIP eva_clip/model_configs).
HEAD_WIDTH = 64
# The tables are in float16, and other machines' cosines differ in the last bit.
TABLE_TOLERANCE = 1e-3


def read_eva02(path: Path, tensors: Tensors, precision: str) -> tuple[VisionCheckpoint, AdapterCheckpoint | None]:
    geometry = read_geometry(tensors)
    keys = published_keys(tensors, geometry["layers"])
    weights = TowerWeights.checked(lambda: EVA02ViT(**geometry), tensors, keys, precision)
    check_rotations(tensors, cast(EVA02ViT, weights.tower), geometry["image_size"])
    vision = VisionCheckpoint(FAMILY, weights, geometry, "torchvision", repository_of(path))
    return with_adapter(vision, precision, lambda key: key == "logit_scale" or ".rope.freqs_" in key)


def read_geometry(tensors: Tensors) -> dict[str, Any]:
    width = tensors.shape(CLASS, 3)[-1]
    patch_size = tensors.shape(PATCH, 4)[-1]
    if width % HEAD_WIDTH:
        raise CheckpointError(f"{tensors.path_of(CLASS)}: {CLASS}: expected heads of {HEAD_WIDTH}, got width {width}")
    return {
        "image_size": patch_size * patches_a_side(tensors, POSITION, tensors.shape(POSITION, 3)[1], class_tokens=1),
        "patch_size": patch_size,
        "width": width,
        "layers": count_layers(tensors, LAYERS),
        "heads": width // HEAD_WIDTH,
        "mlp_width": tensors.shape(f"{LAYERS}0.mlp.w1.weight", 2)[0],
        "embedding_dim": tensors.shape(HEAD, 2)[0],
        "frequencies": rotary_frequencies(HEAD_WIDTH),
        "half_rotations": ROTARY_COS in tensors and tensors.dtype(ROTARY_COS) == torch.float16,
    }


def check_rotations(tensors: Tensors, tower: EVA02ViT, image_size: int) -> None:
    """The tables in the file must be those that the tower computes: they are what the file was trained with."""
    if ROTARY_COS not in tensors:
        return
    angles = tower.angles(torch.empty(1, 3, image_size, image_size)).repeat_interleave(2, dim=-1)
    for key, expected in ((ROTARY_COS, angles.cos()), (ROTARY_SIN, angles.sin())):
        if tensors.shape(key) != tuple(expected.shape):
            raise CheckpointError(
                f"{tensors.path_of(key)}: {key}: expected shape {list(expected.shape)}, got {list(tensors.shape(key))}"
            )
        error = (tensors.read(key).float() - expected).abs().max().item()
        if error > TABLE_TOLERANCE:
            raise CheckpointError(
                f"{tensors.path_of(key)}: {key} is off by {error:.1e} from the rotations of EVA02 at {image_size} pixels; "
                "is it of another model?"
            )


def published_keys(tensors: Tensors, layers: int) -> dict[str, str]:
    """The tower's parameters -> published keys."""
    keys = {"class_embedding": CLASS, "position_embedding": POSITION}
    modules = {
        "patch_embedding": f"{PREFIX}patch_embed.proj", "norm": f"{PREFIX}norm", "projection": f"{PREFIX}head",
    }  # fmt: skip
    for layer in range(layers):
        ours, theirs = f"layers.{layer}.", f"{LAYERS}{layer}."
        modules |= {
            f"{ours}norm1": f"{theirs}norm1",
            f"{ours}attention.norm": f"{theirs}attn.inner_attn_ln",
            f"{ours}attention.out": f"{theirs}attn.proj",
            f"{ours}norm2": f"{theirs}norm2",
            f"{ours}mlp.gate": f"{theirs}mlp.w1",
            f"{ours}mlp.up": f"{theirs}mlp.w2",
            f"{ours}mlp.norm": f"{theirs}mlp.ffn_ln",
            f"{ours}mlp.down": f"{theirs}mlp.w3",
        }
        for name, letter in (("query", "q"), ("key", "k"), ("value", "v")):
            keys[f"{ours}attention.{name}.weight"] = f"{theirs}attn.{letter}_proj.weight"
        for name, letter in (("query", "q"), ("value", "v")):
            keys[f"{ours}attention.{name}.bias"] = bias_key(tensors, f"{theirs}attn.{letter}")
    return keys | with_biases(modules)


def bias_key(tensors: Tensors, projection: str) -> str:
    """EVA-CLIP's own checkpoints call it q_bias; LLM2CLIP's loader copies that to q_proj.bias."""
    original = f"{projection}_bias"
    return original if original in tensors else f"{projection}_proj.bias"
