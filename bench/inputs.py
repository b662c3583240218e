"""Captions and photographs to measure with; the same every time."""

import os
import random
from pathlib import Path

from machine import Machine

# Each a token of Llama 3 behind a space, so that words count tokens.
WORDS = (
    "a the of on in with two three dog cat man woman child red blue green small large old young sitting standing"
    " running playing near under over beside water grass street table window tree beach city house car train"
    " holding looking wearing white black brown bright dark morning night snow sand field mountain river bridge"
).split()
LENGTHS = (10, 20, 80)
CAPTIONS = 512
SIZES = ((640, 480), (800, 600), (720, 960), (1024, 768))


def captions(machine: Machine) -> Path:
    """512 lines of 10, 20 and 80 words, or as many of them as were asked for."""
    words, count = random.Random(5), machine.small_or(12, CAPTIONS)
    lines = sample([sentence(words, words.choice(LENGTHS)) for _ in range(count)], machine.captions)
    return write(machine.folder / f"captions-{len(lines)}.txt", lines)


def sample(lines: list[str], count: int) -> list[str]:
    """Of each length alike, where there are more than `count`."""
    if count >= len(lines):
        return lines
    by_length = [[line for line in lines if len(line.split()) == length] for length in LENGTHS]
    return [line for of_length in by_length for line in of_length[: count // len(LENGTHS)]]


def one_caption(machine: Machine) -> Path:
    return write(machine.folder / "caption.txt", [sentence(random.Random(6), 20)])


def many_captions(machine: Machine, count: int) -> Path:
    words = random.Random(7)
    lines = [f"{sentence(words, words.choice(LENGTHS))} {number}" for number in range(count)]
    return write(machine.folder / f"captions-{count}.txt", lines)


def sentence(words: random.Random, length: int) -> str:
    return " ".join(words.choices(WORDS, k=length))


def write(path: Path, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines))
    return path


# ---- Images


def photograph(path: Path, size: tuple[int, int], seed: int) -> None:
    """A JPEG with the detail of a photograph: noise whose strength falls with its frequency."""
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(seed)
    pixels = np.full((size[1], size[0], 3), 128.0)
    for cell, strength in ((160, 60), (48, 40), (14, 25), (5, 14), (2, 8)):
        coarse = noise.normal(0, strength, (size[1] // cell + 2, size[0] // cell + 2, 3)).clip(-127, 127) + 128
        layer = Image.fromarray(coarse.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
        pixels += np.asarray(layer, dtype=np.float64) - 128
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)


def pictures(machine: Machine) -> Path:
    """A folder of different photographs, half a megapixel each."""
    count = machine.small_or(8, 200)
    folder = machine.folder / f"images-{count}"
    if not folder.exists():
        partial = folder.with_name(f".{folder.name}")
        partial.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            photograph(partial / f"{number:05}.jpg", SIZES[number % len(SIZES)], number)
        partial.rename(folder)
    return folder


def repeated(source: Path, count: int) -> Path:
    """A folder with `count` names for the images of another."""
    folder = source.with_name(f"{source.name}-as-{count}")
    folder.mkdir(exist_ok=True)
    originals = sorted(source.iterdir())
    for number in range(count):
        name = folder / f"{number:06}.jpg"
        if not name.exists():
            os.link(originals[number % len(originals)], name)
    return folder


def large_photograph(machine: Machine) -> Path:
    """1280x1280, as in the bars."""
    path = machine.folder / "photograph-1280.jpg"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        photograph(path, (1280, 1280), 0)
    return path
