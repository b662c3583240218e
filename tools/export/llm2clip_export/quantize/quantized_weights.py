"""A tower whose matrices have 8 or 4 bits where that does not hurt: what is written in the place of its TowerWeights."""

from collections.abc import Iterator
from copy import deepcopy
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from llm2clip_export.checkpoints.tower_weights import PRECISIONS
from llm2clip_export.errors import UsageError
from llm2clip_export.progress import Progress
from llm2clip_export.quantize.budget import KEPT, Choice, spend
from llm2clip_export.quantize.rounding import (
    Rounded,
    calibrate_to_4_bits,
    group_of,
    round_to_4_bits,
    round_to_8_bits,
    table_group,
)
from llm2clip_export.quantize.sensitivity import loss_of_effects, measure
from llm2clip_export.quantize.walk import Stage, Walk, advance, linears, watched
from llm2clip_export.torchscript import weight_names
from llm2clip_export.towers.quantized import Int4Linear, Int8Embedding, Int8Linear

# By the precision that is asked for: the bits a matrix may have, and the share of the bfloat16 bytes where none is said.
BITS = {"int8": [8, KEPT], "int4": [4, 8, KEPT]}
SIZES = {"int8": 0.6, "int4": 0.4}
LINEAR = {8: Int8Linear, 4: Int4Linear}
# LibTorch itself, and the states of all captions before each stage.
STATES = 1 << 30
NEAREST = {8: round_to_8_bits, 4: round_to_4_bits}


