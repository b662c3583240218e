"""From image file to the vision tower's input, in the two orders of reference.md 7.1 and 7.4."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPImageProcessor

from llm2clip_export.checkpoints.vision import MEAN, STD


def reference_pixels(paths: list[Path], image_size: int, order: str) -> Tensor:
    """(images, 3, S, S) float32. `order`: of resizing and conversion to RGB, `hf` or `torchvision`."""
    pictures: list[Image.Image] = [Image.open(path) for path in paths]
    return {"hf": hf_pixels, "torchvision": torchvision_pixels}[order](pictures, image_size)


def hf_pixels(pictures: list[Image.Image], image_size: int) -> Tensor:
    """transformers' processor over Pillow, as the model cards use it."""
    processor = CLIPImageProcessor(
        do_convert_rgb=True,
        size={"shortest_edge": image_size},
        crop_size={"height": image_size, "width": image_size},
        resample=Image.Resampling.BICUBIC,
    )
    return processor(images=pictures, return_tensors="pt")["pixel_values"]


def torchvision_pixels(pictures: list[Image.Image], image_size: int) -> Tensor:
    """LLM2CLIP eva_clip/transform.py: Resize, CenterCrop, convert, ToTensor, Normalize.

    What torchvision does with a Pillow image, in Pillow's own terms; tests/reference compares it with torchvision itself.
    """
    mean, std = np.asarray(MEAN, np.float32), np.asarray(STD, np.float32)
    arrays = [np.asarray(resize_and_crop(picture, image_size).convert("RGB"), np.float32) for picture in pictures]
    return torch.from_numpy(np.stack([((x / 255 - mean) / std).transpose(2, 0, 1) for x in arrays]))


def resize_and_crop(picture: Image.Image, side: int) -> Image.Image:
    width, height = picture.size
    short, long = sorted(picture.size)
    if short != side:
        new_long = int(side * long / short)
        size = (side, new_long) if width <= height else (new_long, side)
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    left, top = (int(round((length - side) / 2)) for length in picture.size)  # Python rounds halves to even
    return picture.crop((left, top, left + side, top + side))
