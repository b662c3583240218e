"""Recall and accuracy of the library against those of CLIP_benchmark on the same rows.

Against what CLIP_benchmark gave (goldens.py), or with --references against CLIP_benchmark.
"""

import ctypes
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldens import ROOT, digest

pytestmark = pytest.mark.references("clip_benchmark")


def ask(task: str, folder: Path, arrays: dict[str, Any]) -> np.ndarray:
    """What CLIP_benchmark gives for these rows: (1, scores)."""
    np.savez(folder / "in.npz", **arrays)
    python = ROOT / ".venv-clip_benchmark" / "bin" / "python"
    script = ROOT / "tests" / "reference" / "clip_benchmark_scores.py"
    subprocess.run([python, script, task, folder / "in.npz", folder / "out.npy"], check=True, capture_output=True)
    return np.load(folder / "out.npy")


def inputs_of(**arrays: np.ndarray) -> dict:
    return {name: digest(np.ascontiguousarray(array).tobytes()) for name, array in arrays.items()}


@pytest.mark.parametrize("seed, spread", [(0, 10.0), (1, 20.0), (2, 40.0)])
def test_recall_is_that_of_clip_benchmark(binary, tmp_path, goldens, seed, spread):
    random = np.random.default_rng(seed)
    images = random.integers(-9, 10, (60, 32)).astype(np.float32)
    owners = np.array([image for image in range(60) for _ in range(5)])
    texts = images[owners] + np.round(spread * random.standard_normal((300, 32)), 2).astype(np.float32)
    arrays = {"images": images, "texts": texts, "owners": owners}
    theirs = goldens.rows("clip_benchmark", f"retrieval {seed}", inputs_of(**arrays),
                          lambda: ask("retrieval", tmp_path, arrays))
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "texts.npy", texts)
    pairs = [{"image": int(image), "caption": text} for text, image in enumerate(owners)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    done = subprocess.run([binary, "evaluate", "retrieval", "--images", "images.npy", "--texts", "texts.npy", "--pairs",
                           "pairs.jsonl", "--json"], cwd=tmp_path, check=True, capture_output=True, text=True)
    answer = json.loads(done.stdout)
    ours = [answer[side][f"recall_at_{k}"] for side in ("image_to_text", "text_to_image") for k in (1, 5, 10)]
    assert np.array_equal(np.array([ours], np.float32), theirs)


class Result(ctypes.Structure):
    _fields_ = [("images", ctypes.c_uint64), *((name, ctypes.c_double) for name in ("top_1", "top_5", "mean_top_1", "mean_top_5"))]


def accuracy(library: ctypes.CDLL, images: np.ndarray, labels: np.ndarray, truth: np.ndarray) -> Result:
    """llm2clip_evaluate_zero_shot of rows in memory."""
    handles = []
    for rows in (images, labels):
        handles.append(ctypes.c_void_p())
        size, (count, dim) = ctypes.c_size_t, rows.shape
        assert library.llm2clip_embeddings_from_values(rows.ctypes.data_as(ctypes.c_void_p), size(rows.size), size(count),
                                                       size(dim), ctypes.byref(handles[-1])) == 0
    result = Result()
    indices = truth.astype(np.uintp)
    assert library.llm2clip_evaluate_zero_shot(*handles, indices.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(len(truth)),
                                               ctypes.byref(result), None, ctypes.c_size_t(0)) == 0
    for handle in handles:
        library.llm2clip_embeddings_free(handle)
    return result


@pytest.mark.parametrize("seed, spread", [(0, 1.0), (1, 2.0)])
def test_accuracy_is_that_of_clip_benchmark(binary, tmp_path, goldens, seed, spread):
    random = np.random.default_rng(seed)
    labels = random.standard_normal((20, 24)).astype(np.float32)
    truth = np.minimum(random.geometric(0.15, 400) - 1, 19)  # rare labels and frequent ones
    images = (labels[truth] + spread * random.standard_normal((400, 24))).astype(np.float32)
    labels, images = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (labels, images))
    arrays = {"images": images, "labels": labels, "truth": truth}
    inputs = {"seed": seed, "images": float(np.abs(images).sum()), "labels": float(np.abs(labels).sum())}
    theirs = goldens.rows("clip_benchmark", f"zero-shot {seed}", inputs, lambda: ask("zero-shot", tmp_path, arrays))
    library = ctypes.CDLL(str(binary.parent.parent.parent / "src" / "libllm2clip.so"))
    result = accuracy(library, images, labels, truth)
    assert np.array_equal(np.array([[result.top_1, result.top_5, result.mean_top_1]], np.float32), theirs)
