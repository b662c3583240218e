"""The most memory that long jobs of the demo model take, and that ten times as much input takes no more."""

from contextlib import ExitStack
from pathlib import Path

from inputs import many_captions, pictures, repeated
from machine import Machine
from models import eight_b_model, weights_bytes
from results import Contenders, Prepare
from rows.folders import demo_model
from workers import peak_megabytes

# One measurement takes long, and says the same each time.
ROUNDS = 1


def images(machine: Machine, stack: ExitStack) -> Contenders:
    count = machine.small_or(20, 10_000)
    many, few = (repeated(pictures(machine), number) for number in (count, count // 10))
    return Contenders(
        lambda: beyond_weights(machine, "embed-image", "-r", many), None,
        lambda: beyond_weights(machine, "embed-image", "-r", few), rounds=ROUNDS,
    )  # fmt: skip


def texts(machine: Machine, stack: ExitStack) -> Contenders:
    count = machine.small_or(100, 100_000)
    many, few = (many_captions(machine, number) for number in (count, count // 10))
    return Contenders(
        lambda: beyond_weights(machine, "embed-text", "-f", many), None,
        lambda: beyond_weights(machine, "embed-text", "-f", few), rounds=ROUNDS,
    )  # fmt: skip


def beyond_weights(machine: Machine, command: str, flag: str, inputs: Path) -> float:
    model = demo_model(machine)
    return peak(machine, model, command, flag, inputs) - weights_bytes(model) / 1e6


def peak(machine: Machine, model: Path, command: str, *inputs: str | Path) -> float:
    return peak_megabytes(
        machine, machine.llm2clip, command, "-q", "-m", model, "--threads", machine.threads, *inputs,
        "-o", machine.folder / "rows.npy", "--overwrite",
    )  # fmt: skip


def eight_b(weights: str) -> Prepare:
    """The whole resident set, mapped weights included."""

    def prepare(machine: Machine, stack: ExitStack) -> Contenders:
        model, few = eight_b_model(machine, weights), many_captions(machine, 8)
        return Contenders(lambda: peak(machine, model, "embed-text", "--no-adapter", "-f", few), rounds=ROUNDS)

    return prepare


ROWS = {
    "memory-images": images, "memory-texts": texts, "memory-8b-int8": eight_b("int8"), "memory-8b-int4": eight_b("int4"),
}  # fmt: skip
