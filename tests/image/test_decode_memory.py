"""What ReadOptions::reserve is told, against what the system counts, in a process for each picture."""

import struct
import subprocess
import zlib

import image_corpus
import numpy as np
import pytest
from image_corpus import saved
from PIL import Image

SIDE = 1280
ORDERS = {"hf": [], "torchvision": ["--keep-mode"], "turned": ["--exif"]}


def noise(channels):
    """A pattern that is cheap to make and to pack."""
    tile = np.random.default_rng(3).integers(0, 256, (64, 64, channels), dtype=np.uint8)
    return np.tile(tile, (SIDE // 64, SIDE // 64, 1))


def picture(mode):
    if mode == "F":
        return Image.fromarray(noise(1)[..., 0].astype(np.float32))
    if mode == "I;16":
        return Image.fromarray(noise(1)[..., 0].astype(np.uint16) * 257)
    if mode == "P":
        image = Image.fromarray(noise(1)[..., 0]).convert("P")
        image.putpalette(bytes(range(255, -1, -1)) * 3)
        return image
    channels = {"L": 1, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    return Image.frombytes(mode, (SIDE, SIDE), noise(channels).tobytes())


def wide_png(bits, color_type, channels, interlaced):
    values = noise(channels).astype(np.int64)
    values = values * 257 if bits == 16 else values >> (8 - bits)
    palette = image_corpus.png_chunk(b"PLTE", bytes(range(48))) if color_type == 3 else b""
    return image_corpus.png(values, bits, color_type, interlaced, palette, compress=lambda rows: zlib.compress(rows, 1))


def large_pictures():
    rgb, gray, rgba, cmyk = (picture(mode) for mode in ("RGB", "L", "RGBA", "CMYK"))
    small_alpha = saved(rgba.crop((0, 0, 1000, 1000)), "WEBP", method=0)
    rle = b"".join(b"\xff\x07" * (SIDE // 255) + bytes([SIDE % 255, 7]) + b"\0\0" for _ in range(SIDE)) + b"\0\1"
    return {
        "jpeg": lambda: saved(rgb, "JPEG", quality=90),
        "jpeg-444": lambda: saved(rgb, "JPEG", quality=90, subsampling=0),
        "jpeg-progressive": lambda: saved(rgb, "JPEG", progressive=True),
        "jpeg-progressive-444": lambda: saved(rgb, "JPEG", progressive=True, subsampling=0),
        "jpeg-cmyk-progressive": lambda: saved(cmyk, "JPEG", progressive=True),
        "jpeg-gray": lambda: saved(gray, "JPEG"),
        "png": lambda: saved(rgb, "PNG", compress_level=1),
        "png-rgba": lambda: saved(rgba, "PNG", compress_level=1),
        "png-adam7": lambda: wide_png(8, 2, 3, True),
        "png-16-bit": lambda: wide_png(16, 2, 3, False),
        "png-16-bit-rgba-adam7": lambda: wide_png(16, 6, 4, True),
        "png-gray16": lambda: saved(picture("I;16"), "PNG"),
        "png-2-bit-adam7": lambda: wide_png(2, 3, 1, True),
        "png-palette": lambda: wide_png(4, 3, 1, False),
        "webp-lossy": lambda: saved(rgb, "WEBP", method=0),
        "webp-lossless": lambda: saved(rgb, "WEBP", lossless=True, method=0),
        "webp-alpha": lambda: saved(rgba, "WEBP", method=0),
        "webp-alpha-lossless": lambda: saved(rgba, "WEBP", lossless=True, method=0),
        "webp-canvas": lambda: image_corpus.webp_on_canvas(small_alpha, SIDE, SIDE, 4, 4, alpha=True),
        "webp-canvas-unannounced": lambda: image_corpus.webp_on_canvas(small_alpha, SIDE, SIDE, 4, 4),
        "gif": lambda: saved(picture("P"), "GIF"),
        "bmp": lambda: saved(rgb, "BMP"),
        "bmp-palette": lambda: saved(picture("P"), "BMP"),
        "bmp-rle": lambda: image_corpus.bmp(8, SIDE, SIDE, rle, 1, palette=bytes(range(64))),
        "tiff": lambda: saved(rgb, "TIFF"),
        "tiff-float": lambda: saved(picture("F"), "TIFF"),
        "tiff-gray": lambda: saved(gray, "TIFF"),
        "tiff-lzw": lambda: saved(rgb, "TIFF", compression="tiff_lzw"),
        "tiff-lzw-one-strip": lambda: saved(rgb, "TIFF", compression="tiff_lzw", strip_size=1 << 30),
        "tiff-deflate-rgba": lambda: saved(rgba, "TIFF", compression="tiff_adobe_deflate", strip_size=1 << 30),
        "tiff-jpeg": lambda: saved(rgb, "TIFF", compression="jpeg", strip_size=1 << 30),
        "tiff-orientation": lambda: saved(rgb, "TIFF", tiffinfo={274: 6}),
    }


def measure(binary, content, *flags):
    """(reserved, peak before that, peak) in KiB, the file not counted."""
    program = binary.parents[2] / "tests" / "image" / "decode_stream"
    sent = struct.pack("<I", len(content)) + content
    done = subprocess.run([program, "--reserve", *flags], input=sent, capture_output=True, check=True)
    answer = done.stdout.decode().rstrip("\n").split("\t")
    assert answer[0] == "read", answer
    peak, reserved, before, calls = map(int, answer[4:])
    assert calls == 1
    return reserved, before, peak


PICTURES = large_pictures()


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_reserves_what_it_takes_before_it_takes_it(binary, name):
    content = PICTURES[name]()
    for order, flags in ORDERS.items():
        reserved, before, peak = measure(binary, content, *flags)
        assert before < 700, order
        assert peak <= reserved, order
        assert reserved <= 3 * peak + 40_000, order  # no picture waits for what it does not need
