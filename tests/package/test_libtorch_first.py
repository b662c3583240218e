"""LibTorch and SentencePiece each have a global FLAGS_minloglevel. With SentencePiece's shared library, a program
that loaded LibTorch first had libc10's memory overwritten and hung in forward()."""

import json
import os
import subprocess
from pathlib import Path

import sentencepiece

import elf

ROOT = Path(__file__).resolve().parents[2]


def with_libtorch_in_front(binary, library, *arguments):
    torch = [str(elf.loaded(library)[name]) for name in ("libc10.so", "libtorch_cpu.so")]
    done = subprocess.run([binary, *arguments], env={**os.environ, "LD_PRELOAD": ":".join(torch)}, timeout=120,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_sentencepiece_model_gives_its_ids(binary, library, sentencepiece_model):
    text = "a photo of a green star"
    out = with_libtorch_in_front(binary, library, "tokenize", "--tokenizer", sentencepiece_model, "--raw", "-t", text)
    reference = sentencepiece.SentencePieceProcessor(model_file=str(sentencepiece_model))
    assert json.loads(out)["ids"] == reference.encode(text)


def test_the_networks_run(binary, library, demo_model):
    picture = ROOT / "tests" / "data" / "unseen" / "image_000.png"
    out = with_libtorch_in_front(binary, library, "classify", "-m", demo_model, picture, "--label", "red circle",
                                 "--label", "brown ring", "--json")
    assert json.loads(out)["labels"][0]["label"] == "brown ring"
