#!/usr/bin/env python3
"""Writes what a Pillow makes of images of many sizes into tests/data/resize_passes.json.

    python3 -m venv v && v/bin/pip install numpy Pillow==13.0.0 && v/bin/python scripts/make_resize_goldens.py pillow-13

Once for each Pillow that resizes in its own way: pillow-11 (11.3.0), pillow-12.2 (12.2.0), pillow-13 (13.0.0).
The numbers are the CRC-32 of the RGB bytes that the network sees, S x S.
"""

import json
import pathlib
import random
import sys
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "image"))

import numpy as np  # noqa: E402
import PIL  # noqa: E402
from PIL import Image  # noqa: E402

from pillow_steps import seen  # noqa: E402

GOLDENS = ROOT / "tests" / "data" / "resize_passes.json"
VERSIONS = {"pillow-11": "11.3.", "pillow-12.2": "12.2.", "pillow-13": "13."}
TALL = [(333, 1000), (427, 1290), (500, 1200), (427, 640), (224, 1000), (225, 1001), (600, 601), (90, 2000), (37, 400)]
THIN = [(3, 400), (38, 4000), (45, 4999), (2, 500), (20, 2100), (1, 150), (300, 2)]
FULL = "I;16 full"  # 0 and 65535: the filter overshoots, which 13.0 clips in another way
MODES = ("RGB", "RGBA", "LA", "L", "I;16", FULL)
SIZES = (224, 37)
ORDERS = ("hf", "torchvision")


def sizes():
    """(width, height); also lying on their side, and some at random."""
    chance = random.Random(5)
    some = [(chance.randint(20, 700), chance.randint(20, 900)) for _ in range(24)]
    return [*TALL, *((height, width) for width, height in TALL), *THIN, *some]


def picture(mode, width, height):
    """Waves and noise made of whole numbers, so that every numpy makes the same."""
    channels = {"RGB": 3, "RGBA": 4, "LA": 2, "L": 1, "I;16": 1, FULL: 1}[mode]
    y, x, c = np.mgrid[0:height, 0:width, 0:channels].astype(np.uint64)
    noise = (x * 73856093 ^ y * 19349663 ^ (c + 1) * 83492791) * 2654435761 >> 13 & 255
    values = (noise + 3 * ((x * (c + 2) + y * y // 7) & 255)) // 4
    if mode == "I;16":
        return Image.fromarray((values[..., 0] * 3).astype(np.uint16))
    if mode == FULL:
        return Image.fromarray(((values[..., 0] > 127) * 65535).astype(np.uint16))
    return Image.frombytes(mode, (width, height), values.astype(np.uint8).tobytes())


def cases(size, order):
    """(name, image)."""
    for width, height in sizes():
        # At the large size, modes that have nothing of their own are left out.
        for mode in MODES if size != 224 else ("RGB", "RGBA", FULL):
            if (20 < min(width, height) and max(width, height) < 3000 or size != 224) and (order != "hf" or mode in ("RGB", "L")):
                yield f"{width}x{height} {mode}", picture(mode, width, height)


def goldens():
    return {
        f"{order} {size}": {
            name: zlib.crc32(seen(image, size, order).tobytes()) for name, image in cases(size, order)
        }
        for order in ORDERS
        for size in SIZES
    }


def main():
    name = sys.argv[1]
    if not PIL.__version__.startswith(VERSIONS[name]):
        sys.exit(f"{name} is made with Pillow {VERSIONS[name]}x, this is {PIL.__version__}")
    content = json.loads(GOLDENS.read_text()) if GOLDENS.exists() else {}
    content[name] = goldens()
    GOLDENS.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
