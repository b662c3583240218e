import io
import subprocess

import pytest
import sentencepiece


@pytest.fixture(scope="session")
def library(binary):
    """The shared library of the build, under its full name."""
    return (binary.parents[2] / "src" / "libllm2clip.so").resolve()


@pytest.fixture(scope="session")
def sentencepiece_model(tmp_path_factory):
    """A small tokenizer.model."""
    model = io.BytesIO()
    words = ["red", "green", "blue", "circle", "square", "star", "photo", "image"]
    sentences = [f"a {second} of a {first} {third}" for first in words for second in words for third in words]
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(sentences), model_writer=model, vocab_size=60,
                                             hard_vocab_limit=False, minloglevel=2)
    path = tmp_path_factory.mktemp("sentencepiece") / "tokenizer.model"
    path.write_bytes(model.getvalue())
    return path


@pytest.fixture(scope="session")
def prefix(binary, tmp_path_factory):
    """An installation of the build, moved away from where it was installed to."""
    first = tmp_path_factory.mktemp("prefix") / "first"
    done = subprocess.run(["cmake", "--install", binary.parents[2], "--prefix", first], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return first.rename(first.with_name("moved here"))
