"""Image embeddings of a vision tower of whatever family."""

import torch
from torch import Tensor

from llm2clip_export.checkpoints import eva02_vit as eva02
from llm2clip_export.checkpoints import openai_vit as openai
from llm2clip_export.checkpoints import siglip2_vit as siglip2
from llm2clip_export.checkpoints.vision import VisionCheckpoint
from llm2clip_export.references import clip_vit, eva02_vit, siglip2_vit
from llm2clip_export.references.half_products import HalfProducts

IMAGE_EMBEDDINGS = {
    openai.FAMILY: clip_vit.image_embeddings,
    eva02.FAMILY: eva02_vit.image_embeddings,
    siglip2.FAMILY: siglip2_vit.image_embeddings,
}


@torch.inference_mode()
def reference_image_embeddings(
    checkpoint: VisionCheckpoint, pixels: Tensor, dtype: torch.dtype = torch.float32
) -> Tensor:
    """(images, D) float32, before L2 normalization; computed in `dtype`, or more exactly where that is float32."""
    with HalfProducts():
        return IMAGE_EMBEDDINGS[checkpoint.family](checkpoint, pixels, dtype).float()
