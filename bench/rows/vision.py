"""Vision towers: pixels that are preprocessed already, 16 at once."""

import json
from contextlib import ExitStack

from machine import Machine
from models import PRECISIONS, vision_geometry, vision_model
from products import vision_products, write_products
from results import Contenders, Prepare
from workers import Worker, peer

BATCH = 16


def tower(name: str, precision: str) -> Prepare:
    def prepare(machine: Machine, stack: ExitStack) -> Contenders:
        batch = machine.small_or(2, BATCH)
        model = vision_model(machine, name, precision)
        family, geometry = vision_geometry(machine, name)
        ours = encoder(machine, stack, model, batch)
        ceiling = products(machine, stack, f"{name}-{precision}", vision_products(family, geometry, batch), precision)
        in_python = ("timm", ".venv-timm") if family == "eva02" else ("transformers", ".venv")
        theirs = peer(machine, stack, in_python[1], in_python[0], json.dumps(geometry), PRECISIONS[precision], batch)
        script = peer(machine, stack, ".venv", "jit-vision", model / "vision.pt", geometry["image_size"], batch)
        return Contenders(
            ours.rate, lambda: batch * ceiling.rate(), theirs.rate, {"torch.jit.load and forward": script.rate}
        )

    return prepare


def encoder(machine: Machine, stack: ExitStack, model, batch: int) -> Worker:
    return Worker(
        machine, stack, machine.encode_bench, "images", model, "--batch", batch, "--seconds", machine.seconds,
        "--threads", machine.threads,
    )  # fmt: skip


def products(machine: Machine, stack: ExitStack, name: str, shapes: list, precision: str) -> Worker:
    """Its work is a pass through all of them, every batch."""
    path = write_products(shapes, machine.folder / f"{name}.products")
    return Worker(
        machine, stack, machine.ceiling_bench, "products", path, "--precision", PRECISIONS[precision], "--seconds",
        machine.seconds, "--threads", machine.threads,
    )  # fmt: skip


ROWS = {
    "vit-b16-bf16": tower("vit-b16", "bf16"),
    "vit-b16-fp32": tower("vit-b16", "fp32"),
    "vit-l14-336-bf16": tower("vit-l14-336", "bf16"),
    "eva02-l14-336-bf16": tower("eva02-l14-336", "bf16"),
}
