"""Files that are cut, changed or lie about their size, what Pillow makes of them, and what this library does."""

import io
import random
import struct
import subprocess
import tempfile
import warnings
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image

import image_corpus
from image_corpus import picture, png_chunk, saved


class Outcome(NamedTuple):
    """What a decoder made of a file. `form` is "37x61 RGB" for an image, `checksum` that of its samples."""

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
        self.stderr = tempfile.TemporaryFile()  # a pipe would fill up
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        self.stderr.seek(0)
        self.said = self.stderr.read().decode(errors="replace")

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


# --- Headers that promise too much --------------------------------------------------------------


def png_header(width, height, bits, color_type, interlaced=0):
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, interlaced)
    data = png_chunk(b"IDAT", zlib.compress(bytes(100)))
    palette = png_chunk(b"PLTE", bytes(6)) if color_type == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + palette + data + png_chunk(b"IEND", b"")


def jpeg_header(width, height, marker=0xC0):
    file = bytearray(saved(picture("RGB", 16, 16), "JPEG", progressive=marker == 0xC2))
    at = file.index(bytes((0xFF, marker)))
    struct.pack_into(">HH", file, at + 5, height, width)
    return bytes(file)


def jpeg_of_scans(count, width=16, height=16):
    """A progressive JPEG whose last scan stands there until it has `count` scans."""
    file = jpeg_header(width, height, 0xC2)
    scans, last = file.count(b"\xff\xda"), file.rindex(b"\xff\xda")
    return file[:-2] + file[last:-2] * (count - scans) + file[-2:]


def webp_lossless_header(width, height):
    data = b"\x2f" + struct.pack("<I", width - 1 | height - 1 << 14) + bytes(20)
    return riff(b"VP8L" + struct.pack("<I", len(data)) + data + bytes(len(data) % 2))


def webp_lossy_header(width, height):
    data = bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(20)
    return riff(b"VP8 " + struct.pack("<I", len(data)) + data)


def webp_canvas(width, height):
    sizes = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return riff(b"VP8X" + struct.pack("<II", 10, 2) + sizes)


def riff(chunks):
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def gif_header(width, height, frame_width=4, frame_height=4):
    file = bytearray(saved(picture("P", 4, 4), "GIF", interlace=0))
    struct.pack_into("<HH", file, 6, width, height)
    at = file.index(b"," + struct.pack("<HHHH", 0, 0, 4, 4))
    struct.pack_into("<HH", file, at + 5, frame_width, frame_height)
    return bytes(file)


def tiff_header(width, height, bits, samples=1, compression=1, **more):
    tags = {
        256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * samples), 259: (3, [compression]),
        262: (3, [2 if samples == 3 else 1]), 273: (4, [8]), 277: (3, [samples]), 278: (4, [height]),
        279: (4, [64]),
    }  # fmt: skip
    tags.update({int(tag[1:]): value for tag, value in more.items()})
    return image_corpus.tiff({tag: value for tag, value in tags.items() if value}, "<", bytes(64))


def bmp_header(bits, width, height, compression=0, palette=b""):
    return image_corpus.bmp(bits, width, height, bytes(64), compression, palette=palette)


