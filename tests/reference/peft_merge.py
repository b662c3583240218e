"""Merges a LoRA adapter with peft itself: the reference of --lora.

Runs in .venv-llm2vec:

    .venv-llm2vec/bin/python tests/reference/peft_merge.py CHECKPOINT ADAPTER OUT

OUT becomes a checkpoint like CHECKPOINT, with the adapter merged into its weights.
"""

import shutil
import sys
from pathlib import Path

import torch
import torch.distributed.tensor  # peft asks for it without importing it
from peft import PeftModel
from transformers import LlamaModel


def main() -> None:
    checkpoint, adapter, out = map(Path, sys.argv[1:])
    model = PeftModel.from_pretrained(LlamaModel.from_pretrained(checkpoint, torch_dtype=torch.float32), adapter)
    model.merge_and_unload().save_pretrained(out)
    for path in checkpoint.glob("tokenizer*.json"):
        shutil.copyfile(path, out / path.name)


if __name__ == "__main__":
    main()
