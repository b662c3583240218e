"""Routes beside embeddings: search, classification, what monitors ask, and the APIs of other servers."""

import base64
import json
import pathlib
import re
import subprocess

import numpy as np
import pytest

from cli_support import ROOT
from server import Server, data_uri, post_bytes, status_of

UNSEEN = sorted((ROOT / "tests/data/unseen").glob("*.jpg"))


@pytest.fixture(scope="module")
def found(binary, demo_model, tmp_path_factory):
    """A server with an index and a label bank, and the folder that they are in."""
    folder = tmp_path_factory.mktemp("served")
    subprocess.run([binary, "index", "-q", "-m", demo_model, *UNSEEN, "-x", "pictures.index"], cwd=folder, check=True)
    subprocess.run([binary, "classify", "-q", "-m", demo_model, UNSEEN[0], "-l", "a circle", "-l", "a square",
                    "--save-labels", "shapes.safetensors"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    with Server(binary, demo_model, "-x", "pictures.index", "--label-bank", "shapes.safetensors", cwd=folder) as server:
        yield server, folder


def test_search_finds_what_the_command_finds(found, binary, demo_model):
    server, folder = found
    done = subprocess.run([binary, "search", "-m", demo_model, "-x", "pictures.index", "a purple circle", "--json", "--top-k", "3"],
                          cwd=folder, check=True, capture_output=True)
    results = json.loads(done.stdout)[0]["results"]
    status, answer = server.post("/v1/search", {"text": "a purple circle", "top_k": 3})
    assert status == 200
    assert [hit["id"] for hit in answer["data"]] == [hit["id"] for hit in results]
    assert [np.float32(hit["score"]) for hit in answer["data"]] == [np.float32(hit["score"]) for hit in results]
    by_image = server.post("/v1/search", {"index": "pictures", "image": data_uri(UNSEEN[1].read_bytes(), "jpeg"), "top_k": 1})
    assert by_image[1]["data"][0]["id"] == str(UNSEEN[1])
    assert server.post("/v1/search", {"text": "a", "filter": "*nothing*"}) == (200, {"object": "list", "data": []})
    assert server.post("/v1/search", {"text": "a", "min_score": 2})[1]["data"] == []


@pytest.mark.parametrize("body, param", [({}, "text"), ({"text": "a", "image": "b"}, "text"), ({"text": ["a"]}, "text"),
                                         ({"text": "a", "index": "other"}, "index"), ({"text": "a", "top_k": 0}, "top_k"),
                                         ({"text": "a", "top_k": 1001}, "top_k"), ({"text": "a", "min_score": "x"}, "min_score"),
                                         ({"image": "/etc/passwd"}, "image"), ({"text": "a", "filter": 5}, "filter")])
def test_a_search_that_is_none_names_the_member(found, body, param):
    status, answer = found[0].post("/v1/search", body)
    assert (status, answer["error"]["param"]) == (400, param)


@pytest.mark.parametrize("asked, flags", [({"labels": ["a circle", "a square"]}, ["-l", "a circle", "-l", "a square"]),
                                          ({"labels": ["circle", "square"], "templates": ["a {}", "a photo of a {}"]},
                                           ["-l", "circle", "-l", "square", "--template", "a {}", "--template", "a photo of a {}"]),
                                          ({"label_bank": "shapes"}, ["--load-labels", "shapes.safetensors"])])
def test_classify_gives_the_scores_of_the_command(found, binary, demo_model, asked, flags):
    server, folder = found
    done = subprocess.run([binary, "classify", "-q", "-m", demo_model, UNSEEN[0], *flags, "--json"], cwd=folder, check=True,
                          capture_output=True)
    expected = {match["label"]: np.float32(match["score"]) for match in json.loads(done.stdout)["labels"]}
    status, answer = server.post("/v1/classify", {"input": data_uri(UNSEEN[0].read_bytes()), **asked})
    assert status == 200, answer
    scores = {match["label"]: np.float32(match["score"]) for match in answer["data"][0]["scores"]}
    assert scores.keys() == expected.keys()
    assert all(abs(scores[label] - expected[label]) < 1e-6 for label in scores)


@pytest.mark.parametrize("body, status, param", [({}, 400, "labels"), ({"labels": ["a"]}, 400, "input"),
                                                 ({"labels": [], "input": "x"}, 400, "labels"),
                                                 ({"labels": ["a"], "label_bank": "b", "input": "x"}, 400, "labels"),
                                                 ({"labels": ["a"], "templates": ["x"]}, 400, "templates"),
                                                 ({"labels": ["a"] * 1025, "templates": ["{}", "a {}"]}, 413, "labels"),
                                                 ({"label_bank": "other", "input": "data:;base64,AAAA"}, 400, "label_bank")])
def test_a_classification_that_is_none_names_the_member(found, body, status, param):
    got, answer = found[0].post("/v1/classify", body)
    assert (got, answer["error"]["param"]) == (status, param)


def test_the_model_is_named(server, demo_model):
    status, _, body = server.request("GET", "/v1/models")
    (model,) = json.loads(body)["data"]
    assert (status, model["id"], model["object"]) == (200, "llm2clip-demo", "model")
    assert server.post("/v1/embeddings", {"input": "a", "model": model["id"]})[0] == 200


def test_metrics_are_prometheus_text_and_count(server):
    def figures():
        status, headers, body = server.request("GET", "/metrics")
        assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
        lines = [line for line in body.decode().splitlines() if not line.startswith("#")]
        assert all(re.fullmatch(r'[a-z_]+(\{[a-z]+="[^"]+"\})? [0-9.e+-]+', line) for line in lines), lines
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}

    before = figures()
    server.post("/v1/embeddings", {"input": ["a", "b"]})
    server.post("/v1/embeddings", {"input": 5})
    after = figures()
    assert after["te_request_count"] == before["te_request_count"] + 2
    assert after["te_request_success"] == before["te_request_success"] + 1
    assert after['te_request_failure{err="validation"}'] == before.get('te_request_failure{err="validation"}', 0) + 1
    assert after["te_embed_texts"] == before["te_embed_texts"] + 2
    assert after["te_request_inference_duration_count"] == before["te_request_inference_duration_count"] + 1
    assert after["te_queue_size"] == after["te_requests_in_flight"] == 0


def test_openapi_lists_the_routes_that_there_are(server):
    document = json.loads(server.request("GET", "/openapi.json")[2])
    source = pathlib.Path(ROOT / "tools/llm2clip/serve/routes/routes.cpp").read_text()
    routes = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert routes == {(method.upper(), path) for method, path in re.findall(r'Route\{k(\w+), "([^"]+)"', source)}
    for method, path in routes:
        status = server.request(method, path, {} if method == "POST" else None)[0]
        assert str(status) in document["paths"][path][method.lower()]["responses"], (method, path, status)


def test_the_example_of_openapi_works(server):
    document = json.loads(server.request("GET", "/openapi.json")[2])
    content = document["paths"]["/v1/embeddings"]["post"]["requestBody"]["content"]["application/json"]
    assert server.post("/v1/embeddings", content["example"])[0] == 200


def openai_row(server, text):
    return server.post("/v1/embeddings", {"input": text})[1]["data"][0]["embedding"]


def test_clients_of_text_embeddings_inference(server):
    row = openai_row(server, "a dog")
    assert server.post("/embed", {"inputs": "a dog"}) == (200, [row])
    assert server.post("/embed", {"inputs": ["a dog", "a dog"], "truncate": True}) == (200, [row, row])
    status, (raw,) = server.post("/embed", {"inputs": "a dog", "normalize": False})
    assert status == 200 and raw != row
    unit = np.array(raw) / np.linalg.norm(raw)
    assert np.allclose(unit, row, atol=1e-6)
    status, answer = server.post("/embed", {"inputs": ["a", "word " * 3000]})
    assert (status, answer["error_type"]) == (413, "Validation") and "inputs[1]" in answer["error"]
    assert server.post("/embed", {"inputs": []})[1]["error_type"] == "Validation"


def test_clients_of_cohere(server):
    row = openai_row(server, "a dog")
    body = {"model": "llm2clip-demo", "texts": ["a dog"], "input_type": "search_query", "embedding_types": ["float", "base64"]}
    status, answer = server.post("/v2/embed", body)
    assert status == 200 and answer["embeddings"]["float"] == [row]
    decoded = np.frombuffer(base64.b64decode(answer["embeddings"]["base64"][0]), "<f4")
    assert np.array_equal(decoded, np.array(row, np.float32))
    image = data_uri(UNSEEN[0].read_bytes())
    mixed = {"inputs": [{"content": [{"type": "text", "text": "a dog"}]},
                        {"content": [{"type": "image_url", "image_url": {"url": image}}]}]}
    assert server.post("/v2/embed", mixed)[1]["embeddings"]["float"][0] == row
    assert len(server.post("/v2/embed", {"images": [image]})[1]["embeddings"]["float"]) == 1
    assert server.post("/v2/embed", {"texts": ["a"], "images": [image]})[0] == 400
    assert set(server.post("/v2/embed", {"texts": ["a"], "embedding_types": ["int8"]})[1]) == {"message"}


def test_clients_of_clip_retrieval(found):
    server, _ = found
    hits = server.post("/v1/search", {"text": "a purple circle", "top_k": 2})[1]["data"]
    expected = [{"id": hit["row"], "similarity": hit["score"], "url": hit["id"]} for hit in hits]
    body = {"text": "a purple circle", "modality": "image", "num_images": 2, "indice_name": "pictures"}
    assert server.post("/knn-service", body) == (200, expected)
    row = openai_row(server, "a purple circle")
    assert server.post("/knn-service", {"embedding_input": row, "num_images": 2}) == (200, expected)
    image = base64.b64encode(UNSEEN[0].read_bytes()).decode()
    assert server.post("/knn-service", {"image": image, "num_images": 1})[1][0]["url"] == str(UNSEEN[0])
    status, answer = server.post("/knn-service", {"image_url": "http://example.org/a.jpg"})
    assert status == 400 and "not fetched" in answer["error"]["message"]
    assert server.post("/knn-service", {"embedding_input": [1, 2]})[0] == 400
    assert json.loads(server.request("GET", "/indices-list")[2]) == ["pictures"]


def test_json_without_a_type_is_taken_where_a_client_sends_it_and_not_of_other_sites(found):
    server, _ = found
    body = json.dumps({"text": "a", "num_images": 1}).encode()

    def status(path, **fields):
        return status_of(server.raw(post_bytes(body, path, Content_Type=None, **fields)))

    assert status("/knn-service") == 200
    assert status("/knn-service", Origin="http://evil.example") == 403
    assert status("/v1/search") == 415
    assert status_of(server.raw(post_bytes(body, "/knn-service", Content_Type="text/plain"))) == 415


def test_a_server_without_an_index_says_so(server):
    status, answer = server.post("/v1/search", {"text": "a"})
    assert (status, answer["error"]["param"]) == (400, "index") and "are none" in answer["error"]["message"]
