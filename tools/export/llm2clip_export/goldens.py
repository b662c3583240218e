"""The reference's values for the golden inputs, in float32 from the exported weights.

Computed by transformers, tokenizers and Pillow, never by our towers: the point is that the two agree. The adapter has
no reference that can be installed; its formula is evaluated from the published tensors (reference.md 5).
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection, LlamaConfig
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRMSNorm, LlamaRotaryEmbedding

from llm2clip_export.checkpoints import adapter as adapter_checkpoint
from llm2clip_export.checkpoints.adapter import AdapterCheckpoint
from llm2clip_export.checkpoints.llama import EMBEDDING, TextCheckpoint
from llm2clip_export.checkpoints.openai_vit import VisionCheckpoint
from llm2clip_export.errors import CheckpointError
from llm2clip_export.published_tokenizer import TokenIds

BICUBIC = 3
# Wraps a loop to show how far it is.
Watch = Callable[[Iterable[int]], Iterable[int]]


def reference_pixels(paths: list[Path], image_size: int) -> Tensor:
    """(images, 3, S, S) float32: transformers' processor over Pillow, as the model cards use it."""
    processor = CLIPImageProcessor(
        do_convert_rgb=True,
        size={"shortest_edge": image_size},
        crop_size={"height": image_size, "width": image_size},
        resample=BICUBIC,
    )
    pictures = [Image.open(path) for path in paths]
    return processor(images=pictures, return_tensors="pt")["pixel_values"]


@torch.inference_mode()
def reference_image_embeddings(checkpoint: VisionCheckpoint, pixels: Tensor) -> Tensor:
    """(images, D) float32, before L2 normalisation."""
    geometry = checkpoint.geometry
    # The config's own values first; the geometry is there because the B-16 config has none.
    config = CLIPVisionConfig(
        **checkpoint.config.section("vision_config").values
        | {
            "hidden_size": geometry["width"],
            "intermediate_size": geometry["mlp_width"],
            "num_hidden_layers": geometry["layers"],
            "num_attention_heads": geometry["heads"],
            "image_size": geometry["image_size"],
            "patch_size": geometry["patch_size"],
            "projection_dim": geometry["embedding_size"],
        }
    )
    model = CLIPVisionModelWithProjection(config).eval()
    keys = checkpoint.weights.keys.values()
    model.load_state_dict({key: checkpoint.weights.read(key).float() for key in keys}, strict=True)
    return model(pixel_values=pixels).image_embeds


@torch.inference_mode()
def reference_hidden_states(checkpoint: TextCheckpoint, texts: list[list[int]], watch: Watch = iter) -> list[Tensor]:
    """For each text of T token ids its states (T, H) float32 after the final norm.

    transformers' LlamaModel one layer at a time: the whole of an 8-billion-parameter model in float32 would take 30 GB.
    """
    config = reference_config(checkpoint)
    rotary = LlamaRotaryEmbedding(config)
    embedding = checkpoint.weights.read(checkpoint.prefix + EMBEDDING)
    states = [F.embedding(torch.tensor([ids]), embedding).float() for ids in texts]
    turns = [rotary(x, torch.arange(x.shape[1])[None]) for x in states]
    for index in watch(range(checkpoint.layers)):
        layer = loaded(lambda: LlamaDecoderLayer(config, index), checkpoint, f"layers.{index}.")
        states = [
            layer(x, attention_mask=everyone_sees_everyone(x), position_embeddings=turn)
            for x, turn in zip(states, turns, strict=True)
        ]
    norm = loaded(lambda: LlamaRMSNorm(config.hidden_size, config.rms_norm_eps), checkpoint, "norm.")
    return [norm(x)[0] for x in states]


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
    return torch.zeros(1, 1, x.shape[1], x.shape[1])


def loaded(make: Callable[[], torch.nn.Module], checkpoint: TextCheckpoint, prefix: str) -> torch.nn.Module:
    """A module of the reference with the published tensors under `prefix`, in float32."""
    with torch.device("meta"):
        module = make().eval()
    weights = {name: checkpoint.weights.read(checkpoint.prefix + prefix + name) for name in module.state_dict()}
    module.load_state_dict({name: weight.float() for name, weight in weights.items()}, strict=True, assign=True)
    return module


def reference_captions(states: list[Tensor], tokens: list[TokenIds]) -> Tensor:
    """(texts, H): the mean over the last `pooled` states. 0 takes all, as Python's slice [-0:] does in llm2vec."""
    return torch.stack([x[-text.pooled :].mean(0) for x, text in zip(states, tokens, strict=True)])


@torch.inference_mode()
def reference_text_embeddings(checkpoint: AdapterCheckpoint, captions: Tensor) -> Tensor:
    """(texts, H) -> (texts, D) float32, before L2 normalisation; computed in float64."""
    blocks = checkpoint.geometry["blocks"]
    x = F.normalize(captions.double(), dim=-1, eps=1e-12)
    for block in range(blocks):
        normed = layer_norm(x, checkpoint, f"{block}.ln")
        hidden = F.gelu(linear(normed, checkpoint, f"{block}.fn.0"))
        x = x + linear(hidden, checkpoint, second_linear(checkpoint, block))
    return linear(layer_norm(x, checkpoint, f"{blocks}"), checkpoint, f"{blocks + 1}").float()


def second_linear(checkpoint: AdapterCheckpoint, block: int) -> str:
    alias = f"{block}.fn.2"
    return alias if f"{adapter_checkpoint.PREFIX}{alias}.weight" in checkpoint.weights.tensors else f"{block}.fn.3"


def linear(x: Tensor, checkpoint: AdapterCheckpoint, name: str) -> Tensor:
    return F.linear(x, *parameters(checkpoint, name))


def layer_norm(x: Tensor, checkpoint: AdapterCheckpoint, name: str) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], *parameters(checkpoint, name), 1e-5)


def parameters(checkpoint: AdapterCheckpoint, name: str) -> tuple[Tensor, Tensor]:
    """Weight and bias of a published module in float64."""
    key = f"{adapter_checkpoint.PREFIX}{name}"
    return checkpoint.weights.read(f"{key}.weight").double(), checkpoint.weights.read(f"{key}.bias").double()


def cosines(images: Tensor, texts: Tensor) -> Tensor:
    """(images, D), (texts, D) -> (images, texts) float32."""
    return (F.normalize(images.double(), dim=-1) @ F.normalize(texts.double(), dim=-1).T).float()


def refuse_infinite(goldens: dict[str, Tensor]) -> None:
    for stage, values in goldens.items():
        if values.is_floating_point() and not values.isfinite().all():
            raise CheckpointError(f"{stage}: the reference gives NaN or infinity; download the weights again")
