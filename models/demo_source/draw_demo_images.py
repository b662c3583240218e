#!/usr/bin/env python3
"""Draws fresh images of combinations the demo model never saw, with labels to choose from.

    models/demo_source/draw_demo_images.py build/demo-unseen --count 12 --seed 7

Writes image_*.png and image_*.jpg, labels.txt (one label a line) and truth.json (file name to right label).
"""

import argparse
import json
import pathlib
import random
import secrets
from typing import Any

from demo_world import held_out
from demo_world.drawing import draw_scene
from demo_world.held_out import sample_where
from demo_world.questions import color_shape_labels
from demo_world.scene import Facts, sample_group
from demo_world.words import COLORS, SHAPES


def unseen_scenes(count: int, seed: int) -> list[Facts]:
    """Single objects whose color and shape never occur together in training."""
    rng = random.Random(f"unseen {seed}")
    return [sample_where(sample_group, rng, lambda scene: scene.count == 1 and held_out.has_held_out_color_shape(scene))
            for _ in range(count)]


def draw_unseen(directory: pathlib.Path, count: int, seed: int) -> dict[str, str]:
    """Draws the images, every other one as JPEG; returns the right label of each file."""
    directory.mkdir(parents=True, exist_ok=True)
    truth = {}
    for index, scene in enumerate(unseen_scenes(count, seed)):
        name = f"image_{index:03d}.{'jpg' if index % 2 else 'png'}"
        picture = draw_scene(scene, f"unseen {seed} {index}")
        options: dict[str, Any] = {"quality": 92} if name.endswith("jpg") else {}
        picture.save(directory / name, **options)
        truth[name] = f"{COLORS[scene.color]} {SHAPES[scene.shape]}"
    return truth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--seed", type=int, default=None, help="random when not given; printed in truth.json")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else secrets.randbelow(1_000_000)
    truth = draw_unseen(options.directory, options.count, seed)
    (options.directory / "labels.txt").write_text("\n".join(color_shape_labels()) + "\n")
    (options.directory / "truth.json").write_text(json.dumps({"seed": seed, "images": truth}, indent=2) + "\n")
    print(f"{options.count} images in {options.directory}, seed {seed}")


if __name__ == "__main__":
    main()
