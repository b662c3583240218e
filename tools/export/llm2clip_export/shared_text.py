"""The text tower of another model directory, which a new one shares."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from llm2clip_export import goldens, manifest
from llm2clip_export.errors import CheckpointError

TEXT_GOLDENS = ("token_ids", "token_counts", "pooled_counts", "hidden_states", "caption_embedding")


@dataclass(frozen=True)
class SharedText:
    """`section` and `sources` are what the other directory's manifest says of its text part."""

    directory: Path
    section: dict[str, Any]
    sources: dict[str, Any]
    goldens: dict[str, Tensor]

    @property
    def width(self) -> int:
        return self.section["width"]

    @property
    def path(self) -> Path:
        return self.directory / self.section["file"]

    def link_into(self, directory: Path) -> None:
        """Text tower, tokenizer and texts. Hard links, which outlive the other directory; links by name elsewhere."""
        for name in (self.section["file"], self.section["tokenizer"]["file"], f"{goldens.INPUTS}/{goldens.TEXTS_FILE}"):
            source, target = (self.directory / name).resolve(), directory / name
            try:
                os.link(source, target)
            except OSError:  # another file system, or another user's file
                os.symlink(source, target)


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
    except (SafetensorError, KeyError) as error:
        raise CheckpointError(f"{directory / goldens.FILE}: is damaged: {error}; export the text tower again") from error
    sources = content.get("extra", {}).get("sources", {}).get("text", {})
    return SharedText(directory, section, sources, kept)
