"""Measures how near llm2clip is to the reference, per family, precision and stage, and writes docs/parity.md.

    .venv/bin/python scripts/make_parity.py [BINARY] [--small] [--folder DIR] [-o docs/parity.md]

Checkpoints are random, in the published layout (tools/export/tests/published_layout.py), in small sizes and in the
published ones; --small leaves the latter out. Each is exported as a user would and recomputed by `llm2clip verify`, whose
goldens come from the reference (docs/numerics.md), and besides compared with timm, torchvision and llm2vec in the
environments of scripts/setup --references. The published sizes need 20 GB of disk under --folder and 12 GB of memory. Trained
weights are among them where scripts/setup --real-text was run; --trained measures these alone and renews their section.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tools" / "export" / "tests"), str(ROOT / "tests" / "reference")]

from safetensors.torch import load_file  # noqa: E402

from published import run_llm2vec, run_timm  # noqa: E402
from published_eva02 import write_eva02  # noqa: E402
from published_layout import LLAMA31_SCALING, write_text, write_vision  # noqa: E402
from published_lora import write_lora  # noqa: E402
from published_siglip2 import write_siglip2  # noqa: E402

SEED = 20
# The exit code of `llm2clip verify`; a row beyond its bar belongs into the table as well.
MISMATCH = 8
LLAMA_8B, LLAMA_1B = "LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned", "LLM2CLIP-Llama-3.2-1B-Instruct-CC-Finetuned"
TEXTS = ["a photo of two dogs on a beach", "示意图", "", "\nfoo", " a diagram \n", "it's 1234567 of them 🐕‍🦺", " dog" * 509]
HEAD = ["stage", "computed in", "reference", "values", "largest error", "cosine"]
# Weights as the export stores them -> what a CPU computes them in.
PRECISIONS = {"float32": ["float32"], "bfloat16": ["bfloat16"], "float16": ["float32"]}


@dataclass(frozen=True)
class Case:
    """A family in one size. The writers make the checkpoints of its towers."""

    name: str
    write_vision: Callable[[Path], object] | None = None
    write_text: Callable[[Path], object] | None = None
    lora: bool = False
    precisions: list[str] = field(default_factory=lambda: list(PRECISIONS))
    options: tuple[str, ...] = ()  # of the export
    in_bfloat16: bool = False  # float32 weights as well


def small_text(directory: Path) -> None:
    write_text(directory, shards=4, dtype=torch.bfloat16, config={"_name_or_path": LLAMA_8B}, seed=SEED)


def small_1b(directory: Path) -> None:
    write_text(
        directory, width=32, rope_scaling=LLAMA31_SCALING, config={"_name_or_path": LLAMA_1B}, seed=SEED,
    )  # fmt: skip


def small_llama31(directory: Path) -> None:
    scaling = LLAMA31_SCALING | {"factor": 8.0}
    write_text(directory, rope_scaling=scaling, config={"_name_or_path": "meta-llama/Llama-3.1-8B-Instruct"}, seed=SEED)
    write_lora(directory.parent / "lora", load_file(directory / "model.safetensors"), seed=SEED)


def full_1b(directory: Path) -> None:
    write_text(
        directory, width=2048, layers=16, heads=32, kv_heads=8, mlp_width=8192, vocabulary=128256,
        rope_scaling=LLAMA31_SCALING, config={"_name_or_path": LLAMA_1B}, vocab_from=llama3_tokenizer(), seed=SEED,
    )  # fmt: skip


def llama3_tokenizer() -> Path | None:
    path = ROOT.parent / "shared" / "assets" / "tokenizer.json"
    return path if path.is_file() else None


def trained_text(directory: Path) -> None:
    subprocess.run([ROOT / "scripts" / "real_text_model", directory], check=True)


TRAINED = Case(
    "SmolLM2-135M-Instruct, trained weights", write_text=trained_text, precisions=["float32", "bfloat16"],
    options=("--prompt", "llama3", "--text-only"), in_bfloat16=True,
)  # fmt: skip
SMALL = [
    Case("OpenAI ViT with Llama-3-8B's layout, small", lambda path: write_vision(path, layers=3, seed=SEED), small_text),
    Case("EVA02 ViT with Llama-3-8B's layout, small", lambda path: write_eva02(path, layers=3, seed=SEED), small_text),
    Case("EVA02 ViT with Llama-3.2-1B's layout, small", lambda path: write_eva02(path, adapter_width=32, seed=SEED), small_1b),
    Case("SigLIP2 ViT with Llama-3.1-8B and LoRA, small", lambda path: write_siglip2(path, seed=SEED), small_llama31, lora=True),
]
FULL = [
    Case(
        "OpenAI ViT-B/16, published size",
        lambda path: write_vision(
            path, width=768, layers=12, patch_size=16, image_size=224, embedding_dim=1280, adapter_width=4096, seed=SEED
        ),
    ),
    Case(
        "OpenAI ViT-L/14-336, published size",
        lambda path: write_vision(
            path, width=1024, layers=24, patch_size=14, image_size=336, embedding_dim=1280, adapter_width=4096, seed=SEED
        ),
        precisions=["float32", "bfloat16"],
    ),
    Case(
        "EVA02-L/14-336 with Llama-3.2-1B, published size",
        lambda path: write_eva02(path, width=1024, layers=24, image_size=336, embedding_dim=1280, adapter_width=2048, seed=SEED),
        full_1b, precisions=["float32", "bfloat16"],
    ),
    Case(
        "SigLIP2 so400m/14-224, published size",
        lambda path: write_siglip2(path, width=1152, layers=27, image_size=224, mlp_width=4304, adapter_width=4096, seed=SEED),
        precisions=["float32", "bfloat16"],
    ),
]  # fmt: skip


def measure(case: Case, binary: Path, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """(stored precision, row of the table) for every stage and reference."""
    options: list[str | Path] = [*case.options]
    if case.write_vision:
        case.write_vision(folder / "vision")
        options += ["--vision", folder / "vision"]
    if case.write_text:
        case.write_text(folder / "text")
        options += ["--text", folder / "text"]
        options += ["--lora", folder / "lora"] if case.lora else []
    for stored in case.precisions:
        model = folder / "model"
        run(sys.executable, "-m", "llm2clip_export.cli", *options, "-o", model, "--precision", stored, "--overwrite", "-q")
        for computed in [*PRECISIONS[stored], *(["bfloat16"] if case.in_bfloat16 and stored == "float32" else [])]:
            for line in run(binary, "verify", "-m", model, "--precision", computed, "--json", allowed=(0, MISMATCH)).splitlines():
                report = json.loads(line)
                reference = reference_of(case, report["stage"]) + itself(report)
                yield stored, row(
                    report["stage"], computed, report["largest_error"], report["cosine"], report["values"], reference
                )
        if stored == "float32":
            for stage, reference, ours, theirs in compared(case, binary, folder, model):
                error, cosine = distance(ours, theirs)
                yield stored, row(stage, "float32", error, cosine, ours.size, reference)


def reference_of(case: Case, stage: str) -> str:
    """What the exporter's goldens are computed by (tools/export/llm2clip_export/references)."""
    if stage == "pixels":
        return "transformers" if "OpenAI" in case.name else "Pillow in torchvision's steps"
    if stage == "image embedding":
        return "the formulas in float64" if "EVA02" in case.name else "transformers"
    others = {"token ids": "tokenizers", "pooled counts": "tokenizers", "text embedding": "the formulas in float64"}
    return others.get(stage, "transformers")


