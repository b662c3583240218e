#!/usr/bin/env python3
"""Writes tests/c/abi.txt: what a program compiled against llm2clip/c/llm2clip.h depends on.

    scripts/make_c_abi.py            writes the list
    scripts/make_c_abi.py --check    says how it differs from the header and ends with 1

Every function with its types, every struct with its size and the place of each field, every constant
with its value. Lines may be added, and structs that begin with struct_size may grow at their end;
a line that changes or goes breaks programs (docs/c_api.md).
"""

import difflib
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADER = ROOT / "include" / "llm2clip" / "c" / "llm2clip.h"
LIST = ROOT / "tests" / "c" / "abi.txt"


def declarations(header=HEADER):
    """The header without comments and preprocessor lines, one string."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"^\s*#.*(?:\\\n.*)*$", "", text, flags=re.MULTILINE)
    return " ".join(text.split())


def functions(text):
    """{name: signature}"""
    found = {}
    for declaration in re.findall(r"LLM2CLIP_C_API ([^;]+);", text):
        name = re.search(r"(\w+)\(", declaration)[1]
        found[name] = " ".join(declaration.split()).replace("( ", "(")
    return found


def structs(text):
    """{name: [field, ...]}, for structs that are not opaque."""
    found = {}
    for body, name in re.findall(r"typedef struct \w+ \{([^}]*)\} (\w+);", text):
        found[name] = [re.search(r"(\w+)(?:\[\w+\])?$", field.strip())[1]
                       for field in body.split(";") if field.strip()]
    return found


def constants(text):
    """Names of enumerators, in their order."""
    return [item.split("=")[0].strip() for body in re.findall(r"enum(?: \w+)? \{([^}]*)\}", text)
            for item in body.split(",") if item.strip()]


def callbacks(text):
    return re.findall(r"typedef ([^;{}]*\(\*\w+\)[^;]*);", text)


def measured(text, header=HEADER):
    """What a C compiler makes of the structs and constants."""
    lines = ["#include <stdio.h>", f'#include "{header}"', "int main(void) {"]
    for name, fields in structs(text).items():
        lines.append(f'printf("struct {name} %zu:", sizeof({name}));')
        lines += [f'printf(" {field}@%zu+%zu", offsetof({name}, {field}), sizeof((({name}*)0)->{field}));'
                  for field in fields]
        lines.append('puts("");')
    lines += [f'printf("constant {name} %d\\n", (int){name});' for name in constants(text)]
    lines.append("return 0; }")
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder, "abi.c"), pathlib.Path(folder, "abi")
        source.write_text("\n".join(lines), encoding="utf-8")
        subprocess.run(["cc", "-std=c99", "-Wall", "-Werror", source, "-o", program], check=True)
        return subprocess.run([program], capture_output=True, check=True, text=True).stdout.splitlines()


def abi(header=HEADER):
    """The lines of the list: x86-64 and every other ABI with 8-byte pointers."""
    text = declarations(header)
    lines = [f"function {signature}" for signature in functions(text).values()]
    lines += [f"callback {' '.join(callback.split())}" for callback in callbacks(text)]
    return sorted(lines) + measured(text, header)


def main():
    new = "\n".join(abi()) + "\n"
    if "--check" not in sys.argv[1:]:
        LIST.write_text(new, encoding="utf-8")
        return 0
    old = LIST.read_text(encoding="utf-8")
    sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), str(LIST), "header", n=0))
    return 0 if old == new else 1


if __name__ == "__main__":
    sys.exit(main())
