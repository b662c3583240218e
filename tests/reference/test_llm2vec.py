"""Text vectors of the binary against the real llm2vec package, on small random models with the real template."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from published import assert_near, export, run_llm2vec, write_checkpoints

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


def reference_vectors(checkpoint: Path, calls: list[list[str]], folder: Path, doc_max_length: int = 512) -> np.ndarray:
    (folder / "texts.json").write_text(json.dumps(calls), encoding="utf-8")
    run_llm2vec("llm2vec_vectors.py", checkpoint, folder / "texts.json", folder / "reference.npy", doc_max_length)
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


def test_vectors_equal_those_of_llm2vec(binary, checkpoint, model, tmp_path):
    # Mixed batches: short and long texts share batches, and so padding, in the reference.
    calls = [ROWS_OF_4_4 + MIXED + long_texts(" dog"), long_texts("狗"), MIXED, *[[text] for text in ROWS_OF_4_4]]
    reference = reference_vectors(checkpoint, calls, tmp_path)
    ours = our_vectors(binary, model, [text for call in calls for text in call], tmp_path)
    assert_near(ours, reference)


def test_a_text_that_is_the_separator_equals_the_reference_alone(binary, checkpoint, model, tmp_path):
    # In company the reference averages padding too (docs/numerics.md).
    reference = reference_vectors(checkpoint, [[SEPARATOR]], tmp_path)
    assert_near(our_vectors(binary, model, [SEPARATOR], tmp_path), reference)


def test_a_text_has_the_same_bits_alone_and_in_company(binary, model, tmp_path):
    texts = ROWS_OF_4_4 + MIXED + long_texts(" dog")[::5]
    together = our_vectors(binary, model, texts, tmp_path, "--threads", "2")
    for index in range(0, len(texts), 3):
        alone = our_vectors(binary, model, [texts[index]], tmp_path, "--threads", "2")
        assert np.array_equal(alone[0], together[index]), texts[index]


def test_long_captions_are_shortened_as_the_1b_card_has_it(binary, checkpoint, tmp_path):
    # llm2vec's default of 400, by whole words; Chinese is one word, and vanishes.
    calls = [[" dog" * 400, " dog" * 401, "  two\u2003words\n" * 300, " I'm" * 390, "狗" * 380, "狗" * 450, "a dog"]]
    export("--text", checkpoint, "-o", tmp_path / "model", "--doc-max-length", 400)
    reference = reference_vectors(checkpoint, calls, tmp_path, doc_max_length=400)
    assert_near(our_vectors(binary, tmp_path / "model", calls[0], tmp_path), reference)


def test_a_lora_adapter_is_merged_as_peft_merges_it(binary, checkpoint, tmp_path):
    write_checkpoints("--text", tmp_path / "text", "--lora", tmp_path / "lora", "--seed", 7)
    run_llm2vec("peft_merge.py", tmp_path / "text", tmp_path / "lora", tmp_path / "merged")
    export("--text", tmp_path / "text", "--lora", tmp_path / "lora", "-o", tmp_path / "ours")
    export("--text", tmp_path / "merged", "-o", tmp_path / "theirs", "--prompt", "llama3")
    ours, theirs = (our_vectors(binary, tmp_path / name, MIXED, tmp_path) for name in ("ours", "theirs"))
    assert_near(ours, theirs)
    export("--text", tmp_path / "text", "-o", tmp_path / "base")
    assert np.abs(our_vectors(binary, tmp_path / "base", MIXED, tmp_path) - ours).max() > 0.01
