"""Random tensors under published names: what the writers of all families share."""

import torch
from torch import Tensor

Tensors = dict[str, Tensor]


def random_like(shapes: dict[str, tuple[int, ...]], seed: int) -> Tensors:
    """Values of a trained network's order: products keep the size of their inputs, gains are near 1."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for key, shape in shapes.items():
        values = torch.randn(shape, generator=generator)
        is_gain = key.endswith("weight") and len(shape) == 1
        fan_in = values[0].numel() if len(shape) > 1 and "embed" not in key else 1
        tensors[key] = 1 + 0.1 * values if is_gain else values * (fan_in**-0.5 if fan_in > 1 else 0.5)
    return tensors


def adapter_shapes(
    prefix: str, *, width: int = 64, blocks: int = 4, embedding_dim: int = 24, second: str = "fn.3"
) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the adapter that is stored beside the vision tower, under `prefix`."""
    modules: dict[str, tuple[int, ...]] = {
        f"{prefix}{blocks}": (width,),
        f"{prefix}{blocks + 1}": (embedding_dim, width),
    }
    for block in range(blocks):
        modules |= {
            f"{prefix}{block}.ln": (width,),
            f"{prefix}{block}.fn.0": (2 * width, width),
            f"{prefix}{block}.{second}": (width, 2 * width),
        }
    return module_shapes(modules)


def module_shapes(modules: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Weight and bias of each module, whose weight has the given shape."""
    weights = {f"{name}.weight": shape for name, shape in modules.items()}
    return weights | {f"{name}.bias": shape[:1] for name, shape in modules.items()}
