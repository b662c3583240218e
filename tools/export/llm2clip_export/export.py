"""The whole export: published checkpoints -> model directory."""

import shutil
from pathlib import Path
from typing import Any

from torch import Tensor

from llm2clip_export import goldens, manifest, record
from llm2clip_export.errors import CheckpointError, OutputError
from llm2clip_export.output_directory import in_words, left_over, whole_directory
from llm2clip_export.parts import Parts, read_parts
from llm2clip_export.progress import Progress
from llm2clip_export.quantize.quantized_weights import QuantizedWeights
from llm2clip_export.quantize.walks import text_walk, vision_walk
from llm2clip_export.request import Request
from llm2clip_export.torchscript import save_tower

# Room for goldens, tokenizer, manifest and what the file system takes for itself.
SLACK_BYTES = 32 << 20


def export(request: Request, progress: Progress) -> None:
    """Writes the model directory, whole or not at all; does nothing where it is there already, unless told to overwrite."""
    parts = read_parts(request)
    quantized = quantized_towers(request, parts)
    content = manifest_content(request, parts, quantized, progress)
    for path in left_over(request.output):
        progress.say(f"{path}: was left by an export that was killed, or belongs to one that runs; remove it if none does")
    if not request.overwrite and is_there(request.output, content, parts, progress):
        progress.say(f"{request.output}: is there already, made of the same files")
        return
    towers = {file: quantized.get(file.removesuffix(".pt"), weights) for file, weights in parts.towers.items()}
    needed = sum(weights.bytes for weights in towers.values()) + SLACK_BYTES
    with whole_directory(request.output, needed, request.overwrite) as directory:
        (directory / goldens.INPUTS).mkdir()
        for file, weights in towers.items():
            progress.say(f"{file}: {in_words(weights.bytes)}, {weights.precision}")
            if isinstance(weights, QuantizedWeights):
                save_quantized(weights, directory / file, content, progress)
            else:
                save_tower(weights, directory / file)
        if parts.text:
            shutil.copyfile(parts.text.tokenizer.path, directory / parts.text.tokenizer.path.name)
        if parts.shared_text:
            parts.shared_text.link_into(directory)
        goldens.save(golden_values(parts, directory, progress), directory)
        manifest.write(directory, content, progress)
        progress.check()  # the last chance: after this block the directory appears
    progress.say(f"{request.output}: done")


def quantized_towers(request: Request, parts: Parts) -> dict[str, QuantizedWeights]:
    """By part: those that are to have 8 or 4 bits."""
    towers = {}
    if parts.text and request.text_precision:
        towers["text"] = QuantizedWeights(text_walk(parts.text), request.text_precision, request.size)
    if parts.vision and request.vision_precision:
        towers["vision"] = QuantizedWeights(vision_walk(parts.vision), request.vision_precision, request.size)
    return towers


def save_quantized(weights: QuantizedWeights, path: Path, content: dict[str, Any], progress: Progress) -> None:
    """Writes the tower, and into `content` what became of each matrix."""
    progress.say(f"{path.name}: measures what rounding costs; needs about {in_words(weights.memory)} of memory")
    weights.measure(progress)
    progress.say(f"{path.name}: rounds and writes")
    save_tower(weights, path)
    found = weights.report()
    content[path.stem]["quantized"] = found
    progress.say(
        f"{path.name}: cosine to the published weights {found['least_cosine']:.5f} at least, {found['median_cosine']:.5f} in "
        "the median"
    )


def is_there(directory: Path, content: dict[str, Any], parts: Parts, progress: Progress) -> bool:
    """Whether an export of `content` is in `directory`, whole. Refuses another one, saying what differs."""
    try:
        there = manifest.read(directory)
    except CheckpointError:
        return False  # no model directory; whether it may be written to is whole_directory's question
    difference = record.difference(there, content, parts)
    if not difference:
        changed = manifest.changed_file(directory, there, progress)
        difference = f"{changed} is not as {manifest.NAME} says" if changed else ""
    if difference:
        raise OutputError(
            f"{directory}: exists already and is another export: {difference}; choose another directory, or replace it "
            "with --overwrite"
        )
    return True


def golden_values(parts: Parts, directory: Path, progress: Progress) -> dict[str, Tensor]:
    """The reference's values of every part that is there; writes their inputs."""
    values: dict[str, Tensor] = {}
    if parts.vision:
        progress.say("goldens of the vision tower")
        values |= goldens.image_goldens(parts.vision, directory)
    if parts.text:
        progress.say("goldens of the text tower")
        values |= goldens.text_goldens(parts.text, directory, progress)
    if parts.shared_text:
        values |= parts.shared_text.goldens
    if parts.adapter and "caption_embedding" in values:
        values |= goldens.joint_goldens(parts.adapter, values)
    return values


def manifest_content(
    request: Request, parts: Parts, quantized: dict[str, QuantizedWeights], progress: Progress
) -> dict[str, Any]:
    """All of llm2clip.json but its `files`, and but the size of what is `quantized`, which are known when they are written."""
    sources = parts.sources
    content: dict[str, Any] = {
        "format": manifest.FORMAT,
        "name": request.name or default_name(sources.get("vision") or sources.get("adapter") or sources["text"]),
        "created_with": manifest.created_with(),
        "embedding_dim": parts.embedding_dim,
        "score_scale": manifest.SCORE_SCALE,
    }
    if parts.vision:
        content["vision"] = manifest.vision_section(parts.vision, sources["vision"])
    if parts.text:
        content["text"] = manifest.text_section(parts.text, sources["text"])
    if parts.shared_text:
        content["text"] = parts.shared_text.section
    if parts.adapter:
        content["adapter"] = manifest.adapter_section(parts.adapter, sources["adapter"])
    for part, weights in quantized.items():
        content[part] |= {"precision": weights.precision, "quantized": {"size": weights.size}}
    if any("quantized" in content.get(part, {}) for part in ("vision", "text")):
        content["format"] = manifest.QUANTIZED_FORMAT
    return content | {"extra": record.extra(parts, progress)}


def default_name(source: dict[str, str]) -> str:
    """microsoft/LLM2CLIP-Openai-B-16 -> llm2clip-openai-b-16"""
    return source["repository"].rstrip("/").rpartition("/")[2].lower()
