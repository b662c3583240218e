"""Model directories with random weights at the published sizes, made by the exporter of published layouts.

They stay in the folder for the next run: 0.2 GB for ViT-B/16 bf16, 0.6 GB for each ViT-L, 2.5 GB for the text tower
of 1B, 1.5 and 1 GB for it in 8 and 4 bits, 8 GB for the archive that is only loaded, 9 and 6 GB for 8B in 8 and 4 bits.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from machine import ROOT, Machine, NotHere

sys.path[:0] = [str(ROOT / "tools" / "export" / "tests"), str(ROOT / "bench")]

EMBEDDING_DIM = 1280
WIDE = {"width": 1024, "layers": 24, "patch_size": 14, "image_size": 336}
# Family and geometry by model.
VISION = {
    "vit-b16": ("openai", {"width": 768, "layers": 12, "patch_size": 16, "image_size": 224}),
    "vit-l14-336": ("openai", WIDE),
    "eva02-l14-336": ("eva02", WIDE),
}
TINY_VISION = {"width": 128, "layers": 1, "patch_size": 14, "image_size": 42}
TEXT = {
    "vocabulary": 128256, "width": 2048, "layers": 16, "heads": 32, "kv_heads": 8, "head_dim": 64, "mlp_width": 8192,
}  # fmt: skip
TINY_TEXT = {
    "vocabulary": 512, "width": 64, "layers": 1, "heads": 4, "kv_heads": 2, "head_dim": 16, "mlp_width": 96,
}  # fmt: skip
# 8 GB of Llama-3-8B's layers, 0.03 GB for --quick.
LARGE = {"vocabulary": 128256, "width": 4096, "layers": 16, "heads": 32, "kv_heads": 8, "head_dim": 128, "mlp_width": 14336}
TINY_LARGE = TEXT | {"vocabulary": 512, "width": 256, "heads": 4, "kv_heads": 2, "layers": 4, "mlp_width": 1024}
PRECISIONS = {"bf16": "bfloat16", "fp32": "float32"}


def vision_geometry(machine: Machine, name: str) -> tuple[str, dict[str, int]]:
    family, geometry = VISION[name]
    return family, (TINY_VISION if machine.quick else geometry) | {"embedding_dim": EMBEDDING_DIM}


def text_geometry(machine: Machine) -> dict[str, int]:
    return machine.small_or(TINY_TEXT, TEXT)


def vision_model(machine: Machine, name: str, precision: str) -> Path:
    """`precision`: bf16 or fp32."""
    directory = models(machine) / f"{name}-{precision}"
    if not directory.exists():
        with scratch(machine, directory.name) as folder:
            write_vision_checkpoint(machine, name, folder)
            export("--vision", folder, "--vision-only", "--precision", PRECISIONS[precision], "-o", directory)
    return directory


def write_vision_checkpoint(machine: Machine, name: str, folder: Path) -> None:
    import torch

    from published_layout import VISION_WRITERS

    family, geometry = vision_geometry(machine, name)
    VISION_WRITERS[family](folder, adapter_width=None, dtype=torch.float16 if family == "eva02" else torch.float32, **geometry)


def text_model(machine: Machine, weights: str = "bf16") -> Path:
    """Text tower and adapter, `weights` bf16, int8 or int4. Beside the first, what llm2vec needs to make the same without
    weights: config and tokenizer."""
    directory = models(machine) / ("text-1b" if weights == "bf16" else f"text-1b-{weights}")
    if not directory.exists():
        geometry = text_geometry(machine)
        with scratch(machine, directory.name) as folder:
            write_text_checkpoint(folder / "text", geometry, machine.small_or(None, machine.tokenizer))
            write_adapter(folder / "adapter", geometry["width"])
            keep_config(folder / "text", llm2vec_folder(machine))
            export("--text", folder / "text", "--adapter", folder / "adapter", *rounded(weights), "-o", directory)
    return directory


def rounded(weights: str) -> list[str]:
    """Arguments for `export`."""
    return [] if weights == "bf16" else ["--text-precision", weights]


def llm2vec_folder(machine: Machine) -> Path:
    return models(machine) / "text-1b-llm2vec"


def large_model(machine: Machine) -> Path:
    """A text tower without adapter, with a small tokenizer: what is measured is how the archive is loaded."""
    directory = models(machine) / "text-8gb"
    if not directory.exists():
        geometry = machine.small_or(TINY_LARGE, LARGE)
        with scratch(machine, directory.name) as folder:
            write_text_checkpoint(folder / "text", geometry, None)
            export("--text", folder / "text", "-o", directory)
    return directory


# Of the bytes in bfloat16: what leaves room for the rest in 8.5 and in 5 GB.
EIGHT_B_SIZES = {"int8": 0.56, "int4": 0.34}


def eight_b_model(machine: Machine, weights: str) -> Path:
    """A whole text tower of 8B in int8 or int4, without adapter. Its checkpoint takes 15 GB meanwhile."""
    directory = models(machine) / f"text-8b-{weights}"
    if not directory.exists():
        geometry = machine.small_or(TINY_LARGE, LARGE | {"layers": 32})
        with scratch(machine, directory.name) as folder:
            write_text_checkpoint(folder / "text", geometry, machine.small_or(None, machine.tokenizer))
            export("--text", folder / "text", *rounded(weights), "--size", EIGHT_B_SIZES[weights], "-o", directory)
    return directory


def write_text_checkpoint(folder: Path, geometry: dict[str, int], tokenizer: Path | None) -> None:
    from export_memory import write_checkpoint

    folder.parent.mkdir(parents=True, exist_ok=True)
    write_checkpoint(folder, tokenizer, geometry)


def write_adapter(folder: Path, width: int) -> None:
    """A repository with a vision tower as small as may be beside the adapter."""
    import torch

    from published_layout import write_vision

    write_vision(folder, adapter_width=width, embedding_dim=EMBEDDING_DIM, dtype=torch.bfloat16)


def keep_config(checkpoint: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in checkpoint.glob("*.json"):
        if "index" not in path.name:
            shutil.copyfile(path, folder / path.name)


# ---- Where they are


def models(machine: Machine) -> Path:
    return machine.folder / machine.small_or("tiny-models", "models")


@contextmanager
def scratch(machine: Machine, name: str) -> Iterator[Path]:
    """A folder for a checkpoint, removed when its model is made."""
    folder = models(machine) / f".{name}.checkpoint"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def export(*arguments) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "bench" / "random_export.py", *map(str, arguments), "-q"], capture_output=True, text=True
    )
    if done.returncode:
        raise NotHere(f"llm2clip-export: {done.stderr.strip().splitlines()[-1]}")


def weights_bytes(model: Path) -> int:
    """Of all parts that a directory has."""
    files = json.loads((model / "llm2clip.json").read_text())["files"]
    return sum(entry["bytes"] for name, entry in files.items() if name.endswith(".pt"))
