"""Loading an archive of 8 GB that is in the page cache."""

import os
import shutil
from contextlib import ExitStack

from machine import Machine, NotHere
from models import large_model, models
from results import Contenders
from workers import Worker, peer

# The checkpoint and the archive made of it; and two copies while torch.jit.load has one.
DISK, MEMORY = 17e9, 17e9


def archive(machine: Machine):
    if not machine.quick and os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < MEMORY:
        raise NotHere(f"needs {MEMORY / 1e9:.0f} GB of memory")
    folder = models(machine)
    folder.mkdir(parents=True, exist_ok=True)
    if not machine.quick and not (folder / "text-8gb").exists() and shutil.disk_usage(folder).free < DISK:
        raise NotHere(f"needs {DISK / 1e9:.0f} GB on the disk of {folder}")
    return large_model(machine)


def ours(machine: Machine, stack: ExitStack, model) -> Worker:
    return Worker(machine, stack, machine.encode_bench, "load", model, "--threads", machine.threads)


def seconds(machine: Machine, stack: ExitStack) -> Contenders:
    model = archive(machine)
    theirs = peer(machine, stack, ".venv", "jit-load", model / "text.pt")
    return Contenders(ours(machine, stack, model).milliseconds, None, theirs.milliseconds)


def memory(machine: Machine, stack: ExitStack) -> Contenders:
    loader = ours(machine, stack, archive(machine))
    return Contenders(lambda: loader.round()["resident_bytes"] / 1e6)


ROWS = {"load-8gb": seconds, "load-8gb-memory": memory}
