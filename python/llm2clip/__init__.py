"""Embeddings of images and texts with the LLM2CLIP models: numpy in, numpy out, at the speed of the C++ library.

    model = llm2clip.Model("models/demo")
    images = model.encode_image(["a.jpg", pillow_image, array])   # (N, D) float32
    texts = model.encode_text(["a dog", "a cat"])
    model.similarity(images, texts)

Importing this loads nothing of torch; the first model does. Look-alikes of other packages are in llm2clip.open_clip,
llm2clip.sentence_transformers, llm2clip.mteb, llm2clip.clip_benchmark, llm2clip.langchain and llm2clip.llama_index.
"""

from pathlib import Path

from ._version import __version__
from .classifier import Classifier, LabelScore
from .errors import (
    BadModelError,
    CancelledError,
    Error,
    InternalError,
    InvalidArgumentError,
    IoError,
    OutOfMemoryError,
    UnavailableError,
    UnreadableInputError,
)
from .index import Hit, Index
from .model import Model
from .preprocess import Preprocess
from .tokenizer import Tokenizer, Tokens

__all__ = [
    "BadModelError", "CancelledError", "Classifier", "Error", "Hit", "Index", "InternalError", "InvalidArgumentError",
    "IoError", "LabelScore", "Model", "OutOfMemoryError", "Preprocess", "Tokenizer", "Tokens", "UnavailableError",
    "UnreadableInputError", "__version__", "demo_model", "set_threads",
]


def demo_model() -> Path:
    """The directory of the demo model: small, for trying things out; its classes are colors of drawn shapes."""
    from ._library import library_path

    for root in (library_path().parents[1], library_path().resolve().parents[3]):  # as installed, of a build tree
        for folder in (root / "share/llm2clip/models/demo", root / "models/demo"):
            if folder.exists():
                return folder
    raise UnavailableError(f"models/demo: is not beside {library_path()}; it is in a clone, and in an installed llm2clip")


def set_threads(threads: int) -> None:
    """How many threads the library computes with on a CPU, 1 to 1024. Those of torch stay as they are."""
    from ._library import call

    call("set_threads", threads)
