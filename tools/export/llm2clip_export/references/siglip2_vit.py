"""SigLIP2's vision transformer: transformers' SiglipVisionModel with timm's exact GELU."""

import torch
from torch import Tensor
from transformers import SiglipVisionConfig, SiglipVisionModel

from llm2clip_export.checkpoints.siglip2_vit import LAYERS, PREFIX
from llm2clip_export.checkpoints.vision import VisionCheckpoint


def image_embeddings(checkpoint: VisionCheckpoint, pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """(images, D) before L2 normalization."""
    geometry = checkpoint.geometry
    config = SiglipVisionConfig(
        hidden_size=geometry["width"],
        intermediate_size=geometry["mlp_width"],
        num_hidden_layers=geometry["layers"],
        num_attention_heads=geometry["heads"],
        image_size=geometry["image_size"],
        patch_size=geometry["patch_size"],
        hidden_act="gelu",
        layer_norm_eps=1e-6,
        attn_implementation="eager",  # the products of attention as well are HalfProducts' business
    )
    model = SiglipVisionModel(config).eval()
    model.load_state_dict(renamed(checkpoint), strict=True)
    return model.to(dtype)(pixel_values=pixels.to(dtype)).pooler_output


def renamed(checkpoint: VisionCheckpoint) -> dict[str, Tensor]:
    """timm's tensors under transformers' names."""
    weights = checkpoint.weights
    timm = {key.removeprefix(PREFIX): weights.read(key).float() for key in weights.keys.values()}
    renames = {
        "patch_embed.proj": "embeddings.patch_embedding", "attn_pool.proj": "head.attention.out_proj",
        "attn_pool.norm": "head.layernorm", "attn_pool.mlp": "head.mlp", "norm": "post_layernorm",
    }  # fmt: skip
    for layer in range(checkpoint.geometry["layers"]):
        ours, theirs = f"{LAYERS.removeprefix(PREFIX)}{layer}.", f"encoder.layers.{layer}."
        renames |= {
            f"{ours}norm1": f"{theirs}layer_norm1", f"{ours}norm2": f"{theirs}layer_norm2",
            f"{ours}mlp": f"{theirs}mlp", f"{ours}attn.proj": f"{theirs}self_attn.out_proj",
        }  # fmt: skip
        for kind in ("weight", "bias"):
            for part, rows in zip("qkv", timm.pop(f"{ours}attn.qkv.{kind}").chunk(3), strict=True):
                timm[f"{theirs}self_attn.{part}_proj.{kind}"] = rows
    named = {
        "embeddings.position_embedding.weight": timm.pop("pos_embed")[0],
        "head.probe": timm.pop("attn_pool.latent"),
    }
    for kind in ("weight", "bias"):
        query, key_value = timm.pop(f"attn_pool.q.{kind}"), timm.pop(f"attn_pool.kv.{kind}")
        # What torch.nn.MultiheadAttention keeps in one.
        named[f"head.attention.in_proj_{kind}"] = torch.cat([query, key_value])
    for name, tensor in timm.items():
        old = next((old for old in renames if name.startswith(f"{old}.")), None)
        named[name.replace(old, renames[old], 1) if old else name] = tensor
    return {f"vision_model.{name}": tensor for name, tensor in named.items()}
