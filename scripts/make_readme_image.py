#!/usr/bin/env python3
"""Draws docs/classify.svg, the image at the top of README.md, from what `llm2clip classify` prints.

    scripts/make_readme_image.py [BINARY]     default: build/dev/tools/llm2clip/llm2clip

tests/test_readme.py draws it again and compares.
"""

import base64
import json
import pathlib
import subprocess
import sys
from xml.sax.saxutils import escape

ROOT = pathlib.Path(__file__).resolve().parent.parent
DRAWING = ROOT / "docs" / "classify.svg"
BINARY = ROOT / "build" / "dev" / "tools" / "llm2clip" / "llm2clip"
IMAGES = "tests/data/unseen"
COMMAND = [
    "classify", "-q", "-m", "models/demo", "-r", IMAGES, "--labels", f"{IMAGES}/labels.txt",
    "--template", "a photo of a {}.", "--template", "an image of a {}.", "--top-k", "3", "--json",
]  # fmt: skip

WIDTH, TOP, ROW = 760, 62, 112
BAR, LONGEST = 220, 0.4  # pixels, and the cosine that fills them
MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}
STYLE = """
    text { font-family: system-ui, "DejaVu Sans", sans-serif; font-size: 15px; fill: #1f2328; }
    .title { font-size: 13px; fill: #57606a; }
    .first { font-weight: 600; }
    .number { text-anchor: end; font-variant-numeric: tabular-nums; }
    .track { fill: #eaeef2; }
    .bar { fill: #54aeff; }
    .first-bar { fill: #1a7f37; }
"""


def classified(binary):
    """One object an image: its id, and its labels with score and cosine, best first."""
    run = subprocess.run([binary, *COMMAND], cwd=ROOT, capture_output=True, check=True, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def image_of(path, top):
    """The file itself, so that the drawing needs nothing beside it."""
    content = base64.b64encode((ROOT / path).read_bytes()).decode()
    return (f'<image x="20" y="{top + 6}" width="120" height="{ROW - 12}"'
            f' href="data:{MEDIA_TYPES[pathlib.Path(path).suffix]};base64,{content}"/>')  # fmt: skip


def label_line(label, baseline, first):
    bar = round(BAR * max(0, label["cosine"]) / LONGEST)
    return "\n".join([
        f'<text class="{"first" if first else "other"}" x="170" y="{baseline}">{escape(label["label"])}</text>',
        f'<rect class="track" x="330" y="{baseline - 11}" width="{BAR}" height="12" rx="3"/>',
        f'<rect class="{"first-bar" if first else "bar"}" x="330" y="{baseline - 11}" width="{bar}" height="12" rx="3"/>',
        f'<text class="number" x="610" y="{baseline}">{label["cosine"]:.2f}</text>',
        f'<text class="number" x="720" y="{baseline}">{100 * label["score"]:.1f} %</text>',
    ])


def drawing(results):
    height = TOP + ROW * len(results) + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title">',
        '<title id="title">What llm2clip classify says of four images: the best labels with score and cosine</title>',
        f"<style>{STYLE}</style>",
        f'<rect x="1" y="1" width="{WIDTH - 2}" height="{height - 2}" rx="10" fill="#ffffff" stroke="#d0d7de"/>',
        '<text class="title" x="20" y="34">image</text><text class="title" x="170" y="34">best of 99 labels</text>',
        '<text class="title number" x="610" y="34">cosine</text><text class="title number" x="720" y="34">score</text>',
    ]
    for index, result in enumerate(results):
        top = TOP + index * ROW
        lines.append(f'<path d="M20 {top - 8} H{WIDTH - 20}" stroke="#d0d7de"/>')
        lines.append(image_of(result["id"], top - 8))
        for place, label in enumerate(result["labels"]):
            lines.append(label_line(label, top + 22 + 30 * place, first=place == 0))
    return "\n".join([*lines, "</svg>", ""])


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else BINARY
    DRAWING.write_text(drawing(classified(binary)), encoding="utf-8")


if __name__ == "__main__":
    main()