def itself(report: dict) -> str:
    """What the reference keeps of the row in the same half precision."""
    return "" if report["reference_cosine"] is None else f", which has {report['reference_cosine']:.7f} itself"


def compared(case: Case, binary: Path, folder: Path, model: Path) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """What another program makes of the published files: stage, its name, our values, its values."""
    pictures = sorted((model / "golden").glob("*.png"))
    if case.write_vision and "OpenAI" not in case.name:
        size = json.loads((model / "llm2clip.json").read_text())["vision"]["image_size"]
        run(binary, "preprocess", "-m", model, *pictures, "-o", folder / "ours.npy")
        run_timm("pixels", size, folder / "theirs.npy", *pictures)
        yield "pixels", "torchvision", *arrays(folder)
        run(binary, "embed-image", "-m", model, *pictures, "--no-normalize", "-q", "-o", folder / "ours.npy", "--overwrite")
        file = next(path for path in (folder / "vision").iterdir() if path.suffix in {".pt", ".safetensors"})
        run_timm("embed", file, folder / "theirs.npy", *pictures)
        yield "image embedding", "timm", *arrays(folder)
    if case.write_text and not case.lora:
        (folder / "texts.json").write_text(json.dumps([TEXTS]), encoding="utf-8")
        (folder / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS), encoding="utf-8")
        longest = json.loads((model / "llm2clip.json").read_text())["text"].get("doc_max_length", 512)
        run(
            binary, "embed-text", "-m", model, "--jsonl", "-f", folder / "texts.jsonl", "--no-adapter", "--no-normalize", "-q",
            "-o", folder / "ours.npy",
        )  # fmt: skip
        run_llm2vec("llm2vec_vectors.py", folder / "text", folder / "texts.json", folder / "theirs.npy", longest)
        yield "caption embedding", "llm2vec", *arrays(folder)


