"""OpenAI's vision transformer: transformers' CLIPVisionModelWithProjection."""

import torch
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from llm2clip_export.checkpoints.vision import VisionCheckpoint


def image_embeddings(checkpoint: VisionCheckpoint, pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """(images, D) before L2 normalization."""
    geometry, published = checkpoint.geometry, checkpoint.config
    assert published, "the family has a config.json"
    # The config's own values first; the geometry is there because the B-16 config has none.
    config = CLIPVisionConfig(
        **published.section("vision_config").values
        | {
            "hidden_size": geometry["width"],
            "intermediate_size": geometry["mlp_width"],
            "num_hidden_layers": geometry["layers"],
            "num_attention_heads": geometry["heads"],
            "image_size": geometry["image_size"],
            "patch_size": geometry["patch_size"],
            "projection_dim": geometry["embedding_dim"],
        },
        attn_implementation="eager",  # the products of attention as well are HalfProducts' business
    )
    model = CLIPVisionModelWithProjection(config).eval()
    keys = checkpoint.weights.keys.values()
    model.load_state_dict({key: checkpoint.weights.read(key).float() for key in keys}, strict=True)
    return model.to(dtype)(pixel_values=pixels.to(dtype)).image_embeds
