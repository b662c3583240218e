"""LLM2CLIP-Openai-*: the OpenAI vision transformer in transformers' key names, with the adapter beside it.

Keys and shapes: reference.md 1.3. Geometry comes from the tensors' shapes, because the B-16 config has none; what the
config does say must agree.
"""

from pathlib import Path
from typing import Any

from llm2clip_export.checkpoints.adapter import AdapterCheckpoint
from llm2clip_export.checkpoints.config import Config
from llm2clip_export.checkpoints.tensors import Tensors
from llm2clip_export.checkpoints.tower_weights import TowerWeights, count_layers, patches_a_side, with_biases
from llm2clip_export.checkpoints.vision import VisionCheckpoint, with_adapter
from llm2clip_export.towers.openai_vit import ACTIVATIONS, OpenAIViT

FAMILY = "openai"
CLASS = "vision_model.embeddings.class_embedding"
PATCH = "vision_model.embeddings.patch_embedding.weight"
POSITION = "vision_model.embeddings.position_embedding.weight"
PROJECTION = "visual_projection.weight"
LAYERS = "vision_model.encoder.layers."

# Known and not needed: older transformers stored the positions' numbers, and the scale of training is not that of use.
IGNORED = {"vision_model.embeddings.position_ids", "logit_scale"}

# CLIPVisionConfig's values where config.json is silent.
DEFAULT_ACTIVATION = "quick_gelu"
DEFAULT_EPS = 1e-5
HEAD_WIDTH = 64


def read_openai(path: Path, tensors: Tensors, precision: str) -> tuple[VisionCheckpoint, AdapterCheckpoint | None]:
    """The vision tower, and the adapter when the repository has one: the first revisions had none."""
    config = Config.read(path if path.is_dir() else path.parent)
    geometry = read_geometry(tensors, config)
    keys = published_keys(geometry["layers"])
    weights = TowerWeights.checked(lambda: OpenAIViT(**geometry), tensors, keys, precision)
    vision = VisionCheckpoint(FAMILY, weights, geometry, "hf", config.repository, config)
    return with_adapter(vision, precision, IGNORED.__contains__)


def read_geometry(tensors: Tensors, config: Config) -> dict[str, Any]:
    vision = config.section("vision_config")
    (width,) = tensors.shape(CLASS, 1)
    patch_size = tensors.shape(PATCH, 4)[-1]
    layers = count_layers(tensors, LAYERS)
    mlp_key = f"{LAYERS}0.mlp.fc1.weight"
    geometry: dict[str, Any] = {
        "image_size": patch_size * patches_a_side(tensors, POSITION, tensors.shape(POSITION, 2)[0], class_tokens=1),
        "patch_size": patch_size,
        "width": width,
        "layers": layers,
        "heads": read_heads(vision, width),
        "mlp_width": tensors.shape(mlp_key, 2)[0],
        "embedding_dim": tensors.shape(PROJECTION, 2)[0],
        "activation": vision.choice("hidden_act", list(ACTIVATIONS), DEFAULT_ACTIVATION),
        "eps": vision.number("layer_norm_eps", DEFAULT_EPS),
    }
    vision.agree("image_size", geometry["image_size"], POSITION)
    vision.agree("patch_size", patch_size, PATCH)
    vision.agree("hidden_size", width, CLASS)
    vision.agree("num_hidden_layers", layers, f"the number of {LAYERS}*")
    vision.agree("intermediate_size", geometry["mlp_width"], mlp_key)
    vision.agree("projection_dim", geometry["embedding_dim"], PROJECTION)
    config.agree("projection_dim", geometry["embedding_dim"], PROJECTION)
    return geometry


def read_heads(vision: Config, width: int) -> int:
    heads = vision.integer("num_attention_heads", max(width // HEAD_WIDTH, 1))
    if width % heads:
        raise vision.error("num_attention_heads", f"{heads} heads do not divide the width of {CLASS}, {width}")
    return heads


def published_keys(layers: int) -> dict[str, str]:
    """The tower's parameters -> published keys. `pre_layrnorm` is spelled so."""
    keys = {
        "class_embedding": CLASS,
        "patch_embedding.weight": PATCH,
        "position_embedding": POSITION,
        "projection.weight": PROJECTION,
    }
    modules = {"norm_before": "vision_model.pre_layrnorm", "norm_after": "vision_model.post_layernorm"}
    for layer in range(layers):
        ours, theirs = f"layers.{layer}.", f"{LAYERS}{layer}."
        modules |= {
            f"{ours}norm1": f"{theirs}layer_norm1",
            f"{ours}attention.query": f"{theirs}self_attn.q_proj",
            f"{ours}attention.key": f"{theirs}self_attn.k_proj",
            f"{ours}attention.value": f"{theirs}self_attn.v_proj",
            f"{ours}attention.out": f"{theirs}self_attn.out_proj",
            f"{ours}norm2": f"{theirs}layer_norm2",
            f"{ours}fc1": f"{theirs}mlp.fc1",
            f"{ours}fc2": f"{theirs}mlp.fc2",
        }
    return keys | with_biases(modules)
