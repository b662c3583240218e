"""sentence-transformers' way of speaking: change the import, and name a model directory.

    from llm2clip.sentence_transformers import SentenceTransformer

    model = SentenceTransformer("models/demo")
    scores = model.similarity(model.encode(["a dog"]), model.encode(images))
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ._images import is_one_image
from .errors import InvalidArgumentError
from .model import Model

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ._images import ImageLike


def _tensor(rows: Any) -> torch.Tensor:
    tensor = rows if isinstance(rows, torch.Tensor) else torch.as_tensor(np.asarray(rows))
    return tensor.reshape(-1, tensor.shape[-1]).float()


class ModelCardData:
    """Where evaluators leave what they found."""

    def __init__(self) -> None:
        self.evaluation_metrics: dict[str, dict[str, Any]] = {}  #: by the class of the evaluator

    def set_evaluation_metrics(self, evaluator: object, metrics: dict[str, Any], epoch: int = 0, step: int = 0) -> None:
        self.evaluation_metrics[type(evaluator).__name__] = metrics


class SentenceTransformer:
    """Texts and images to rows, with the defaults of sentence-transformers: rows are not of unit length."""

    similarity_fn_name = "cosine"

    def __init__(
        self, model_name_or_path: str | os.PathLike[str], device: str | None = None, prompts: dict[str, str] | None = None,
        default_prompt_name: str | None = None, **options: Any,
    ) -> None:  # fmt: skip
        """options: those of llm2clip.Model."""
        #: the model behind it, with llm2clip's own interface
        self.llm2clip = Model(model_name_or_path, device=device or "auto", **options)
        self.prompts, self.default_prompt_name = prompts or {}, default_prompt_name
        self.model_card_data = ModelCardData()

    @property
    def device(self) -> torch.device:
        return torch.device(self.llm2clip.device)

    @property
    def max_seq_length(self) -> int:
        return self.llm2clip.max_tokens

    def get_sentence_embedding_dimension(self) -> int:
        return self.llm2clip.dim

    get_embedding_dimension = get_sentence_embedding_dimension

    def _prompt(self, prompt_name: str | None, prompt: str | None) -> str:
        name = prompt_name or self.default_prompt_name
        if prompt is not None or name is None:
            return prompt or ""
        if name not in self.prompts:
            raise ValueError(f"prompt_name: {name!r}; one of {list(self.prompts)} is expected")
        return self.prompts[name]

    def encode(
        self, sentences: str | ImageLike | Sequence[str] | Sequence[ImageLike], prompt_name: str | None = None,
        prompt: str | None = None, batch_size: int = 32, show_progress_bar: bool | None = None,
        output_value: str = "sentence_embedding", precision: str = "float32", convert_to_numpy: bool = True,
        convert_to_tensor: bool = False, device: str | None = None, normalize_embeddings: bool = False, **_: Any,
    ) -> NDArray[np.float32] | torch.Tensor | list[torch.Tensor]:  # fmt: skip
        """(N, D), or (D,) of a single input. Inputs are texts, or Pillow images or arrays (H, W, 3) of uint8.

        A str is always a text: paths of images go through `self.llm2clip.encode_image`.
        """
        if output_value != "sentence_embedding" or precision != "float32":
            raise InvalidArgumentError("output_value and precision: 'sentence_embedding' and 'float32' are expected")
        single = is_one_image(sentences)  # which a str is, too
        inputs: list[Any] = [sentences] if single else list(sentences)  # type: ignore[arg-type]
        rows = self._encode(inputs, self._prompt(prompt_name, prompt), batch_size, bool(show_progress_bar), normalize_embeddings)
        if convert_to_tensor:
            tensor = torch.from_dlpack(rows)
            return tensor[0] if single else tensor
        if not convert_to_numpy:
            return list(torch.from_dlpack(rows))
        return rows[0] if single else rows

    def _encode(self, inputs: list[Any], prompt: str, batch_size: int, show: bool, normalize: bool) -> NDArray[np.float32]:
        are_texts = [isinstance(item, str) for item in inputs]
        if all(are_texts):
            texts = [prompt + text for text in inputs] if prompt else inputs
            return self.llm2clip.encode_text(texts, normalize=normalize, show_progress_bar=show)
        if any(are_texts):
            raise InvalidArgumentError("sentences: texts and images in one call; encode them in two")
        return self.llm2clip.encode_image(inputs, batch_size=batch_size, normalize=normalize, show_progress_bar=show)

    def encode_query(self, sentences: Any, prompt_name: str | None = None, **options: Any) -> Any:
        return self.encode(sentences, prompt_name or ("query" if "query" in self.prompts else None), **options)

    def encode_document(self, sentences: Any, prompt_name: str | None = None, **options: Any) -> Any:
        return self.encode(sentences, prompt_name or ("document" if "document" in self.prompts else None), **options)

    def similarity(self, embeddings1: ArrayLike | torch.Tensor, embeddings2: ArrayLike | torch.Tensor) -> torch.Tensor:
        """Cosines: (rows of one, rows of the other)."""
        return torch.from_dlpack(self.llm2clip.similarity(_tensor(embeddings1).numpy(), _tensor(embeddings2).numpy()))

    def similarity_pairwise(self, embeddings1: ArrayLike | torch.Tensor, embeddings2: ArrayLike | torch.Tensor) -> torch.Tensor:
        """Cosines of rows in the same place: (rows,)."""
        return torch.nn.functional.cosine_similarity(_tensor(embeddings1), _tensor(embeddings2))