def bombs():
    """{name: (file, what its refusal says)}: small files of enormous images, or of enormous work."""
    pixels, side, short = "max_pixels", "max_side", "fetch or write it again"
    tiles = {"t322": (4, [1 << 30]), "t323": (4, [1 << 30]), "t324": (4, [8]), "t325": (4, [64]), "t273": None, "t279": None}
    million = [8] * 100_000
    return {
        "png 1 bit": (png_header(32000, 32000, 1, 0), pixels),
        "png 2 bits": (png_header(40000, 40000, 2, 3), pixels),
        "png 8 bits": (png_header(0x7FFFFFFF, 0x7FFFFFFF, 8, 6), pixels),
        "png 16 bits": (png_header(30000, 30000, 16, 6), pixels),
        "png interlaced": (png_header(32000, 32000, 1, 0, 1), pixels),
        "png interlaced 16 bits": (png_header(65535, 65535, 16, 2, 1), pixels),
        "png wide": (png_header(80_000_000, 1, 8, 0), side),
        "png within the limit without pixels": (png_header(9400, 9400, 16, 6), short),
        "png interlaced without pixels": (png_header(9400, 9400, 8, 2, 1), short),
        "jpeg baseline": (jpeg_header(65500, 65500), pixels),
        "jpeg progressive": (jpeg_header(65500, 65500, 0xC2), pixels),
        "jpeg 101 scans": (jpeg_of_scans(101), "max_scans"),
        "jpeg 1,000 scans": (jpeg_of_scans(1000), "max_scans"),
        "jpeg 80,000 scans": (jpeg_of_scans(80000), "max_scans"),
        "jpeg 60 scans of 81 megapixels": (jpeg_of_scans(60, 9000, 9000), "max_scan_pixels"),
        "webp lossless": (webp_lossless_header(16384, 16384), pixels),
        "webp lossy": (webp_lossy_header(16383, 16383), pixels),
        "webp canvas": (webp_canvas(1 << 24, 256), pixels),
        "webp wide canvas": (webp_canvas(1 << 24, 1), side),
        "bmp 1 bit": (bmp_header(1, 40000, 40000, palette=bytes(8)), pixels),
        "bmp 24 bits": (bmp_header(24, 0x7FFFFFFF, 0x7FFFFFFF), pixels),
        "bmp 24 bits within the limit": (bmp_header(24, 9000, 9000), short),
        "bmp run lengths": (bmp_header(8, 65535, 65535, 1, palette=bytes(1024)), pixels),
        "gif canvas": (gif_header(65535, 65535), pixels),
        "gif frame": (gif_header(4, 4, 65535, 65535), pixels),
        "tiff 1 bit": (tiff_header(100_000, 100_000, 1), pixels),
        "tiff 16 bits": (tiff_header(0xFFFFFFFF, 0xFFFFFFFF, 16), pixels),
        "tiff within the limit": (tiff_header(9000, 9000, 8, 3), "lacks its end"),
        "tiff tiles": (tiff_header(100, 100, 8, 1, **tiles), pixels),
        "tiff strips of one row": (tiff_header(4, 60000, 8, t278=(4, [1])), "its size needs 60000"),
        "tiff many strips": (tiff_header(4, 4, 8, t273=(4, million), t279=(4, million)), "its size needs 1"),
        "tiff many colors": (tiff_header(4, 4, 8, t262=(3, [3]), t320=(3, [0] * 200_001)), "color map"),
        "tiff many samples": (tiff_header(4, 4, 8, t258=(3, [8] * 50_000)), "50000 samples"),
    }  # fmt: skip


# --- What is checked, in a sample by test_hostile_images.py and at length by scripts/check-images ------------


class Tally(NamedTuple):
    """How the library and Pillow agree about damaged files."""

    same: int = 0  # both read it, to the same samples
    both_refuse: int = 0
    only_pillow: int = 0
    only_ours: tuple = ()
    other_samples: tuple = ()  # both read it, and differently


def compare(library, files):
    same = both_refuse = only_pillow = 0
    only_ours, other_samples = [], []
    for name, content in files:
        ours, theirs = library.decode(content), pillow(content)
        if ours.read and theirs.read:
            equal = (ours.form, ours.checksum) == (theirs.form, theirs.checksum)
            same += equal
            other_samples += [] if equal else [name]
        elif ours.read:
            only_ours.append(name)
        else:
            only_pillow += theirs.read
            both_refuse += not theirs.read
    return Tally(same, both_refuse, only_pillow, tuple(only_ours), tuple(other_samples))


class Refusals(NamedTuple):
    """What happened to shortened files."""

    count: int  # type: ignore[assignment]  # a tuple has a count, too
    read: tuple  # names of those that were read, which is none when all is well
    unnamed: tuple  # those whose message says neither that the end is missing nor that it is no image
    pillow_reads: tuple  # names of those that Pillow takes all the same
    max_cpu_microseconds: int
    max_peak_kib: int


def refuse_all(library, files):
    read, unnamed, pillow_reads, count, cpu, peak = [], [], [], 0, 0, 0
    for name, content in files:
        outcome = library.decode(content)
        count += 1
        cpu, peak = max(cpu, outcome.cpu_microseconds), max(peak, outcome.peak_kib)
        if outcome.read:
            read.append(name)
        elif "lacks its end" not in outcome.message and "TIFF or GIF is expected" not in outcome.message:
            unnamed.append(f"{name}: {outcome.message}")
        if pillow(content).read:
            pillow_reads.append(name)
    return Refusals(count, tuple(read), tuple(unnamed), tuple(pillow_reads), cpu, peak)


def changed_neighbors(library, files, count, seed=0):
    """`count` (good, bad) pairs in both orders, in one process: the good files whose samples changed."""
    chance = random.Random(seed)
    known = {name: pillow(content).checksum for name, content in files.items()}
    wrong = []
    for _ in range(count):
        good, bad = chance.choice(sorted(files)), chance.choice(sorted(files))
        broken = files[bad][: chance.randrange(len(files[bad]))]
        if chance.random() < 0.5:
            broken = changed(files[bad], chance)
        for content in (files[good], broken, files[good]):
            outcome = library.decode(content)
            if content is files[good] and outcome.checksum != known[good]:
                wrong.append(f"{good} beside a damaged {bad}")
    return wrong
