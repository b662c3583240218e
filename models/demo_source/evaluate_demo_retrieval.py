#!/usr/bin/env python3
"""Asks how well the demo model finds pictures of combinations that it never saw by their captions, and prints a table.

    models/demo_source/evaluate_demo_retrieval.py --binary build/release/tools/llm2clip/llm2clip --model models/demo

Each picture shows one object, and no two pictures have the same color, shape, size, place and background; its captions say
all of these in other words. `llm2clip evaluate` computes recall among all pictures and captions, and the accuracy of all
color-shape labels on the same pictures.
"""

import argparse
import json
import pathlib
import random
import subprocess
import tempfile

from demo_world import held_out
from demo_world.captions import phrase
from demo_world.drawing import draw_scene
from demo_world.questions import TEMPLATES, color_shape_labels
from demo_world.scene import UNSAID, Facts, sample_group
from demo_world.words import COLORS, MEDIUM, SHAPES


def whole_caption(scene: Facts) -> Facts:
    """All that a sentence can say of one object: there is no word for a medium size and the middle of a side."""
    said = scene._replace(count=UNSAID, size=UNSAID if scene.size == MEDIUM else scene.size)
    if (scene.column, scene.row) == (1, 1):
        return said
    return said._replace(column=UNSAID if scene.column == 1 else scene.column, row=UNSAID if scene.row == 1 else scene.row)


def different_scenes(count: int, rng: random.Random) -> list[Facts]:
    """Held-out scenes of one object, of which each has a caption of its own."""
    scenes: dict[Facts, Facts] = {}
    while len(scenes) < count:
        scene = held_out.sample_where(sample_group, rng, lambda facts: facts.count == 1
                                      and held_out.has_held_out_color_shape(facts))
        scenes.setdefault(whole_caption(scene), scene)
    return list(scenes.values())


def draw(folder: pathlib.Path, options: argparse.Namespace) -> None:
    """Pictures in a folder for each label, and pairs.jsonl."""
    rng = random.Random(f"retrieval {options.seed}")
    for label in color_shape_labels():
        (folder / "labels" / label).mkdir(parents=True)
    lines = []
    for index, scene in enumerate(different_scenes(options.pictures, rng)):
        name = f"labels/{COLORS[scene.color]} {SHAPES[scene.shape]}/{index:05d}.png"
        draw_scene(scene, f"retrieval {options.seed} {index}").save(folder / name)
        captions = [phrase(whole_caption(scene), rng) for _ in range(options.captions)]
        lines.append(json.dumps({"image": name, "caption": captions}) + "\n")
    (folder / "pairs.jsonl").write_text("".join(lines))
    (folder / "templates.txt").write_text("".join(template + "\n" for template in TEMPLATES))


def evaluate(folder: pathlib.Path, options: argparse.Namespace, *words: str) -> dict:
    command = [options.binary.resolve(), "evaluate", *words, "-m", options.model.resolve(), "--json", "--quiet"]
    return json.loads(subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout)


def measure(options: argparse.Namespace) -> list[list[str]]:
    """The rows of the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        draw(folder, options)
        recall = evaluate(folder, options, "retrieval", "pairs.jsonl")
        accuracy = evaluate(folder, options, "zero-shot", "labels", "--templates", "templates.txt")
    rows = [[direction.replace("_", " "), *(f"{100 * recall[direction][f'recall_at_{k}']:.1f}%" for k in (1, 5, 10)),
             f"{recall[direction]['median_rank']:g}"] for direction in ("image_to_text", "text_to_image")]
    return [*rows, ["color and shape of 99", *(f"{100 * accuracy[f'top_{k}']:.1f}%" for k in (1, 5)), "", ""]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=pathlib.Path("build/release/tools/llm2clip/llm2clip"))
    parser.add_argument("--model", type=pathlib.Path, default=pathlib.Path("models/demo"))
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--captions", type=int, default=5, help="captions a picture")
    parser.add_argument("--seed", type=int, default=2)
    options = parser.parse_args()
    print("| held-out pictures | @1 | @5 | @10 | median rank |\n| --- | --- | --- | --- | --- |")
    for row in measure(options):
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
