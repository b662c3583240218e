"""The adapter as published beside the vision tower (reference.md 1.3, 1.4)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm2clip_export.checkpoints.tensors import Tensors
from llm2clip_export.checkpoints.tower_weights import TowerWeights, with_biases
from llm2clip_export.towers.adapter import Adapter

# transformers' names (so spelled), those of LLM2CLIP's eva_clip, and those of its SigLIP2 variant.
PREFIXES = ("text_adapter.adaptor.", "text.text_adaptor.", "text.text_proj.text_adaptor.")
# eva_clip/llm_model.py: l2_norm=False.
NOT_NORMALIZED = "text.text_proj.text_adaptor."


@dataclass(frozen=True)
class AdapterCheckpoint:
    """A published adapter. `geometry` holds the arguments of the tower's constructor."""

    weights: TowerWeights
    geometry: dict[str, Any]
    prefix: str

    @property
    def path(self) -> Path:
        """The file that says how large captions and embeddings are."""
        return self.weights.tensors.path_of(self.weights.keys["projection.weight"])

    @property
    def width(self) -> int:
        return self.geometry["width"]

    @property
    def embedding_dim(self) -> int:
        return self.geometry["embedding_dim"]


def read_adapter(tensors: Tensors, precision: str) -> AdapterCheckpoint | None:
    """None when the checkpoint has no adapter at all."""
    prefix = next((prefix for prefix in PREFIXES if any(key.startswith(prefix) for key in tensors.keys())), None)
    if prefix is None:
        return None
    blocks = 0
    while f"{prefix}{blocks}.ln.weight" in tensors:
        blocks += 1
    projection = tensors.shape(f"{prefix}{blocks + 1}.weight", 2)
    hidden, width = tensors.shape(f"{prefix}0.fn.0.weight", 2) if blocks else (1, projection[1])
    geometry: dict[str, Any] = {"width": width, "hidden": hidden, "blocks": blocks, "embedding_dim": projection[0]}
    geometry["normalize"] = prefix != NOT_NORMALIZED
    keys = published_keys(tensors, prefix, blocks)
    weights = TowerWeights.checked(lambda: Adapter(**geometry), tensors, keys, precision)
    return AdapterCheckpoint(weights, geometry, prefix)


def published_keys(tensors: Tensors, prefix: str, blocks: int) -> dict[str, str]:
    """The tower's parameters -> published keys.

    `fn` is Linear, GELU, Dropout, Linear, so the second Linear is fn.3; without the Dropout it would be fn.2.
    """
    modules = {"norm": f"{prefix}{blocks}", "projection": f"{prefix}{blocks + 1}"}
    for block in range(blocks):
        ours, theirs = f"blocks.{block}.", f"{prefix}{block}."
        second = "fn.2" if f"{theirs}fn.2.weight" in tensors else "fn.3"
        modules |= {f"{ours}norm": f"{theirs}ln", f"{ours}fc1": f"{theirs}fn.0", f"{ours}fc2": f"{theirs}{second}"}
    return with_biases(modules)
