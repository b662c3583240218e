"""LoRA adapters in peft's layout, merged into the weights they were trained on.

Paper: LoRA, arXiv 2106.09685. Reference: peft tuners/lora/layer.py, Linear.merge and get_delta_weight.
"""

from pathlib import Path

import torch

from llm2clip_export.checkpoints.config import Config
from llm2clip_export.checkpoints.pickled_tensors import PickledTensors
from llm2clip_export.checkpoints.published_file import published_file
from llm2clip_export.checkpoints.tensor_files import TensorFiles
from llm2clip_export.checkpoints.tensors import Tensors
from llm2clip_export.checkpoints.tower_weights import few
from llm2clip_export.errors import CheckpointError

CONFIG = "adapter_config.json"
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
# What peft puts before the names of the model it wraps, and transformers before those of its Llama.
WRAPPER, MODEL = "base_model.model.", "model."
DOWN, UP = ".lora_A.weight", ".lora_B.weight"
# What changes the sum W + scale * B A, and the values with which it does not.
UNSUPPORTED = {
    "use_dora": False, "fan_in_fan_out": False, "bias": "none", "modules_to_save": None, "rank_pattern": {},
    "alpha_pattern": {}, "layer_replication": None, "lora_bias": False,
}  # fmt: skip


class LoRA:
    """One adapter: for each weight it changes, two thin matrices whose product is added."""

    def __init__(self, directory: Path):
        self.config = Config.read(directory, CONFIG)
        self.config.choice("peft_type", ["LORA"], "LORA")
        for key, value in UNSUPPORTED.items():
            if self.config.values.get(key) not in (value, None):
                raise self.config.error(key, f"expected {value!r}, got {self.config.values[key]!r}; it cannot be merged")
        self.tensors = open_weights(directory)
        rank, alpha = self.config.integer("r"), self.config.number("lora_alpha")
        self.rank = rank
        self.scale = alpha / rank**0.5 if self.config.values.get("use_rslora") else alpha / rank
        self._pairs = pairs(self.tensors)

    @property
    def files(self) -> list[Path]:
        """Weights, and the config that scales them."""
        return [*self.tensors.paths, self.config.path]

    @property
    def targets(self) -> list[str]:
        """The weights it changes, without the prefixes of peft and transformers."""
        return sorted(self._pairs)

    def delta(self, target: str, shape: tuple[int, ...]) -> torch.Tensor:
        """scale * B A in float32: what is added to `target`, which has `shape`."""
        down, up = (self.tensors.read(key, torch.float32) for key in self._pairs[target])
        if (up.shape[0], down.shape[1]) != shape or down.shape[0] != self.rank or up.shape[1] != self.rank:
            raise CheckpointError(
                f"{self.tensors.path_of(self._pairs[target][0])}: {target}: {list(up.shape)} by {list(down.shape)} does "
                f"not make {list(shape)} with rank {self.rank}; was it trained on another model?"
            )
        return up @ down * self.scale


def open_weights(directory: Path) -> Tensors:
    for name in WEIGHTS:
        if (directory / name).is_file():
            is_pickle = name.endswith(".bin")
            return PickledTensors(directory / name) if is_pickle else TensorFiles(directory, [directory / name])
    return TensorFiles(directory, [published_file(directory, WEIGHTS[0])])


def pairs(tensors: Tensors) -> dict[str, tuple[str, str]]:
    """Changed weight -> the keys of A and B."""
    found = {}
    for key in tensors.keys():
        if key.endswith(DOWN) and key.removesuffix(DOWN) + UP in tensors:
            found[bare(key.removesuffix(DOWN)) + ".weight"] = (key, key.removesuffix(DOWN) + UP)
    others = sorted(set(tensors.keys()) - {key for pair in found.values() for key in pair})
    if others or not found:
        raise CheckpointError(
            f"{tensors.paths[0] if tensors.paths else tensors.where}: {few(others) if others else 'no tensor is'} not "
            "of a LoRA adapter (lora_A, lora_B)"
        )
    return found


def bare(key: str) -> str:
    return key.removeprefix(WRAPPER).removeprefix(MODEL)


class MergedTensors(Tensors):
    """The base model's tensors, each with what the adapters add to it, in their order."""

    def __init__(self, base: Tensors, adapters: list[LoRA]):
        super().__init__(base.where, base._entries)
        self._base = base
        self._adapters = adapters
        known = {bare(key) for key in base.keys()}
        for adapter in adapters:
            unknown = [target for target in adapter.targets if target not in known]
            if unknown:
                raise CheckpointError(
                    f"{adapter.tensors.paths[0]}: changes weights that {base.where} has not: {few(unknown)} missing; "
                    "was it trained on another model?"
                )

    def fetch(self, key: str) -> torch.Tensor:
        return self._base.fetch(key)

    def read(self, key: str, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Added in the precision that is asked for, as peft merges into a model that was loaded in it."""
        weight = self._base.read(key, dtype)
        for adapter in self._adapters:
            if bare(key) in adapter.targets:
                weight = weight + adapter.delta(bare(key), tuple(weight.shape)).to(weight.dtype)
        return weight
