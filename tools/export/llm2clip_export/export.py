"""The whole export: published checkpoints -> model directory."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from llm2clip_export import goldens, manifest
from llm2clip_export.checkpoints.adapter import AdapterCheckpoint
from llm2clip_export.checkpoints.llama import TextCheckpoint, read_llama_repository
from llm2clip_export.checkpoints.openai_vit import VisionCheckpoint, read_openai_repository
from llm2clip_export.checkpoints.tower_weights import TowerWeights
from llm2clip_export.errors import CheckpointError, OutputError, UsageError
from llm2clip_export.golden_inputs import TEXTS, write_pictures
from llm2clip_export.output_directory import in_words, whole_directory
from llm2clip_export.progress import Progress
from llm2clip_export.prompts import PROMPTS, Prompt, prompt_name
from llm2clip_export.published_tokenizer import Tokenizer, check_tokenizer, find_tokenizer, tokenize
from llm2clip_export.torchscript import save_tower

# Room for goldens, tokenizer, manifest and what the file system takes for itself.
SLACK_BYTES = 32 << 20


@dataclass(frozen=True)
class Request:
    """What the command line asks for. Empty names are filled in from the checkpoints."""

    output: Path
    vision: Path | None = None
    text: Path | None = None
    name: str = ""
    vision_repository: str = ""
    vision_revision: str = ""
    text_repository: str = ""
    text_revision: str = ""
    precision: str = "as-stored"
    prompt: str = ""
    overwrite: bool = False


@dataclass(frozen=True)
class TextSide:
    """The text tower with what stands before it."""

    checkpoint: TextCheckpoint
    tokenizer: Tokenizer
    prompt: Prompt


@dataclass(frozen=True)
class Parts:
    """What was found in the checkpoints; None is a part the model directory will not have."""

    vision: VisionCheckpoint | None
    adapter: AdapterCheckpoint | None
    text: TextSide | None

    @property
    def towers(self) -> dict[str, TowerWeights]:
        """By the file they become."""
        found = {
            "vision.pt": self.vision and self.vision.weights,
            "adapter.pt": self.adapter and self.adapter.weights,
            "text.pt": self.text and self.text.checkpoint.weights,
        }
        return {file: weights for file, weights in found.items() if weights}

    @property
    def embedding_size(self) -> int:
        """D; a text tower alone gives its own width."""
        if self.vision:
            return self.vision.embedding_size
        return self.text.checkpoint.width


def export(request: Request, progress: Progress) -> None:
    """Writes the model directory, whole or not at all. Everything that can be refused is refused before it is begun."""
    parts = read_parts(request)
    needed = sum(weights.bytes for weights in parts.towers.values()) + SLACK_BYTES
    with whole_directory(request.output, needed, request.overwrite) as directory:
        for file, weights in parts.towers.items():
            progress.say(f"{file}: {in_words(weights.bytes)}, {weights.precision}")
            save_tower(weights, directory / file)
        if parts.text:
            shutil.copyfile(parts.text.tokenizer.path, directory / parts.text.tokenizer.path.name)
        write_goldens(parts, directory, progress)
        write_manifest(request, parts, directory, progress)
        progress.check()  # the last chance: after this block the directory appears
    progress.say(f"{request.output}: done")


def read_parts(request: Request) -> Parts:
    vision, adapter, text = None, None, None
    if request.vision:
        vision, adapter = read_openai_repository(request.vision, request.precision)
    if request.text:
        text = read_text_side(request)
    if not vision and not text:
        raise UsageError("--vision, --text: expected at least one of them")
    if vision and text and not adapter:
        raise CheckpointError(
            f"{request.vision}: has no adapter (text_adapter.*), as the first revisions had none; download the newest "
            "revision, or give only one of --vision and --text"
        )
    if adapter and text:
        check_fit(request, adapter, text.checkpoint)
    if adapter and adapter.embedding_size != vision.embedding_size:
        raise CheckpointError(
            f"{request.vision}: the adapter gives {adapter.embedding_size} components, the vision tower "
            f"{vision.embedding_size}; is the checkpoint complete?"
        )
    return Parts(vision, adapter, text)


def read_text_side(request: Request) -> TextSide:
    checkpoint = read_llama_repository(request.text, request.precision)
    names = [request.text_repository, checkpoint.repository, request.text.resolve().name]
    prompt = request.prompt or prompt_name(names)
    if not prompt:
        raise CheckpointError(
            f"{request.text}: cannot tell its prompt from the name {checkpoint.repository!r}; say it with --prompt "
            f"{'|'.join(PROMPTS)}, or the name with --text-repository"
        )
    tokenizer = find_tokenizer(request.text)
    check_tokenizer(tokenizer, PROMPTS[prompt], checkpoint.geometry["vocabulary"])
    return TextSide(checkpoint, tokenizer, PROMPTS[prompt])


def check_fit(request: Request, adapter: AdapterCheckpoint, text: TextCheckpoint) -> None:
    if adapter.width != text.width:
        raise CheckpointError(
            f"{request.vision}: its adapter takes captions of {adapter.width} components, but {request.text} gives "
            f"{text.width}; use the text model that belongs to this vision model"
        )


def write_goldens(parts: Parts, directory: Path, progress: Progress) -> None:
    """golden/* and golden.safetensors: of every part that is there."""
    (directory / "golden").mkdir()
    values: dict[str, torch.Tensor] = {}
    if parts.vision:
        progress.say("goldens of the vision tower")
        pictures = write_pictures(parts.vision.image_size, directory / "golden")
        values["pixels"] = goldens.reference_pixels(pictures, parts.vision.image_size)
        values["image_embedding"] = goldens.reference_image_embeddings(parts.vision, values["pixels"])
    if parts.text:
        progress.say("goldens of the text tower")
        write_json(TEXTS, directory / "golden" / "texts.json")
        values |= text_goldens(parts.text, progress)
    if parts.text and parts.adapter:
        values["text_embedding"] = goldens.reference_text_embeddings(parts.adapter, values["caption_embedding"])
        values["score"] = goldens.cosines(values["image_embedding"], values["text_embedding"])
    goldens.refuse_infinite(values)
    path = directory / "golden.safetensors"
    try:
        save_file({name: value.contiguous() for name, value in values.items()}, path)
    except SafetensorError as error:
        raise OutputError(f"{path}: cannot be written: {error}") from error


def text_goldens(text: TextSide, progress: Progress) -> dict[str, torch.Tensor]:
    tokens = [tokenize(caption, text.prompt, text.tokenizer) for caption in TEXTS]
    states = goldens.reference_hidden_states(
        text.checkpoint, [text.ids for text in tokens], lambda layers: progress.steps("layers", layers)
    )
    return {
        "token_ids": torch.tensor([token for text in tokens for token in text.ids]),
        "token_counts": torch.tensor([len(text.ids) for text in tokens]),
        "pooled_counts": torch.tensor([text.pooled for text in tokens]),
        "hidden_states": states[0],
        "caption_embedding": goldens.reference_captions(states, tokens),
    }


def write_manifest(request: Request, parts: Parts, directory: Path, progress: Progress) -> None:
    vision_source, text_source = sources(request, parts)
    content: dict[str, Any] = {
        "format": manifest.FORMAT,
        "name": request.name or default_name(vision_source or text_source),
        "created_with": manifest.created_with(),
        "embedding_size": parts.embedding_size,
        "score_scale": manifest.SCORE_SCALE,
    }
    if parts.vision:
        content["vision"] = manifest.vision_section(parts.vision, vision_source)
    if parts.text:
        text = parts.text
        content["text"] = manifest.text_section(text.checkpoint, text.tokenizer, text.prompt, text_source)
    if parts.adapter:
        content["adapter"] = manifest.adapter_section(parts.adapter, vision_source)
    total = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    with progress.byte_bar("hashing", total) as bar:
        content["files"] = manifest.files_section(directory, bar.update)
    write_json(content | {"extra": {}}, directory / manifest.NAME)


def sources(request: Request, parts: Parts) -> tuple[dict[str, str] | None, dict[str, str] | None]:
    """Where vision (with its adapter) and text come from."""
    vision = parts.vision and {
        "repository": request.vision_repository or parts.vision.repository,
        "revision": request.vision_revision,
    }
    text = parts.text and {
        "repository": request.text_repository or parts.text.checkpoint.repository,
        "revision": request.text_revision,
    }
    return vision, text


def default_name(source: dict[str, str]) -> str:
    """microsoft/LLM2CLIP-Openai-B-16 -> llm2clip-openai-b-16"""
    return source["repository"].rstrip("/").rpartition("/")[2].lower()


def write_json(content: Any, path: Path) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
