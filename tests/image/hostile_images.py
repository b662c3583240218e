"""Files that are cut, changed or lie about their size, what Pillow makes of them, and what this library does."""

import io
import random
import struct
import subprocess
import warnings
import zlib
from typing import NamedTuple

import image_corpus
import numpy as np
from image_corpus import picture, png_chunk, saved
from PIL import Image


class Outcome(NamedTuple):
    """What a decoder made of a file. `form` is "37x61 RGB" for a picture, `checksum` that of its samples."""

    read: bool
    form: str = ""
    checksum: int = 0
    message: str = ""
    cpu_microseconds: int = 0
    peak_kib: int = 0


class Library:
    """decode_image in a process of its own, which reads file after file."""

    def __init__(self, binary, *arguments):
        command = [str(binary.parents[2] / "tests" / "image" / "decode_stream"), *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.said = self.process.stderr.read().decode()
        self.process.wait()

    def decode(self, content):
        self.process.stdin.write(struct.pack("<I", len(content)) + content)
        self.process.stdin.flush()
        answer = self.process.stdout.readline().decode(errors="replace").rstrip("\n")
        assert answer, f"the library ended with {self.process.wait()}"
        outcome, form, last, cpu, peak = answer.split("\t")
        assert outcome in ("read", "refused"), answer
        if outcome == "read":
            return Outcome(True, form, int(last), "", int(cpu), int(peak))
        return Outcome(False, "", 0, last, int(cpu), int(peak))


def pillow(content, keep_mode=False):
    """Pillow's outcome. Only the six formats of the library: Pillow takes some damage for formats of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(content), formats=["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"]) as image:
                image = image.copy() if keep_mode else image.convert("RGB")
        except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error and more
            return Outcome(False, message=f"{type(error).__name__}: {error}")
    return Outcome(True, f"{image.width}x{image.height} {image.mode}", zlib.crc32(image.tobytes()))


# --- Files to damage ----------------------------------------------------------------------------


def samples_of_each_kind():
    """{name: file}: one of each way in which the formats store pixels, all below 40 kB."""
    rgb = picture("RGB", 97, 71)
    palette = picture("P", 97, 71)
    frames = [picture("RGB", 60, 45, seed) for seed in range(3)]
    indexed = [picture("P", 60, 45, seed) for seed in range(3)]
    return {
        "jpeg-baseline": saved(rgb, "JPEG", quality=90, subsampling=0),
        "jpeg-420": saved(rgb, "JPEG", quality=85, subsampling=2),
        "jpeg-progressive": saved(rgb, "JPEG", quality=90, progressive=True),
        "jpeg-restarts": saved(rgb, "JPEG", quality=90, restart_marker_blocks=5),
        "jpeg-cmyk": saved(picture("CMYK", 97, 71), "JPEG", quality=85),
        "jpeg-gray": saved(picture("L", 97, 71), "JPEG"),
        "png-rgb": saved(rgb, "PNG"),
        "png-interlaced": image_corpus.png(image_corpus.samples(61, 47, 3).astype(np.int64), 8, 2, True),
        "png-palette": saved(palette, "PNG"),
        "png-gray16": saved(picture("I;16", 61, 47), "PNG"),
        "webp-lossy": saved(rgb, "WEBP"),
        "webp-lossless": saved(rgb, "WEBP", lossless=True),
        "webp-alpha": saved(picture("RGBA", 61, 47), "WEBP"),
        "webp-animated": saved(frames[0], "WEBP", save_all=True, append_images=frames[1:]),
        "bmp-rgb": saved(rgb, "BMP"),
        "bmp-palette": saved(palette, "BMP"),
        "bmp-rle": dict(image_corpus.bmps())["rle8"],
        "gif-plain": saved(palette, "GIF", interlace=0),
        "gif-interlaced": saved(palette, "GIF", interlace=1),
        "gif-animated": saved(indexed[0], "GIF", save_all=True, append_images=indexed[1:]),
        "tiff-raw": saved(rgb, "TIFF"),
        "tiff-lzw": saved(rgb, "TIFF", compression="tiff_lzw"),
        "tiff-deflate": saved(rgb, "TIFF", compression="tiff_adobe_deflate"),
        "tiff-jpeg": saved(rgb, "TIFF", compression="jpeg"),
        "tiff-fax": saved(picture("1", 97, 71), "TIFF", compression="group4"),
        "tiff-tiled": image_corpus.tiled_tiff(image_corpus.samples(75, 53, 3), 32),
        "tiff-strips": saved(rgb, "TIFF", compression="packbits", strip_size=97 * 3 * 8),
    }


def truncations(files, count, seed=0):
    """`count` (name, beginning of the file), spread evenly over the files; the first and last bytes for certain."""
    chance = random.Random(seed)
    each = -(-count // len(files))
    for name, content in files.items():
        ends = {len(content) - 1, len(content) - 2, *range(1, 17)}
        ends |= {chance.randrange(len(content)) for _ in range(4 * each)}
        for size in sorted(chance.sample(sorted(ends), min(each, len(ends)))):
            yield f"{name}[:{size}]", content[:size]


def changed(content, chance):
    """The file with one to four of its bytes or bits changed, half of the time within its first 200 bytes."""
    content = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = chance.randrange(min(200, len(content)) if chance.random() < 0.5 else len(content))
        content[at] = chance.choice((content[at] ^ 1 << chance.randrange(8), chance.randrange(256), 0, 255))
    return bytes(content)


def flips(files, count, seed=0):
    """`count` (name, changed file), spread evenly over the files."""
    each = -(-count // len(files))
    for name, content in files.items():
        chance = random.Random(f"{name} {seed}")
        for number in range(each):
            yield f"{name}#{number}", changed(content, chance)
