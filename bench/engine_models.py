"""What other engines read: a vision tower as ONNX, the text tower of 1B as GGUF, both of the geometry of ours.

They stay in the folder: 0.35 GB of ONNX, 2.5 GB for each GGUF of 16 bits, 1.3 and 0.8 GB for those of 8 and 4 bits.
"""

import importlib.util
import json
import subprocess
import warnings
from pathlib import Path

from machine import ROOT, Machine, NotHere
from models import models, text_geometry, vision_geometry
from peers import clip_vision

ENGINES = ROOT / "bench" / "engines.py"


def onnx_model(machine: Machine, name: str, batch: int) -> Path:
    """Written by torch.onnx of transformers' module, float32."""
    path = models(machine) / f"{name}-{batch}.onnx"
    if not path.exists():
        write_onnx(path, vision_geometry(machine, name)[1], batch)
    return path


def write_onnx(path: Path, geometry: dict[str, int], batch: int) -> None:
    import torch

    if importlib.util.find_spec("onnx") is None:
        raise NotHere("onnx is missing: run scripts/setup --bench")

    class Rows(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tower = clip_vision(geometry, torch.float32)

        def forward(self, pixels):
            return self.tower(pixel_values=pixels).image_embeds

    side = geometry["image_size"]
    partial = path.with_suffix(".partial")
    partial.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(
            Rows(), (torch.zeros(batch, 3, side, side),), partial, input_names=["pixels"], output_names=["rows"],
            opset_version=18, dynamo=False,
        )  # fmt: skip
    partial.rename(path)


def gguf_model(machine: Machine, weights: str) -> Path:
    """`weights`: F16, BF16, Q8_0, Q4_0, or Q4_K_M, which llama.cpp's own quantizer makes of F16."""
    path = models(machine) / f"text-1b-{weights}.gguf"
    if not path.exists():
        partial = path.with_suffix(".partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        if weights == "Q4_K_M":
            write(machine, "quantize-gguf", gguf_model(machine, "F16"), partial, weights)
        else:
            write(machine, "write-gguf", partial, json.dumps(text_geometry(machine)), weights)
        partial.rename(path)
    return path


def write(machine: Machine, *arguments) -> None:
    command = [machine.python(".venv-peers"), ENGINES, *arguments]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=machine.environment)
    if done.returncode:
        raise NotHere(f"engines.py {arguments[0]}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
