"""open_clip's own code, and its README's example, over llm2clip.open_clip."""

import open_clip
import pytest
import torch
from PIL import Image


@pytest.fixture(scope="module")
def look_alike(llm2clip, demo_model):
    from llm2clip import open_clip as ours

    model, _, preprocess = ours.create_model_and_transforms(str(demo_model))
    return model, preprocess, ours.get_tokenizer(str(demo_model))


def test_the_zero_shot_example_of_its_readme(look_alike, pictures):
    model, preprocess, tokenizer = look_alike
    model.eval()
    image = preprocess(Image.open(pictures[0])).unsqueeze(0)
    text = tokenizer(["red circle", "brown ring", "a dog"])
    with torch.no_grad(), torch.autocast("cpu"):
        image_features = model.encode_image(image)
        text_features = model.encode_text(text)
        image_features /= image_features.norm(dim=-1, keepdim=True)
        text_features /= text_features.norm(dim=-1, keepdim=True)
        text_probs = (100.0 * image_features @ text_features.T).softmax(dim=-1)
    assert text_probs.argmax() == 1 and abs(float(text_probs.sum()) - 1) < 1e-3


def test_rows_are_those_of_llm2clip(llm2clip, look_alike, pictures):
    model, preprocess, tokenizer = look_alike
    texts = ["a dog", "a photo of a brown ring.", ""]
    images = torch.stack([preprocess(Image.open(path)) for path in pictures])
    assert torch.equal(model.encode_image(images, normalize=True), torch.from_numpy(model.llm2clip.encode_image(pictures)))
    assert torch.equal(model.encode_text(tokenizer(texts), normalize=True), torch.from_numpy(model.llm2clip.encode_text(texts)))
    rows = model(images, tokenizer(texts))
    assert float(rows[2]) == pytest.approx(model.llm2clip.score_scale, rel=1e-5)
    assert torch.allclose(model.get_logits(images, tokenizer(texts))[0], rows[2] * rows[0] @ rows[1].T)


def test_its_zero_shot_classifier_is_ours(llm2clip, look_alike, pictures):
    model, preprocess, tokenizer = look_alike
    labels, templates = ["red circle", "brown ring", "a dog"], ["a photo of a {}.", "an image of a {}"]
    weights = open_clip.build_zero_shot_classifier(model, tokenizer, labels, templates, num_classes_per_batch=2)
    ours = llm2clip.Classifier.from_labels(model.llm2clip, labels, templates).embeddings
    assert torch.allclose(weights.T, torch.from_numpy(ours), atol=1e-5)
    assert (model.encode_image(preprocess(Image.open(pictures[0]))[None], normalize=True) @ weights).argmax() == 1


def test_the_transform_goes_to_the_workers_of_a_data_loader(look_alike, pictures):
    _, preprocess, tokenizer = look_alike

    class Files(torch.utils.data.Dataset):
        def __len__(self):
            return len(pictures)

        def __getitem__(self, index):
            return preprocess(Image.open(pictures[index])), tokenizer("a dog")[0]

    (images, texts), = torch.utils.data.DataLoader(Files(), batch_size=4, num_workers=2)
    assert torch.equal(images, torch.stack([preprocess(path) for path in pictures]))
    assert torch.equal(texts, tokenizer(["a dog"] * 4))
