"""What it costs the rows of a tower when a matrix is rounded, measured for every matrix in one way there and back.

With e the row of an input and v a random direction at right angles to it, the gradient g of v e / |e| by a layer's result
y says what a change of its matrix does: dW changes v e / |e| by the sum over tokens of g (dW x). The mean square of that is
twice what 1 - cosine becomes. So a way back with one v for each input tells the loss of any rounding of any matrix.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor, nn

from llm2clip_export.quantize.walk import Stage, State, Walk, advance, linears, watched

Watch = Callable[[Iterable[int]], Iterable[int]]
# Tells what dW of a linear layer of that name is worth trying: by a label (bits).
Candidates = Callable[[str, Tensor], dict[int, Tensor]]


@dataclass
class Sensitivity:
    """`losses[name][bits]`: 1 - cosine, as of the inputs in general. `token_weights[name]` (all tokens,): share in the squared
    gradient of the token's input."""

    losses: dict[str, dict[int, float]]
    token_weights: dict[str, Tensor]
    start_gradients: list[Tensor]
    rows: Tensor


def measure(walk: Walk, candidates: Candidates, watch: Watch = iter) -> Sensitivity:
    before = [walk.starts()]
    for index in watch(range(len(walk.stages))):
        stage = walk.stages[index]
        before.append(advance(stage, walk.loaded(stage), before[-1]))
    rows = torch.cat(before.pop())
    gradients = list(directions(rows).split(1))
    losses: dict[str, dict[int, float]] = {}
    token_weights: dict[str, Tensor] = {}
    for index in watch(range(len(walk.stages) - 1, -1, -1)):
        stage = walk.stages[index]
        part = walk.loaded(stage)
        gradients, flows = way_back(stage, part, before.pop(), gradients)
        for name, layer in linears(part).items():
            full = stage.prefix + name
            x, g, owner = flows.pop(name)
            losses[full] = {
                bits: loss(x, g, owner, change, len(gradients)) for bits, change in candidates(full, layer.weight.detach()).items()
            }
            token_weights[full] = shares(g.square().sum(-1), owner, len(gradients))
    return Sensitivity(losses, token_weights, gradients, rows)


def directions(rows: Tensor) -> Tensor:
    """For each row e (B, D) the gradient of v e / |e|: a random v of unit variance at right angles to e, over |e|."""
    v = torch.randn(rows.shape, generator=torch.Generator().manual_seed(1))
    length = rows.norm(dim=-1, keepdim=True)
    unit = rows / length
    return (v - (v * unit).sum(-1, keepdim=True) * unit) / length


def shares(weights: Tensor, owner: Tensor, inputs: int) -> Tensor:
    """Each token's share of its input's sum: the input that is thrown farthest must not be all that calibration sees."""
    sums = torch.zeros(inputs).index_add_(0, owner, weights)
    return torch.where(sums[owner] > 0, weights / sums[owner], 0)


Flow = tuple[Tensor, Tensor, Tensor]


def way_back(stage: Stage, part: nn.Module, states: list[State], gradients: list[Tensor]) -> tuple[list[Tensor], dict[str, Flow]]:
    """The gradients before the stage, and of each linear layer inputs (T, K), gradients (T, N) and whose tokens they are."""
    layers = linears(part)
    for layer in layers.values():
        layer.weight.requires_grad_()  # or the result of one that does not hang on the state would have no gradient
    found: dict[str, list[Flow]] = {name: [] for name in layers}
    earlier = []
    for i, (state, gradient) in enumerate(zip(states, gradients, strict=True)):
        state = state.detach().requires_grad_()
        with torch.enable_grad(), watched(layers) as seen:
            result = stage.call(part, state, i)
        results = [y for name in layers for y in seen[name].results]
        of_state, *of_results = torch.autograd.grad(result, [state, *results], gradient)
        earlier.append(of_state)
        flows = iter(of_results)
        for name in layers:
            for x in seen[name].inputs:
                g = next(flows).flatten(0, -2)
                found[name].append((x, g, torch.full((len(x),), i)))
    return earlier, {name: joined(parts) for name, parts in found.items()}


def joined(parts: list[Flow]) -> Flow:
    x, g, owner = (torch.cat(column) for column in zip(*parts, strict=True))
    return x, g, owner


def loss(x: Tensor, g: Tensor, owner: Tensor, change: Tensor, inputs: int) -> float:
    """`change` dW (N, K)."""
    return loss_of_effects((x @ change.T).mul_(g).sum(-1), owner, inputs)


def loss_of_effects(effects: Tensor, owner: Tensor, inputs: int) -> float:
    """`effects` (T,): what each token's change adds to its input's v e / |e|.

    By the mean of the magnitudes, from which the mean square of normal numbers follows: a trained tower has inputs that
    a change of any matrix throws a hundred times as far as others, and squares would heed those alone.
    """
    each = torch.zeros(inputs).index_add_(0, owner, effects)
    return each.abs().mean().square().item() * pi / 4