class QuantizedWeights:
    """`precision` is int8 or int4, `size` the share of the tower's bfloat16 bytes that it may take; None: that of SIZES.

    `measure` comes first, then `values` once, then `report`.
    """

    def __init__(self, walk: Walk, precision: str, size: float | None):
        self.walk, self.weights, self.precision = walk, walk.weights, precision
        self.tower = self.weights.tower
        self._layers = linears(self.tower)
        self._matrices: dict[str, Choice] = {}
        self._token_weights: dict[str, Tensor] = {}
        self._rows = self._cosines = torch.empty(0)
        self.size = self._allowed(size)

    @property
    def bytes(self) -> int:
        """What the weights may take."""
        return int(self.size * self._half_bytes())

    def _half_bytes(self) -> int:
        return 2 * sum(parameter.numel() for parameter in self.weights.tower.parameters())

    @property
    def memory(self) -> int:
        """What measuring and rounding take, roughly: a stage in float32, its widest matrices again, the largest Hessian."""
        stages = [sum(p.numel() for p in stage.part.parameters()) for stage in self.walk.stages]
        widest = max((layer.weight.numel() for layer in self._layers.values()), default=0)
        columns = max((layer.in_features for layer in self._layers.values()), default=0) if self.precision == "int4" else 0
        return 4 * (max(stages) + 4 * widest + 3 * columns**2) + STATES

    def _allowed(self, size: float | None) -> float:
        """`size`, or where none is said that of SIZES, or the least possible where that is more."""
        smallest = sum(min(self._bytes(name, bits) for bits in self._bits(name)) for name in self._names())
        least = ceil(1000 * (smallest + self._other_bytes()) / self._half_bytes()) / 1000
        if size is not None and size < least:
            raise UsageError(
                f"--size: {size:g} of its bfloat16 bytes is too little for this tower in {self.precision}; {least:g} is the least"
            )
        return max(SIZES[self.precision], least) if size is None else size

    def _names(self) -> list[str]:
        """Of all matrices that may be rounded: the table of tokens, and the linear layers."""
        return [*([self.walk.table] if self.walk.table else []), *self._layers]

    def _bits(self, name: str) -> list[int]:
        if name == self.walk.table:
            return [8, KEPT]
        columns = self._layers[name].in_features
        return [bits for bits in BITS[self.precision] if bits == KEPT or group_of(columns, bits)]

    def _bytes(self, name: str, bits: int) -> int:
        matrix = self.weights.tower.get_parameter(f"{name}.weight")
        if bits == KEPT:
            return matrix.numel() * matrix.element_size()
        return sum(buffer.nbytes for buffer in self._module(name, bits).buffers())

    def _other_bytes(self) -> int:
        """Of what always stays as it is."""
        matrices = {f"{name}.weight" for name in self._names()}
        return sum(p.nbytes for name, p in self.weights.tower.named_parameters() if name not in matrices)

    def _module(self, name: str, bits: int) -> nn.Module:
        """What stands in the program, without values."""
        matrix = self.weights.tower.get_parameter(f"{name}.weight")
        rows, columns = matrix.shape
        with torch.device("meta"):
            if name == self.walk.table:
                return Int8Embedding(rows, columns, table_group(columns))
            bias = None if self._layers[name].bias is None else matrix.dtype
            return LINEAR[bits](rows, columns, group_of(columns, bits) or columns, bias)

    def measure(self, progress: Progress) -> None:
        """Finds out what each rounding costs, and decides."""

        def changes(name: str, weight: Tensor) -> dict[int, Tensor]:
            return {bits: self._rounded(name, weight, bits) - weight for bits in self._bits(name)}

        found = measure(self.walk, changes, lambda stages: progress.steps("measuring", stages))
        losses = found.losses
        if self.walk.table:
            losses[self.walk.table] = self._table_losses(found.start_gradients)
        choices = {
            name: [Choice(bits, self._bytes(name, bits), losses[name][bits]) for bits in self._bits(name)]
            for name in self._names()
        }
        self._matrices = spend(choices, self.bytes - self._other_bytes())
        self._token_weights, self._rows = found.token_weights, found.rows
        self.tower = deepcopy(self.weights.tower)
        for name, choice in self._matrices.items():
            if choice.bits != KEPT:
                parent, _, child = name.rpartition(".")
                setattr(self.tower.get_submodule(parent), child, self._module(name, choice.bits))
        self.tower.requires_grad_(False).eval()

    def _rounded(self, name: str, weight: Tensor, bits: int) -> Tensor:
        """The values that the nearest rounding gives, float32."""
        if bits == KEPT:
            return weight.to(PRECISIONS[self.weights.precision]).float()
        return NEAREST[bits](weight, group_of(weight.shape[1], bits) or weight.shape[1]).values

    def _table_losses(self, gradients: list[Tensor]) -> dict[int, float]:
        exact = self.walk.starts()
        owner = torch.cat([torch.full((x.shape[1],), i) for i, x in enumerate(exact)])
        x, g = torch.cat(exact, dim=1)[0], torch.cat(gradients, dim=1)[0]
        kept = x.to(PRECISIONS[self.weights.precision]).float()
        changes = {KEPT: kept - x, 8: round_to_8_bits(x, table_group(x.shape[1])).values - x}
        return {bits: loss_of_effects((change * g).sum(-1), owner, len(exact)) for bits, change in changes.items()}

    def values(self) -> Iterator[Tensor]:
        """The weights in the order of `weight_names(tower)`; a stage of the walk is in memory at a time."""
        stages = self._stages()
        stage: dict[str, Tensor] = {}
        for name in weight_names(self.tower):
            while name not in stage:
                stage = next(stages)
            yield stage.pop(name)
        for _ in stages:  # the last one finds how near the rows are
            pass

    def _stages(self) -> Iterator[dict[str, Tensor]]:
        states = self.walk.starts()
        if self.walk.table:
            rounds = self._matrices[self.walk.table].bits == 8
            if rounds:
                states = [round_to_8_bits(x[0], table_group(x.shape[-1])).values[None] for x in states]
            yield self._table() if rounds else {f"{self.walk.table}.weight": self._kept(f"{self.walk.table}.weight")}
        for stage in self.walk.stages:
            part = self.walk.loaded(stage)
            stored = self._store(stage, part, states)
            states = advance(stage, part, states)
            yield stored
        rows = torch.cat(states)
        self._cosines = F.cosine_similarity(rows.double(), self._rows.double())

    def _table(self) -> dict[str, Tensor]:
        name = self.walk.table
        rows = self._kept(f"{name}.weight").split(8192)
        rounded = [round_to_8_bits(part.float(), table_group(part.shape[1])).buffers for part in rows]
        weight, scale = (torch.cat([part[kind] for part in rounded]) for kind in ("weight", "scale"))
        return {f"{name}.weight": weight, f"{name}.scale": scale.squeeze(-1)}

    def _kept(self, name: str) -> Tensor:
        return self.weights.read(self.weights.keys[name])

    def _store(self, stage: Stage, part: nn.Module, states: list[Tensor]) -> dict[str, Tensor]:
        """What stands in the file of this stage; puts its values into `part`."""
        hessians = self._hessians(stage, part, states)
        stored = {}
        for name, parameter in part.named_parameters():
            full = stage.prefix + name
            matrix = full.removesuffix(".weight")
            choice = self._matrices.get(matrix)
            if choice is None or choice.bits == KEPT:
                stored[full] = self._kept(full)
                parameter.data = stored[full].float()
                continue
            rounded = self._best(parameter.data, choice.bits, hessians.pop(matrix, None))
            stored |= {f"{matrix}.{kind}": buffer for kind, buffer in rounded.buffers.items()}
            parameter.data = rounded.values
        return stored

    def _best(self, weight: Tensor, bits: int, hessian: Tensor | None) -> Rounded:
        group = group_of(weight.shape[1], bits) or weight.shape[1]
        return NEAREST[bits](weight, group) if hessian is None else calibrate_to_4_bits(weight, group, hessian)

    def _hessians(self, stage: Stage, part: nn.Module, states: list[Tensor]) -> dict[str, Tensor]:
        """For each matrix of 4 bits the sum of x x^T over its inputs, each weighed by what its result means to the rows."""
        layers = linears(part)
        wanted = {name: layers[name] for name in layers if self._is_of_4_bits(stage.prefix + name)}
        if not wanted:
            return {}
        with watched(wanted) as seen:
            advance(stage, part, states)
        found = {}
        for name in wanted:
            x = torch.cat(seen[name].inputs)
            found[stage.prefix + name] = (x * self._token_weights[stage.prefix + name][:, None]).T @ x
        return found

    def _is_of_4_bits(self, name: str) -> bool:
        choice = self._matrices.get(name)
        return choice is not None and choice.bits == 4

    def report(self) -> dict[str, Any]:
        """The manifest's `quantized`."""
        width = 8 * PRECISIONS[self.weights.precision].itemsize
        matrices = []
        for name, choice in self._matrices.items():
            columns = self.weights.tower.get_parameter(f"{name}.weight").shape[1]
            stored: dict[str, Any] = {"bits": width}
            if choice.bits != KEPT:
                group = table_group(columns) if name == self.walk.table else group_of(columns, choice.bits)
                stored = {"bits": choice.bits, "group": group}
            matrices.append({"name": name, **stored, "loss": float(f"{choice.loss:.2e}")})
        return {
            "size": self.size,
            "kept": self.weights.precision,
            "kept_bytes": sum(parameter.nbytes for parameter in self.tower.parameters()),
            "least_cosine": round(self._cosines.min().item(), 6),
            "median_cosine": round(self._cosines.median().item(), 6),
            "matrices": matrices,
        }
