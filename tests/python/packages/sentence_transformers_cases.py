"""What sentence-transformers does with a model, over llm2clip.sentence_transformers."""

import numpy as np
import pytest
import torch
from PIL import Image
from sentence_transformers import util
from sentence_transformers.sentence_transformer import evaluation

TEXTS = ["a red circle", "a brown ring", "a green square", "a dog"]


@pytest.fixture(scope="module")
def model(llm2clip, demo_model):
    from llm2clip.sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(demo_model))


def test_encode_has_its_defaults(model):
    rows = model.encode(TEXTS)
    assert isinstance(rows, np.ndarray) and rows.shape == (4, model.get_sentence_embedding_dimension())
    assert np.array_equal(rows, model.llm2clip.encode_text(TEXTS, normalize=False))
    assert np.array_equal(model.encode(TEXTS[0]), model.llm2clip.encode_text(TEXTS[:1], normalize=False)[0])
    assert torch.equal(model.encode(TEXTS, convert_to_tensor=True), torch.from_numpy(rows))
    assert [row.shape for row in model.encode(TEXTS, convert_to_numpy=False)] == [(rows.shape[1],)] * 4
    assert np.allclose(np.linalg.norm(model.encode(TEXTS, normalize_embeddings=True), axis=1), 1, atol=1e-5)
    assert np.array_equal(model.encode(TEXTS, prompt="a photo of "), model.encode(["a photo of " + text for text in TEXTS]))


def test_similarity_is_its_own(model):
    rows = model.encode(TEXTS)
    assert torch.allclose(model.similarity(rows, rows[:2]), util.cos_sim(rows, rows[:2]), atol=1e-6)
    assert torch.allclose(model.similarity_pairwise(rows, rows[::-1].copy()), util.pairwise_cos_sim(rows, rows[::-1].copy()),
                          atol=1e-6)


def test_its_search_finds_the_text_of_an_image(model, pictures):
    images = model.encode([Image.open(pictures[0])])
    hits = util.semantic_search(images, model.encode(TEXTS), top_k=1)
    assert hits[0][0]["corpus_id"] == 1


def test_its_evaluators_take_it(model):
    triplets = evaluation.TripletEvaluator(TEXTS, TEXTS, TEXTS[1:] + TEXTS[:1])
    assert max(triplets(model).values()) == 1
    queries, corpus = {str(i): text for i, text in enumerate(TEXTS)}, {f"d{i}": text for i, text in enumerate(TEXTS)}
    retrieval = evaluation.InformationRetrievalEvaluator(queries, corpus, {str(i): {f"d{i}"} for i in range(4)},
                                                         accuracy_at_k=[1], precision_recall_at_k=[1], mrr_at_k=[1],
                                                         ndcg_at_k=[1], map_at_k=[1])
    assert retrieval(model)["cosine_accuracy@1"] == 1
    assert set(model.model_card_data.evaluation_metrics) == {"TripletEvaluator", "InformationRetrievalEvaluator"}


def test_texts_and_images_in_one_call_are_refused(llm2clip, model, pictures):
    with pytest.raises(llm2clip.InvalidArgumentError, match="texts and images"):
        model.encode(["a dog", Image.open(pictures[0])])
