"""The tensors of a published checkpoint in a .pt file: torch.save's zip of a pickle."""

import pickle
import re
from pathlib import Path
from typing import Any

import torch

from llm2clip_export.checkpoints.published_file import refuse_placeholder
from llm2clip_export.checkpoints.tensors import DTYPES, Entry, Tensors
from llm2clip_export.errors import CheckpointError

# What training programs put around a state dict (LLM2CLIP eva_clip/factory.py, load_state_dict).
WRAPPERS = ("model", "module", "state_dict")
# Stands before every key when the model was trained in parallel.
PARALLEL = "module."
ZIP = b"PK\x03\x04"
NAME_OF = {dtype: name for name, dtype in DTYPES.items()}


class PickledTensors(Tensors):
    """Named tensors in a .pt file, mapped.

    A pickle is a program. It is read by PyTorch's `weights_only` reader, which runs none of it but the making of
    tensors, and anything else in it is refused by name.
    """

    def __init__(self, path: Path):
        self._tensors = unwrapped(load(path), path)
        entries = {key: Entry(path, tuple(x.shape), NAME_OF.get(x.dtype, str(x.dtype))) for key, x in self._tensors.items()}
        super().__init__(path, entries)

    def fetch(self, key: str) -> torch.Tensor:
        return self._tensors[key]


def load(path: Path) -> Any:
    refuse_placeholder(path)
    with path.open("rb") as file:
        if file.read(len(ZIP)) != ZIP:
            raise CheckpointError(f"{path}: expected a zip file, as torch.save writes; download it again")
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path}: {what_is_refused(str(error))}; only tensors are read") from error
    except (RuntimeError, OSError, ValueError, EOFError) as error:
        reason = str(error).partition("\n")[0]
        raise CheckpointError(f"{path}: is truncated or damaged ({reason}); download it again") from error


def what_is_refused(message: str) -> str:
    """PyTorch's message is a page long; the name in it is what matters."""
    name = re.search(r"(?:GLOBAL|class) ([\w.]+\w)", message)
    return f"its pickle names {name[1]}" if name else f"its pickle is refused ({message.partition(chr(10))[0]})"


def unwrapped(content: Any, path: Path) -> dict[str, torch.Tensor]:
    """The state dict itself, without what training programs put around it."""
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not content:
        raise CheckpointError(f"{path}: expected named tensors, got {type(content).__name__}; is it a checkpoint?")
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise CheckpointError(f"{path}: {key} is {type(value).__name__}; expected tensors only")
    if all(key.startswith(PARALLEL) for key in content):
        return {key.removeprefix(PARALLEL): value for key, value in content.items()}
    return dict(content)
