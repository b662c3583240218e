"""The way of an image to what the network sees, in Pillow's own terms. Runs with any Pillow."""

import warnings

from PIL import Image


def resized(image, size):
    width, height = image.size
    short, long = min(width, height), max(width, height)
    new_long = int(size * long / short)
    new = (size, new_long) if width <= height else (new_long, size)
    return image.resize(new, Image.Resampling.BICUBIC)


def seen(image, size, order):
    """The image the network sees, by Pillow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "Palette images with Transparency ..."
        if order == "hf":
            image = resized(image.convert("RGB"), size)
            left, top = (image.width - size) // 2, (image.height - size) // 2
            return image.crop((left, top, left + size, top + size))
        if min(image.size) != size:
            image = resized(image, size)
        left = int(round((image.width - size) / 2.0))
        top = int(round((image.height - size) / 2.0))
        return image.crop((left, top, left + size, top + size)).convert("RGB")
