"""LangChain's standard tests of embeddings, and a search in its vector store."""

import pytest
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests


class Tried:
    @pytest.fixture(autouse=True)
    def _package(self, llm2clip):
        """The package is on the path."""

    @property
    def embeddings_class(self):
        from llm2clip.langchain import LLM2CLIPEmbeddings

        return LLM2CLIPEmbeddings

    @property
    def embedding_model_params(self):
        return {"model": "models/demo"}


class TestUnit(Tried, EmbeddingsUnitTests):
    pass


class TestIntegration(Tried, EmbeddingsIntegrationTests):
    pass


def test_a_text_finds_an_image_in_a_vector_store(llm2clip, demo_model, pictures):
    from llm2clip.langchain import LLM2CLIPEmbeddings

    embeddings = LLM2CLIPEmbeddings(demo_model)
    store = InMemoryVectorStore(embeddings)
    store.add_texts(["a red circle", "a brown ring", "a dog"])
    (hit,) = store.similarity_search_by_vector(embeddings.embed_images([pictures[0]])[0], k=1)
    assert hit.page_content == "a brown ring"
