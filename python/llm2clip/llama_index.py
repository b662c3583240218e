"""Embeddings of LlamaIndex.

    from llm2clip.llama_index import LLM2CLIPEmbedding

    index = MultiModalVectorStoreIndex.from_documents(documents, image_embed_model=LLM2CLIPEmbedding(model="models/demo"))
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from llama_index.core.base.embeddings.base import Embedding
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.embeddings.multi_modal_base import MultiModalEmbedding
from llama_index.core.schema import ImageType

from .model import Model


def _image(image: ImageType) -> Any:
    """A path, or what a BytesIO holds."""
    return image.getvalue() if hasattr(image, "getvalue") else image


class LLM2CLIPEmbedding(MultiModalEmbedding):  # type: ignore[misc]
    """Unit rows of texts and images, which lie in the same space."""

    _model: Model = PrivateAttr()

    def __init__(self, model: str | os.PathLike[str] | Model, embed_batch_size: int = 64, **options: Any) -> None:
        """A model directory with options of llm2clip.Model, or a model."""
        loaded = model if isinstance(model, Model) else Model(model, **options)
        super().__init__(model_name=loaded.name, embed_batch_size=embed_batch_size)
        self._model = loaded

    @classmethod
    def class_name(cls) -> str:
        return "LLM2CLIPEmbedding"

    @property
    def llm2clip(self) -> Model:
        """The model behind it, with llm2clip's own interface."""
        return self._model

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        rows: list[Embedding] = self._model.encode_text(texts).tolist()
        return rows

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> Embedding:
        return self._get_text_embedding(query)

    def _get_image_embeddings(self, img_file_paths: list[ImageType]) -> list[Embedding]:
        rows: list[Embedding] = self._model.encode_image([_image(image) for image in img_file_paths]).tolist()
        return rows

    def _get_image_embedding(self, img_file_path: ImageType) -> Embedding:
        return self._get_image_embeddings([img_file_path])[0]

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return await asyncio.to_thread(self._get_query_embedding, query)

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return await asyncio.to_thread(self._get_text_embedding, text)

    async def _aget_image_embedding(self, img_file_path: ImageType) -> Embedding:
        return await asyncio.to_thread(self._get_image_embedding, img_file_path)
