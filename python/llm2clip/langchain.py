"""Embeddings of LangChain.

    from llm2clip.langchain import LLM2CLIPEmbeddings

    embeddings = LLM2CLIPEmbeddings(model="models/demo")
    store = InMemoryVectorStore(embeddings)
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings

from .model import Model

if TYPE_CHECKING:
    from ._images import ImageLike


class LLM2CLIPEmbeddings(Embeddings):  # type: ignore[misc]
    """Unit rows of texts, and of images, which lie in the same space."""

    def __init__(self, model: str | os.PathLike[str] | Model, **options: Any) -> None:
        """A model directory with options of llm2clip.Model, or a model."""
        #: the model behind it, with llm2clip's own interface
        self.llm2clip = model if isinstance(model, Model) else Model(model, **options)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = self.llm2clip.encode_text(texts).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    def embed_images(self, images: Iterable[ImageLike]) -> list[list[float]]:
        """Paths, bytes of files, Pillow images or arrays."""
        rows: list[list[float]] = self.llm2clip.encode_image(list(images)).tolist()
        return rows

    # LangChain's image embeddings have this name, too.
    embed_image = embed_images
