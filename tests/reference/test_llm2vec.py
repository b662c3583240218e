"""Text vectors of the binary against the real llm2vec package, on small random models with the real template.

Against what llm2vec gave (goldens.py), or with --references against llm2vec.
"""

import functools
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from goldens import assert_near, of_texts, of_weights
from published import export, run_llm2vec, write_checkpoints

pytestmark = pytest.mark.references("llm2vec")

SEPARATOR = "!@#$%^&*()"
# Every row of reference.md 4.4. The last depends on padding in the reference, so it goes alone.
ROWS_OF_4_4 = [
    "a dog", "示意图", "狗", "猫", "", "   \t ", "\u3000\u2003", "foo  ", " foo", "\nfoo", "\n \ndog", "\n\n  foo",
    "  \nfoo", "\t\nfoo", "\r\nfoo", "a <|eot_id|> b", f"a{SEPARATOR}b", f"x {SEPARATOR} y {SEPARATOR} z",
]
MIXED = ["a diagram", "a dog", "a cat", "a photograph of two dogs that run along a beach at dusk", "I'm 1234567!", "🐕‍🦺"]


def long_texts(word: str) -> list[str]:
    """Texts of about 500 to 520 tokens: every length around the cut at 512."""
    return [word * count for count in range(500, 521)]


@pytest.fixture(scope="module", params=["plain", "rope-scaling"])
def checkpoint(request, assets, tmp_path_factory) -> Path:
    """A small random text checkpoint with Llama-3's vocabulary, in the published layout."""
    folder = tmp_path_factory.mktemp("llm2vec") / "text"
    scaling = ["--rope-scaling"] if request.param == "rope-scaling" else []
    write_checkpoints("--text", folder, "--vocab-from", assets / "tokenizer.json", "--seed", 7, *scaling)
    return folder


@pytest.fixture(scope="module")
def model(checkpoint) -> Path:
    """The same, exported: a text tower without adapter."""
    out = checkpoint.parent / "model"
    export("--text", checkpoint, "-o", out)
    return out


@pytest.fixture
def reference(request, goldens, tmp_path):
    """What llm2vec makes of the texts of each call."""

    def vectors(checkpoint: Path, calls: list[list[str]], *, longest: int = 512, adapter: Path | None = None) -> np.ndarray:
        inputs = {"texts": of_texts(calls), "doc_max_length": longest, "weights": of_weights(checkpoint)}
        if adapter:
            inputs["adapter"] = of_weights(adapter)
        compute = functools.partial(run_reference, checkpoint, calls, tmp_path, longest, adapter)
        return goldens.rows("llm2vec", request.node.name, inputs, compute)

    return vectors


def run_reference(checkpoint: Path, calls: list[list[str]], folder: Path, longest: int, adapter: Path | None) -> np.ndarray:
    if adapter:
        run_llm2vec("peft_merge.py", checkpoint, adapter, folder / "merged")
        checkpoint = folder / "merged"
    (folder / "texts.json").write_text(json.dumps(calls), encoding="utf-8")
    run_llm2vec("llm2vec_vectors.py", checkpoint, folder / "texts.json", folder / "reference.npy", longest)
    return np.load(folder / "reference.npy")


def our_vectors(binary: Path, model: Path, texts: list[str], folder: Path, *flags: str) -> np.ndarray:
    lines = folder / "texts.jsonl"
    lines.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    subprocess.run(
        [binary, "embed-text", "-m", model, "--jsonl", "-f", lines, "--no-adapter", "--no-normalize", "-q",
         "-o", folder / "ours.npy", "--overwrite", *flags],
        check=True, capture_output=True,
    )
    return np.load(folder / "ours.npy")


def test_vectors_equal_those_of_llm2vec(binary, checkpoint, reference, model, tmp_path):
    # Mixed batches: short and long texts share batches, and so padding, in the reference.
    calls = [ROWS_OF_4_4 + MIXED + long_texts(" dog"), long_texts("狗"), MIXED, *[[text] for text in ROWS_OF_4_4]]
    ours = our_vectors(binary, model, [text for call in calls for text in call], tmp_path)
    assert_near(ours, reference(checkpoint, calls))


def test_a_text_that_is_the_separator_equals_the_reference_alone(binary, checkpoint, reference, model, tmp_path):
    # In company the reference averages padding too (docs/numerics.md).
    assert_near(our_vectors(binary, model, [SEPARATOR], tmp_path), reference(checkpoint, [[SEPARATOR]]))


def test_a_text_has_the_same_bits_alone_and_in_company(binary, model, tmp_path):
    texts = ROWS_OF_4_4 + MIXED + long_texts(" dog")[::5]
    together = our_vectors(binary, model, texts, tmp_path, "--threads", "2")
    for index in range(0, len(texts), 3):
        alone = our_vectors(binary, model, [texts[index]], tmp_path, "--threads", "2")
        assert np.array_equal(alone[0], together[index]), texts[index]


def test_long_captions_are_shortened_as_the_1b_card_has_it(binary, checkpoint, reference, tmp_path):
    # llm2vec's default of 400, by whole words; Chinese is one word, and vanishes.
    calls = [[" dog" * 400, " dog" * 401, "  two\u2003words\n" * 300, " I'm" * 390, "狗" * 380, "狗" * 450, "a dog"]]
    export("--text", checkpoint, "-o", tmp_path / "model", "--doc-max-length", 400)
    assert_near(our_vectors(binary, tmp_path / "model", calls[0], tmp_path), reference(checkpoint, calls, longest=400))


def test_a_lora_adapter_is_merged_as_peft_merges_it(binary, reference, tmp_path):
    write_checkpoints("--text", tmp_path / "text", "--lora", tmp_path / "lora", "--seed", 7)
    export("--text", tmp_path / "text", "--lora", tmp_path / "lora", "-o", tmp_path / "ours")
    ours = our_vectors(binary, tmp_path / "ours", MIXED, tmp_path)
    assert_near(ours, reference(tmp_path / "text", [MIXED], adapter=tmp_path / "lora"))
    export("--text", tmp_path / "text", "-o", tmp_path / "base")
    assert np.abs(our_vectors(binary, tmp_path / "base", MIXED, tmp_path) - ours).max() > 0.01
