"""The text tower of another model directory, which a new one shares."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from llm2clip_export import goldens, manifest
from llm2clip_export.errors import CheckpointError
from llm2clip_export.references.half_products import HALVES
from safetensors import SafetensorError

TEXT_GOLDENS = ("token_ids", "token_counts", "pooled_counts", "hidden_states", "caption_embedding")
# Those that an export of before goldens in half precision has not.
HALF_GOLDENS = [goldens.half_name(stage, half) for stage in TEXT_GOLDENS[3:] for half in HALVES]


@dataclass(frozen=True)
class SharedText:
    """What the other directory's manifest says of its text part: `section`, and `made_of` for the record."""

    directory: Path
    section: dict[str, Any]
    made_of: dict[str, Any]
    goldens: dict[str, Tensor]

    @property
    def width(self) -> int:
        return self.section["width"]

    @property
    def path(self) -> Path:
        return self.directory / self.section["file"]

    def link_into(self, directory: Path) -> None:
        """Text tower, tokenizer and texts. Hard links, which outlive the other directory; links by name elsewhere."""
        for name in linked_files(self.section):
            source, target = (self.directory / name).resolve(), directory / name
            try:
                os.link(source, target)
            except OSError:  # another file system, or another user's file
                os.symlink(source, target)


def linked_files(section: dict[str, Any]) -> list[str]:
    return [section["file"], section["tokenizer"]["file"], f"{goldens.INPUTS}/{goldens.TEXTS_FILE}"]


def read_shared_text(directory: Path) -> SharedText:
    """Refuses a directory whose text part is not whole."""
    content = manifest.read(directory)
    section = content.get("text")
    if not section:
        raise CheckpointError(f"{directory / manifest.NAME}: has no text part to share; export one with --text")
    for name in (section["file"], section["tokenizer"]["file"], goldens.FILE):
        path, entry = directory / name, content["files"].get(name, {})
        if not path.is_file() or path.stat().st_size != entry.get("bytes"):
            raise CheckpointError(f"{path}: is missing or not as {manifest.NAME} says; export the text tower again")
    try:
        values = load_file(directory / goldens.FILE)
        kept = {name: values[name] for name in TEXT_GOLDENS}
        kept |= {name: values[name] for name in HALF_GOLDENS if name in values}
    except (SafetensorError, KeyError) as error:
        raise CheckpointError(f"{directory / goldens.FILE}: is damaged: {error}; export the text tower again") from error
    return SharedText(directory, section, made_of(content), kept)


def made_of(content: dict[str, Any]) -> dict[str, Any]:
    """The published files, the adapters, the license, the goldens' reference, and the files themselves: an exporter of before
    recorded less, and what was published under one name may have changed since."""
    extra = content.get("extra", {})
    files = {name: content["files"].get(name) for name in linked_files(content["text"])}
    return {
        "sources": extra.get("sources", {}).get("text", {}),
        "lora": extra.get("lora", []),
        "license": extra.get("licenses", {}).get("text", ""),
        "goldens": extra.get("goldens", {}).get("text", content["created_with"]),
        "files": files,
    }
