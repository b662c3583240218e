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
    def prepare(machine: Machine, stack: ExitStack) -> Contenders:
        """Twice as many pictures take longer by what `count` pictures take, start and loading left out."""
        images, model = machine.small_or(16, count), model_of(machine)
        once, twice = repeated(pictures(machine), images), repeated(pictures(machine), 2 * images)
        decoding = Worker(
            machine, stack, machine.ceiling_bench, "jpeg", pictures(machine), "--threads", machine.threads,
            "--seconds", machine.seconds,
        )  # fmt: skip
        encoding = encoder(machine, stack, model, 16)

        def ours() -> float:
            short = embed(machine, model, once)
            return images / max(embed(machine, model, twice) - short, 1e-3)

        return Contenders(
            ours, lambda: min(decoding.rate(), encoding.rate()), None,
            {"decoding alone": decoding.rate, "encoding alone": encoding.rate},
        )  # fmt: skip

    return prepare


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
