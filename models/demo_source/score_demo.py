#!/usr/bin/env python3
"""Says how many of the demo's images got the right label.

    llm2clip classify ... --top-k 1 --json | models/demo_source/score_demo.py build/unseen-images
"""

import json
import pathlib
import sys


def main() -> None:
    directory = pathlib.Path(sys.argv[1])
    truth = json.loads((directory / "truth.json").read_text())["images"]
    labels = (directory / "labels.txt").read_text().splitlines()
    answers = {pathlib.Path(line["id"]).name: line["labels"][0]["label"] for line in map(json.loads, sys.stdin)}
    wrong = {name: label for name, label in truth.items() if answers[name] != label}
    print(f"\n{len(truth) - len(wrong)} of {len(truth)} right, among {len(labels)} labels; "
          "no image or caption of the training had these colors on these shapes")
    for name, label in wrong.items():
        print(f"  {name} is a {label}, taken for a {answers[name]}")


if __name__ == "__main__":
    main()
