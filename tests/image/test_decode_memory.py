"""What ReadOptions::reserve is told, against what the system counts, in a process for each image."""

import struct
import subprocess
import zlib

import numpy as np
import pytest
from PIL import Image

import image_corpus
from image_corpus import saved

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
def test_an_image_reserves_what_it_takes_before_it_takes_it(binary, name):
    content = PICTURES[name]()
    for order, flags in ORDERS.items():
        reserved, before, peak = measure(binary, content, *flags)
        assert before < 700, order
        assert peak <= reserved, order
        assert reserved <= 3 * peak + 40_000, order  # no image waits for what it does not need


def codec_files():
    """A small image for each way through a codec."""
    rgb, rgba, palette = (image_corpus.picture(mode, 61, 47) for mode in ("RGB", "RGBA", "P"))
    exif = image_corpus.exif_block(6)
    profile = zlib.compress(image_corpus.raw_profile(exif))
    yield "baseline.jpg", image_corpus.jpeg_with(rgb, b"Exif\0\0" + exif)
    yield "progressive.jpg", saved(rgb, "JPEG", progressive=True)
    yield "cmyk.jpg", saved(image_corpus.picture("CMYK", 61, 47), "JPEG")
    yield "profile.png", image_corpus.with_chunks(rgb, image_corpus.itxt(b"Raw profile type exif", profile, 1))
    yield "gray16.png", saved(image_corpus.picture("I;16", 61, 47), "PNG")
    yield "palette.png", saved(palette, "PNG")
    yield "adam7.png", image_corpus.png(image_corpus.samples(31, 23, 3).astype(np.int64) * 257, 16, 2, True)
    yield "lossy.webp", saved(rgb, "WEBP")
    yield "lossless.webp", image_corpus.webp_with(rgb, {b"EXIF": exif})
    yield "alpha.webp", saved(rgba, "WEBP")
    yield "animated.webp", saved(rgba, "WEBP", save_all=True, append_images=[image_corpus.picture("RGBA", 61, 47, 1)])
    yield "canvas.webp", image_corpus.webp_on_canvas(saved(rgba, "WEBP"), 80, 70, 4, 4)
    yield "plain.gif", saved(palette, "GIF", interlace=0)
    yield "interlaced.gif", saved(palette, "GIF", interlace=1)
    yield "rgb.bmp", saved(rgb, "BMP")
    yield "rle.bmp", dict(image_corpus.bmps())["rle8"]
    yield "raw.tif", image_corpus.plain_tiff(image_corpus.samples(21, 13, 3), 2, t274=[6])
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield f"{compression}.tif", saved(rgb, "TIFF", compression=compression, strip_size=61 * 3 * 16)
    yield "fax.tif", saved(image_corpus.picture("1", 61, 47), "TIFF", compression="group4")
    yield "predictor.tif", saved(rgb, "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    odd = saved(rgb, "TIFF", compression="tiff_lzw", tiffinfo={296: 2})
    yield "odd-tag.tif", image_corpus.with_short(odd, 296, 0)


@pytest.mark.parametrize("name, content", codec_files(), ids=lambda value: value if isinstance(value, str) else "")
def test_an_allocation_that_fails_is_no_damage(binary, tmp_path, name, content):
    program = binary.parents[2] / "tests" / "image" / "decode_without_memory"
    (tmp_path / name).write_bytes(content)
    # libwebp 1.2 and libtiff 4.5 themselves crash when some of their smallest allocations fail.
    least = 4096 if name.endswith((".webp", ".tif")) else 1
    done = subprocess.run([program, str(least), name], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if done.stdout.startswith("no malloc"):
        pytest.skip("a build with sanitizers has a malloc of its own")
    *wrong, summary = done.stdout.splitlines()
    assert wrong == []
    assert int(summary.split()[-2]) >= 6
