#!/usr/bin/env python3
"""What shards and journal cost: embed-text of the demo model, one shard at the end against one every 4,096 rows.

    bench/shards_cost.py [TEXTS] [ROUNDS]      default: 100000 texts, 5 rounds, interleaved

Prints the median time of each and the share that shards add; the bar is 2 %.
"""

import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = next(path for name in ("release", "dev")
              if (path := ROOT / "build" / name / "tools" / "llm2clip" / "llm2clip").exists())
WORDS = "a the red blue green small large circle square ring on left right of above below brown image with".split()
KINDS = {"one shard": ["--commit-rows", "1000000000", "--commit-seconds", "1000000"],
         "a shard every 4,096 rows": ["--commit-rows", "4096", "--commit-seconds", "30"]}


def main():
    numbers = [int(argument) for argument in sys.argv[1:]]
    texts, rounds = numbers + [100_000, 5][len(numbers):]
    words = random.Random(7)
    times = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        lines = pathlib.Path(folder) / "texts.txt"
        lines.write_text("".join(" ".join(words.choices(WORDS, k=words.randint(3, 20))) + "\n" for _ in range(texts)))
        command: list[str | pathlib.Path] = [BINARY, "embed-text", "-q", "-m", ROOT / "models" / "demo", "-f", lines, "-o",
                   pathlib.Path(folder) / "rows.npy", "--overwrite"]
        for _ in range(rounds):
            for kind, flags in KINDS.items():
                start = time.perf_counter()
                subprocess.run([*command, *flags], check=True)
                times[kind].append(time.perf_counter() - start)
    medians = {kind: statistics.median(seconds) for kind, seconds in times.items()}
    for kind, seconds in times.items():
        print(f"{kind}: {medians[kind]:.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")
    plain, sharded = medians.values()
    print(f"shards and journal add {100 * (sharded / plain - 1):.1f} %")


if __name__ == "__main__":
    main()
