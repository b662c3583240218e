"""The small images and texts that come with every model directory."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

TEXTS = [
    "a photo of two dogs on a beach",
    "",
    "\nfoo",  # the newline fuses with those of the Llama-3 prompt
    " a diagram \n",  # leading white space stays, trailing goes
    "一只猫坐在沙发上",
    "it's 1234567 of them 🐕‍🦺, déjà vu!",
    "a <|eot_id|> b",  # a special token written by a user
    "a!@#$%^&*()b",  # the separator written by a user
    " dog" * 600,  # longer than the network sees
]


def draw_pictures(image_size: int) -> list[Image.Image]:
    """Images for a network of side `image_size`: one to shrink, one with transparency, one to enlarge."""
    return [shapes(image_size), transparency(image_size), small_gray()]


def shapes(side: int) -> Image.Image:
    """RGB, wide, larger than the network's side: a gradient under hard edges and thin lines."""
    width, height = side * 13 // 8 + 3, side * 9 // 8 + 1
    x = np.linspace(0, 255, width)[None, :]
    y = np.linspace(0, 255, height)[:, None]
    channels = np.broadcast_arrays(x, y, 255 - x)
    picture = Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((width // 8, height // 6, width // 2, height * 5 // 6), fill=(220, 40, 30))
    draw.rectangle((width // 2, height // 3, width * 7 // 8, height * 2 // 3), fill=(250, 240, 60))
    for offset in range(0, width, 37):
        draw.line((offset, 0, width - offset, height), fill=(20, 90, 160))
    return picture


def transparency(side: int) -> Image.Image:
    """RGBA, high, with color under the transparent parts: the reference drops the alpha channel."""
    width, height = side + 5, side * 5 // 4
    picture = Image.new("RGBA", (width, height), (10, 200, 120, 0))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((width // 5, height // 5, width * 4 // 5, height // 2), fill=(200, 30, 200, 255))
    draw.ellipse((width // 4, height // 3, width * 3 // 4, height * 9 // 10), fill=(30, 60, 220, 90))
    return picture


def small_gray() -> Image.Image:
    """8-bit gray, smaller than any network's side."""
    y, x = np.mgrid[0:23, 0:37]
    return Image.fromarray(((7 * x + 11 * y + x * y) % 256).astype(np.uint8))


def write_pictures(image_size: int, directory: Path) -> list[Path]:
    """image_0.png, image_1.png, ... in `directory`."""
    paths = []
    for index, picture in enumerate(draw_pictures(image_size)):
        paths.append(directory / f"image_{index}.png")
        picture.save(paths[-1], optimize=True)
    return paths
