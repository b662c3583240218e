"""llm2clip.json: what is in the model directory (docs/model_format.md)."""

import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from llm2clip_export import __version__
from llm2clip_export.checkpoints.adapter import AdapterCheckpoint
from llm2clip_export.checkpoints.published_file import published_file
from llm2clip_export.checkpoints.vision import MEAN, STD, VisionCheckpoint
from llm2clip_export.errors import CheckpointError
from llm2clip_export.progress import Progress
from llm2clip_export.prompts import MAX_TOKENS, SEPARATOR
from llm2clip_export.text_side import TextSide

NAME = "llm2clip.json"
FORMAT = 2
QUANTIZED_FORMAT = 3  # where a part has 8 or 4 bits
READABLE = (1, 2, 3)  # 1 called embedding_dim embedding_size
# The model cards' constant; not exp(logit_scale), which only training uses (reference.md 6).
SCORE_SCALE = 100.0
# Whose resize the goldens' pixels are: that of the Pillow that pyproject.toml names.
RESIZE_PASSES = "pillow-11"
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
        "order": checkpoint.order,
        "resize_passes": RESIZE_PASSES,
        "source": source,
    }


def text_section(text: TextSide, source: dict[str, str]) -> dict[str, Any]:
    prompt = text.prompt
    section = {
        "file": "text.pt",
        "precision": text.checkpoint.weights.precision,
        "width": text.checkpoint.width,
        "max_tokens": MAX_TOKENS,
        "tokenizer": {"file": text.tokenizer.path.name, "kind": text.tokenizer.kind},
        "prompt": {"prefix": prompt.prefix, "suffix": prompt.suffix, "separator": SEPARATOR},
        "pooling": "caption_and_suffix",
        "source": source,
    }
    return section if text.doc_max_length == MAX_TOKENS else section | {"doc_max_length": text.doc_max_length}


def adapter_section(checkpoint: AdapterCheckpoint, source: dict[str, str]) -> dict[str, Any]:
    return {
        "file": "adapter.pt",
        "precision": checkpoint.weights.precision,
        "width": checkpoint.width,
        "source": source,
    }


def read(directory: Path) -> dict[str, Any]:
    """The manifest of a model directory, in a format that the library reads."""
    path = published_file(directory, NAME)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path}: is not JSON: {error}; export the model again") from error
    if not isinstance(content, dict) or content.get("format") not in READABLE or "files" not in content:
        raise CheckpointError(f"{path}: expected a manifest of format {FORMAT}; export the model again")
    return content


def write(directory: Path, content: dict[str, Any], progress: Progress) -> None:
    """llm2clip.json: `content`, and the `files` of the directory."""
    files = files_section(directory, progress)
    ordered = {key: value for key, value in content.items() if key != "extra"} | {"files": files, "extra": content["extra"]}
    text = json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"
    (directory / NAME).write_text(text, encoding="utf-8")


def as_read(content: dict[str, Any]) -> dict[str, Any]:
    """`content` as it comes back from the file."""
    return json.loads(json.dumps(content))


def changed_file(directory: Path, content: dict[str, Any], progress: Progress) -> str:
    """The first file of `directory` that is not what its manifest, `content`, says; "" for none."""
    named, there = content["files"], files_section(directory, progress)
    return next((name for name in sorted({*named, *there}) if named.get(name) != there.get(name)), "")


def files_section(directory: Path, progress: Progress) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of every file under `directory` but the manifest."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != NAME)
    with progress.byte_bar("hashing", sum(path.stat().st_size for path in paths)) as bar:
        return {
            path.relative_to(directory).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path, bar.update)}
            for path in paths
        }


def sha256(path: Path, hashed: Callable[[int], Any]) -> str:
    """`hashed` hears of bytes as they are done."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            hashed(len(chunk))
    return digest.hexdigest()
