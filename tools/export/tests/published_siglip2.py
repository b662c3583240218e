"""Small random checkpoints like LLM2CLIP-*-siglip2-so400m-*: timm's names, adapter without norm (reference.md 1.4)."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from published_tensors import Tensors, adapter_shapes, module_shapes, random_like

ADAPTER = "text.text_proj.text_adaptor."


def siglip2_shapes(
    *, width: int = 144, layers: int = 2, patch_size: int = 14, image_size: int = 42, mlp_width: int = 538
) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the vision tower; its width is the embedding size."""
    at = "visual.trunk"
    patches = (image_size // patch_size) ** 2
    modules: dict[str, tuple[int, ...]] = {
        f"{at}.patch_embed.proj": (width, 3, patch_size, patch_size), f"{at}.norm": (width,),
        f"{at}.attn_pool.q": (width, width), f"{at}.attn_pool.kv": (2 * width, width),
        f"{at}.attn_pool.proj": (width, width), f"{at}.attn_pool.norm": (width,),
        f"{at}.attn_pool.mlp.fc1": (mlp_width, width), f"{at}.attn_pool.mlp.fc2": (width, mlp_width),
    }  # fmt: skip
    for layer in range(layers):
        block = f"{at}.blocks.{layer}"
        modules |= {
            f"{block}.norm1": (width,), f"{block}.norm2": (width,), f"{block}.attn.qkv": (3 * width, width),
            f"{block}.attn.proj": (width, width), f"{block}.mlp.fc1": (mlp_width, width),
            f"{block}.mlp.fc2": (width, mlp_width),
        }  # fmt: skip
    shapes: dict[str, tuple[int, ...]] = {
        f"{at}.pos_embed": (1, patches, width), f"{at}.attn_pool.latent": (1, 1, width), "logit_scale": (),
    }  # fmt: skip
    return shapes | module_shapes(modules)


def write_siglip2(
    directory: Path,
    *,
    width: int = 144,
    adapter_width: int | None = 64,
    dtype: torch.dtype = torch.float32,
    safetensors: bool = True,
    seed: int = 0,
    tensors: Tensors | None = None,
    **geometry: int,
) -> Path:
    """A repository like LLM2CLIP-Llama3.1-8B-siglip2-so400m-patch14-224; returns the file with weights."""
    shapes = siglip2_shapes(width=width, **geometry)
    if adapter_width is not None:
        shapes |= adapter_shapes(ADAPTER, width=adapter_width, embedding_dim=width)
    values = {key: value.to(dtype) for key, value in (random_like(shapes, seed) | (tensors or {})).items()}
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / ("model.safetensors" if safetensors else "LLM2CLIP-siglip2.pt")
    if safetensors:
        save_file(values, path)
    else:
        torch.save(values, path)
    return path
