"""What a command costs that needs no network."""

from contextlib import ExitStack

from machine import Machine
from results import Contenders
from workers import run

STARTS = 5


def start(machine: Machine, stack: ExitStack) -> Contenders:
    return Contenders(
        lambda: fastest(machine, machine.llm2clip, "--help"), None,
        lambda: fastest(machine, machine.ceiling_bench, "libtorch"),
    )  # fmt: skip


def fastest(machine: Machine, *command) -> float:
    return 1e3 * min(run(machine, *command) for _ in range(STARTS))


ROWS = {"start-up": start}
