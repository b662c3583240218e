#!/usr/bin/env python3
"""Measures what 8 and 4 bits cost a text model with trained weights; prints the table of docs/parity.md.

    scripts/setup --real-text && scripts/real_text_model real/text --shuffle
    llm2clip-export --text real/text --prompt llama3 --text-only --precision bfloat16 --text-precision int8 -o real/int8
    llm2clip-export --text real/text --prompt llama3 --text-only --precision bfloat16 --text-precision int4 -o real/int4
    scripts/measure_quantized.py real/text real/int8 real/int4 --program build/release/tools/llm2clip/llm2clip

Exact is the tower in float32 from the checkpoint's own weights; every other one computes in float32 too, from what its file
stores, but for "bfloat16", which is the reference (transformers as llm2vec runs it) and the tower computing in bfloat16, and
"int8-dynamic" and "int16-dynamic", for which the program is asked. The cosines are of 100 captions, none of which the exporter
calibrates with. The neighbors are of 100 definitions of things among 5,000 others: what WordNet says of animals, artifacts,
food, people, plants and places, each written by a person ("a kitchen appliance for baking waffles").
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
from measure_half_precision import captions

QUERIES, NEAREST = 100, 10
TOKENS = 2048  # of a batch
# Of WordNet's files those of things that can be seen: animals, artifacts, bodies, food, places, objects, people, plants.
CONCRETE = {"05", "06", "08", "13", "15", "17", "18", "20"}


def definitions(file: Path, count: int) -> list[str]:
    """Of things, without their examples, distinct, in the same random order every time."""
    found: dict[str, None] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith(" ") and line.split()[1] in CONCRETE:  # the license stands behind spaces
            found[line.partition("| ")[2].partition(";")[0].strip()] = None
    return random.Random(11).sample([text for text in found if 4 <= len(text.split()) <= 30], count)


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


def exact_tower(text: TextSide) -> torch.nn.Module:
    weights = text.checkpoint.weights
    weights.tower.load_state_dict({name: weights.read(key) for name, key in weights.keys.items()}, assign=True)
    return weights.tower


def neighbors(rows: Tensor) -> Tensor:
    """(QUERIES, NEAREST): which of the other definitions are nearest, in their order."""
    unit = F.normalize(rows[QUERIES:].double(), dim=-1)
    return (unit[:QUERIES] @ unit[QUERIES:].T).topk(NEAREST).indices


def line(name: str, share: str, exact: Tensor, rows: Tensor) -> str:
    cosines = F.cosine_similarity(exact[:QUERIES].double(), rows[:QUERIES].double())
    cells = [name, share, f"{cosines.min():.5f}", f"{cosines.median():.6f}"]
    return "| " + " | ".join(cells + (neighbor_cells(exact, rows) if len(rows) == len(exact) else [""] * 3)) + " |"


def neighbor_cells(exact: Tensor, rows: Tensor) -> list[str]:
    ours, theirs = neighbors(rows), neighbors(exact)
    common = sum(len(set(a) & set(b)) for a, b in zip(ours.tolist(), theirs.tolist(), strict=True))
    same = (ours == theirs).double()
    return [f"{same[:, 0].mean():.2f}", f"{common / QUERIES:.2f}", f"{same.mean():.2f}"]


def dynamic_rows(program: Path, model: Path, texts: list[str], precision: str) -> Tensor:
    """The caption embeddings that the program computes in that precision."""
    with tempfile.TemporaryDirectory() as folder:
        captions, rows = Path(folder, "captions.txt"), Path(folder, "rows.npy")
        captions.write_text("".join(f"{text}\n" for text in texts))
        command = [program, "embed-text", "-m", model, "-f", captions, "--no-adapter", "--precision", precision]
        subprocess.run([*map(str, command), "-q", "-o", str(rows)], check=True)
        return torch.from_numpy(np.load(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("models", type=Path, nargs="+", help="exports of it in int8 and int4")
    parser.add_argument("--others", type=int, default=5000, help="definitions to search among (default: 5000)")
    parser.add_argument("--wordnet", type=Path, default="/usr/share/wordnet/data.noun", help="its nouns (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--program", type=Path, help="llm2clip, which is asked for int8-dynamic and int16-dynamic")
    parser.add_argument("--prompt", default="llama3")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    text = read_text_side(options.checkpoint, [], "float32", options.prompt, "", None)
    texts = captions()[-QUERIES:] + definitions(options.wordnet, QUERIES + options.others)
    tokens = [tokenize(caption, text.prompt, text.tokenizer, text.doc_max_length) for caption in texts]
    half_bytes = text.checkpoint.weights.bytes // 2
    states = reference_hidden_states(text.checkpoint, [each.ids for each in tokens[:QUERIES]], dtype=torch.bfloat16)
    reference = reference_captions(states, tokens[:QUERIES])
    tower = exact_tower(text)
    exact = rows_of(tower, tokens, "float32")
    half = rows_of(tower.bfloat16(), tokens, "bfloat16")
    print(f"| weights | share of the bfloat16 bytes | least cosine | median | equal first of {options.others} | of ten in common | "
          "at the same place |\n|---|---:|---:|---:|---:|---:|---:|")  # fmt: skip
    print(line("bfloat16, the reference computing in it", "1", exact, reference), flush=True)
    print(line("bfloat16, the tower computing in it", "1", exact, half), flush=True)
    for model in options.models:
        file = model if model.is_file() else model / "text.pt"
        share = f"{file.stat().st_size / half_bytes:.3f}"
        print(line(model.name, share, exact, rows_of(torch.jit.load(file).float().eval(), tokens, model.name)), flush=True)
        if options.program and model.is_dir():
            for precision in ("int8-dynamic", "int16-dynamic"):
                rows = dynamic_rows(options.program, model, texts, precision)
                print(line(f"{model.name}, {precision}", share, exact, rows), flush=True)


if __name__ == "__main__":
    main()
