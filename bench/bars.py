"""What is measured, in what, against whom, and how good it has to be: the rows of docs/performance.md."""

from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Bar:
    """Ratios are speeds: 2 is twice as fast, or half as large, as the ceiling or the peer."""

    what: str
    unit: str
    ceiling: str = ""
    peer: str = ""
    of_ceiling: float | None = None  # at least
    of_peer: float | None = None  # at least
    at_most: float | None = None  # of our own figure, in its unit
    of_others: float | None = None  # at least, of each that is also measured
    on_avx2: dict[str, Any] = field(default_factory=dict)  # what is another bar there
    on_avx512_bf16: dict[str, Any] = field(default_factory=dict)  # and on AMX

    @property
    def smaller_is_better(self) -> bool:
        return self.unit in ("ms", "MB", "t(2n)/t(n)", "t(p99)/t(queue)")


PRODUCTS = "the products alone"
ENGINES = "the better of ONNX Runtime and OpenVINO"
IN_CPP = "the same in C++"
STAGES = "the slower of decoding and encoding"

# Of the text tower against llama.cpp: weights of ours, in words, the best of theirs, and how many captions at least, on AVX2
# and on AVX-512 with bfloat16.
LLAMA = [
    ("bf16", "weights in 16 bits", "better of F16 and BF16", 1.1, 1.3), ("int8", "weights in 8 bits", "Q8_0", 1.4, 1.3),
    ("int4", "weights in 4 bits", "better of Q4_0 and Q4_K_M", 1.3, 1.3),
    ("int8-dynamic", "weights in 8 bits, int8-dynamic", "Q8_0", 1.9, 1.9),
    ("int4-dynamic", "weights in 4 bits, int8-dynamic", "better of Q4_0 and Q4_K_M", 1.3, 1.3),
]  # fmt: skip

# By the name that `bench/run --only` takes.
BARS = {
    "vit-b16-bf16": Bar("ViT-B/16 bf16, batch 16", "images/s", PRODUCTS, "transformers", 0.85, 1.45),
    "vit-b16-fp32": Bar("ViT-B/16 fp32, batch 16", "images/s", PRODUCTS, "transformers", 0.85, 1.5),
    "vit-l14-336-bf16": Bar("ViT-L/14-336 bf16, batch 16", "images/s", PRODUCTS, "transformers", 0.80, 1.4),
    "eva02-l14-336-bf16": Bar("EVA02-L/14-336 bf16, batch 16", "images/s", PRODUCTS, "timm", 0.80, 1.4),
    "texts-1b-bf16": Bar(
        "Llama-3.2-1B geometry bf16, 512 captions of 10, 20 and 80 words", "captions/s", PRODUCTS, "llm2vec", 0.85, 1.7
    ),
    "query-1b-bf16": Bar("one caption of 20 tokens, warm, same tower", "ms", "reading the weights once", "", 0.80),
    "engines-vit-b16-fp32": Bar(
        "ViT-B/16 fp32, batch 16", "images/s", "", ENGINES, of_peer=1.2, on_avx512_bf16={"of_peer": 1.15}
    ),
    "engines-vit-b16-bf16": Bar("ViT-B/16 bf16, batch 16", "images/s", "", "OpenVINO", of_peer=1.15),
    **{
        f"llama-texts-1b-{weights}": Bar(
            f"Llama-3.2-1B geometry, {bits}, captions of 10, 20 and 80 words", "captions/s", "", f"llama.cpp's {theirs}",
            of_peer=least, on_avx512_bf16={"of_peer": wide},
        )
        for weights, bits, theirs, least, wide in LLAMA
    },
    **{
        f"llama-query-1b-{weights}": Bar(
            f"one caption of 20 tokens, warm, same tower, {bits}", "ms", "", f"llama.cpp's {theirs}", of_peer=1.1,
            on_avx512_bf16={"of_peer": 1.2},
        )
        for weights, bits, theirs, _, _ in LLAMA
    },
    "folder-demo": Bar(
        "JPEG folder to vectors, demo model", "images/s", STAGES, "", 0.95, of_others=0.9, on_avx2={"of_others": 0.85}
    ),
    "folder-vit-b16": Bar("JPEG folder to vectors, ViT-B/16 bf16", "images/s", STAGES, "", 0.95),
    "resize": Bar("resize alone, 1280x1280 to 224, one core", "ms", "", "Pillow", None, 6, on_avx2={"of_peer": 4}),
    "decode-resize": Bar(
        "decode and resize, the same JPEG, one core", "ms", "", "Pillow", None, 2, of_others=1, on_avx2={"of_peer": 1.8}
    ),
    "tokenizer": Bar("tokenizer, lines in 28 languages, one core", "MB/s", "", "tokenizers", None, 5),
    "tokenizer-doubling": Bar("tokenizer, the worst of 24 hostile patterns up to 1 MiB", "t(2n)/t(n)", at_most=2.2),
    "load-8gb": Bar("loading an archive of 8 GB, page cache warm", "ms", "", "torch.jit.load", None, 50, 50),
    "load-8gb-memory": Bar("what that adds to the resident set", "MB", at_most=100),
    "memory-images": Bar(
        "most memory beyond the weights, 10,000 images", "MB", "", "a tenth of the images", None, 0.95, 600
    ),
    "memory-texts": Bar(
        "most memory beyond the weights, 100,000 captions", "MB", "", "a tenth of the captions", None, 0.95, 600
    ),
    "memory-8b-int8": Bar("most memory, eight captions, Llama-3-8B geometry in 8 bits", "MB", at_most=8500),
    "memory-8b-int4": Bar("the same in 4 bits", "MB", at_most=5000),
    "python-images": Bar("from Python: ViT-B/16 bf16, 16 arrays of 640x480", "images/s", IN_CPP, "", 0.97),
    "python-texts": Bar("from Python: the captions of texts-1b-bf16", "captions/s", IN_CPP, "", 0.97),
    "ray-shards": Bar(
        "from Ray: two actors on two cores, tar shards of JPEGs to Parquet, demo model", "images/s",
        "embed-image of the same", "", 0.9,
    ),
    "serve-texts": Bar(
        "llm2clip serve, 64 clients of one caption each, demo model", "captions/s", "embed-text of the same", "", 0.9
    ),
    "serve-texts-infinity": Bar(
        "the same", "captions/s", "", "Infinity, a tower of the same geometry", of_peer=2
    ),
    "serve-images-demo": Bar(
        "llm2clip serve, 64 clients of one JPEG in base64 each, demo model", "images/s", "embed-image of the same", "", 0.85
    ),
    "serve-images": Bar(
        "the same, ViT-B/16 bf16", "images/s", "embed-image of the same", "", 0.85
    ),
    "serve-latency": Bar("one caption at an idle server, beyond the library's own time", "ms", at_most=1),
    "serve-overload": Bar(
        "2,000 connections, 10 times the rate it can serve, 2 minutes: p99 of what is taken, in times of emptying the queue",
        "t(p99)/t(queue)", at_most=3,
    ),
    "serve-overload-memory": Bar("what that adds to the server's memory", "MB", at_most=300),
    "start-up": Bar("llm2clip --help", "ms", "", "a program that loads LibTorch and ends"),
}


def bars_on(kind: str) -> dict[str, Bar]:
    """By row, on a kind of processor (machine.KINDS)."""
    field_name = "on_avx512_bf16" if kind == "amx_bf16" else f"on_{kind}"
    return {name: replace(bar, **getattr(bar, field_name, {})) for name, bar in BARS.items()}