def arrays(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    return np.load(folder / "ours.npy"), np.load(folder / "theirs.npy")


def distance(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Largest difference over the largest value, and the smallest cosine of the rows: docs/numerics.md."""
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    a, b = (x.reshape(len(x), -1).astype(np.float64) for x in (ours, theirs))
    cosines = (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return np.abs(a - b).max() / np.abs(b).max(), cosines.min()


def row(stage: str, computed: str, error: float, cosine: float, values: int, reference: str) -> list[str]:
    return [stage, computed, reference, f"{values:,}", "0" if error == 0 else f"{error:.1e}", f"{cosine:.7f}"]


def run(*command, allowed: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode not in allowed:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def page(cases: list[Case], results: dict[str, list[tuple[str, list[str]]]]) -> str:
    versions = ", ".join(f"{name} {version(name).partition('+')[0]}" for name in ("torch", "transformers", "tokenizers", "Pillow"))
    files = [ROOT / "scripts" / f"requirements-{name}.txt" for name in ("llm2vec", "timm")]
    others = [word for file in files for word in file.read_text().split() if "==" in word]
    wanted = ("llm2vec", "peft", "timm", "torchvision")
    pinned = ", ".join(line.replace("==", " ") for line in others if line.partition("==")[0] in wanted)
    sections = [section(case, results[case.name]) for case in cases]
    return "\n".join([INTRODUCTION.format(versions=versions, pinned=pinned, seed=SEED), *sections])


def section(case: Case, rows: list[tuple[str, list[str]]]) -> str:
    parts = [f"## {case.name}\n"]
    for stored in case.precisions:
        parts.append(f"Weights stored in {stored}:\n\n" + table([line for kept, line in rows if kept == stored]))
    return "\n".join(parts)


def with_section(page: str, name: str, text: str) -> str:
    """The page with this section renewed, or at its end."""
    before, heading, rest = page.partition(f"## {name}\n")
    after = rest.find("\n## ")
    kept = rest[after + 1:] if heading and after >= 0 else ""
    return before.rstrip("\n") + "\n\n" + text + ("\n" + kept if kept else "")


def measured_elsewhere(output: Path) -> str:
    """The last section of the page that is there: scripts/measure_quantized.py's, which takes an hour."""
    _, heading, rest = output.read_text(encoding="utf-8").partition(ELSEWHERE) if output.is_file() else ("", "", "")
    return "\n" + heading + rest if heading else ""


def table(rows: list[list[str]]) -> str:
    lines = [HEAD, ["---", "---", "---", "---:", "---:", "---:"], *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


ELSEWHERE = "## 8 and 4 bits, trained weights\n"

INTRODUCTION = """\
# Parity

How near llm2clip is to the reference, measured by `scripts/make_parity.py` (this page is its output) on random weights in
the published layouts, seed {seed}. The error is max |ours − reference| / max |reference| over all values of a stage, the
cosine the smallest over its rows; [numerics.md](numerics.md) has the bars and why they are where they are.

The references: {versions}; {pinned}, the last in environments of their own.

- **float32** is held to error 1e-4 and cosine 0.999999 at every stage.
- **bfloat16** keeps 8 bits of each product and sum, so single components near zero are off by much and directions by
  little. The reference computes in float32 from the same bfloat16 weights: the row shows what computing in bfloat16
  costs, which the reference pays as well when it computes so.
- **float16** weights compute in float32 on a CPU; against float32 of the same weights nothing is lost. float16 itself
  needs CUDA and was never run.
- **Trained weights** (the last section, measured with `--trained`): "which has ... itself" is the least cosine of the
  reference when it computes in the same half precision; by it half precisions are judged.
- Random towers amplify rounding more than trained ones, whose activations are not white noise.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", type=Path, default=ROOT / "build" / "release" / "tools" / "llm2clip" / "llm2clip")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--trained", action="store_true", help="only the trained weights; the rest of the page stays")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "parity.md")
    options = parser.parse_args()
    cases = [TRAINED] if options.trained else SMALL if options.small else SMALL + FULL
    if not options.trained and (ROOT / ".venv-real-text").is_dir():
        cases = [*cases, TRAINED]
    results = {}
    for case in cases:
        print(case.name, file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            results[case.name] = list(measure(case, options.binary, Path(folder)))
    if options.trained:
        text = with_section(options.output.read_text(encoding="utf-8"), TRAINED.name, section(TRAINED, results[TRAINED.name]))
    else:
        text = page(cases, results) + measured_elsewhere(options.output)
    options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
