"""A tower stage by stage, in float32, with only one stage's weights in memory.

A stage takes the state of an input (a caption, an image) to the next: a layer of the text tower, or a whole vision tower.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from llm2clip_export.checkpoints.tower_weights import TowerWeights

State = Tensor


@dataclass(frozen=True)
class Stage:
    """`prefix`: of the names of its parameters in the tower. `call(part, state, i)`: what becomes of input `i`."""

    prefix: str
    part: nn.Module
    call: Callable[[nn.Module, State, int], State]


@dataclass(frozen=True)
class Walk:
    """`starts()`: the states before the first stage, each with a batch axis of 1. `table`: the embedding they come from."""

    weights: TowerWeights
    starts: Callable[[], list[State]]
    stages: Sequence[Stage]
    table: str = ""

    def loaded(self, stage: Stage) -> nn.Module:
        """The part with its published weights, in float32."""
        part = deepcopy(stage.part)
        keys = {name: self.weights.keys[stage.prefix + name] for name, _ in part.named_parameters()}
        values = {name: self.weights.tensors.read(key, torch.float32) for name, key in keys.items()}
        part.load_state_dict(values, strict=False, assign=True)
        return part.requires_grad_(False)


def linears(part: nn.Module) -> dict[str, nn.Linear]:
    return {name: module for name, module in part.named_modules() if isinstance(module, nn.Linear)}


@dataclass
class Seen:
    """What went through a linear layer: inputs (T, K) and results (.., T, N), in the order of the calls."""

    inputs: list[Tensor]
    results: list[Tensor]


@contextmanager
def watched(layers: dict[str, nn.Linear]) -> Iterator[dict[str, Seen]]:
    """Notes what goes through `layers` while it is open."""
    seen = {name: Seen([], []) for name in layers}

    def note(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(_: nn.Module, arguments: tuple[Tensor, ...], result: Tensor) -> None:
            seen[name].inputs.append(arguments[0].detach().flatten(0, -2))
            seen[name].results.append(result)

        return hook

    handles = [layer.register_forward_hook(note(name)) for name, layer in layers.items()]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def advance(stage: Stage, part: nn.Module, states: list[State]) -> list[State]:
    return [stage.call(part, state, i) for i, state in enumerate(states)]
