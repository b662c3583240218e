#!/usr/bin/env python3
"""Names the C++ functions that are longer than a screen: 40 lines, from the first of the signature to the last brace.

    .venv-style/bin/python scripts/function_length.py [FILE...]     default: all of include, src and tools/llm2clip

A function may be longer where it is a straight line that nobody reads in two parts: a table, a list of flags. The comment
above it says so, in a line that begins with `// Straight line: `. Ends with 1 when there is another one.
"""

import pathlib
import sys

import lizard

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = ("include", "src", "tools/llm2clip")
MOST = 40
EXEMPT = "// Straight line: "


def sources() -> list[pathlib.Path]:
    return sorted(path for folder in FOLDERS for ending in ("h", "cpp") for path in (ROOT / folder).rglob(f"*.{ending}"))


def comment_above(lines: list[str], start: int) -> list[str]:
    """The comment lines right above line `start`, counted from 1."""
    first = start - 1
    while first > 0 and lines[first - 1].startswith("//"):
        first -= 1
    return lines[first : start - 1]


def too_long(path: pathlib.Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    found = []
    for function in lizard.analyze_file(str(path)).function_list:
        exempt = any(line.startswith(EXEMPT) for line in comment_above(lines, function.start_line))
        if function.length > MOST and not exempt:
            place = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
            found.append(
                f"{place}:{function.start_line}: {function.name} has {function.length} lines, {MOST} is the most; "
                f"split it, or say above it `{EXEMPT}...` and why"
            )
    return found


def main() -> int:
    files = [pathlib.Path(argument).resolve() for argument in sys.argv[1:]] or sources()
    found = [line for path in files for line in too_long(path)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
