"""Exports a random checkpoint of Llama-3-8B's geometry and says how much memory and time that took.

    .venv/bin/python bench/export_memory.py [--layers N] [--text-precision int8|int4] [--folder DIR]
                                            [--tokenizer TOKENIZER_JSON]

The checkpoint (15 GB with all 32 layers, bfloat16, 4 shards) and the export are written to a temporary folder under
--folder and removed. Peak memory is the exporter's largest resident set as the kernel counts it, mapped pages included;
the bar is 3 GB, and 4 where it rounds. It does not grow with the layers: one is in memory at a time.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools" / "export" / "tests"))

from published_layout import llama_shapes, write_json, write_tokenizer  # noqa: E402

SHARDS = 4
BAR, ROUNDING_BAR = 3e9, 4e9
GEOMETRY = {
    "vocabulary": 128256, "width": 4096, "layers": 32, "heads": 32, "kv_heads": 8, "head_dim": 128, "mlp_width": 14336,
}  # fmt: skip


def write_checkpoint(directory: Path, tokenizer: Path | None, geometry: dict[str, int]) -> int:
    """Writes it shard by shard and returns its bytes. Values repeat after a million: time, not entropy, is measured."""
    directory.mkdir()
    write_tokenizer(directory, tokenizer)
    shapes = llama_shapes(**geometry)
    noise = torch.randn(1_000_003, generator=torch.Generator().manual_seed(0)).bfloat16()
    keys, shard_of, total = list(shapes), {}, 0
    for shard in range(SHARDS):
        name = f"model-{shard + 1:05}-of-{SHARDS:05}.safetensors"
        chosen = keys[shard * len(keys) // SHARDS : (shard + 1) * len(keys) // SHARDS]
        tensors = {key: values(shapes[key], noise) for key in chosen}
        save_file(tensors, directory / name, metadata={"format": "pt"})
        shard_of |= dict.fromkeys(chosen, name)
        total += sum(tensor.nbytes for tensor in tensors.values())
    write_json({"metadata": {"total_size": total}, "weight_map": shard_of}, directory / "model.safetensors.index.json")
    write_json(
        {
            "_name_or_path": "LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned", "model_type": "llama", "hidden_act": "silu",
            "num_attention_heads": geometry["heads"], "num_key_value_heads": geometry["kv_heads"], "rms_norm_eps": 1e-5,
            "rope_theta": 500000.0, "vocab_size": geometry["vocabulary"], "hidden_size": geometry["width"],
            "intermediate_size": geometry["mlp_width"], "num_hidden_layers": geometry["layers"],
            "torch_dtype": "bfloat16",
        },
        directory / "config.json",
    )  # fmt: skip
    return total


def values(shape: tuple[int, ...], noise: torch.Tensor) -> torch.Tensor:
    if len(shape) == 1:
        return torch.ones(shape, dtype=torch.bfloat16)
    count = shape[0] * shape[1]
    repeated = noise.repeat(-(-count // len(noise)))[:count].reshape(shape)
    return repeated * shape[1] ** -0.5


def peak_memory(process: subprocess.Popen) -> int:
    """Waits for `process` and returns its largest resident set in bytes.

    Asked while it runs: what the kernel keeps for the parent (ru_maxrss) begins with the parent's own size.
    """
    peak = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
        peak = int(line.split()[1]) * 1024 if line else peak
        time.sleep(0.05)
    if process.returncode:
        sys.exit(f"the export failed with exit code {process.returncode}")
    return peak


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--folder", type=Path, help="where there is room (default: the system's temporary folder)")
    parser.add_argument("--tokenizer", type=Path, help="Llama-3's (default: a small one)")
    parser.add_argument("--text-precision", choices=["int8", "int4"], help="of the export (default: bfloat16)")
    options = parser.parse_args()
    bar, rounding = (ROUNDING_BAR, ["--text-precision", options.text_precision]) if options.text_precision else (BAR, [])
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        total = write_checkpoint(Path(folder) / "text", options.tokenizer, GEOMETRY | {"layers": options.layers})
        command = [sys.executable, "-m", "llm2clip_export.cli", "--text", f"{folder}/text", "-o", f"{folder}/model", *rounding]
        start = time.monotonic()
        peak = peak_memory(subprocess.Popen(command))
        seconds = time.monotonic() - start
        exported = json.loads((Path(folder) / "model" / "llm2clip.json").read_text())["files"]["text.pt"]["bytes"]
    print(f"checkpoint {total / 1e9:.2f} GB, text.pt {exported / 1e9:.2f} GB")
    print(f"{seconds:.0f} s, peak memory {peak / 1e9:.2f} GB (bar {bar / 1e9:.0f} GB)")
    return int(peak > bar)


if __name__ == "__main__":
    sys.exit(main())
