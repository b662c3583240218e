#!/usr/bin/env python3
"""Measures what a half precision costs a text model: cosines to the reference's float32, ours beside the reference's own.

    scripts/setup --real-text && scripts/real_text_model real/text
    llm2clip-export --text real/text --prompt llama3 --text-only -o real/model
    scripts/measure_half_precision.py real/text real/model [BINARY]

105 captions: the 9 of the goldens, 51 short and 45 long ones. The reference is the exporter's (transformers, layer by
layer); tests/reference holds that to llm2vec itself. docs/numerics.md has what came out.
"""

import argparse
import json
import random
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch

from llm2clip_export.golden_inputs import TEXTS
from llm2clip_export.published_tokenizer import tokenize
from llm2clip_export.references.half_products import HALVES
from llm2clip_export.references.llama import reference_captions, reference_hidden_states
from llm2clip_export.text_side import TextSide, read_text_side

ROOT = Path(__file__).resolve().parent.parent
SHORT, LONG = 51, 45
SUBJECTS = ["two dogs", "an old man with a red umbrella", "a bowl of ramen", "the Eiffel Tower at night", "a child",
            "three sailing boats", "a cat asleep on a keyboard", "an X-ray of a hand", "street art", "1,250 people"]
PLACES = ["on a beach", "in front of a brick wall", "under a bridge in Kyoto", "at the station", "beside a frozen lake",
          "in a kitchen", "on the moon"]
STYLES = ["a photo of", "a blurry black and white photograph of", "a diagram showing", "", "an oil painting of", "close-up:"]
SENTENCES = ["It is raining.", "The light comes from the left and throws long shadows over wet stones.",
             "Nobody looks at the camera.", 'In the background there are mountains, and a sign that reads "OPEN 24/7".',
             "The picture was taken in 1987 with a 35mm lens.", "Colors are muted, mostly ochre and grey-blue.",
             "A second, smaller figure stands half hidden behind a tree."]


def captions() -> list[str]:
    rng = random.Random(7)
    short = [" ".join(filter(None, map(rng.choice, (STYLES, SUBJECTS, PLACES)))) for _ in range(SHORT)]
    long = []
    for _ in range(LONG):
        first = " ".join(map(rng.choice, (STYLES, SUBJECTS, PLACES))).strip()
        long.append(" ".join([f"{first}.", *(rng.choice(SENTENCES) for _ in range(rng.randint(2, 7)))]))
    return TEXTS + short + long


def reference(text: TextSide, texts: list[str], dtype: torch.dtype) -> np.ndarray:
    tokens = [tokenize(caption, text.prompt, text.tokenizer, text.doc_max_length) for caption in texts]
    states = reference_hidden_states(text.checkpoint, [text.ids for text in tokens], dtype=dtype)
    return reference_captions(states, tokens).numpy()


def ours(binary: Path, model: Path, texts: list[str], precision: str) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        lines, rows = Path(folder, "texts.jsonl"), Path(folder, "rows.npy")
        lines.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        subprocess.run([binary, "embed-text", "-m", model, "--precision", precision, "--jsonl", "-f", lines, "--no-adapter",
                        "--no-normalize", "-q", "-o", rows], check=True)  # fmt: skip
        return np.load(rows)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("model", type=Path, help="its export, in float32")
    parser.add_argument("binary", nargs="?", type=Path, default=ROOT / "build" / "dev" / "tools" / "llm2clip" / "llm2clip")
    parser.add_argument("--prompt", default="llama3")
    options = parser.parse_args()
    text = read_text_side(options.checkpoint, [], "as-stored", options.prompt, "", None)
    texts = captions()
    exact = reference(text, texts, torch.float32)
    measured = {
        f"ours in {precision}": ours(options.binary, options.model, texts, precision)
        for precision in ("float32", "bfloat16")
    }
    measured |= {f"the reference in {half}": reference(text, texts, dtype) for half, dtype in HALVES.items()}
    groups = {"all": slice(None), "goldens": slice(0, len(TEXTS)), "short": slice(len(TEXTS), -LONG), "long": slice(-LONG, None)}
    for who, rows in measured.items():
        found = cosines(rows, exact)
        found_of = {name: found[part] for name, part in groups.items()}
        print(who, *(f"{name}: least {of.min():.7f}, median {np.median(of):.7f};" for name, of in found_of.items()))
    lost = {name: 1 - cosines(rows, exact) for name, rows in measured.items()}
    ratio = lost["ours in bfloat16"] / lost["the reference in bfloat16"]
    beyond = lost["ours in bfloat16"] - 2 * lost["the reference in bfloat16"]
    print(f"lost by ours over lost by the reference in bfloat16: median {np.median(ratio):.2f}, largest {ratio.max():.2f}")
    print(f"lost by ours beyond twice as much: {np.sort(beyond)[::-1][:5]}")


if __name__ == "__main__":
    main()
