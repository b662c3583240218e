"""A tower, and where each of its weights stands in a published checkpoint."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import isqrt

import torch
from torch import nn

from llm2clip_export.checkpoints.tensors import Tensors
from llm2clip_export.errors import CheckpointError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
# How many names an error lists.
FEW = 3


@dataclass(frozen=True)
class TowerWeights:
    """`tower` has shapes and types but no values (device meta); `keys` gives the published key of each parameter."""

    tower: nn.Module
    tensors: Tensors
    keys: dict[str, str]
    precision: str

    @classmethod
    def checked(
        cls, make_tower: Callable[[], nn.Module], tensors: Tensors, keys: dict[str, str], precision: str
    ) -> "TowerWeights":
        """Refuses when a tensor is missing, has another shape than the tower, or an unusable type.

        `precision` is a name of PRECISIONS, or `as-stored`.
        """
        with torch.device("meta"):
            tower = make_tower().requires_grad_(False).eval()
        refuse_missing(tensors, keys.values())
        for name, parameter in tower.named_parameters():
            key = keys[name]
            if tensors.shape(key) != tuple(parameter.shape):
                raise CheckpointError(
                    f"{tensors.path_of(key)}: {key}: expected shape {list(parameter.shape)}, "
                    f"got {list(tensors.shape(key))}; is the file of another model?"
                )
        stored = stored_precision(tensors, list(keys.values())) if precision == "as-stored" else precision
        return cls(tower.to(PRECISIONS[stored]), tensors, keys, stored)

    @property
    def bytes(self) -> int:
        """What the weights take in the exported precision."""
        width = PRECISIONS[self.precision].itemsize
        return sum(parameter.numel() * width for parameter in self.tower.parameters())

    def values(self) -> Iterator[torch.Tensor]:
        """Every weight in the order of the tower's parameters; one is in memory at a time."""
        for name, _ in self.tower.named_parameters():
            yield self.read(self.keys[name])

    def read(self, key: str) -> torch.Tensor:
        """A published tensor in the exported precision."""
        return self.tensors.read(key, PRECISIONS[self.precision])


def stored_precision(tensors: Tensors, keys: list[str]) -> str:
    """The one precision of all `keys`."""
    first = keys[0]
    for key in keys:
        if tensors.dtype(key) != tensors.dtype(first):
            raise CheckpointError(
                f"{tensors.path_of(key)}: {key} is {name_of(tensors.dtype(key))}, {first} is "
                f"{name_of(tensors.dtype(first))}; choose one with --precision"
            )
    return name_of(tensors.dtype(first))


def name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def refuse_missing(tensors: Tensors, keys: Iterable[str]) -> None:
    missing = [key for key in keys if key not in tensors]
    if missing:
        where = tensors.where
        raise CheckpointError(f"{where}: {few(missing)} missing; download the whole repository")


def refuse_unexpected(tensors: Tensors, known: set[str]) -> None:
    unexpected = [key for key in tensors.keys() if key not in known]
    if unexpected:
        raise CheckpointError(
            f"{tensors.path_of(unexpected[0])}: {few(unexpected)} unexpected; is it of another model?"
        )


def few(keys: list[str]) -> str:
    """`a, b, c and 4 more tensors are`"""
    listed = ", ".join(keys[:FEW])
    more = len(keys) - FEW
    if more > 0:
        return f"{listed} and {more} more tensors are"
    return f"tensor {listed} is" if len(keys) == 1 else f"tensors {listed} are"


def with_biases(names: dict[str, str]) -> dict[str, str]:
    """{module: published module} -> {parameter: key} for weight and bias of each."""
    return {f"{ours}.{kind}": f"{theirs}.{kind}" for ours, theirs in names.items() for kind in ("weight", "bias")}


def count_layers(tensors: Tensors, prefix: str) -> int:
    """How many layers `prefix`0. ... `prefix`n. there are, by the highest number; gaps show up as missing tensors."""
    numbers = [key.removeprefix(prefix).partition(".")[0] for key in tensors.keys() if key.startswith(prefix)]
    # No more than there are tensors: a mistyped number should be named as unexpected, not counted up to.
    return max((min(int(number) + 1, len(numbers)) for number in numbers if number.isdecimal()), default=0)


def patches_a_side(tensors: Tensors, key: str, rows: int, *, class_tokens: int) -> int:
    """The side of the square of patches that the `rows` of the position embedding are for."""
    patches = rows - class_tokens
    side = isqrt(max(patches, 0))
    if side < 1 or side * side != patches:
        extra = "a class token and " if class_tokens else ""
        raise CheckpointError(
            f"{tensors.path_of(key)}: {key}: expected rows for {extra}a square of patches, got {rows} rows"
        )
    return side
