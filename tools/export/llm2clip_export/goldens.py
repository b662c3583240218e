"""golden/* and golden.safetensors: inputs, and the reference's value after every stage (docs/model_format.md)."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from llm2clip_export.checkpoints.adapter import AdapterCheckpoint
from llm2clip_export.checkpoints.vision import VisionCheckpoint
from llm2clip_export.errors import CheckpointError, OutputError
from llm2clip_export.golden_inputs import TEXTS, write_pictures
from llm2clip_export.progress import Progress
from llm2clip_export.published_tokenizer import tokenize
from llm2clip_export.references.adapter import reference_text_embeddings
from llm2clip_export.references.llama import reference_captions, reference_hidden_states
from llm2clip_export.references.pixels import reference_pixels
from llm2clip_export.references.vision import reference_image_embeddings
from llm2clip_export.text_side import TextSide

FILE = "golden.safetensors"
INPUTS = "golden"
TEXTS_FILE = "texts.json"


def image_goldens(vision: VisionCheckpoint, directory: Path) -> dict[str, Tensor]:
    """Writes the pictures as well."""
    pictures = write_pictures(vision.image_size, directory / INPUTS)
    pixels = reference_pixels(pictures, vision.image_size, vision.order)
    return {"pixels": pixels, "image_embedding": reference_image_embeddings(vision, pixels)}


def text_goldens(text: TextSide, directory: Path, progress: Progress) -> dict[str, Tensor]:
    """Writes the texts as well."""
    content = json.dumps(TEXTS, indent=2, ensure_ascii=False) + "\n"
    (directory / INPUTS / TEXTS_FILE).write_text(content, encoding="utf-8")
    tokens = [tokenize(caption, text.prompt, text.tokenizer, text.doc_max_length) for caption in TEXTS]
    states = reference_hidden_states(
        text.checkpoint, [text.ids for text in tokens], lambda layers: progress.steps("layers", layers)
    )
    return {
        "token_ids": torch.tensor([token for text in tokens for token in text.ids]),
        "token_counts": torch.tensor([len(text.ids) for text in tokens]),
        "pooled_counts": torch.tensor([text.pooled for text in tokens]),
        "hidden_states": states[0],
        "caption_embedding": reference_captions(states, tokens),
    }


def joint_goldens(adapter: AdapterCheckpoint, values: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the adapter makes of the captions among `values`, and the score against the images where there are any."""
    joint = {"text_embedding": reference_text_embeddings(adapter, values["caption_embedding"])}
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
