"""Rows, classes and hits that Python gets are those of the command line."""

import json
import logging
import subprocess
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ["a red circle", "ein Hund", "a dog " * 900]


def run(binary, *arguments) -> str:
    return subprocess.run([binary, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def rows(binary, demo_model, pictures, tmp_path_factory):
    """What embed-image writes for the drawings."""
    output = tmp_path_factory.mktemp("rows") / "rows.npy"
    run(binary, "embed-image", "-m", demo_model, *pictures, "-o", output)
    return np.load(output)


@pytest.fixture(scope="module")
def arrays(pictures):
    return [np.asarray(PIL.Image.open(path).convert("RGB")) for path in pictures]


def test_rows_of_files_are_those_of_the_command_line_to_the_bit(model, pictures, rows):
    assert np.array_equal(model.encode_image(pictures), rows)
    assert np.array_equal(model.encode_image(map(str, pictures)), rows)


def test_an_image_may_be_a_path_bytes_a_pillow_image_or_pixels(model, pictures, arrays, rows):
    mixed = [str(pictures[0]), pictures[1].read_bytes(), PIL.Image.open(pictures[2]), arrays[3]]
    assert np.array_equal(model.encode_image(mixed), rows)
    assert np.array_equal(model.encode_image([bytearray(pictures[0].read_bytes())]), model.encode_image(pictures[:1]))


def test_a_single_image_and_a_single_text_give_a_single_row(model, pictures, arrays):
    for image in (pictures[0], arrays[0], PIL.Image.open(pictures[0]), pictures[0].read_bytes()):
        assert np.array_equal(model.encode_image(image), model.encode_image([image])[0])
    assert np.array_equal(model.encode_text("a dog"), model.encode_text(["a dog"])[0])


def test_none_give_none(model):
    assert model.encode_image([]).shape == model.encode_text([]).shape == (0, model.dim)


def test_pixels_with_gaps_between_rows_and_from_bottom_to_top_are_read_as_they_lie(model, arrays):
    large = np.zeros((60, 80, 3), np.uint8)
    large[10:50, 20:70] = arrays[0][:40, :50]
    gray = large[..., :1], large[..., 0]
    for view in (large[10:50, 20:70], large[::-1], large[:, ::-1], large[..., ::-1], large[::2, ::3], *gray):
        pixels = np.ascontiguousarray(np.broadcast_to(view.reshape(*view.shape[:2], -1), (*view.shape[:2], 3)))
        assert np.array_equal(model.encode_image([view]), model.encode_image([PIL.Image.fromarray(pixels)]))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "YCbCr", "HSV"])
def test_a_pillow_image_of_any_mode_is_what_pillow_converts_it_to(model, pictures, mode):
    image = PIL.Image.open(pictures[0]).convert("L" if mode == "I;16" else "RGB").convert(mode)
    assert np.array_equal(model.encode_image([image]), model.encode_image([image.convert("RGB")]))


def test_an_array_of_the_towers_own_size_is_read_where_it_lies(model):
    side = model.image_size
    crops = np.random.default_rng(1).integers(0, 256, (5, side, side, 3), np.uint8)
    assert np.array_equal(model.encode_image(crops), model.encode_image(list(crops)))
    assert np.array_equal(model.encode_image(crops, batch_size=2), model.encode_image(list(crops), batch_size=2))


def test_preprocess_gives_the_pixels_that_the_tower_gets(model, pictures, rows):
    pixels = np.stack([model.preprocess(path) for path in pictures])
    assert pixels.shape == (4, 3, model.image_size, model.image_size) and pixels.dtype == np.float32
    assert np.array_equal(model.encode_pixels(pixels), rows)


def test_pixels_of_no_8_bit_image_have_rows_too(model, pictures, rows):
    pixels = np.stack([model.preprocess(path) for path in pictures])
    near = model.encode_pixels(pixels + np.float32(1e-3))
    assert not np.array_equal(near, rows)
    assert np.all(np.sum(near * rows, axis=1) > 0.99)


