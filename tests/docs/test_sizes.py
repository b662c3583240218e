"""The parameters in docs/how_to/cpu_and_memory.md follow from the geometry of the published models."""

import re
from pathlib import Path

import pytest

from doc_blocks import text_of

PAGE = text_of(Path("docs/how_to/cpu_and_memory.md"))


def linear(columns: int, rows: int, bias: bool = True) -> int:
    return columns * rows + (rows if bias else 0)


def norm(width: int) -> int:
    return 2 * width


def openai_vit(size: int, patch: int, width: int, layers: int) -> int:
    tokens = (size // patch) ** 2 + 1
    block = 2 * norm(width) + 4 * linear(width, width) + linear(width, 4 * width) + linear(4 * width, width)
    embedding = width + linear(3 * patch**2, width, bias=False) + tokens * width + norm(width)
    return embedding + layers * block + norm(width) + linear(width, 1280, bias=False)


def eva02_vit(size: int, patch: int, width: int, layers: int) -> int:
    tokens = (size // patch) ** 2 + 1
    hidden = int(width * 2.6667)
    attention = 3 * linear(width, width) + linear(width, width, bias=False) + norm(width)  # the key has no bias
    mlp = 2 * linear(width, hidden) + norm(hidden) + linear(hidden, width)
    embedding = width + linear(3 * patch**2, width) + tokens * width
    return embedding + layers * (2 * norm(width) + attention + mlp) + norm(width) + linear(width, 1280)


def siglip2_vit(size: int, patch: int, width: int, layers: int, hidden: int) -> int:
    mlp = linear(width, hidden) + linear(hidden, width)
    block = 2 * norm(width) + linear(width, 3 * width) + linear(width, width) + mlp
    pooling = width + 2 * linear(width, width) + linear(width, 2 * width) + norm(width) + mlp
    return linear(3 * patch**2, width) + (size // patch) ** 2 * width + layers * block + norm(width) + pooling


def llama(width: int, layers: int, kv_width: int, hidden: int, vocabulary: int = 128256) -> int:
    block = 2 * width + 2 * width**2 + 2 * width * kv_width + 3 * width * hidden
    return vocabulary * width + layers * block + width


def adapter(width: int) -> int:
    block = norm(width) + linear(width, 2 * width) + linear(2 * width, width)
    return 4 * block + norm(width) + linear(width, 1280)


PARTS = {
    "vision, OpenAI B-16": openai_vit(224, 16, 768, 12),
    "vision, OpenAI L-14": openai_vit(224, 14, 1024, 24),
    "vision, OpenAI L-14-336": openai_vit(336, 14, 1024, 24),
    "vision, EVA02 B-16": eva02_vit(224, 16, 768, 12),
    "vision, EVA02 L-14": eva02_vit(224, 14, 1024, 24),
    "vision, EVA02 L-14-336": eva02_vit(336, 14, 1024, 24),
    "vision, SigLIP2 so400m": siglip2_vit(224, 14, 1152, 27, 4304),
    "text, Llama 8B (3 and 3.1)": llama(4096, 32, 1024, 14336),
    "text, Llama 3.2 1B": llama(2048, 16, 512, 8192),
    "adapter for 8B": adapter(4096),
    "adapter for 1B": adapter(2048),
}


@pytest.mark.parametrize("part", PARTS)
def test_the_page_gives_the_parameters_and_the_bytes_of_a_part(part):
    row = re.search(rf"^\| {re.escape(part)} \| ([\d,]+) \| ([\d.]+) GB \| ([\d.]+) GB \|", PAGE, flags=re.M)
    assert row, f"no row for {part}"
    assert row[1] == f"{PARTS[part]:,}"
    assert row[2] == f"{PARTS[part] * 4 / 1e9:.3f}"
    assert row[3] == f"{PARTS[part] * 2 / 1e9:.3f}"


@pytest.mark.parametrize(
    "parts, bytes_each, published_gb",
    [
        (["vision, OpenAI B-16", "adapter for 8B"], 4, 1.442),
        (["vision, OpenAI L-14-336", "adapter for 8B"], 4, 2.314),
        (["vision, EVA02 L-14-336", "adapter for 8B"], 2, 1.157),
        (["text, Llama 8B (3 and 3.1)"], 2, 15.010),
        (["text, Llama 3.2 1B"], 4, 4.943),
    ],
)
def test_they_add_up_to_the_files_that_were_published(parts, bytes_each, published_gb):
    assert sum(PARTS[part] for part in parts) * bytes_each / 1e9 == pytest.approx(published_gb, abs=0.001)
