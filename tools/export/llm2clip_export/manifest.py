"""llm2clip.json: what is in the model directory (docs/model_format.md)."""

import hashlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from llm2clip_export import __version__
from llm2clip_export.checkpoints.adapter import AdapterCheckpoint
from llm2clip_export.checkpoints.llama import TextCheckpoint
from llm2clip_export.checkpoints.openai_vit import MEAN, STD, VisionCheckpoint
from llm2clip_export.prompts import MAX_TOKENS, SEPARATOR, Prompt
from llm2clip_export.published_tokenizer import Tokenizer

NAME = "llm2clip.json"
FORMAT = 1
# The model cards' constant; not exp(logit_scale), which only training uses (reference.md 6).
SCORE_SCALE = 100.0
# Of one read while hashing.
CHUNK = 1 << 22


def created_with() -> dict[str, str]:
    """The local part of a version (+cpu) says nothing about what was written."""
    return {
        "llm2clip_export": __version__,
        **{name: version(name).partition("+")[0] for name in ("torch", "transformers")},
    }


def vision_section(checkpoint: VisionCheckpoint, source: dict[str, str]) -> dict[str, Any]:
    return {
        "file": "vision.pt",
        "precision": checkpoint.weights.precision,
        "image_size": checkpoint.image_size,
        "mean": list(MEAN),
        "std": list(STD),
        "resize": "bicubic",
        "order": "hf",
        "source": source,
    }


def text_section(
    checkpoint: TextCheckpoint, tokenizer: Tokenizer, prompt: Prompt, source: dict[str, str]
) -> dict[str, Any]:
    return {
        "file": "text.pt",
        "precision": checkpoint.weights.precision,
        "width": checkpoint.width,
        "max_tokens": MAX_TOKENS,
        "tokenizer": {"file": tokenizer.path.name, "kind": tokenizer.kind},
        "prompt": {"prefix": prompt.prefix, "suffix": prompt.suffix, "separator": SEPARATOR},
        "pooling": "caption_and_suffix",
        "source": source,
    }


def adapter_section(checkpoint: AdapterCheckpoint, source: dict[str, str]) -> dict[str, Any]:
    return {
        "file": "adapter.pt",
        "precision": checkpoint.weights.precision,
        "width": checkpoint.width,
        "source": source,
    }


def files_section(directory: Path, hashed: Callable[[int], Any] = lambda count: None) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of every file under `directory` but the manifest. `hashed` hears of bytes as they are done."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != NAME)
    return {
        path.relative_to(directory).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path, hashed)}
        for path in paths
    }


def sha256(path: Path, hashed: Callable[[int], Any]) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            hashed(len(chunk))
    return digest.hexdigest()
