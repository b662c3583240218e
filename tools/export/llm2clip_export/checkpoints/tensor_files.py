"""The tensors of a published checkpoint in safetensors files."""

import json
from pathlib import Path
from typing import Any

import torch

from llm2clip_export.checkpoints.published_file import published_file, refuse_placeholder
from llm2clip_export.checkpoints.tensors import Entry, Tensors
from llm2clip_export.errors import CheckpointError
from safetensors import SafetensorError, safe_open

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"


class TensorFiles(Tensors):
    """Named tensors in one safetensors file, or in shards.

    A file is mapped for one tensor at a time: what was read of an 8-billion-parameter checkpoint would otherwise stay
    in memory, 16 GB of it.
    """

    def __init__(self, directory: Path, paths: list[Path]):
        entries: dict[str, Entry] = {}
        for path in paths:
            for key, entry in read_header(path).items():
                if key in entries:
                    raise CheckpointError(f"{path}: {key} stands in {entries[key].path.name} already")
                entries[key] = entry
        super().__init__(directory, entries)

    @classmethod
    def open(cls, directory: Path) -> "TensorFiles":
        """The weights of a repository, as transformers names the files."""
        if (directory / INDEX).is_file():
            return cls._open_shards(directory)
        if directory.is_dir() and not (directory / SINGLE).is_file():
            raise CheckpointError(
                f"{directory / SINGLE}: is missing, and so is {INDEX}; {what_is_there(directory)}; "
                "download the whole repository"
            )
        return cls(directory, [published_file(directory, SINGLE)])

    @classmethod
    def _open_shards(cls, directory: Path) -> "TensorFiles":
        index = published_file(directory, INDEX)
        shard_of = read_index(index)
        shards = sorted(set(shard_of.values()))
        missing = [shard for shard in shards if not (directory / shard).is_file()]
        if missing:
            raise CheckpointError(
                f"{directory / missing[0]}: is missing ({len(missing)} of {len(shards)} shards are); download it"
            )
        files = cls(directory, [directory / shard for shard in shards])
        for key, shard in shard_of.items():
            if key not in files or files.path_of(key) != directory / shard:
                raise CheckpointError(f"{directory / shard}: has no {key}, though {INDEX} says so; download both again")
        return files

    def fetch(self, key: str) -> torch.Tensor:
        with open_safetensors(self.path_of(key)) as file:
            return file.get_tensor(key)


def what_is_there(directory: Path) -> str:
    """In place of the weights that were looked for."""
    found = sorted(path.name for path in directory.iterdir() if path.suffix in {".bin", ".pt", ".safetensors"})
    return f"the directory has {', '.join(found[:5])}" if found else "the directory has no weights"


def read_header(path: Path) -> dict[str, Entry]:
    refuse_placeholder(path)
    with open_safetensors(path) as file:
        slices = {key: file.get_slice(key) for key in file.keys()}
        return {key: Entry(path, tuple(part.get_shape()), part.get_dtype()) for key, part in slices.items()}


def read_index(path: Path) -> dict[str, str]:
    """Tensor name -> shard. Shards are plain file names beside the index."""
    try:
        shard_of = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        good = bool(shard_of) and all(Path(shard).name == shard for shard in shard_of.values())
    except (ValueError, KeyError, TypeError, AttributeError):
        good = False
    if not good:
        raise CheckpointError(f"{path}: expected a weight_map of tensor names and file names; download it again")
    return shard_of


def open_safetensors(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: {what_is_wrong(path) or error}; download it again") from error


def what_is_wrong(path: Path) -> str | None:
    """A damaged safetensors file in words: its first 8 bytes are the header's size, the header says where data ends."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or 8 + length > size:
            return f"is truncated, or no safetensors file: its header needs {8 + length:,} bytes, the file has {size:,}"
        try:
            header = json.loads(file.read(length))
            end = 8 + length + max(entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__")
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            return None
    return f"is truncated: expected {end:,} bytes, got {size:,}" if size < end else None
