"""CLIP_benchmark over llm2clip.

    from llm2clip import clip_benchmark

    model, transform, tokenizer = clip_benchmark.load("models/demo")     # what its loaders give
    clip_benchmark.register()                                            # then: --model_type llm2clip --model models/demo
"""

from __future__ import annotations

from typing import Any

from .open_clip import CLIP, TextTokenizer, Transform, create_model_and_transforms, get_tokenizer


def load(
    model_name: str, pretrained: str = "", cache_dir: str | None = None, device: str = "cpu", **options: Any
) -> tuple[CLIP, Transform, TextTokenizer]:
    """A model directory as the functions of clip_benchmark.models give it. `pretrained` and `cache_dir` have no meaning."""
    model, _, transform = create_model_and_transforms(model_name, device=device, **options)
    return model, transform, get_tokenizer(model_name)


def register(model_type: str = "llm2clip") -> None:
    """Makes `load_clip(model_type="llm2clip", model_name=DIRECTORY, ...)` of clip_benchmark find `load`."""
    from clip_benchmark import models

    models.TYPE2FUNC[model_type] = load
    if model_type not in models.MODEL_TYPES:
        models.MODEL_TYPES.append(model_type)
