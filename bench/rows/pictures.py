"""A large photograph on one core: resized, and decoded before that. All in CPU time."""

import json
import subprocess
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from inputs import large_photograph
from machine import Machine, NotHere
from results import Contenders, Prepare
from workers import peer

SIDE = 224


def stage(ours: str, theirs: str, *others: str) -> Prepare:
    def prepare(machine: Machine, stack: ExitStack) -> Contenders:
        program, photograph = machine.program("bench/image/image_bench"), large_photograph(machine)
        one_core = replace(machine, threads=1)
        pillow = peer(one_core, stack, ".venv", theirs, photograph, SIDE)
        also = {other: peer(one_core, stack, ".venv", other, photograph, SIDE).milliseconds for other in others}

        def milliseconds() -> float:
            command: list[Any] = [program, ours, photograph, str(SIDE), "--seconds", str(machine.seconds)]
            done = subprocess.run(command, capture_output=True, text=True, env=one_core.environment)
            if done.returncode:
                raise NotHere(f"image_bench: {done.stderr.strip()}")
            return 1e3 * json.loads(done.stdout)["seconds_per_call"]

        return Contenders(milliseconds, None, pillow.milliseconds, also)

    return prepare


ROWS = {
    "resize": stage("resize", "pillow-resize"),
    "decode-resize": stage("preprocess", "pillow-decode-resize", "hf-processors-rs"),
}
