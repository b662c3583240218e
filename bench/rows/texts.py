"""The text tower of 1B: many captions, and one."""

from contextlib import ExitStack
from pathlib import Path

from inputs import captions, one_caption
from machine import Machine
from models import EMBEDDING_DIM, llm2vec_folder, text_geometry, text_model
from products import text_products, weight_bytes
from results import Contenders
from rows.vision import products
from workers import Worker, peer


def many(machine: Machine, stack: ExitStack) -> Contenders:
    """The ceiling multiplies the rows of the very batches that ours makes of the captions."""
    file = captions(machine)
    count = len(file.read_text().splitlines())
    ours = text_tower(machine, stack, "texts", file)
    shapes = text_products(text_geometry(machine), EMBEDDING_DIM, ours.about["batches"])
    ceiling = products(machine, stack, "texts-1b", shapes, "bf16")
    theirs = peer(machine, stack, ".venv-llm2vec", "llm2vec", llm2vec_folder(machine), file)
    return Contenders(ours.rate, lambda: count * ceiling.rate(), theirs.rate)


def one(machine: Machine, stack: ExitStack) -> Contenders:
    """Every weight but the embedding table is read once; nothing is faster than memory. Nor than the products."""
    ours = text_tower(machine, stack, "query", one_caption(machine))
    shapes = text_products(text_geometry(machine), EMBEDDING_DIM, ours.about["batches"])
    needed = weight_bytes(shapes, 2)
    computing = products(machine, stack, "query-1b", shapes, "bf16")
    memory = Worker(
        machine, stack, machine.ceiling_bench, "read", "--seconds", machine.seconds, "--threads", machine.threads
    )
    return Contenders(
        ours.milliseconds, lambda: 1e3 * needed / memory.rate(), None, {"the products alone": computing.milliseconds}
    )


def text_tower(machine: Machine, stack: ExitStack, what: str, file: Path, weights: str = "bf16") -> Worker:
    """`weights`: as text_model has it, or int8-dynamic or int4-dynamic: those weights, and rows in eight bits."""
    stored = weights.removesuffix("-dynamic")
    precision = "auto" if weights == stored else "int8-dynamic"
    return Worker(
        machine, stack, machine.encode_bench, what, text_model(machine, stored), file, "--seconds", machine.seconds,
        "--threads", machine.threads, "--precision", precision,
    )  # fmt: skip


ROWS = {"texts-1b-bf16": many, "query-1b-bf16": one}
