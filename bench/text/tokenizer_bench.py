#!/usr/bin/env python3
"""Holds the tokenizer against the tokenizers package, and doubles texts that are made to be slow.

    bench/text/tokenizer_bench.py --tokenizer tokenizer.json [--json FILE]

Needs a tokenizer.json of Llama 3, and the program beside this script:

    cmake --preset release -DLLM2CLIP_BUILD_BENCH=ON
    cmake --build --preset release --target tokenizer_bench

Both sides encode the same texts on one core, in rounds that take turns; what counts is the CPU time of the
thread, so that other work on the machine disturbs little, and the median of the rounds. The texts are the
sentences of chatterbot-corpus (scripts/requirements-bench.txt) in 28 languages, shuffled, or the lines of
--text.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers  # its threads are counted when it is loaded

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build/release/bench/text/tokenizer_bench"
MEBIBYTE = 1 << 20
SIZES = [MEBIBYTE >> shift for shift in (4, 3, 2, 1, 0)]
PATTERNS = {
    "a": "a", "space": " ", "newline": "\n", ".": ".", "1": "1", "^": "^", "tab": "\t", "CR LF": "\r\n", "'": "'",
    "'s": "'s", "ab": "ab", " a": " a", " newline": " \n", "CJK": "中", "combining marks": "a\u0301\u0302",
    "ideographic space": "\u3000", "line separator": "\u2028", "emoji ZWJ": "👩‍👩‍👧‍👦", "right to left": "السلام عليكم ",
    "the cat sat": "the cat sat ", "1,000 spaces + a": " " * 1000 + "a", "<|eot_id|>": "<|eot_id|>",
    "<|reserved": "<|reserved", "random letters": None,
}  # fmt: skip


def sentences() -> list[str]:
    """The lines of chatterbot-corpus's YAML lists, in an order that mixes the languages."""
    package = importlib.util.find_spec("chatterbot_corpus")
    if package is None:
        sys.exit("tokenizer_bench: no text: give --text FILE, or pip install -r scripts/requirements-bench.txt")
    found = []
    for path in sorted(pathlib.Path(package.submodule_search_locations[0]).rglob("*.yml")):
        lines = (re.fullmatch(r"\s*-[-\s]*(\S.*)", line) for line in path.read_text(encoding="utf-8").split("\n"))
        found += [line[1].strip() for line in lines if line]
    random.Random(1).shuffle(found)
    return found


def text_of(pattern: str | None) -> str:
    """At least a mebibyte of it."""
    if pattern is None:
        return "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=MEBIBYTE))
    return pattern * (MEBIBYTE // len(pattern.encode()) + 1)


def whole_characters(text: bytes, size: int) -> int:
    """The largest size up to `size` that does not cut a character."""
    while size < len(text) and text[size] & 0xC0 == 0x80:
        size -= 1
    return size


class Ours:
    """The program, which answers commands with seconds and the number of ids."""

    def __init__(self, program: pathlib.Path, tokenizer: pathlib.Path, files: list[pathlib.Path]) -> None:
        self.process = subprocess.Popen([program, tokenizer, *files], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def __call__(self, command: str) -> tuple[float, int]:
        print(command, file=self.process.stdin, flush=True)
        seconds, ids = self.process.stdout.readline().split()
        return float(seconds), int(ids)


def peer(tokenizer: tokenizers.Tokenizer, texts: list[str]) -> tuple[float, int]:
    """tokenizers' fastest way: no offsets."""
    begin = time.thread_time()
    encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return time.thread_time() - begin, sum(len(encoding) for encoding in encodings)


def speeds(ours: Ours, theirs: tokenizers.Tokenizer, text: str, rounds: int) -> list[dict]:
    """MB/s of the text whole and line by line."""
    megabytes = len(text.encode()) / 1e6
    rows = []
    for kind, name, texts in (("text", "one long text", [text]), ("lines", "lines", text.split("\n")[:-1])):
        ours(f"{kind} 0")  # what the first call pays once
        peer(theirs, texts)
        mine, other = [], []
        for _ in range(rounds):
            seconds, ids = ours(f"{kind} 0")
            peer_seconds, peer_ids = peer(theirs, texts)
            if ids != peer_ids:
                sys.exit(f"tokenizer_bench: {name}: {ids} ids, tokenizers has {peer_ids}")
            mine.append(megabytes / seconds)
            other.append(megabytes / peer_seconds)
        rows.append({"name": f"tokenizer, {name}", "ours": statistics.median(mine), "peer": statistics.median(other),
                     "unit": "MB/s", "spread": [min(mine), max(mine)], "peer_spread": [min(other), max(other)]})
    return rows


def doublings(ours: Ours, texts: list[bytes], first: int, rounds: int) -> list[dict]:
    """For each pattern the seconds of a mebibyte, and the largest t(2n)/t(n) on the way there."""
    rows = []
    for file, (name, text) in enumerate(zip(PATTERNS, texts), start=first):
        sizes = [whole_characters(text, size) for size in SIZES]
        times = [[ours(f"bytes {file} {size}")[0] for size in sizes] for _ in range(rounds)]
        seconds = [min(column) for column in zip(*times)]
        ratio = max(after / before for before, after in zip(seconds, seconds[1:]))
        rows += [{"name": f"tokenizer, 1 MiB of {name}", "ours": seconds[-1], "peer": None, "unit": "s"},
                 {"name": f"tokenizer, doubling of {name}", "ours": ratio, "peer": None, "unit": "t(2n)/t(n)"}]
    return rows


def table(rows: list[dict]) -> str:
    lines = [f"{row['name']:<32} {row['ours']:6.1f} MB/s ({row['spread'][0]:.1f} to {row['spread'][1]:.1f}), tokenizers "
             f"{row['peer']:.1f} ({row['peer_spread'][0]:.1f} to {row['peer_spread'][1]:.1f}): "
             f"{row['ours'] / row['peer']:.1f}x" for row in rows if row["peer"]]
    lines += [f"{seconds['name']:<44} {seconds['ours'] * 1e3:7.1f} ms   doubling {doubling['ours']:.2f}"
              for seconds, doubling in zip(rows[2::2], rows[3::2])]
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True, metavar="FILE")
    parser.add_argument("--program", type=pathlib.Path, default=PROGRAM, metavar="FILE")
    parser.add_argument("--text", type=pathlib.Path, metavar="FILE", help="a caption a line, UTF-8")
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="name, ours, peer and unit of each row")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    if not options.program.exists():
        sys.exit(f"tokenizer_bench: {options.program} is missing; build it first (see --help)")
    lines = options.text.read_text(encoding="utf-8").split("\n") if options.text else sentences()
    text = "".join(line + "\n" for line in lines if line)
    hostile = [text_of(pattern).encode() for pattern in PATTERNS.values()]
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for content in (text.encode(), *hostile):
            files.append(pathlib.Path(folder) / str(len(files)))
            files[-1].write_bytes(content)
        ours = Ours(options.program, options.tokenizer, files)
        theirs = tokenizers.Tokenizer.from_file(str(options.tokenizer))
        print(f"{len(text.encode())} bytes of text, {text.count(chr(10))} lines; tokenizers {tokenizers.__version__}")
        rows = speeds(ours, theirs, text, options.rounds) + doublings(ours, hostile, 1, options.rounds)
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
