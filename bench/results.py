"""Rows, and what became of them."""

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from bars import BARS, Bar
from machine import Machine

# One measurement, in the row's unit.
Contender = Callable[[], float]
ROLES = ("ours", "ceiling", "peer")


@dataclass(frozen=True)
class Contenders:
    """Who takes turns in a row. `also`: others that are worth knowing, by name."""

    ours: Contender
    ceiling: Contender | None = None
    peer: Contender | None = None
    also: dict[str, Contender] = field(default_factory=dict)
    rounds: int | None = None  # where it makes no sense to measure as often as everywhere else

    def all(self) -> dict[str, Contender]:
        named = {role: getattr(self, role) for role in ROLES}
        return {role: contender for role, contender in (named | self.also).items() if contender}


@dataclass(frozen=True)
class Spread:
    """Median, least and largest of the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Result:
    """A measured row; `figures` by who it is of, `ratios` against the others, median of the rounds."""

    name: str
    figures: dict[str, Spread]
    ratios: dict[str, Spread]

    @property
    def bar(self) -> Bar:
        return BARS[self.name]

    def checks(self) -> list[bool]:
        """One for each bar of the row: whether it is met."""
        met = []
        for role, least in (("ceiling", self.bar.of_ceiling), ("peer", self.bar.of_peer)):
            if least is not None and role in self.ratios:
                met.append(self.ratios[role].median >= least)
        if self.bar.of_others is not None:
            met += [ratio.median >= self.bar.of_others for who, ratio in self.ratios.items() if who not in ROLES]
        if self.bar.at_most is not None:
            met.append(self.figures["ours"].median <= self.bar.at_most)
        return met

    def as_json(self) -> dict[str, Any]:
        bar = self.bar
        return {
            "name": self.name,
            "what": bar.what,
            "unit": bar.unit,
            **{role: vars(self.figures[role]) if role in self.figures else None for role in ROLES},
            "also": {name: vars(spread) for name, spread in self.figures.items() if name not in ROLES},
            **{f"of_{name}": vars(spread) for name, spread in self.ratios.items()},
            "bar": {
                "of_ceiling": bar.of_ceiling, "of_peer": bar.of_peer, "of_others": bar.of_others, "at_most": bar.at_most,
            },  # fmt: skip
            "met": all(self.checks()),
        }


# A Result where another script has measured already.
Prepare = Callable[[Machine, ExitStack], Contenders | Result]


def result_of(name: str, rounds: dict[str, list[float]]) -> Result:
    """`rounds`: the values of each contender, in the order of the rounds."""
    smaller = BARS[name].smaller_is_better
    ours = rounds["ours"]
    ratios = {
        who: Spread.of([(theirs / mine if smaller else mine / theirs) for mine, theirs in zip(ours, values)])
        for who, values in rounds.items()
        if who != "ours"
    }
    return Result(name, {who: Spread.of(values) for who, values in rounds.items()}, ratios)


def measure(name: str, prepare: Prepare, machine: Machine) -> Result:
    """All contenders are ready before the first round; in each round they take turns."""
    with ExitStack() as stack:
        contenders = prepare(machine, stack)
        if isinstance(contenders, Result):
            return contenders
        everyone = contenders.all()
        values: dict[str, list[float]] = {who: [] for who in everyone}
        for _ in range(contenders.rounds or machine.rounds):
            for who, contender in everyone.items():
                values[who].append(contender())
    return result_of(name, values)
