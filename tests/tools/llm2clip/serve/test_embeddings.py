"""POST /v1/embeddings: every form of a request, and rows that are the command line's to the bit."""

import base64
import io
import json
import subprocess
import threading

import numpy as np
import pytest
from PIL import Image

from server import data_uri

TEXTS = ["a dog", "a photo of two cats on a red sofa", "", "猫", "a dog", "<|eot_id|>", "word " * 300]


def picture(color="red", size=(40, 30), kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, kind)
    return file.getvalue()


def noise(seed, size=(300, 200), kind="JPEG"):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)).save(file, kind)
    return file.getvalue()


def rows_of(answer):
    """float32, whichever of the two forms they came in."""
    status, body = answer
    assert status == 200, body
    assert [item["index"] for item in body["data"]] == list(range(len(body["data"])))
    return np.array([np.frombuffer(base64.b64decode(item["embedding"]), "<f4") if isinstance(item["embedding"], str)
                     else item["embedding"] for item in body["data"]], np.float32)


def embed(server, body):
    return rows_of(server.post("/v1/embeddings", body))


@pytest.fixture(scope="module")
def text_rows(binary, demo_model, tmp_path_factory):
    """The command line's, of TEXTS."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    subprocess.run([binary, "embed-text", "-m", demo_model, "-f", "texts.jsonl", "--jsonl", "-o", "rows.npy"],
                   cwd=folder, check=True)
    return np.load(folder / "rows.npy")


@pytest.mark.parametrize("form", ["float", "base64"])
def test_texts_have_the_rows_of_embed_text(server, text_rows, form):
    rows = embed(server, {"model": "llm2clip-demo", "input": TEXTS, "encoding_format": form})
    assert np.array_equal(rows, text_rows)


def test_a_text_has_its_row_whoever_comes_at_the_same_time(server, text_rows):
    """A client for each text, all at once: batches of any company."""
    rows = {}

    def ask(index):
        for _ in range(5):
            rows.setdefault(index, []).append(embed(server, {"input": TEXTS[index]})[0])

    threads = [threading.Thread(target=ask, args=[index]) for index in range(len(TEXTS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(row, text_rows[index]) for index in range(len(TEXTS)) for row in rows[index])


def test_images_have_the_rows_of_embed_image_whatever_their_batches(server, binary, demo_model, tmp_path):
    files = [noise(1), noise(2, (50, 400), "PNG"), picture("blue"), noise(3, (224, 224), "WEBP")]
    for index, file in enumerate(files):
        (tmp_path / f"{index}.jpg").write_bytes(file)
    subprocess.run([binary, "embed-image", "-m", demo_model, *(f"{index}.jpg" for index in range(len(files))),
                    "-o", "rows.npy"], cwd=tmp_path, check=True)
    rows = embed(server, {"modality": "image", "input": [data_uri(file) for file in files]})
    # The last bits of an image's row may depend on the size of its batch (docs/numerics.md).
    assert np.allclose(rows, np.load(tmp_path / "rows.npy"), rtol=0, atol=2e-6)


FORMS_OF_A_TEXT = [
    {"input": "a dog"},
    {"input": ["a dog"]},
    {"input": [{"content": "a dog"}]},
    {"input": [{"content": [{"type": "text", "text": "a dog"}]}]},
    {"messages": [{"role": "user", "content": "a dog"}]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "a dog"}]}]},
    {"input": "a dog", "model": None, "dimensions": None, "encoding_format": None, "modality": None, "user": "x"},
    {"input": "a dog", "dimensions": "D"},
]


@pytest.mark.parametrize("body", FORMS_OF_A_TEXT, ids=json.dumps)
def test_each_form_of_a_text_is_that_text(server, text_rows, body):
    body = {**body, **({"dimensions": text_rows.shape[1]} if body.get("dimensions") else {})}
    assert np.array_equal(embed(server, body), text_rows[:1])


def test_each_form_of_an_image_is_that_image(server):
    uri = data_uri(noise(7))
    part = {"content": [{"type": "image_url", "image_url": {"url": uri}}]}
    forms = [{"modality": "image", "input": uri}, {"modality": "image", "input": [uri]}, {"input": [part]}, {"messages": [part]}]
    rows = [embed(server, form) for form in forms]  # each a batch of one
    assert all(np.array_equal(row, rows[0]) for row in rows)


def test_a_list_may_have_texts_and_images(server, text_rows):
    image = {"content": [{"type": "image_url", "image_url": {"url": data_uri(picture())}}]}
    rows = embed(server, {"input": ["a dog", image]})
    assert np.array_equal(rows[0], text_rows[0])
    assert np.array_equal(rows[1:], embed(server, {"input": [image]}))


def test_usage_counts_tokens_and_the_other_path_is_the_same(server):
    one, other = (server.post(path, {"input": "a dog"}) for path in ("/v1/embeddings", "/embeddings"))
    assert one == other
    assert one[1]["usage"]["prompt_tokens"] == one[1]["usage"]["total_tokens"] > 0
    assert (one[1]["object"], one[1]["model"]) == ("list", "llm2clip-demo")


REFUSED = [
    ({"input": [1, 2, 3]}, 400, "input[0]", "check_embedding_ctx_length=False"),
    ({"input": [[1, 2], [3]]}, 400, "input[0]", "check_embedding_ctx_length=False"),
    ({"input": 5}, 400, "input", "token ids"),
    ({"input": []}, 400, "input", "at least one"),
    ({}, 400, "input", "messages"),
    ({"input": "a", "messages": []}, 400, "input", "messages"),
    ({"messages": []}, 400, "messages", "one message"),
    ({"messages": [{"content": "a"}] * 2}, 400, "messages", "one message"),
    ({"input": [{"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]}, 400,
     "input[0].content", "never for both"),
    ({"input": [{"text": "a"}]}, 400, "input[0]", "content"),
    ({"input": [{"content": [{"type": "audio"}]}]}, 400, "input[0].content[0]", "image_url"),
    ({"input": [None]}, 400, "input[0]", "null"),
    ({"input": "a", "modality": "audio"}, 400, "modality", "image"),
    ({"input": "a dog", "modality": "image"}, 400, "input", "data URI"),
    ({"input": "https://example.org/a.jpg", "modality": "image"}, 400, "input", "not fetched"),
    ({"input": "data:image/png;base64,@@@@", "modality": "image"}, 400, "input", "base64"),
    ({"input": "data:image/png;base64,AAAA", "modality": "image"}, 400, "input", "JPEG"),
    ({"input": "a", "encoding_format": "int8"}, 400, "encoding_format", "base64"),
    ({"input": "a", "dimensions": 7}, 400, "dimensions", "components"),
    ({"input": "a", "dimensions": "7"}, 400, "dimensions", "whole number"),
    ({"input": "a", "model": "text-embedding-3-small"}, 404, "model", "demo"),
    ({"input": "a", "model": 3}, 400, "model", "string"),
    ({"input": ["a"] * 2049}, 413, "input", "2048"),
    ({"input": ["data:image/png;base64,AAAA"] * 33, "modality": "image"}, 413, "input", "32"),
    ({"input": "a" * (1 << 20) + "a"}, 413, "input", "1048576"),
]


@pytest.mark.parametrize("body, status, param, words", REFUSED, ids=lambda value: str(value)[:40])
def test_what_cannot_be_embedded_is_refused_by_name(server, body, status, param, words):
    got, answer = server.post("/v1/embeddings", body)
    assert got == status, answer
    error = answer["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] == param and words in error["message"] and error["type"] == "invalid_request_error"
    assert len(error["message"].splitlines()) == 1


def test_a_bad_image_among_good_ones_refuses_the_request_and_no_other(server):
    good = data_uri(picture())
    status, answer = server.post("/v1/embeddings", {"modality": "image", "input": [good, data_uri(noise(1)[:900]), good]})
    assert (status, answer["error"]["param"]) == (400, "input[1]")
    assert embed(server, {"modality": "image", "input": good}).shape[0] == 1
