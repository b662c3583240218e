"""The tokenizer: bench/text/tokenizer_bench.py measures it, in rounds of its own."""

import json
import sys
from contextlib import ExitStack
from functools import cache

from inputs import captions
from machine import ROOT, Machine
from results import Figures, Spread
from workers import run

# Short measurements, of which the least counts.
LEAST_ROUNDS = 9


@cache
def measured(machine: Machine) -> list[dict]:
    program, out = machine.program("bench/text/tokenizer_bench"), machine.folder / "tokenizer.json"
    machine.folder.mkdir(parents=True, exist_ok=True)
    text = machine.small_or(["--text", captions(machine)], [])
    run(
        machine, sys.executable, ROOT / "bench/text/tokenizer_bench.py", "--tokenizer", machine.tokenizer, "--program",
        program, "--rounds", max(machine.rounds, machine.small_or(1, LEAST_ROUNDS)), "--json", out, *text,
    )  # fmt: skip
    return json.loads(out.read_text())


def speed(machine: Machine, stack: ExitStack) -> Figures:
    row = next(row for row in measured(machine) if row["name"] == "tokenizer, lines")
    ours, peer = Spread(row["ours"], *row["spread"]), Spread(row["peer"], *row["peer_spread"])
    ratio = Spread(ours.median / peer.median, ours.low / peer.high, ours.high / peer.low)
    return Figures({"ours": ours, "peer": peer}, {"peer": ratio})


def doubling(machine: Machine, stack: ExitStack) -> Figures:
    """The worst pattern; the spread is over the patterns."""
    ratios = [row["ours"] for row in measured(machine) if row["unit"] == "t(2n)/t(n)"]
    return Figures({"ours": Spread(max(ratios), min(ratios), max(ratios))}, {})


ROWS = {"tokenizer": speed, "tokenizer-doubling": doubling}
