#!/usr/bin/env python3
"""Draws docs/architecture.svg: boxes are data, arrows are the files of src/ that make one of the other.

    scripts/make_architecture_image.py

tests/docs/test_site.py draws it again, compares, and looks for the files.
"""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
DRAWING = ROOT / "docs" / "architecture.svg"

WIDTH, HEIGHT = 880, 720
IMAGE, TEXT, STAGES = 110, 400, 650  # columns: the middles of the boxes, and the left of the brackets
STEP, TOP, BOX_WIDTH, BOX_HEIGHT = 74, 62, 180, 42
STYLE = """
    text { font-family: system-ui, "DejaVu Sans", sans-serif; font-size: 14px; fill: #1f2328; }
    .head { font-weight: 600; }
    .box { text-anchor: middle; }
    .shape, .note { font-size: 12px; fill: #57606a; }
    .file { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 12px; fill: #0550ae; }
    .arrow { stroke: #57606a; stroke-width: 1.5; fill: none; marker-end: url(#head); }
    .bracket { stroke: #8c959f; stroke-width: 1.5; fill: none; }
"""
COLORS = {IMAGE: ("#ddf4ff", "#0969da"), TEXT: ("#fff1e5", "#bc4c00"), None: ("#dafbe1", "#1a7f37")}

# Column, row, what it is, its shape.
BOXES = [
    (IMAGE, 0, "file", "bytes"),
    (IMAGE, 1, "Image", "height, width, mode"),
    (IMAGE, 3, "crops", "(B,S,S,3) uint8"),
    (IMAGE, 6, "image rows", "(B,D)"),
    (TEXT, 0, "text", "UTF-8"),
    (TEXT, 1, "prompt and text", "UTF-8"),
    (TEXT, 2, "Tokens", "T ids, k pooled"),
    (TEXT, 3, "batch", "texts of a batch"),
    (TEXT, 4, "hidden states", "(B,T,H)"),
    (TEXT, 5, "caption embedding", "(B,H)"),
    (TEXT, 6, "text rows", "(B,D)"),
]
# Column, from row, to row, the files.
ARROWS = [
    (IMAGE, 0, 1, ["image/read_image.cpp"]),
    (IMAGE, 1, 3, ["image/resize.cpp"]),
    (IMAGE, 3, 6, ["encoder/upload.cpp", "encoder/vision_tower.cpp"]),
    (TEXT, 0, 1, ["text/prompt.cpp"]),
    (TEXT, 1, 2, ["text/tokenizer.cpp"]),
    (TEXT, 2, 3, ["text/batches.cpp"]),
    (TEXT, 3, 4, ["encoder/text_tower.cpp"]),
    (TEXT, 4, 5, ["encoder/pooling.cpp"]),
    (TEXT, 5, 6, ["encoder/adapter.cpp"]),
]
# From row, to row, who does it, its files.
BRACKETS = [
    (0, 3, "ahead, in threads of", ["embed/image_batches.cpp", "embed/text_batches.cpp"]),
    (3, 6, "batch by batch, by", ["embed/embed.cpp", "model/model.cpp"]),
    (6, 8, "in a thread of", ["embed/batch_writer.cpp", "embed/sink.cpp"]),
]


def text(words, x, y, kind):
    return f'<text class="{kind}" x="{x}" y="{y}">{words}</text>'


def row_top(row):
    return TOP + STEP * row


def box(middle, top, name, shape, colors):
    fill, stroke = colors
    return "\n".join([
        f'<rect x="{middle - BOX_WIDTH // 2}" y="{top}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"'
        f' fill="{fill}" stroke="{stroke}"/>',
        text(name, middle, top + 18, "box"),
        text(shape, middle, top + 34, "box shape"),
    ])


def arrow(column, start, end, files):
    above, below = row_top(start) + BOX_HEIGHT, row_top(end)
    first = (above + below) // 2 + 4 - 8 * (len(files) - 1)
    labels = [text(file, column + 10, first + 16 * at, "file") for at, file in enumerate(files)]
    return "\n".join([f'<path class="arrow" d="M{column} {above} V{below - 2}"/>', *labels])


def bracket(start, end, words, files):
    top, bottom = row_top(start) + BOX_HEIGHT // 2 + 5, row_top(end) + BOX_HEIGHT // 2 - 5
    first = (top + bottom) // 2 - 8
    lines = [text(words, STAGES + 14, first, "note")]
    lines += [text(file, STAGES + 14, first + 16 * (at + 1), "file") for at, file in enumerate(files)]
    return "\n".join([f'<path class="bracket" d="M{STAGES - 6} {top} h8 V{bottom} h-8"/>', *lines])


def outcomes():
    """What becomes of rows: scores, and files."""
    top, colors = row_top(6) + BOX_HEIGHT, COLORS[None]
    end = row_top(8)
    return "\n".join([
        f'<path class="arrow" d="M{IMAGE} {top} V{end - 2}"/>',
        f'<path class="arrow" d="M{TEXT} {top} V{top + 20} H{IMAGE + 30} V{end - 2}"/>',
        f'<path class="arrow" d="M{TEXT + 30} {top} V{end - 2}"/>',
        text("model/similarity.cpp", IMAGE + 40, end - 34, "file"),
        text("index/search.cpp", IMAGE + 40, end - 18, "file"),
        text("index/index_writer.cpp", TEXT + 40, end - 66, "file"),
        text("store/run/run.cpp", TEXT + 40, end - 50, "file"),
        text("store/npy.cpp", TEXT + 40, end - 34, "file"),
        text("store/safetensors.cpp", TEXT + 40, end - 18, "file"),
        box(IMAGE, end, "scores", "softmax(100 · cosine)", colors),
        box(TEXT, end, "a file, or an index", "rows of images or of texts", colors),
    ])


def drawing():
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="title">',
        '<title id="title">The way of images and texts to scores and files, and the source file of each step</title>',
        f"<style>{STYLE}</style>",
        '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L10 5 L0 10 z" fill="#57606a"/></marker></defs>',
        f'<rect x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}" rx="10" fill="#ffffff" stroke="#d0d7de"/>',
        text("Images", IMAGE - BOX_WIDTH // 2, 36, "head"),
        text("Texts", TEXT - BOX_WIDTH // 2, 36, "head"),
        text("Who runs it", STAGES - 6, 36, "head"),
        *(box(column, row_top(row), name, shape, COLORS[column]) for column, row, name, shape in BOXES),
        *(arrow(*each) for each in ARROWS),
        *(bracket(*each) for each in BRACKETS),
        outcomes(),
    ]
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    DRAWING.write_text(drawing(), encoding="utf-8")
