"""mteb's check of a model on its mock tasks, and what it knows of the published ones."""

import mteb
import numpy as np
import pytest
from mteb.models.models_protocols import EncoderProtocol


def test_every_mock_task_of_texts_and_images_passes(llm2clip, demo_model):
    from llm2clip.mteb import Encoder

    model = Encoder(demo_model)
    assert isinstance(model, EncoderProtocol)
    results = mteb.mock_run(model)
    ran = [name for name, status in results.items() if status is not None]
    assert results.all_passed, results.to_markdown()
    assert len(ran) > 20 and any("Image" in name for name in ran)


def test_each_published_pair_has_its_metadata(llm2clip, demo_model):
    from llm2clip.mteb import MODELS

    assert len(MODELS) == 8
    for name, meta in MODELS.items():
        assert meta.name == name and meta.modalities == ["image", "text"] and meta.embed_dim in (1280, 1152)
    meta = MODELS["microsoft/LLM2CLIP-Openai-L-14-336"]
    with pytest.raises(llm2clip.InvalidArgumentError, match="llm2clip-export"):
        meta.load_model()
    model = meta.load_model(directory=str(demo_model))
    assert model.mteb_model_meta.name == meta.name
    rows = model.encode([{"text": ["a dog"]}])
    assert np.array_equal(rows, model.model.encode_text(["a dog"]))
