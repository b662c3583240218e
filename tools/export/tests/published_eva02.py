"""Small random checkpoints like LLM2CLIP-EVA02-*: one .pt of half tensors, in the names of eva_clip (reference.md 1.4)."""

from math import isqrt
from pathlib import Path

import torch
from torch import Tensor

from published_tensors import Tensors, adapter_shapes, module_shapes, random_like

ADAPTER = "text.text_adaptor."


def eva02_shapes(
    *, width: int = 128, layers: int = 2, patch_size: int = 14, image_size: int = 42, embedding_dim: int = 24
) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the vision tower, without the rotary tables."""
    patches = (image_size // patch_size) ** 2
    mlp_width = int(width * 2.6667)
    shapes: dict[str, tuple[int, ...]] = {
        "visual.cls_token": (1, 1, width), "visual.pos_embed": (1, patches + 1, width),
    }  # fmt: skip
    modules: dict[str, tuple[int, ...]] = {
        "visual.patch_embed.proj": (width, 3, patch_size, patch_size), "visual.norm": (width,),
        "visual.head": (embedding_dim, width),
    }  # fmt: skip
    for layer in range(layers):
        at = f"visual.blocks.{layer}"
        modules |= {f"{at}.{name}": (width,) for name in ("norm1", "norm2", "attn.inner_attn_ln")}
        modules |= {f"{at}.attn.{name}": (width, width) for name in ("q_proj", "v_proj", "proj")}
        modules |= {f"{at}.mlp.w1": (mlp_width, width), f"{at}.mlp.w2": (mlp_width, width)}
        modules |= {f"{at}.mlp.ffn_ln": (mlp_width,), f"{at}.mlp.w3": (width, mlp_width)}
        shapes[f"{at}.attn.k_proj.weight"] = (width, width)
    return shapes | module_shapes(modules)


def rotary_tables(patches: int, head_dim: int = 64) -> tuple[Tensor, Tensor]:
    """Cosines and sines, (N, head_dim) float32: eva_clip/rope.py, VisionRotaryEmbeddingFast."""
    side = isqrt(patches)
    dim = head_dim // 2
    frequencies = 1.0 / (10000 ** (torch.arange(0, dim, 2)[: dim // 2].float() / dim))
    angles = torch.einsum("i,f->if", torch.arange(side) / side * 16, frequencies).repeat_interleave(2, dim=-1)
    rows, columns = angles[:, None].expand(-1, side, -1), angles[None].expand(side, -1, -1)
    both = torch.cat([rows, columns], dim=-1).reshape(side * side, head_dim)
    return both.cos(), both.sin()


def with_tables(tensors: Tensors, layers: int) -> Tensors:
    """As a state dict of the training code has them: once for the tower, and once more for each block."""
    cos, sin = rotary_tables(tensors["visual.pos_embed"].shape[1] - 1)
    places = ["visual.rope", *(f"visual.blocks.{layer}.attn.rope" for layer in range(layers))]
    return tensors | {f"{at}.freqs_cos": cos for at in places} | {f"{at}.freqs_sin": sin for at in places}


def with_old_biases(tensors: Tensors) -> Tensors:
    """EVA-CLIP's own spelling: q_bias and v_bias."""
    names = {"q_proj.bias": "q_bias", "v_proj.bias": "v_bias"}
    renamed = {}
    for key, value in tensors.items():
        at, _, name = key.rpartition(".attn.")
        renamed[f"{at}.attn.{names[name]}" if name in names else key] = value
    return renamed


def write_eva02(
    directory: Path,
    *,
    layers: int = 2,
    adapter_width: int | None = 64,
    embedding_dim: int = 24,
    dtype: torch.dtype = torch.float16,
    tables: bool = True,
    old_biases: bool = False,
    wrapper: str = "",
    parallel: bool = False,
    seed: int = 0,
    tensors: Tensors | None = None,
    name: str = "LLM2CLIP-EVA02-L-14-336.pt",
    **geometry: int,
) -> Path:
    """A repository like LLM2CLIP-EVA02-L-14-336; returns the .pt file.

    `wrapper` is the top-level key that training code puts around the state dict; `parallel` its prefix `module.`.
    """
    shapes = eva02_shapes(layers=layers, embedding_dim=embedding_dim, **geometry) | {"logit_scale": ()}
    if adapter_width is not None:
        shapes |= adapter_shapes(ADAPTER, width=adapter_width, embedding_dim=embedding_dim)
    values = random_like(shapes, seed) | (tensors or {})
    if tables:
        values = with_tables(values, layers)
    if old_biases:
        values = with_old_biases(values)
    content = {("module." if parallel else "") + key: value.to(dtype) for key, value in values.items()}
    directory.mkdir(parents=True, exist_ok=True)
    torch.save({wrapper: content} if wrapper else content, directory / name)
    return directory / name
