#!/usr/bin/env python3
"""Asks the program about pictures of combinations the demo model never saw, and prints accuracy beside chance.

    models/demo_source/evaluate_demo.py --binary build/release/tools/llm2clip/llm2clip --model models/demo

The same questions as at the end of models/demo_source/train_demo.py, answered by `llm2clip classify`.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np

from demo_world.questions import Question, all_questions, format_table, picture_of


def draw_pictures(question: Question, seed: int, directory: pathlib.Path) -> list[pathlib.Path]:
    """One PNG file a scene."""
    paths = []
    for index in range(len(question.scenes)):
        paths.append(directory / f"{index:05d}.png")
        picture_of(question, index, seed).save(paths[-1])
    return paths


def classify(question: Question, pictures: list[pathlib.Path], directory: pathlib.Path, options) -> np.ndarray:
    """Cosines of every picture with every label of the question, (pictures, labels)."""
    labels, files = directory / "labels.txt", directory / "files.txt"
    labels.write_text("\n".join(question.labels) + "\n")
    files.write_text("\n".join(map(str, pictures)) + "\n")
    command = [str(options.binary), "classify", "-m", str(options.model), "--from-file", str(files), "--labels",
               str(labels), "--top-k", "0", "--json", "--quiet"]
    for template in question.templates:
        command += ["--template", template]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    answers = [{entry["label"]: entry["cosine"] for entry in json.loads(line)["labels"]} for line in lines]
    return np.array([[answer[label] for label in question.labels] for answer in answers])


def ask(question: Question, options) -> dict:
    """One row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        directory = pathlib.Path(folder)
        pictures = draw_pictures(question, options.seed, directory)
        scores = classify(question, pictures, directory, options)
    return {"question": question.name, "accuracy": question.accuracy(scores), "chance": question.chance}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=pathlib.Path("build/release/tools/llm2clip/llm2clip"))
    parser.add_argument("--model", type=pathlib.Path, default=pathlib.Path("models/demo"))
    parser.add_argument("--pictures", type=int, default=200, help="pictures a question")
    parser.add_argument("--seed", type=int, default=2)
    options = parser.parse_args()
    print(format_table([ask(question, options) for question in all_questions(options.pictures, options.seed)]))


if __name__ == "__main__":
    main()
