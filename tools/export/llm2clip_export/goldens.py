"""golden/* and golden.safetensors: inputs, and the reference's value after every stage (docs/model_format.md)."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from llm2clip_export.checkpoints.adapter import AdapterCheckpoint
from llm2clip_export.checkpoints.tower_weights import name_of
from llm2clip_export.checkpoints.vision import VisionCheckpoint
from llm2clip_export.errors import CheckpointError, OutputError
from llm2clip_export.golden_inputs import TEXTS, write_pictures
from llm2clip_export.progress import Progress
from llm2clip_export.published_tokenizer import TokenIds, tokenize
from llm2clip_export.references.adapter import reference_text_embeddings
from llm2clip_export.references.half_products import HALVES
from llm2clip_export.references.llama import reference_captions, reference_hidden_states
from llm2clip_export.references.pixels import reference_pixels
from llm2clip_export.references.vision import reference_image_embeddings
from llm2clip_export.text_side import TextSide
from safetensors import SafetensorError

# Of what is in the file and how the reference computes it; 1 had nothing of the half precisions.
FORMAT = 2
FILE = "golden.safetensors"
INPUTS = "golden"
TEXTS_FILE = "texts.json"


def image_goldens(vision: VisionCheckpoint, directory: Path) -> dict[str, Tensor]:
    """Writes the images as well."""
    pictures = write_pictures(vision.image_size, directory / INPUTS)
    pixels = reference_pixels(pictures, vision.image_size, vision.order)
    values = {"pixels": pixels, "image_embedding": reference_image_embeddings(vision, pixels)}
    for half, dtype in HALVES.items():
        values |= in_half({"image_embedding": reference_image_embeddings(vision, pixels, dtype)}, half)
    return values


def text_goldens(text: TextSide, directory: Path, progress: Progress) -> dict[str, Tensor]:
    """Writes the texts as well."""
    content = json.dumps(TEXTS, indent=2, ensure_ascii=False) + "\n"
    (directory / INPUTS / TEXTS_FILE).write_text(content, encoding="utf-8")
    tokens = [tokenize(caption, text.prompt, text.tokenizer, text.doc_max_length) for caption in TEXTS]
    values = {
        "token_ids": torch.tensor([token for text in tokens for token in text.ids]),
        "token_counts": torch.tensor([len(text.ids) for text in tokens]),
        "pooled_counts": torch.tensor([text.pooled for text in tokens]),
    }
    values |= network_goldens(text, tokens, torch.float32, progress)
    for half, dtype in HALVES.items():
        values |= in_half(network_goldens(text, tokens, dtype, progress), half)
    return values


def network_goldens(
    text: TextSide, tokens: list[TokenIds], dtype: torch.dtype, progress: Progress
) -> dict[str, Tensor]:
    ids = [text.ids for text in tokens]
    states = reference_hidden_states(
        text.checkpoint, ids, lambda layers: progress.steps(f"layers in {name_of(dtype)}", layers), dtype
    )
    return {"hidden_states": states[0].float(), "caption_embedding": reference_captions(states, tokens)}


def in_half(values: dict[str, Tensor], half: str) -> dict[str, Tensor]:
    """`values` under their names in golden.safetensors; none where the reference itself leaves what float16 can hold."""
    whole = all(value.isfinite().all() for value in values.values())
    return {half_name(stage, half): value for stage, value in values.items()} if whole else {}


def half_name(stage: str, half: str) -> str:
    return f"{stage}_{half}"


def joint_goldens(adapter: AdapterCheckpoint, values: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the adapter makes of the captions among `values`, and the score against the images where there are any."""
    joint = {"text_embedding": reference_text_embeddings(adapter, values["caption_embedding"])}
    for half, dtype in HALVES.items():
        captions = values.get(half_name("caption_embedding", half))
        if captions is not None:
            joint |= in_half({"text_embedding": reference_text_embeddings(adapter, captions, dtype)}, half)
    if "image_embedding" in values:
        joint["score"] = cosines(values["image_embedding"], joint["text_embedding"])
    return joint


def save(values: dict[str, Tensor], directory: Path) -> None:
    refuse_infinite(values)
    path = directory / FILE
    try:
        save_file({name: value.contiguous() for name, value in values.items()}, path)
    except SafetensorError as error:
        raise OutputError(f"{path}: cannot be written: {error}") from error


def cosines(images: Tensor, texts: Tensor) -> Tensor:
    """(images, D), (texts, D) -> (images, texts) float32."""
    return (F.normalize(images.double(), dim=-1) @ F.normalize(texts.double(), dim=-1).T).float()


def refuse_infinite(goldens: dict[str, Tensor]) -> None:
    for stage, values in goldens.items():
        if values.is_floating_point() and not values.isfinite().all():
            raise CheckpointError(f"{stage}: the reference gives NaN or infinity; download the weights again")
