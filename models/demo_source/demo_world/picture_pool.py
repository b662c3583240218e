"""Many pictures of seen scenes, drawn once and kept in a file."""

import functools
import multiprocessing
import pathlib
import random
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from .drawing import draw_scene, network_view, placed_objects
from .held_out import sample_seen
from .scene import Facts, sample_group, sample_pair

PAIR_SHARE = 0.4
MOST_OBJECTS = 5


@dataclass
class PicturePool:
    """N pictures of seen scenes and what is known about them."""

    pictures: np.ndarray  # (N, side, side, 3) uint8, mapped from a file
    scenes: np.ndarray  # (N, 11) int8, rows of Facts
    objects: np.ndarray  # (N, MOST_OBJECTS, 5) float32: shape, color, x, y, diameter; -1 where there is none


def training_scene(seed: int, index: int) -> Facts:
    """The scene of one picture of the pool."""
    rng = random.Random(f"scene {seed} {index}")
    return sample_seen(sample_pair if rng.random() < PAIR_SHARE else sample_group, rng)


def picture_seed(seed: int, index: int) -> str:
    return f"training {seed} {index}"


def training_view(index: int, seed: int, side: int) -> np.ndarray:
    """One picture of the pool as the network sees it: (side, side, 3) uint8."""
    picture = draw_scene(training_scene(seed, index), picture_seed(seed, index))
    return np.asarray(network_view(picture, side))


def picture_pool(directory: pathlib.Path, count: int, seed: int, side: int) -> PicturePool:
    """Draws what is not in the directory yet; the same count, seed and side give the same pictures."""
    path = directory / f"pictures-{count}-{seed}-{side}.npy"
    if not path.exists():
        _draw_pool(path, count, seed, side)
    scenes = [training_scene(seed, index) for index in range(count)]
    objects = np.full((count, MOST_OBJECTS, 5), -1, dtype=np.float32)
    for index, scene in enumerate(scenes):
        placed = placed_objects(scene, picture_seed(seed, index))
        objects[index, :len(placed)] = placed
    return PicturePool(np.load(path, mmap_mode="r"), np.array(scenes, dtype=np.int8), objects)


def _draw_pool(path: pathlib.Path, count: int, seed: int, side: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    pool = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=(count, side, side, 3))
    draw = functools.partial(training_view, seed=seed, side=side)
    with multiprocessing.Pool() as workers:
        views = workers.imap(draw, range(count), chunksize=256)
        for index, view in enumerate(tqdm(views, total=count, desc="drawing", mininterval=5)):
            pool[index] = view
    pool.flush()
    unfinished.rename(path)
