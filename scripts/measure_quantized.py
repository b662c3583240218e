#!/usr/bin/env python3
"""Measures what 8 and 4 bits cost a text model with trained weights; prints the table of docs/parity.md.

    scripts/setup --real-text && scripts/real_text_model real/text --shuffle
    llm2clip-export --text real/text --prompt llama3 --text-only --precision bfloat16 --text-precision int8 -o real/int8
    llm2clip-export --text real/text --prompt llama3 --text-only --precision bfloat16 --text-precision int4 -o real/int4
    scripts/measure_quantized.py real/text real/int8 real/int4 --program build/release/tools/llm2clip/llm2clip

Exact is the tower in float32 from the checkpoint's own weights; every other one computes in float32 too, from what its file
stores, but for "bfloat16", which is the reference (transformers as llm2vec runs it) computing in bfloat16, and
"int8-dynamic", for which the program is asked. The cosines are of
100 captions, none of which the exporter calibrates with; each of these then asks for its nearest among 5,000 others.
"""

import argparse
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from llm2clip_export.published_tokenizer import TokenIds, tokenize
from llm2clip_export.references.llama import reference_captions, reference_hidden_states
from llm2clip_export.text_side import TextSide, read_text_side
from measure_half_precision import PLACES, STYLES, SUBJECTS, captions

QUERIES, NEAREST = 100, 10
TOKENS = 2048  # of a batch
ADJECTIVES = ["small", "bright red", "old", "wet", "broken", "shiny", "wooden", "very large", "blue and white", "empty"]
OBJECTS = ["bicycle", "umbrella", "chair", "tram", "lighthouse", "horse", "suitcase", "piano", "kite", "oak", "bridge",
           "teapot", "drone", "statue", "tent"]
MOMENTS = ["at night", "in the rain", "in autumn", "seen from above", "out of focus", "before sunrise", "in 1950"]


def others(count: int) -> list[str]:
    """Distinct, short, and many of them alike."""
    rng = random.Random(11)
    found: dict[str, None] = {}
    while len(found) < count:
        thing = rng.choice([rng.choice(SUBJECTS), f"a {rng.choice(ADJECTIVES)} {rng.choice(OBJECTS)}"])
        words = [rng.choice(STYLES), thing, rng.choice([rng.choice(PLACES), ""]), rng.choice([rng.choice(MOMENTS), ""])]
        found[" ".join(filter(None, words))] = None
    return list(found)


Forward = Callable[[Tensor], Tensor]


@torch.inference_mode()
def rows_of(forward: Forward, tokens: list[TokenIds], name: str) -> Tensor:
    """(texts, H) float32; batches hold texts of equal length."""
    by_length = defaultdict(list)
    for index, text in enumerate(tokens):
        by_length[len(text.ids)].append(index)
    rows: dict[int, Tensor] = {}
    for length, indices in sorted(by_length.items()):
        for batch in torch.tensor(indices).split(max(1, TOKENS // length)):
            states = forward(torch.tensor([tokens[index].ids for index in batch.tolist()])).float()
            for index, x in zip(batch.tolist(), states, strict=True):
                rows[index] = x[-tokens[index].pooled :].mean(0)
            print(f"\r{name}: {len(rows)} of {len(tokens)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return torch.stack([rows[index] for index in range(len(tokens))])


def exact_tower(text: TextSide) -> Forward:
    weights = text.checkpoint.weights
    weights.tower.load_state_dict({name: weights.read(key) for name, key in weights.keys.items()}, assign=True)
    return weights.tower


def neighbors(rows: Tensor) -> Tensor:
    """(QUERIES, NEAREST): which of the others are nearest, in their order."""
    unit = F.normalize(rows.double(), dim=-1)
    return (unit[:QUERIES] @ unit[QUERIES:].T).topk(NEAREST).indices


def line(name: str, share: str, exact: Tensor, rows: Tensor) -> str:
    cosines = F.cosine_similarity(exact[:QUERIES].double(), rows[:QUERIES].double())
    cells = [name, share, f"{cosines.min():.5f}", f"{cosines.median():.6f}"]
    if len(rows) == len(exact):
        ours, theirs = neighbors(rows), neighbors(exact)
        common = [len(set(a) & set(b)) for a, b in zip(ours.tolist(), theirs.tolist(), strict=True)]
        same_place = (ours == theirs).double().mean()
        cells += [f"{(ours[:, 0] == theirs[:, 0]).double().mean():.2f}", f"{sum(common) / QUERIES:.2f}", f"{same_place:.2f}"]
    else:
        cells += ["", "", ""]
    return "| " + " | ".join(cells) + " |"


def dynamic_rows(program: Path, model: Path, texts: list[str]) -> Tensor:
    """The caption embeddings that the program computes in int8-dynamic."""
    with tempfile.TemporaryDirectory() as folder:
        captions, rows = Path(folder, "captions.txt"), Path(folder, "rows.npy")
        captions.write_text("".join(f"{text}\n" for text in texts))
        command = [program, "embed-text", "-m", model, "-f", captions, "--no-adapter", "--precision", "int8-dynamic"]
        subprocess.run([*map(str, command), "-q", "-o", str(rows)], check=True)
        return torch.from_numpy(np.load(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("models", type=Path, nargs="+", help="exports of it in int8 and int4")
    parser.add_argument("--others", type=int, default=5000, help="captions to search among (default: 5000)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--program", type=Path, help="llm2clip, which is asked for int8-dynamic")
    parser.add_argument("--prompt", default="llama3")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    text = read_text_side(options.checkpoint, [], "float32", options.prompt, "", None)
    texts = captions()[-QUERIES:] + others(options.others)
    tokens = [tokenize(caption, text.prompt, text.tokenizer, text.doc_max_length) for caption in texts]
    half_bytes = text.checkpoint.weights.bytes // 2
    states = reference_hidden_states(text.checkpoint, [each.ids for each in tokens[:QUERIES]], dtype=torch.bfloat16)
    half = reference_captions(states, tokens[:QUERIES])
    exact = rows_of(exact_tower(text), tokens, "float32")
    print(f"| weights | share of the bfloat16 bytes | least cosine | median | equal first of {options.others} | of ten in common | "
          "at the same place |\n|---|---:|---:|---:|---:|---:|---:|")  # fmt: skip
    print(line("bfloat16, the reference computing in it", "1", exact, half), flush=True)
    for model in options.models:
        file = model if model.is_file() else model / "text.pt"
        share = f"{file.stat().st_size / half_bytes:.3f}"
        print(line(model.name, share, exact, rows_of(torch.jit.load(file).float().eval(), tokens, model.name)), flush=True)
        if options.program and model.is_dir():
            rows = dynamic_rows(options.program, model, texts)
            print(line(f"{model.name}, int8-dynamic", share, exact, rows), flush=True)


if __name__ == "__main__":
    main()
