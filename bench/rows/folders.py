"""A folder of photographs to a file of vectors, by the program."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from inputs import pictures, repeated
from machine import ROOT, Machine
from models import vision_model
from results import Contenders, Prepare
from rows.vision import encoder
from workers import Worker, run


def folder(model_of: Callable[[Machine], Path], count: int) -> Prepare:
    """Twice as many images take longer by what `count` images take, start and loading left out."""

    def prepare(machine: Machine, stack: ExitStack) -> Contenders:
        images, model = machine.small_or(16, count), model_of(machine)
        once, twice = repeated(pictures(machine), images), repeated(pictures(machine), 2 * images)
        stages = Stages(machine, stack, model)

        def ours() -> float:
            return images / more_seconds(lambda inputs: embed(machine, model, inputs), once, twice)

        return Contenders(ours, stages.slower, None, {"both stages on the same cores": stages.together})

    return prepare


def more_seconds(seconds: Callable[[Path], float], once: Path, twice: Path) -> float:
    """By how much twice the inputs take longer, start and loading left out."""
    short = seconds(once)
    return max(seconds(twice) - short, 1e-3)


class Stages:
    """Decoding and encoding, each alone and on all cores."""

    def __init__(self, machine: Machine, stack: ExitStack, model: Path) -> None:
        self.decoding = Worker(
            machine, stack, machine.ceiling_bench, "jpeg", pictures(machine), "--threads", machine.threads,
            "--seconds", machine.seconds,
        )  # fmt: skip
        self.encoding = encoder(machine, stack, model, 16)
        self.rates: list[float] = []

    def slower(self) -> float:
        self.rates = [self.decoding.rate(), self.encoding.rate()]
        return min(self.rates)

    def together(self) -> float:
        """What a pipeline could reach whose stages share the cores and wait for nothing."""
        return 1 / sum(1 / rate for rate in self.rates)


def embed(machine: Machine, model: Path, images: Path) -> float:
    return run(
        machine, machine.llm2clip, "embed-image", "-q", "-m", model, "--threads", machine.threads, "-r", images,
        "-o", machine.folder / "rows.npy", "--overwrite",
    )  # fmt: skip


def demo_model(machine: Machine) -> Path:
    return ROOT / "models" / "demo"


ROWS = {
    "folder-demo": folder(demo_model, 2000),
    "folder-vit-b16": folder(lambda machine: vision_model(machine, "vit-b16", "bf16"), 200),
}
