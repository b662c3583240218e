"""The Python package against the C++ that it calls: arrays and lists of str in, arrays out."""

from contextlib import ExitStack
from pathlib import Path

from inputs import captions
from machine import Machine
from models import text_model, vision_model
from results import Contenders
from rows.texts import text_tower
from rows.vision import BATCH
from workers import Worker, peer


def images(machine: Machine, stack: ExitStack) -> Contenders:
    model, batch = vision_model(machine, "vit-b16", "bf16"), machine.small_or(2, BATCH)
    in_cpp = Worker(
        machine, stack, machine.encode_bench, "pictures", model, "--batch", batch, "--seconds", machine.seconds,
        "--threads", machine.threads,
    )  # fmt: skip
    return Contenders(python(machine, stack, "python-images", model, batch).rate, in_cpp.rate)


def texts(machine: Machine, stack: ExitStack) -> Contenders:
    file = captions(machine)
    ours = python(machine, stack, "python-texts", text_model(machine), file)
    return Contenders(ours.rate, text_tower(machine, stack, "texts", file).rate)


def python(machine: Machine, stack: ExitStack, what: str, model: Path, argument: object) -> Worker:
    return peer(machine, stack, ".venv", what, model, argument, machine.threads, machine.program("src/libllm2clip.so"))


ROWS = {"python-images": images, "python-texts": texts}
