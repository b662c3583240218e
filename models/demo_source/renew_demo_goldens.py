#!/usr/bin/env python3
"""Makes the demo model's goldens anew from its own weights, without training: after a change of what goldens hold.

    models/demo_source/renew_demo_goldens.py [models/demo]

The published layout is made again from the model directory (each weight is in one of its archives, unchanged), goes
through the exporter as that of models/demo_source/train_demo.py does, and the goldens of that export are kept.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
from typing import Any, cast

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import LlamaConfig

from demo_world.tokenizer import BEGIN, END, save_tokenizer
from demo_world.towers import TEXT, VISION, save_published
from llm2clip_export import manifest
from llm2clip_export.checkpoints import adapter, llama, openai_vit

ROOT = pathlib.Path(__file__).resolve().parents[2]
ADAPTER = "text_adapter.adaptor."
BLOCKS = 4


def weights_of(archive: pathlib.Path, keys: dict[str, str]) -> dict[str, Tensor]:
    """The archive's weights under their published names."""
    parameters = dict(torch.jit.load(archive).named_parameters())
    return {key: parameters[name].detach() for name, key in keys.items()}


def write_checkpoint(model: pathlib.Path, directory: pathlib.Path) -> None:
    """vision/ and text/ below `directory`, as models/demo_source/train_demo.py writes them."""
    vision = weights_of(model / "vision.pt", openai_vit.published_keys(VISION["num_hidden_layers"]))
    # published_keys looks into a checkpoint for its one alias, which the demo model has not.
    vision |= weights_of(model / "adapter.pt", adapter.published_keys(cast(Any, {}), ADAPTER, BLOCKS))
    text = weights_of(model / "text.pt", llama.published_keys(TEXT["num_hidden_layers"], ""))
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    special = {"bos_token_id": tokenizer.token_to_id(BEGIN), "eos_token_id": tokenizer.token_to_id(END)}
    config = LlamaConfig(vocab_size=tokenizer.get_vocab_size(), **special, **TEXT)
    save_published(vision, text, config, directory)
    save_tokenizer(tokenizer, directory / "text")
    shutil.copyfile(model / "tokenizer.json", directory / "text" / "tokenizer.json")


def renew(model: pathlib.Path, exported: pathlib.Path) -> None:
    """Takes the goldens of `exported`, and what its manifest says of them."""
    content, new = (manifest.read(directory) for directory in (model, exported))
    names = [name for name in new["files"] if name.startswith("golden")]
    for name in names:
        shutil.copyfile(exported / name, model / name)
    content["files"] |= {name: new["files"][name] for name in names}
    content["extra"]["goldens"] = new["extra"]["goldens"]
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    (model / manifest.NAME).write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", type=pathlib.Path, default=ROOT / "models" / "demo")
    model = parser.parse_args().model
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = pathlib.Path(folder)
        write_checkpoint(model, checkpoint)
        subprocess.run(
            [sys.executable, "-m", "llm2clip_export.cli", "--vision", checkpoint / "vision", "--text", checkpoint / "text",
             "--prompt", "llama3", "-o", checkpoint / "model"], check=True,
        )  # fmt: skip
        renew(model, checkpoint / "model")


if __name__ == "__main__":
    main()
