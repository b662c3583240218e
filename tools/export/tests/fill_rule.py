"""The tiny networks of reference.md 11.3: weights by a rule, values measured from the reference's own code."""

from typing import Any

import torch
from torch import Tensor

from published_eva02 import eva02_shapes

# Output of the reference.
ADAPTER = [-0.1369639, 0.01127218, 0.1543252, 0.2293917, 0.2035806, 0.08829915]
QUICK_GELU_VIT = [0.05751218, 0.0186654, -0.02895997, -0.06296504, -0.06735665]
EXACT_GELU_VIT = [0.05751127, 0.01864059, -0.02899695, -0.06299688, -0.06736839]
EVA02 = [-0.01221073, 0.6221886, -0.05962037, -0.5012572, 0.2890462]
BIDIRECTIONAL_LLAMA = [-1.355261, 0.1188657, 1.394605, -0.8235475, -0.928817, 0.9476444]
CAUSAL_LLAMA = [-1.338866, 0.06563655, 1.387227, -0.769218, -0.9182559, 0.9196737]

LLAMA_IDS = [3, 14, 15, 9, 26, 5]
LLAMA: dict[str, Any] = {"width": 128, "layers": 2, "heads": 4, "kv_heads": 2, "mlp_width": 96, "vocabulary": 50}
VIT: dict[str, Any] = {"width": 128, "layers": 2, "patch_size": 14, "image_size": 42, "embedding_dim": 5}


def filled(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Element i of the j-th name is 0.1 sin(0.7 i + 1.3 j), one more for gains."""
    tensors = {}
    for j, name in enumerate(sorted(shapes)):
        shape = shapes[name]
        count = int(torch.tensor(shape).prod())
        values = 0.1 * torch.sin(0.7 * torch.arange(count, dtype=torch.float64) + 1.3 * j)
        gain = 1.0 if name.endswith("weight") and len(shape) == 1 else 0.0
        tensors[name] = (values + gain).float().reshape(shape)
    return tensors


def vit_in_published_keys() -> dict[str, Tensor]:
    """Filled under the names of eva_clip/transformer.py (reference.md 1.4), then renamed and reshaped."""
    width = VIT["width"]
    shapes: dict[str, tuple[int, ...]] = {
        "class_embedding": (width,), "positional_embedding": (10, width), "proj": (width, 5),
        "conv1.weight": (width, 3, 14, 14),
    }  # fmt: skip
    modules: dict[str, tuple[int, ...]] = {"ln_pre": (width,), "ln_post": (width,)}
    for layer in range(2):
        at = f"transformer.resblocks.{layer}"
        modules |= {
            f"{at}.ln_1": (width,), f"{at}.ln_2": (width,), f"{at}.attn.out_proj": (width, width),
            f"{at}.mlp.c_fc": (512, width), f"{at}.mlp.c_proj": (width, 512),
        }  # fmt: skip
        shapes |= {f"{at}.attn.in_proj_weight": (3 * width, width), f"{at}.attn.in_proj_bias": (3 * width,)}
    shapes |= {f"{name}.weight": shape for name, shape in modules.items()}
    shapes |= {f"{name}.bias": shape[:1] for name, shape in modules.items()}
    return rename_vit(filled(shapes))


def eva02_in_published_keys() -> dict[str, Tensor]:
    """Filled under the names without `visual.`, and without rotary tables."""
    shapes = {key.removeprefix("visual."): shape for key, shape in eva02_shapes(**VIT).items()}
    return {f"visual.{name}": tensor for name, tensor in filled(shapes).items()}


def rename_vit(github: dict[str, Tensor]) -> dict[str, Tensor]:
    renames = {
        "positional_embedding": "vision_model.embeddings.position_embedding.weight",
        "class_embedding": "vision_model.embeddings.class_embedding",
        "conv1.weight": "vision_model.embeddings.patch_embedding.weight",
        "ln_pre": "vision_model.pre_layrnorm", "ln_post": "vision_model.post_layernorm",
        "transformer.resblocks": "vision_model.encoder.layers",
        "ln_1": "layer_norm1", "ln_2": "layer_norm2", "attn.out_proj": "self_attn.out_proj",
        "c_fc": "fc1", "c_proj": "fc2",
    }  # fmt: skip
    published = {"visual_projection.weight": github["proj"].T.contiguous()}
    for name, tensor in github.items():
        if name == "proj":
            continue
        for old, new in renames.items():
            name = name.replace(old, new)
        if ".attn.in_proj_" in name:
            at, kind = name.split(".attn.in_proj_")
            for part, rows in zip("qkv", tensor.chunk(3), strict=True):
                published[f"{at}.self_attn.{part}_proj.{kind}"] = rows.clone()
        else:
            published[name] = tensor
    return published


def vit_picture() -> Tensor:
    """(1, 3, 42, 42): cos(0.3 x + 0.5 y + 1.1 c)"""
    c, y, x = (torch.arange(count, dtype=torch.float64) for count in (3, 42, 42))
    return torch.cos(0.3 * x + 0.5 * y[:, None] + 1.1 * c[:, None, None]).float()[None]
