"""The Python package against the C++ that it calls: arrays and lists of str in, arrays out."""

import shutil
import tarfile
from contextlib import ExitStack
from pathlib import Path

from inputs import captions, pictures
from machine import ROOT, Machine
from models import text_model, vision_model
from results import Contenders
from rows.folders import demo_model, more_seconds
from rows.texts import text_tower
from rows.vision import BATCH
from workers import Worker, peer, run


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


SHARD_IMAGES, SHARDS = 200, 12


def ray(machine: Machine, stack: ExitStack) -> Contenders:
    """Two actors of a CPU each, whose start is left out, against the program with two threads; shards to Parquet by both."""
    number = machine.small_or(2, SHARDS)
    model, rows = demo_model(machine), machine.folder / "rows-of-shards"
    settings = [
        f"PYTHONPATH={ROOT / 'python'}", f"LLM2CLIP_LIBRARY={machine.program('src/libllm2clip.so')}", "RAY_worker_niceness=0",
        "RAY_USAGE_STATS_ENABLED=0",
    ]  # fmt: skip

    def by_ray(folder: Path) -> float:
        shutil.rmtree(rows, ignore_errors=True)
        script = ROOT / "examples/ray_embed.py"
        return run(machine, "env", *settings, machine.python(".venv-clusters"), script, model, rows, *files(folder))

    def by_program(folder: Path) -> float:
        return run(
            machine, machine.llm2clip, "embed-image", "-q", "-m", model, "--threads", machine.threads, *files(folder),
            "-o", rows.with_suffix(".parquet"), "--overwrite",
        )  # fmt: skip

    once, twice = shards(machine, number), shards(machine, 2 * number)
    count = number * machine.small_or(8, SHARD_IMAGES)
    return Contenders(
        lambda: count / more_seconds(by_ray, once, twice), lambda: count / more_seconds(by_program, once, twice), rounds=3
    )


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def shards(machine: Machine, count: int) -> Path:
    """A folder of tar archives of photographs."""
    folder = machine.folder / f"shards-{count}"
    folder.mkdir(exist_ok=True)
    for number in range(count):
        with tarfile.open(folder / f"{number:06}.tar", "w") as archive:
            for image in files(pictures(machine)):
                archive.add(image, image.name)
    return folder


def python(machine: Machine, stack: ExitStack, what: str, model: Path, argument: object) -> Worker:
    return peer(machine, stack, ".venv", what, model, argument, machine.threads, machine.program("src/libllm2clip.so"))


ROWS = {"python-images": images, "python-texts": texts, "ray-shards": ray}
