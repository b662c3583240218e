"""The adapter as published beside the vision tower: `text_adapter.adaptor.*` (so spelled), reference.md 1.3."""

from dataclasses import dataclass
from typing import Any

from llm2clip_export.checkpoints.tensors import Tensors
from llm2clip_export.checkpoints.tower_weights import TowerWeights, with_biases
from llm2clip_export.towers.adapter import Adapter

PREFIX = "text_adapter.adaptor."


@dataclass(frozen=True)
class AdapterCheckpoint:
    """A published adapter. `geometry` holds the arguments of the tower's constructor."""

    weights: TowerWeights
    geometry: dict[str, Any]

    @property
    def width(self) -> int:
        return self.geometry["width"]

    @property
    def embedding_size(self) -> int:
        return self.geometry["embedding_size"]


def read_adapter(tensors: Tensors, precision: str) -> AdapterCheckpoint | None:
    """None when the checkpoint has no adapter at all."""
    if not any(key.startswith(PREFIX) for key in tensors.keys()):
        return None
    blocks = 0
    while f"{PREFIX}{blocks}.ln.weight" in tensors:
        blocks += 1
    projection = tensors.shape(f"{PREFIX}{blocks + 1}.weight", 2)
    hidden, width = tensors.shape(f"{PREFIX}0.fn.0.weight", 2) if blocks else (1, projection[1])
    geometry = {"width": width, "hidden": hidden, "blocks": blocks, "embedding_size": projection[0]}
    weights = TowerWeights.checked(lambda: Adapter(**geometry), tensors, published_keys(tensors, blocks), precision)
    return AdapterCheckpoint(weights, geometry)


def published_keys(tensors: Tensors, blocks: int) -> dict[str, str]:
    """The tower's parameters -> published keys.

    `fn` is Linear, GELU, Dropout, Linear, so the second Linear is fn.3; without the Dropout it would be fn.2.
    """
    modules = {"norm": f"{PREFIX}{blocks}", "projection": f"{PREFIX}{blocks + 1}"}
    for block in range(blocks):
        ours, theirs = f"blocks.{block}.", f"{PREFIX}{block}."
        second = "fn.2" if f"{theirs}fn.2.weight" in tensors else "fn.3"
        modules |= {f"{ours}norm": f"{theirs}ln", f"{ours}fc1": f"{theirs}fn.0", f"{ours}fc2": f"{theirs}{second}"}
    return with_biases(modules)
