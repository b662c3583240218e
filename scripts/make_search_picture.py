#!/usr/bin/env python3
"""Draws docs/search_page.png, what `llm2clip search --html` writes, and docs/serve_page.png, the page of `llm2clip serve`,
in a headless Chromium.

    scripts/make_search_picture.py [BINARY]     default: build/dev/tools/llm2clip/llm2clip

The images are drawn as those that the demo model learned from. Needs chromium (scripts/setup --test).
"""

import pathlib
import subprocess
import sys
import tempfile

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path += [str(ROOT / "tests/tools/llm2clip"), str(ROOT / "tests/tools/llm2clip/serve")]
import chromium  # noqa: E402
from server import Server  # noqa: E402

BINARY = ROOT / "build/dev/tools/llm2clip/llm2clip"
QUERY = "a purple circle"


def draw(folder):
    script = ROOT / "models/demo_source/draw_demo_images.py"
    subprocess.run([sys.executable, script, folder, "--count", "200", "--seed", "5"], check=True, stdout=subprocess.DEVNULL)


def keep(browser, name):
    picture = ROOT / "docs" / name
    browser.picture(picture)
    with Image.open(picture) as drawn:
        drawn.quantize(128).save(picture, optimize=True)
    print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size} bytes")


def show_file(browser, work):
    browser.open(f"{work}/page.html")
    browser.press("ArrowRight")
    keep(browser, "search_page.png")


def show_server(browser, binary, work):
    with Server(binary, ROOT / "models/demo", "-x", "shapes.index", cwd=work) as server:
        browser.open(f"http://127.0.0.1:{server.port}/?q={QUERY.replace(' ', '+')}")
        browser.press("ArrowRight")
        browser.wait("[...document.images].slice(0, 12).every(image => image.naturalWidth > 0)")
        keep(browser, "serve_page.png")


def main():
    binary = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else BINARY
    model = ["-m", str(ROOT / "models/demo")]
    with tempfile.TemporaryDirectory() as work:
        draw(pathlib.Path(work) / "shapes")
        for command in (["index", "shapes"], ["search", QUERY, "--html", "page.html"]):
            subprocess.run([binary, *command, "-q", *model, "-x", "shapes.index"], cwd=work, check=True,
                           stdout=subprocess.DEVNULL)  # fmt: skip
        with chromium.Chromium(width=1120, height=700) as browser:
            show_file(browser, work)
            show_server(browser, binary, work)


main()
