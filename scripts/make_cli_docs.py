#!/usr/bin/env python3
"""Writes what --help prints into docs/cli.md, between its markers.

    scripts/make_cli_docs.py [BINARY]     default: build/dev/tools/llm2clip/llm2clip

The words around the markers are written by hand. A test compares the page with the program.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "cli.md"
BINARY = ROOT / "build" / "dev" / "tools" / "llm2clip" / "llm2clip"
BLOCK = re.compile(r"(<!-- llm2clip(?P<command>[ \w-]*) --help -->\n)```text\n.*?```\n", re.DOTALL)


def help_of(binary, command):
    run = subprocess.run([binary, *command.split(), "--help"], capture_output=True, check=True, text=True)
    return run.stdout.strip("\n")


def updated(page, binary):
    """The text of `page` with every block as `binary` prints it today."""
    return BLOCK.sub(lambda block: f"{block[1]}```text\n{help_of(binary, block['command'])}\n```\n", page)


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else BINARY
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8"), binary), encoding="utf-8")


if __name__ == "__main__":
    main()
