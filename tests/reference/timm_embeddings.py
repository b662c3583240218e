"""Images through torchvision's preprocessing and timm's vision towers: the reference of tests/reference.

Runs in .venv-timm:

    .venv-timm/bin/python tests/reference/timm_embeddings.py pixels SIZE OUT.npy PICTURE...
    .venv-timm/bin/python tests/reference/timm_embeddings.py embed CHECKPOINT OUT.npy PICTURE...

`pixels` writes (images, 3, SIZE, SIZE) float32, `embed` (images, D) float32, before L2 normalization. CHECKPOINT is a
published EVA02 or SigLIP2 file, .pt or .safetensors.
"""

import sys
import warnings
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from timm.models.eva import Eva, checkpoint_filter_fn
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize, ToTensor

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
TRUNK = "visual.trunk."


def transform(size: int) -> Compose:
    """LLM2CLIP eva_clip/transform.py, image_transform(is_train=False)."""
    return Compose([
        Resize(size, interpolation=InterpolationMode.BICUBIC), CenterCrop(size), lambda image: image.convert("RGB"),
        ToTensor(), Normalize(MEAN, STD),
    ])  # fmt: skip


def pixels_of(paths: list[str], size: int) -> Tensor:
    process = transform(size)
    return torch.stack([process(Image.open(path)) for path in paths])


class StoredRotations(nn.Module):
    """timm computes its table; loading a published file as the model card does puts the file's in its place."""

    def __init__(self, sin: Tensor, cos: Tensor):
        super().__init__()
        self.table = torch.cat([sin, cos], dim=-1).float()

    def get_embed(self, shape=None, **options) -> Tensor:
        return self.table


def eva02(tensors: dict[str, Tensor]) -> Eva:
    width, patch = tensors["visual.cls_token"].shape[-1], tensors["visual.patch_embed.proj.weight"].shape[-1]
    side = round((tensors["visual.pos_embed"].shape[1] - 1) ** 0.5)
    model = Eva(
        img_size=side * patch, patch_size=patch, embed_dim=width, depth=count(tensors, "visual.blocks."),
        num_heads=width // 64, num_classes=tensors["visual.head.weight"].shape[0], qkv_fused=False,
        mlp_ratio=2.6667, swiglu_mlp=True, scale_mlp=True, scale_attn_inner=True, use_rot_pos_emb=True,
        ref_feat_shape=(16, 16), global_pool="token",
    )  # fmt: skip
    model.load_state_dict(checkpoint_filter_fn(tensors, model), strict=True)
    if "visual.rope.freqs_cos" in tensors:
        model.rope = StoredRotations(tensors["visual.rope.freqs_sin"], tensors["visual.rope.freqs_cos"])
    return model


def siglip2(tensors: dict[str, Tensor]) -> VisionTransformer:
    width, patch = tensors[f"{TRUNK}attn_pool.latent"].shape[-1], tensors[f"{TRUNK}patch_embed.proj.weight"].shape[-1]
    side = round(tensors[f"{TRUNK}pos_embed"].shape[1] ** 0.5)
    model = VisionTransformer(
        img_size=side * patch, patch_size=patch, embed_dim=width, depth=count(tensors, f"{TRUNK}blocks."),
        num_heads=width // 72, mlp_ratio=3.7362, class_token=False, global_pool="map", num_classes=0,
    )  # fmt: skip
    trunk = {key.removeprefix(TRUNK): value for key, value in tensors.items() if key.startswith(TRUNK)}
    model.load_state_dict(trunk, strict=True)
    return model


def count(tensors: dict[str, Tensor], prefix: str) -> int:
    return 1 + max(int(key.removeprefix(prefix).split(".")[0]) for key in tensors if key.startswith(prefix))


def load(path: str) -> nn.Module:
    tensors = load_file(path) if path.endswith(".safetensors") else torch.load(path, weights_only=True)
    tensors = {key: value.float() if "freqs" not in key else value for key, value in tensors.items()}
    model = siglip2(tensors) if f"{TRUNK}pos_embed" in tensors else eva02(tensors)
    return model.float().eval()


@torch.inference_mode()
def embed(path: str, pictures: list[str]) -> Tensor:
    model = load(path)
    embedding: Any = model.patch_embed
    return model(pixels_of(pictures, embedding.img_size[0]))


def main() -> None:
    warnings.simplefilter("ignore")  # "Palette images with Transparency ..."
    what, argument, out, *pictures = sys.argv[1:]
    result = pixels_of(pictures, int(argument)) if what == "pixels" else embed(argument, pictures)
    np.save(out, result.numpy())


if __name__ == "__main__":
    main()
