"""Small random LoRA adapters in peft's layout."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from published_tensors import Tensors

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
MLP = ("gate_proj", "up_proj", "down_proj")


def write_lora(
    directory: Path,
    base: Tensors,
    *,
    rank: int = 4,
    alpha: float = 8,
    prefix: str = "base_model.model.",
    dtype: torch.dtype = torch.float32,
    pickle: bool = False,
    config: dict | None = None,
    seed: int = 3,
) -> None:
    """An adapter over all linear layers of `base`, a Llama's tensors without `model.`."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for key, weight in base.items():
        if key.split(".")[-2] not in TARGETS:
            continue
        at = prefix + key.removesuffix(".weight")
        rows, columns = weight.shape
        tensors[f"{at}.lora_A.weight"] = torch.randn(rank, columns, generator=generator).to(dtype) * 0.2
        tensors[f"{at}.lora_B.weight"] = torch.randn(rows, rank, generator=generator).to(dtype) * 0.2
    directory.mkdir(parents=True, exist_ok=True)
    content = {
        "peft_type": "LORA", "task_type": None, "base_model_name_or_path": "meta-llama/Llama-3.1-8B-Instruct",
        "r": rank, "lora_alpha": alpha, "lora_dropout": 0.05, "target_modules": list(TARGETS), "bias": "none",
        "fan_in_fan_out": False, "inference_mode": True, "modules_to_save": None, "rank_pattern": {},
        "alpha_pattern": {}, "use_dora": False, "use_rslora": False, "layers_to_transform": None,
    }  # fmt: skip
    (directory / "adapter_config.json").write_text(json.dumps(content | (config or {}), indent=2), encoding="utf-8")
    if pickle:
        torch.save(tensors, directory / "adapter_model.bin")
    else:
        save_file(tensors, directory / "adapter_model.safetensors")
