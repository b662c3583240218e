"""Rows, and what became of them."""

import statistics
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from bars import Bar
from machine import Machine

# One measurement, in the row's unit.
Contender = Callable[[], float]
# The values of each contender, in the order of the rounds.
Rounds = dict[str, list[float]]
ROLES = ("ours", "ceiling", "peer")


@dataclass(frozen=True)
class Contenders:
    """Who takes turns in a row. `also`: others that are worth knowing, by name; `rivals`: those of whom the best of a round is
    its peer."""

    ours: Contender
    ceiling: Contender | None = None
    peer: Contender | None = None
    also: dict[str, Contender] = field(default_factory=dict)
    rivals: dict[str, Contender] = field(default_factory=dict)
    rounds: int | None = None  # where it makes no sense to measure as often as everywhere else

    def all(self) -> dict[str, Contender]:
        named = {role: getattr(self, role) for role in ROLES}
        return {role: contender for role, contender in (named | self.also | self.rivals).items() if contender}


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
class Figures:
    """`figures` by who they are of, `ratios` against the others, median of the rounds."""

    figures: dict[str, Spread]
    ratios: dict[str, Spread]
    rounds: Rounds = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """A measured row. `day`: when, as 2026-11-30."""

    name: str
    bar: Bar
    day: str
    measured: Figures

    @property
    def figures(self) -> dict[str, Spread]:
        return self.measured.figures

    @property
    def ratios(self) -> dict[str, Spread]:
        return self.measured.ratios

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
            "day": self.day,
            **{role: vars(self.figures[role]) if role in self.figures else None for role in ROLES},
            "also": {name: vars(spread) for name, spread in self.figures.items() if name not in ROLES},
            **{f"of_{name}": vars(spread) for name, spread in self.ratios.items()},
            "bar": {
                "of_ceiling": bar.of_ceiling, "of_peer": bar.of_peer, "of_others": bar.of_others, "at_most": bar.at_most,
            },  # fmt: skip
            "met": all(self.checks()),
            "rounds": self.measured.rounds,
        }


def result_from(row: dict[str, Any], bar: Bar) -> Result:
    """`row`: of as_json. The bar is today's."""
    figures = {role: row[role] for role in ROLES if row[role]} | row["also"]
    ratios = {key.removeprefix("of_"): value for key, value in row.items() if key.startswith("of_")}
    return Result(row["name"], bar, row["day"], Figures(spreads(figures), spreads(ratios), row["rounds"]))


def spreads(values: dict[str, dict[str, float]]) -> dict[str, Spread]:
    return {name: Spread(**value) for name, value in values.items()}


# Figures where another script has measured already.
Prepare = Callable[[Machine, ExitStack], Contenders | Figures]


def figures_of(bar: Bar, rounds: Rounds, rivals: Iterable[str] = ()) -> Figures:
    smaller = bar.smaller_is_better
    if rivals:
        best = min if smaller else max
        rounds = rounds | {"peer": [best(values) for values in zip(*(rounds[rival] for rival in rivals), strict=True)]}
    ours = rounds["ours"]
    ratios = {
        who: Spread.of([(theirs / mine if smaller else mine / theirs) for mine, theirs in zip(ours, values, strict=True)])
        for who, values in rounds.items()
        if who != "ours"
    }
    return Figures({who: Spread.of(values) for who, values in rounds.items()}, ratios, rounds)


def measure(bar: Bar, prepare: Prepare, machine: Machine, earlier: Rounds) -> Figures:
    """All contenders are ready before the first round; in each round they take turns. `earlier`: rounds that count too."""
    with ExitStack() as stack:
        contenders = prepare(machine, stack)
        if isinstance(contenders, Figures):
            return contenders
        everyone = contenders.all()
        # Rounds of somebody who is not there any more, or of others than these, do not compare.
        goes_on = set(everyone) <= set(earlier)
        values: Rounds = {who: list(earlier[who]) if goes_on else [] for who in everyone}
        for _ in range(contenders.rounds or machine.rounds):
            for who, contender in everyone.items():
                values[who].append(contender())
    return figures_of(bar, values, contenders.rivals)
