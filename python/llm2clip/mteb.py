"""mteb over llm2clip.

    import mteb
    from llm2clip.mteb import Encoder

    model = Encoder("models/demo")
    mteb.evaluate(model, mteb.get_tasks(["Flickr30kI2TRetrieval"]))

`MODELS` has the metadata of each published pair: `MODELS["microsoft/LLM2CLIP-Openai-L-14-336"].load_model(directory=...)`,
where the directory is what llm2clip-export made of it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from mteb.models.abs_encoder import AbsEncoder
from mteb.models.model_meta import ModelMeta, ScoringFunction

from .errors import InvalidArgumentError
from .model import Model

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _load(
    model_name: str, revision: str | None = None, device: str | None = None, *, directory: str = "", **options: Any
) -> Encoder:
    """Published weights are not llm2clip's own format, so a directory must be named."""
    if not directory:
        raise InvalidArgumentError(f"directory: none for {model_name}; export it with llm2clip-export, and give its folder")
    options.pop("embed_dim", None)
    return Encoder(directory, device=device, meta=MODELS.get(model_name), **options)


def _meta(name: str, **facts: Any) -> ModelMeta:
    unknown = dict.fromkeys(("revision", "release_date", "languages", "n_parameters", "memory_usage_mb", "license",
                             "public_training_data", "training_datasets"))  # fmt: skip
    return ModelMeta(
        loader=_load, name=name, modalities=["image", "text"], similarity_fn_name=ScoringFunction.COSINE,
        framework=["PyTorch"], use_instructions=False, **{**unknown, **facts},
    )  # fmt: skip


def _published(repository: str, dim: int = 1280) -> ModelMeta:
    return _meta(f"microsoft/{repository}", max_tokens=512, embed_dim=dim, open_weights=True,
                 reference=f"https://huggingface.co/microsoft/{repository}",
                 public_training_code="https://github.com/microsoft/LLM2CLIP")  # fmt: skip


#: By the name of the vision tower's repository; docs/models.md says which text tower goes with each.
MODELS: dict[str, ModelMeta] = {
    meta.name: meta
    for meta in [
        _published("LLM2CLIP-Openai-B-16"),
        _published("LLM2CLIP-Openai-L-14-224"),
        _published("LLM2CLIP-Openai-L-14-336"),
        _published("LLM2CLIP-EVA02-B-16"),
        _published("LLM2CLIP-EVA02-L-14-336"),
        _published("LLM2CLIP-Llama3.2-1B-EVA02-L-14-336"),
        _published("LLM2CLIP-Llama3.2-1B-EVA02-L-14-224"),
        _published("LLM2CLIP-Llama3.1-8B-siglip2-so400m-patch14-224", dim=1152),
    ]
}


class Encoder(AbsEncoder):  # type: ignore[misc]
    """A model directory as mteb's EncoderProtocol."""

    def __init__(
        self, model_name: str | os.PathLike[str], revision: str | None = None, device: str | None = None, *,
        meta: ModelMeta | None = None, **options: Any,
    ) -> None:  # fmt: skip
        """options: those of llm2clip.Model."""
        self.model = Model(model_name, device=device or "auto", **options)
        self.mteb_model_meta = meta or _meta(
            f"llm2clip/{self.model.name}", max_tokens=self.model.max_tokens, embed_dim=self.model.dim, open_weights=None,
            public_training_code=None,
        )  # fmt: skip

    def encode(self, inputs: Any, *, batch_size: int = 32, **_: Any) -> NDArray[np.float32]:
        """Unit rows (N, D); of inputs that have a text and an image, the sum of both."""
        texts: list[str] = []
        image_rows: list[NDArray[np.float32]] = []
        for batch in inputs:
            texts += batch.get("text", [])
            if "image" in batch:
                image_rows.append(self.model.encode_image(batch["image"], batch_size=batch_size))
        rows = [self.model.encode_text(texts)] if texts else []
        if image_rows:
            rows.append(np.concatenate(image_rows))
        if not rows:
            raise InvalidArgumentError("inputs: have neither texts nor images")
        total: NDArray[np.float32] = np.sum(rows, axis=0, dtype=np.float32)
        return total
