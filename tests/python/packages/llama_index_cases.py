"""LlamaIndex's own index over llm2clip.llama_index."""

import asyncio

import numpy as np
from llama_index.core import VectorStoreIndex
from llama_index.core.schema import TextNode


def embedding(demo_model):
    from llm2clip.llama_index import LLM2CLIPEmbedding

    return LLM2CLIPEmbedding(demo_model)


def test_a_query_finds_its_text(llm2clip, demo_model):
    ours = embedding(demo_model)
    nodes = [TextNode(text=text) for text in ("a red circle", "a brown ring", "a dog")]
    retriever = VectorStoreIndex(nodes, embed_model=ours).as_retriever(similarity_top_k=1)
    assert retriever.retrieve("a brown ring")[0].node.text == "a brown ring"


def test_rows_are_those_of_llm2clip_also_when_awaited(llm2clip, demo_model, pictures):
    ours = embedding(demo_model)
    assert np.allclose(ours.get_text_embedding_batch(["a dog", "a cat"]), ours.llm2clip.encode_text(["a dog", "a cat"]))
    assert np.allclose(asyncio.run(ours.aget_query_embedding("a dog")), ours.llm2clip.encode_text("a dog"), atol=1e-6)
    images = [str(path) for path in pictures]
    assert np.allclose(ours.get_image_embedding_batch(images), ours.llm2clip.encode_image(images))
    assert np.allclose(asyncio.run(ours.aget_image_embedding(images[0])), ours.llm2clip.encode_image(images[0]), atol=1e-6)
