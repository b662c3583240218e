"""Clients that people use, as they come from PyPI, and every request that /openapi.json allows."""

import json
import pathlib
import subprocess

import numpy as np
import pytest

from cli_support import ROOT
from server import Server

CLIENTS = ROOT / ".venv-clients/bin"
UNSEEN = [str(path) for path in sorted((ROOT / "tests/data/unseen").glob("*.jpg"))]
TEXTS = ["a dog", "a photo of two cats on a red sofa", "猫", "a dog", "word " * 50]
pytestmark = pytest.mark.skipif(not CLIENTS.is_dir(), reason="no clients: scripts/setup --clients")


@pytest.fixture(scope="module")
def served(binary, demo_model, tmp_path_factory):
    """A server with an index, and the folder that it is in."""
    folder = tmp_path_factory.mktemp("clients")
    subprocess.run([binary, "index", "-q", "-m", demo_model, *UNSEEN, "-x", "pictures.index"], cwd=folder, check=True)
    with Server(binary, demo_model, "-x", "pictures.index", cwd=folder) as server:
        yield server, folder


@pytest.fixture(scope="module")
def rows(binary, demo_model, tmp_path_factory):
    """The command line's, of TEXTS."""
    folder = tmp_path_factory.mktemp("rows")
    (folder / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    subprocess.run([binary, "embed-text", "-q", "-m", demo_model, "-f", "texts.jsonl", "--jsonl", "-o", "rows.npy"],
                   cwd=folder, check=True)  # fmt: skip
    return np.load(folder / "rows.npy")


def ask(served, client, texts=TEXTS, images=()):
    script = pathlib.Path(__file__).with_name("ask_clients.py")
    done = subprocess.run([CLIENTS / "python", script, client, str(served[0].port)], capture_output=True, text=True, timeout=120,
                          input=json.dumps({"texts": list(texts), "images": list(images)}))  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("client", ["openai", "openai_float", "openai_async", "langchain", "llama_index", "huggingface_hub"])
def test_a_client_gets_the_rows_of_the_command_line(served, rows, client):
    assert np.array_equal(np.array(ask(served, client), np.float32), rows)


def test_openai_gets_the_rows_of_images(served, binary, demo_model, tmp_path):
    """One image a request, and one a batch of the command: the same to the bit."""
    subprocess.run([binary, "embed-image", "-q", "-m", demo_model, *UNSEEN[:3], "--batch-size", "1", "-o", "rows.npy"],
                   cwd=tmp_path, check=True)  # fmt: skip
    assert np.array_equal(np.array(ask(served, "openai_images", images=UNSEEN[:3]), np.float32), np.load(tmp_path / "rows.npy"))


def test_openai_knows_the_model_and_what_is_refused(served):
    assert ask(served, "openai_models") == ["llm2clip-demo"]
    assert ask(served, "openai_errors") == [["NotFoundError", 404, "model"], ["BadRequestError", 400, "input[0]"]]


def test_clip_retrieval_finds_what_the_command_finds(served, binary, demo_model):
    _, folder = served
    answers = ask(served, "clip_retrieval", texts=["a purple circle"], images=[UNSEEN[1]])
    done = subprocess.run([binary, "search", "-q", "-m", demo_model, "-x", "pictures.index", "a purple circle", "--json",
                           "--top-k", "3"], cwd=folder, check=True, capture_output=True)  # fmt: skip
    expected = [[hit["id"], np.float32(hit["score"])] for hit in json.loads(done.stdout)[0]["results"]]
    assert [[url, np.float32(score)] for _, score, url in answers[0]] == expected
    assert answers[1][0][2] == UNSEEN[1]


def test_every_request_that_openapi_allows_is_answered_as_it_says(served):
    url = f"http://127.0.0.1:{served[0].port}"
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    done = subprocess.run([CLIENTS / "schemathesis", "run", f"{url}/openapi.json", "--url", url, "--checks", checks,
                           "--phases", "examples,coverage,fuzzing", "--max-examples", "20", "--seed", "1", "--no-color",
                           "--generation-database", "none"],
                          cwd=served[1], capture_output=True, text=True, timeout=600)  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
