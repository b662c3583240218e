"""How many bits each matrix gets: bytes are spent where they save most."""

from collections.abc import Mapping
from dataclasses import dataclass

KEPT = 16  # bits of a matrix that stays as it is, whatever its precision


@dataclass(frozen=True)
class Choice:
    """A way to store a matrix: what it takes, and the loss (1 - cosine) it is guilty of."""

    bits: int
    bytes: int
    loss: float


def spend(choices: Mapping[str, list[Choice]], budget: int) -> dict[str, Choice]:
    """For each matrix one of its choices, in all no more than `budget` bytes where the smallest are.

    Begins with the smallest of each, and takes the step that saves most loss a byte, again and again.
    """
    ways = {name: worthwhile(of_matrix) for name, of_matrix in choices.items()}
    taken = dict.fromkeys(ways, 0)
    left = budget - sum(way[0].bytes for way in ways.values())
    steps = sorted(
        ((gain(way[at], way[at + 1]), name, at) for name, way in ways.items() for at in range(len(way) - 1)),
        key=lambda step: (-step[0], step[1], step[2]),
    )
    for _, name, at in steps:
        way = ways[name]
        cost = way[at + 1].bytes - way[at].bytes
        # A step that did not fit bars those behind it.
        if taken[name] == at and cost <= left:
            taken[name], left = at + 1, left - cost
    return {name: way[taken[name]] for name, way in ways.items()}


def worthwhile(choices: list[Choice]) -> list[Choice]:
    """By their bytes, without those that another beats or that two others beat between them: gains fall from step to step."""
    way: list[Choice] = []
    for choice in sorted(choices, key=lambda choice: (choice.bytes, choice.loss)):
        if way and choice.loss >= way[-1].loss:
            continue
        while len(way) > 1 and gain(way[-2], way[-1]) <= gain(way[-1], choice):
            way.pop()
        way.append(choice)
    return way


def gain(smaller: Choice, larger: Choice) -> float:
    """Loss saved a byte."""
    return (smaller.loss - larger.loss) / (larger.bytes - smaller.bytes)
