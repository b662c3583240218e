"""Saves a tower as a TorchScript archive."""

import copy
import io
import re
import zipfile
from pathlib import Path

import torch
from torch import nn

from llm2clip_export.errors import OutputError


def save_tower(tower: nn.Module, path: Path) -> None:
    """Writes `tower` with its weights; the same command gives the same bytes, on any machine.

    Each weight becomes a record of its own, uncompressed and at a multiple of 64 bytes: the C++ side maps the file
    and uses the weights where they lie.
    """
    program = reproducible_program(tower)
    weights = dict(tower.named_parameters())
    for name, parameter in program.named_parameters():
        parameter.data = weights[name].data
    try:
        program.save(str(path))
    except (OSError, RuntimeError) as error:  # LibTorch's writer throws the latter on a full disk
        raise OutputError(f"{path}: cannot be written: {str(error).partition(chr(10))[0]}") from error


def reproducible_program(tower: nn.Module) -> torch.jit.ScriptModule:
    """The scripted tower with empty weights, rid of what differs from one run or machine to the next."""
    archive = io.BytesIO()
    torch.jit.save(torch.jit.script(without_weights(tower).eval()), archive)
    cleaned = io.BytesIO()
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(cleaned, "w") as target:
        for name in source.namelist():
            # Where in the Python files each operator stood: paths of the exporting machine. Without these records a
            # loaded program refers to its own code instead.
            if name.endswith(".debug_pkl"):
                continue
            record = source.read(name)
            target.writestr(name, sort_constants(record) if name.endswith(".py") else record)
    cleaned.seek(0)
    return torch.jit.load(cleaned)


def sort_constants(code: bytes) -> bytes:
    """TorchScript keeps a module's constants in a Python set, whose order changes with every process."""
    block = re.compile(rb"(?:^  \w+ : Final\[.*\n)+", re.MULTILINE)
    return block.sub(lambda match: b"".join(sorted(match.group().splitlines(keepends=True))), code)


def without_weights(tower: nn.Module) -> nn.Module:
    """A copy of the tower whose parameters have no elements: programs do not depend on shapes."""
    empty = {
        id(parameter): nn.Parameter(torch.empty(0, dtype=parameter.dtype), requires_grad=False)
        for parameter in tower.parameters()
    }
    return copy.deepcopy(tower, memo=empty)
