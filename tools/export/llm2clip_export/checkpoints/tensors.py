"""Named tensors of a published checkpoint, whatever kind of file they stand in."""

from dataclasses import dataclass
from pathlib import Path

import torch

from llm2clip_export.errors import CheckpointError

# By the names that safetensors has for them.
DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}


@dataclass(frozen=True)
class Entry:
    """Where a tensor stands and what it is. `dtype` as its file calls it: not all can be weights."""

    path: Path
    shape: tuple[int, ...]
    dtype: str


class Tensors:
    """What is in the files is known from the start; values are read one tensor at a time, by `read`."""

    def __init__(self, where: Path, entries: dict[str, Entry]):
        self.where = where
        self._entries = entries

    def keys(self) -> list[str]:
        return sorted(self._entries)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    @property
    def paths(self) -> list[Path]:
        """The files that hold tensors."""
        return sorted({entry.path for entry in self._entries.values()})

    def path_of(self, key: str) -> Path:
        """The file that holds `key`; refuses when there is none."""
        return self._entry(key).path

    def shape(self, key: str, rank: int | None = None) -> tuple[int, ...]:
        shape = self._entry(key).shape
        if rank is not None and len(shape) != rank:
            raise CheckpointError(f"{self.path_of(key)}: {key}: expected {rank} dimensions, got {list(shape)}")
        return shape

    def dtype(self, key: str) -> torch.dtype:
        stored = self._entry(key).dtype
        if stored not in DTYPES:
            raise CheckpointError(f"{self.path_of(key)}: {key}: expected F32, BF16 or F16, got {stored}")
        return DTYPES[stored]

    def read(self, key: str, dtype: torch.dtype | None = None) -> torch.Tensor:
        """The tensor, contiguous, over a storage of its own; in `dtype`, or as stored. As stored it is not copied.

        Refuses NaN and infinity: a weight that is none makes every vector none, and a damaged download has them.
        """
        tensor = self.fetch(key).contiguous()
        if tensor.untyped_storage().nbytes() != tensor.nbytes:
            tensor = tensor.clone()  # a view would drag the whole storage into the archive
        if not is_finite(tensor):
            raise CheckpointError(f"{self.path_of(key)}: {key} has NaN or infinite values; download the file again")
        if dtype is None or dtype == tensor.dtype:
            return tensor
        converted = tensor.to(dtype)
        if not is_finite(converted):
            raise CheckpointError(
                f"{self.path_of(key)}: {key} has values beyond {dtype}'s range; choose another --precision"
            )
        return converted

    def fetch(self, key: str) -> torch.Tensor:
        """The tensor as it is stored."""
        raise NotImplementedError

    def _entry(self, key: str) -> Entry:
        if key not in self._entries:
            where = self.paths[0] if len(self.paths) == 1 else self.where
            raise CheckpointError(f"{where}: has no tensor {key}; is it a complete LLM2CLIP checkpoint?")
        return self._entries[key]


def is_finite(tensor: torch.Tensor) -> bool:
    """Least and largest value tell: both are NaN where one value is. Takes no memory, as isfinite() would."""
    return tensor.numel() == 0 or bool(torch.stack(tensor.aminmax()).isfinite().all())
