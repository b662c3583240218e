#!/usr/bin/env python3
"""Draws docs/search_page.png: what `llm2clip search --html` writes, in a headless Chromium.

    scripts/make_search_picture.py [BINARY]     default: build/dev/tools/llm2clip/llm2clip

The images are drawn as those that the demo model learned from. Needs chromium (scripts/setup --test).
"""

import pathlib
import subprocess
import sys
import tempfile

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests/tools/llm2clip/pages"))
import chromium  # noqa: E402

BINARY = ROOT / "build/dev/tools/llm2clip/llm2clip"
PICTURE = ROOT / "docs/search_page.png"
QUERY = "a purple circle"


def draw(folder):
    script = ROOT / "models/demo_source/draw_demo_images.py"
    subprocess.run([sys.executable, script, folder, "--count", "200", "--seed", "5"], check=True, stdout=subprocess.DEVNULL)


def main():
    binary = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else BINARY
    model = ["-m", str(ROOT / "models/demo")]
    with tempfile.TemporaryDirectory() as work:
        draw(pathlib.Path(work) / "shapes")
        for command in (["index", "shapes"], ["search", QUERY, "--html", "page.html"]):
            subprocess.run([binary, *command, "-q", *model, "-x", "shapes.index"], cwd=work, check=True,
                           stdout=subprocess.DEVNULL)  # fmt: skip
        with chromium.Chromium(width=1120, height=700) as browser:
            browser.open(f"{work}/page.html")
            browser.press("ArrowRight")
            browser.picture(PICTURE)
    with Image.open(PICTURE) as picture:
        picture.quantize(128).save(PICTURE, optimize=True)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size} bytes")


main()