def test_texts_are_those_of_the_command_line_to_the_bit(binary, model, demo_model, tmp_path):
    output = tmp_path / "rows.npy"
    run(binary, "embed-text", "-m", demo_model, *(f"--text={text}" for text in TEXTS), "-o", output)
    expected = np.load(output)
    assert np.abs(model.encode_text(TEXTS) - expected).max() < 1e-6
    tokens = [model.tokenizer(text) for text in TEXTS]
    assert np.array_equal(model.encode_tokens(tokens), model.encode_text(TEXTS))
    assert [text.truncated for text in tokens] == [False, False, True]
    raw = model.encode_text(TEXTS, normalize=False)
    assert np.abs(raw / np.linalg.norm(raw, axis=1, keepdims=True) - expected).max() < 1e-6
    assert model.encode_text(TEXTS, adapter=False).shape == (3, model.text_width)


def test_rows_are_lent_not_copied_and_outlive_the_model(llm2clip, demo_model, model, pictures):
    torch = pytest.importorskip("torch")
    own = llm2clip.Model(demo_model, text=False)
    rows = own.encode_image(pictures)
    own.close()
    assert np.array_equal(rows, model.encode_image(pictures))
    tensor = torch.from_dlpack(rows)
    tensor[0, 0] = 5
    assert rows[0, 0] == 5 and tensor.data_ptr() == rows.ctypes.data
    with pytest.raises(llm2clip.InvalidArgumentError):
        own.encode_image(pictures)


def test_an_image_that_cannot_be_used_is_named(llm2clip, model, pictures):
    bad = ROOT / "tests/data/unseen/labels.txt"
    with pytest.raises(llm2clip.UnreadableInputError, match=r"labels\.txt"):
        model.encode_image([pictures[0], bad])
    with pytest.raises(llm2clip.UnreadableInputError, match="image 1"):
        model.encode_image([pictures[0], b"no image"])
    with pytest.raises(llm2clip.UnreadableInputError, match="nowhere.png"):
        model.encode_image("nowhere.png")


def test_or_gets_a_row_of_nan(model, pictures, rows, caplog):
    with caplog.at_level(logging.WARNING, "llm2clip"):
        found = model.encode_image([pictures[0], b"no image", "nowhere.png", *pictures[1:]], on_failure="nan")
    assert np.isnan(found[1:3]).all() and not np.isnan(np.delete(found, [1, 2], axis=0)).any()
    assert np.abs(np.delete(found, [1, 2], axis=0) - rows).max() < 1e-5
    assert len(caplog.records) == 2 and "nowhere.png" in caplog.text


@pytest.mark.parametrize("image,message", [
    (3, "image 1: a int"), (np.zeros((4, 4, 3)), r"image 1: an array \(4, 4, 3\) of float64"), (None, "a path, the bytes"),
    (np.zeros((4, 4, 2), np.uint8), r"\(4, 4, 2\)")])
def test_what_is_no_image_is_refused_with_its_place(llm2clip, model, pictures, image, message):
    with pytest.raises(llm2clip.InvalidArgumentError, match=message):
        model.encode_image([pictures[0], image])


def test_what_a_generator_raises_is_raised(model, pictures):
    def images():
        yield pictures[0]
        raise KeyError("of the caller")

    with pytest.raises(KeyError, match="of the caller"):
        model.encode_image(images())


@pytest.mark.parametrize("call", [
    lambda model: model.encode_text(["a", 3]), lambda model: model.encode_pixels(np.zeros((1, 3, 9, 8))),
    lambda model: model.encode_image([], on_failure="ignore"), lambda model: model.similarity([[1, 2]], [[1, 2, 3]]),
    lambda model: model.classify("a.png", "dog"), lambda model: type(model)("models/demo", "float8")])
