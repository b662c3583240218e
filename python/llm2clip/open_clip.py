"""open_clip's way of speaking, for programs that have it: change the import, and name a model directory.

    from llm2clip import open_clip

    model, _, preprocess = open_clip.create_model_and_transforms("models/demo")
    tokenizer = open_clip.get_tokenizer("models/demo")
    features = model.encode_image(preprocess(image).unsqueeze(0))

Differences: a model is for inference alone, `encode_image` and `encode_text` give float32 on the CPU's side of the tensor
that they got, and the tokenizer's tensor is (N, 1 + T): a text of LLM2CLIP is its ids and how many of them are averaged.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from .model import Model
from .tokenizer import Tokenizer, Tokens

if TYPE_CHECKING:
    from ._images import ImageLike

_PRECISIONS = {"fp32": "float32", "bf16": "bfloat16", "pure_bf16": "bfloat16", "fp16": "float16", "pure_fp16": "float16"}
# What fills rows behind the ids of a shorter text.
_PADDING = -1


class CLIP(torch.nn.Module):
    """What create_model_and_transforms gives: `encode_image`, `encode_text`, `logit_scale`."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        #: the model behind it, with llm2clip's own interface
        self.llm2clip = model
        self.logit_scale = torch.nn.Parameter(torch.tensor(math.log(model.score_scale)), requires_grad=False)

    def encode_image(self, image: torch.Tensor, normalize: bool = False) -> torch.Tensor:
        """(N, 3, S, S), as `preprocess` gives it, to (N, D)."""
        pixels = image.detach().to("cpu", torch.float32).numpy()
        rows = self.llm2clip.encode_pixels(pixels, batch_size=max(1, len(pixels)), normalize=normalize)
        return torch.from_dlpack(rows).to(image.device)

    def encode_text(self, text: torch.Tensor, normalize: bool = False) -> torch.Tensor:
        """(N, 1 + T), as the tokenizer gives it, to (N, D)."""
        rows = text.detach().cpu().numpy()
        tokens = [Tokens(row[1:][row[1:] != _PADDING], int(row[0]), False) for row in rows]
        return torch.from_dlpack(self.llm2clip.encode_tokens(tokens, normalize=normalize)).to(text.device)

    def get_logits(self, image: torch.Tensor, text: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(images, texts) and its transpose."""
        logits = self.logit_scale.exp() * self.encode_image(image, normalize=True) @ self.encode_text(text, normalize=True).T
        return logits, logits.T

    def forward(
        self, image: torch.Tensor | None = None, text: torch.Tensor | None = None
    ) -> tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor]:
        """Unit rows of both, and the scale."""
        return (
            None if image is None else self.encode_image(image, normalize=True),
            None if text is None else self.encode_text(text, normalize=True),
            self.logit_scale.exp(),
        )


class Transform:
    """From an image to a tensor (3, S, S) float32; picklable, for workers of a data loader."""

    def __init__(self, model: Model) -> None:
        self._preprocess = model.preprocess

    def __call__(self, image: ImageLike) -> torch.Tensor:
        return torch.from_numpy(self._preprocess(image))


class TextTokenizer:
    """From texts to a tensor (N, 1 + T) int64: how many ids are averaged, the ids, and -1 behind those of shorter texts."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def __call__(self, texts: str | Sequence[str], context_length: int | None = None) -> torch.Tensor:
        if context_length is not None:
            raise ValueError("context_length: the model's own holds; leave it out")
        tokens = [self._tokenizer(text) for text in ([texts] if isinstance(texts, str) else texts)]
        result = torch.full((len(tokens), 1 + max((len(text.ids) for text in tokens), default=0)), _PADDING, dtype=torch.int64)
        for row, text in zip(result, tokens):
            row[0] = text.pooled
            row[1 : 1 + len(text.ids)] = torch.from_numpy(text.ids)
        return result


def create_model_and_transforms(
    model_name: str | os.PathLike[str], pretrained: str | None = None, precision: str = "auto",
    device: str | torch.device = "cpu", **options: Any,
) -> tuple[CLIP, Transform, Transform]:  # fmt: skip
    """A model directory, and its transform twice: there is none for training.

    precision: open_clip's "fp32", "fp16", "bf16", or llm2clip's. `pretrained` has no meaning, because the directory has its
    weights. options: those of llm2clip.Model.
    """
    model = CLIP(Model(model_name, _PRECISIONS.get(precision, precision), device=str(device), **options)).eval()
    return model, Transform(model.llm2clip), Transform(model.llm2clip)


def create_model_from_pretrained(model_name: str | os.PathLike[str], **options: Any) -> tuple[CLIP, Transform]:
    """The same with the transform once."""
    return create_model_and_transforms(model_name, **options)[:2]


def get_tokenizer(model_name: str | os.PathLike[str]) -> TextTokenizer:
    """That of a model directory; the towers are not loaded."""
    return TextTokenizer(Tokenizer(model_name))
