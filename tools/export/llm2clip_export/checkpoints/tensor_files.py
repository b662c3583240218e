"""The tensors of a published checkpoint in safetensors files."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from llm2clip_export.checkpoints.published_file import published_file, refuse_placeholder
from llm2clip_export.errors import CheckpointError

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}


class TensorFiles:
    """Named tensors in one file, or in shards. Nothing is read before `read`, and what is read stays mapped."""

    def __init__(self, directory: Path, paths: list[Path]):
        self.directory = directory
        self._files = {path: open_safetensors(path) for path in paths}
        self._path_of: dict[str, Path] = {}
        for path, file in self._files.items():
            for key in file.keys():
                if key in self._path_of:
                    raise CheckpointError(f"{path}: {key} stands in {self._path_of[key].name} already")
                self._path_of[key] = path

    @classmethod
    def open(cls, directory: Path) -> "TensorFiles":
        if (directory / INDEX).is_file():
            return cls._open_shards(directory)
        if directory.is_dir() and not (directory / SINGLE).is_file():
            found = sorted(path.name for path in directory.iterdir() if path.suffix in {".bin", ".pt", ".safetensors"})
            has = f"the directory has {', '.join(found[:5])}" if found else "the directory has no weights"
            raise CheckpointError(
                f"{directory / SINGLE}: is missing, and so is {INDEX}; {has}; download the whole repository"
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
            if files._path_of.get(key) != directory / shard:
                raise CheckpointError(f"{directory / shard}: has no {key}, though {INDEX} says so; download both again")
        return files

    def keys(self) -> list[str]:
        return sorted(self._path_of)

    def __contains__(self, key: str) -> bool:
        return key in self._path_of

    def path_of(self, key: str) -> Path:
        """The file that holds `key`; refuses when there is none."""
        if key not in self._path_of:
            where = next(iter(self._files)) if len(self._files) == 1 else self.directory
            raise CheckpointError(f"{where}: has no tensor {key}; is it a complete LLM2CLIP checkpoint?")
        return self._path_of[key]

    def shape(self, key: str, rank: int | None = None) -> tuple[int, ...]:
        shape = tuple(self._slice(key).get_shape())
        if rank is not None and len(shape) != rank:
            raise CheckpointError(f"{self.path_of(key)}: {key}: expected {rank} dimensions, got {list(shape)}")
        return shape

    def dtype(self, key: str) -> torch.dtype:
        stored = self._slice(key).get_dtype()
        if stored not in DTYPES:
            raise CheckpointError(f"{self.path_of(key)}: {key}: expected F32, BF16 or F16, got {stored}")
        return DTYPES[stored]

    def read(self, key: str, dtype: torch.dtype | None = None) -> torch.Tensor:
        """The tensor, contiguous, over a storage of its own; in `dtype`, or as stored. As stored it is not copied."""
        tensor = self._files[self.path_of(key)].get_tensor(key)
        if tensor.untyped_storage().nbytes() != tensor.nbytes:
            tensor = tensor.clone()  # a view would drag the whole storage into the archive
        if dtype is None or dtype == tensor.dtype:
            return tensor
        converted = tensor.to(dtype)
        if not converted.isfinite().all() and tensor.isfinite().all():
            raise CheckpointError(
                f"{self.path_of(key)}: {key} has values beyond {dtype}'s range; choose another --precision"
            )
        return converted

    def _slice(self, key: str):
        return self._files[self.path_of(key)].get_slice(key)


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


def open_safetensors(path: Path):
    refuse_placeholder(path)
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
