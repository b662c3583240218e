"""The text tower: transformers' Llama, one layer at a time."""

from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRMSNorm, LlamaRotaryEmbedding

from llm2clip_export.checkpoints.llama import EMBEDDING, TextCheckpoint
from llm2clip_export.published_tokenizer import TokenIds
from llm2clip_export.references.half_products import HalfProducts

# Wraps a loop to show how far it is.
Watch = Callable[[Iterable[int]], Iterable[int]]


@torch.inference_mode()
def reference_hidden_states(
    checkpoint: TextCheckpoint, texts: list[list[int]], watch: Watch = iter, dtype: torch.dtype = torch.float32
) -> list[Tensor]:
    """For each text of T token ids its states (T, H) after the final norm, in the precision they are computed in.

    transformers' LlamaModel one layer at a time: the whole of an 8-billion-parameter model in float32 would take 30 GB.
    """
    config = reference_config(checkpoint)
    rotary = LlamaRotaryEmbedding(config)
    states = embedded(checkpoint, texts, dtype)
    turns = [rotary(x, torch.arange(x.shape[1])[None]) for x in states]
    for index in watch(range(checkpoint.layers)):
        layer = loaded(partial(LlamaDecoderLayer, config, index), checkpoint, f"layers.{index}.", dtype)
        with HalfProducts():
            states = [
                layer(x, attention_mask=everyone_sees_everyone(x), position_embeddings=turn)
                for x, turn in zip(states, turns, strict=True)
            ]
    norm = loaded(lambda: LlamaRMSNorm(config.hidden_size, config.rms_norm_eps), checkpoint, "norm.", dtype)
    return [norm(x)[0] for x in states]


def embedded(checkpoint: TextCheckpoint, texts: list[list[int]], dtype: torch.dtype) -> list[Tensor]:
    """(1, T, H) of each text. A function of its own: the table, 1 GB of it, is given back at its end."""
    table = checkpoint.weights.read(checkpoint.prefix + EMBEDDING)
    return [F.embedding(torch.tensor([ids]), table).to(dtype) for ids in texts]


def reference_config(checkpoint: TextCheckpoint) -> LlamaConfig:
    """The config's own values, and the tensors' where it is silent. `eager` adds the mask it is given to the scores."""
    geometry = checkpoint.geometry
    shapes = {
        "vocab_size": geometry["vocabulary"],
        "hidden_size": geometry["width"],
        "intermediate_size": geometry["mlp_width"],
        "num_hidden_layers": geometry["layers"],
    }
    return LlamaConfig(**checkpoint.config.values | shapes, attn_implementation="eager")


def everyone_sees_everyone(x: Tensor) -> Tensor:
    """The mask that is added to the scores: (1, 1, T, T) zeros.

    With no mask some versions of transformers fall back to causal attention, silently (reference.md 3.4).
    """
    return torch.zeros(1, 1, x.shape[1], x.shape[1], dtype=x.dtype)


def loaded(
    make: Callable[[], torch.nn.Module], checkpoint: TextCheckpoint, prefix: str, dtype: torch.dtype
) -> torch.nn.Module:
    """A module of the reference with the published tensors under `prefix`, in the precision to compute in."""
    with torch.device("meta"):
        module = make().eval()
    names = module.state_dict()
    weights = {name: checkpoint.weights.read(checkpoint.prefix + prefix + name).to(dtype) for name in names}
    module.load_state_dict(weights, strict=True, assign=True)
    return module


def reference_captions(states: list[Tensor], tokens: list[TokenIds]) -> Tensor:
    """(texts, H) float32: the mean over the last `pooled` states. 0 takes all, as Python's slice [-0:] does in llm2vec.

    llm2vec rounds the mean to the states' precision.
    """
    return torch.stack([x[-text.pooled :].mean(0) for x, text in zip(states, tokens, strict=True)]).float()