def test_arguments_that_make_no_sense_are_refused(llm2clip, model, call):
    with pytest.raises(llm2clip.InvalidArgumentError, match="expected|against"):
        call(model)


def test_a_text_that_is_no_unicode_is_unreadable(llm2clip, model):
    with pytest.raises(llm2clip.UnreadableInputError, match="UTF-8"):
        model.encode_text(["a \udcff dog"])


def test_a_directory_that_is_no_model_is_a_bad_model(llm2clip, tmp_path):
    with pytest.raises(llm2clip.BadModelError, match=r"llm2clip\.json"):
        llm2clip.Model(tmp_path)


def test_similarity_is_the_cosine(model, rows):
    texts = model.encode_text(["a dog", "brown ring"])
    expected = rows @ texts.T
    assert np.abs(model.similarity(rows * 3, texts) - expected).max() < 1e-6
    assert model.similarity(rows[0], texts).shape == (1, 2)
    assert np.array_equal(model.similarity(np.zeros(model.dim), texts), [[0, 0]])


def test_classify_gives_the_scores_of_the_command_line(llm2clip, binary, model, demo_model, pictures, tmp_path):
    labels, templates = ["red circle", "brown ring", "a dog"], ["a photo of a {}.", "{}"]
    flags = [f"--label={label}" for label in labels] + [f"--template={template}" for template in templates]
    lines = run(binary, "classify", "-m", demo_model, *pictures, "--json", *flags).splitlines()
    expected = [[(item["label"], item["score"], item["cosine"]) for item in json.loads(line)["labels"]] for line in lines]
    found = model.classify(pictures, labels, templates=templates)
    assert [[item.label for item in order] for order in found] == [[item[0] for item in order] for order in expected]
    assert np.allclose([[item[1:] for item in order] for order in found], [[item[1:] for item in order] for order in expected],
                       atol=1e-5)
    assert found[0][0].label == "brown ring"
    classifier = llm2clip.Classifier.from_labels(model, labels, templates)
    classifier.save(tmp_path / "labels.safetensors")
    loaded = llm2clip.Classifier.load(tmp_path / "labels.safetensors")
    loaded.check_fits(model)
    assert loaded.labels == labels and np.array_equal(loaded.embeddings, classifier.embeddings)
    assert [order[0] for order in model.classify(pictures, loaded, top_k=1)] == [order[0] for order in found]


def test_an_index_gives_what_the_command_line_finds(llm2clip, binary, model, demo_model, tmp_path):
    folder = tmp_path / "photos.index"
    run(binary, "index", "-m", demo_model, "-x", folder, ROOT / "tests/data/unseen", "-r", "--quiet")
    index = llm2clip.Index(folder)
    assert len(index) == 4 and index.dim == model.dim
    index.check_fits(model)
    index.verify()
    query = model.encode_text(["brown ring", "red circle"])
    hits = index.search(query, k=2)
    assert [len(order) for order in hits] == [2, 2] and hits[0][0].id.endswith("image_000.png")
    assert hits[0] == index.search(query[0], k=2)[0]
    assert index.search(query, k=0, filter="*image_001*")[0][0].id.endswith("image_001.jpg")
    assert index.search(query, min_score=2) == [[], []]
    with pytest.raises(llm2clip.InvalidArgumentError):
        index.search([1, 2, 3])
    with pytest.raises(llm2clip.UnreadableInputError):
        llm2clip.Index(tmp_path / "nothing.index")


def test_a_bar_counts_the_inputs_where_it_is_wanted(model, pictures, capsys):
    pytest.importorskip("tqdm")
    model.encode_image(pictures, show_progress_bar=True)
    model.encode_text(["a dog", "a cat"], show_progress_bar=True)
    shown = capsys.readouterr().err
    assert "4/4" in shown and "2/2" in shown
    model.encode_image(pictures)
    assert capsys.readouterr().err == ""
