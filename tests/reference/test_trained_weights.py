"""A text tower with trained weights, where scripts/setup --real-text was run: a few of its activations are huge."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from goldens import assert_near, of_texts, of_weights
from published import export, run_llm2vec

TEXTS = ["a photo of two dogs on a beach", "", " a diagram \n", "it's 1234567 of them 🐕‍🦺, déjà vu!", "狗\x00\x07 示意图",
         "A child on the moon. It is raining. Nobody looks at the camera. The picture was taken in 1987 with a 35mm lens."]


@pytest.fixture(scope="module")
def trained(real_text, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    export("--text", real_text, "--prompt", "llama3", "--text-only", "-o", folder / "model")
    return folder / "model"


def stages(binary, model, precision) -> dict[str, dict]:
    done = subprocess.run([binary, "verify", "-m", model, "--precision", precision, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return {line["stage"]: line for line in map(json.loads, done.stdout.splitlines())}


def test_it_agrees_with_the_reference_in_both_precisions(binary, trained):
    assert all(report["ok"] for report in stages(binary, trained, "float32").values())
    captions = stages(binary, trained, "bfloat16")["caption embedding"]
    assert captions["reference_cosine"] < 0.9995  # hardly to be had with random weights
    assert captions["median_cosine"] >= captions["least_median"]


def vectors(binary, model, folder, precision) -> np.ndarray:
    (folder / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    subprocess.run([binary, "embed-text", "-m", model, "--precision", precision, "--jsonl", "-f", folder / "texts.jsonl",
                    "--no-adapter", "--no-normalize", "-q", "-o", folder / "ours.npy", "--overwrite"], check=True)  # fmt: skip
    return np.load(folder / "ours.npy")


@pytest.fixture
def llm2vec_vectors(request, goldens, real_text, tmp_path):
    """What llm2vec makes of texts, each alone."""

    def vectors(texts: list[str], precision: str) -> np.ndarray:
        inputs = {"texts": of_texts([[text] for text in texts]), "precision": precision, "weights": of_weights(real_text)}
        return goldens.rows("llm2vec", request.node.name, inputs,
                            lambda: run_reference(real_text, tmp_path, texts, precision))

    return vectors


def run_reference(checkpoint, folder, texts, precision) -> np.ndarray:
    (folder / "calls.json").write_text(json.dumps([[text] for text in texts]))
    run_llm2vec("llm2vec_vectors.py", checkpoint, folder / "calls.json", folder / "theirs.npy", 512, precision)
    return np.load(folder / "theirs.npy")


def lost(rows, exact) -> np.ndarray:
    rows, exact = rows.astype(np.float64), exact.astype(np.float64)
    return 1 - (rows * exact).sum(1) / (np.linalg.norm(rows, axis=1) * np.linalg.norm(exact, axis=1))


@pytest.mark.references("llm2vec")
def test_it_equals_llm2vec_in_float32(binary, trained, llm2vec_vectors, tmp_path):
    assert_near(vectors(binary, trained, tmp_path, "float32"), llm2vec_vectors(TEXTS, "float32"))


@pytest.mark.references("llm2vec")
def test_the_goldens_lose_in_bfloat16_what_llm2vec_loses(trained, llm2vec_vectors):
    golden = load_file(trained / "golden.safetensors")
    exact = golden["caption_embedding"]
    texts = json.loads((trained / "golden" / "texts.json").read_text())
    goldens, llm2vecs = (lost(rows, exact) for rows in (
        golden["caption_embedding_bfloat16"], llm2vec_vectors(texts, "bfloat16")))
    print(np.median(goldens), np.median(llm2vecs))
    assert 1e-5 < np.median(goldens) < 4 * np.median(llm2vecs) + 1e-3
    assert 1e-5 < np.median(llm2vecs) < 4 * np.median(goldens) + 1e-3
