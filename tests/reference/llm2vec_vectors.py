"""Runs the real llm2vec on a text checkpoint: the reference's vectors for tests/reference.

Runs in .venv-llm2vec, which holds transformers and numpy of llm2vec's time:

    .venv-llm2vec/bin/python tests/reference/llm2vec_vectors.py CHECKPOINT TEXTS.json OUT.npy DOC_MAX_LENGTH [float32|bfloat16]

TEXTS.json holds a list of lists; each inner list is one call of `encode`, so texts of one list share batches and
padding. OUT.npy gets the rows of all calls, one after the other: (texts, H) float32, the mean of the pooled hidden
states, before any adapter.
"""

import json
import sys

import numpy as np
import torch
from llm2vec import LLM2Vec
from llm2vec.models import LlamaBiModel
from transformers import AutoConfig, AutoTokenizer


def load(checkpoint: str, doc_max_length: int, precision: str = "float32") -> LLM2Vec:
    """The model card's way of building the text encoder, without the network."""
    # As the tokenizer_config.json of Llama-3 says; without it the tokenizer adds token_type_ids, which Llama refuses.
    tokenizer = AutoTokenizer.from_pretrained(
        checkpoint, padding_side="left", model_input_names=["input_ids", "attention_mask"]
    )
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    config = AutoConfig.from_pretrained(checkpoint)
    model = LlamaBiModel.from_pretrained(
        checkpoint, config=config, torch_dtype=getattr(torch, precision), attn_implementation="eager"
    )
    # Without this name llm2vec silently leaves the prompt away (reference.md 4.2); the card sets it too.
    model.config._name_or_path = "meta-llama/Meta-Llama-3-8B-Instruct"
    return LLM2Vec(model, tokenizer, pooling_mode="mean", max_length=512, doc_max_length=doc_max_length)


def main() -> None:
    checkpoint, texts_path, out_path, doc_max_length, *precision = sys.argv[1:]
    torch.manual_seed(0)
    encoder = load(checkpoint, int(doc_max_length), *precision)
    with open(texts_path, encoding="utf-8") as file:
        calls = json.load(file)
    rows = [encoder.encode(texts, batch_size=32, show_progress_bar=False, device="cpu") for texts in calls]
    np.save(out_path, np.concatenate([np.asarray(row, dtype=np.float32) for row in rows]))


if __name__ == "__main__":
    main()
