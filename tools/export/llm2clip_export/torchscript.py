"""Writes a tower as a TorchScript archive, weight by weight."""

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import torch
from torch import Tensor, nn

from llm2clip_export.errors import OutputError

# How pickle writes these two strings: opcode, length, letters.
ON_META, ON_CPU = b"X\x04\x00\x00\x00meta", b"X\x03\x00\x00\x00cpu"


class Weights(Protocol):
    """`tower` is on the meta device; `values()` are those of `weight_names(tower)`, in that order, each in its own storage."""

    @property
    def tower(self) -> nn.Module: ...

    def values(self) -> Iterator[Tensor]: ...


def weight_names(tower: nn.Module) -> list[str]:
    """Parameters and buffers in the order in which TorchScript numbers them."""
    found = []
    for name, module in tower.named_modules():
        own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
        found += [f"{name}.{kind}" if name else kind for kind, _ in own]
    return found


def save_tower(weights: Weights, path: Path) -> None:
    """Writes the tower with its weights; the same command gives the same bytes, on any machine.

    Each weight becomes a record of its own, uncompressed and at a multiple of 64 bytes: the C++ side maps the file
    and uses the weights where they lie. Only one weight is in memory at a time.
    """
    records = list(program_records(weights.tower))
    with path_errors(path), path.open("wb") as file:
        output = Output(file)
        writer: Any = torch._C.PyTorchFileWriter(cast(Any, output))  # what torch.save writes with
        for name, record in records:
            writer.write_record(name, record, len(record))
        for index, value in enumerate(weights.values()):
            storage = value.untyped_storage()
            writer.write_record(f"data/{index}", storage, storage.nbytes())
            output.check()
        writer.write_end_of_file()
        output.check()


@contextmanager
def path_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


class Output:
    """A file that swallows what it cannot write, and says so when it is asked.

    LibTorch's writer ends the process when a write fails: its destructor writes as well, and throws.
    """

    def __init__(self, file: BinaryIO):
        self._file = file
        self._error: Exception | None = None

    def write(self, data: memoryview) -> int:
        if self._error is None:
            try:
                self._file.write(data)
            except (OSError, ValueError) as error:  # ValueError: closed, after another failure
                self._error = error
        return len(data)

    def check(self) -> None:
        if self._error is not None:
            raise self._error


def program_records(tower: nn.Module) -> Iterator[tuple[str, bytes]]:
    """What stands in the archive besides weights: code, and the types and shapes of the weights.

    `tower` is on the meta device, so that its archive has no values. Left out: what differs from one run or machine to
    the next, and what the writer adds by itself.
    """
    archive = io.BytesIO()
    torch.jit.save(torch.jit.script(tower), archive)
    with zipfile.ZipFile(archive) as source:
        for path in source.namelist():
            name = path.partition("/")[2]
            if name.startswith(("data/", ".data/")) or name == "version":
                continue
            # Where in the Python files each operator stood: paths of the exporting machine. Without these records a
            # loaded program refers to its own code instead.
            if name.endswith(".debug_pkl"):
                continue
            record = source.read(path)
            if name == "data.pkl":
                record = record.replace(ON_META, ON_CPU)
            yield name, sort_constants(record) if name.endswith(".py") else record


def sort_constants(code: bytes) -> bytes:
    """TorchScript keeps a module's constants in a Python set, whose order changes with every process."""
    block = re.compile(rb"(?:^  \w+ : Final\[.*\n)+", re.MULTILINE)
    return block.sub(lambda match: b"".join(sorted(match.group().splitlines(keepends=True))), code)
