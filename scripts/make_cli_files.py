#!/usr/bin/env python3
"""Writes the manual pages and the shells' completions from what --help prints. The build runs it.

    scripts/make_cli_files.py BINARY FOLDER

FOLDER gets man/llm2clip.1 and a page a command, bash/llm2clip, zsh/_llm2clip and fish/llm2clip.fish.
"""

import pathlib
import subprocess
import sys

from cli_files import completions, man
from cli_files.help_text import PROGRAM, commands_of


def main():
    binary, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    commands = commands_of(binary)
    version = subprocess.run([binary, "--version"], capture_output=True, check=True, text=True).stdout.split()[-1]
    files = {f"man/{man.page_name(command)}": man.page(command, commands, version) for command in commands}
    files |= {f"bash/{PROGRAM}": completions.bash(commands), f"zsh/_{PROGRAM}": completions.zsh(commands),
              f"fish/{PROGRAM}.fish": completions.fish(commands)}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
