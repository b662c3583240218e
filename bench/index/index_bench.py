#!/usr/bin/env python3
"""Searches of an index against what the machine allows, and against FAISS.

    cmake --preset release && cmake --build --preset release --target index_bench
    bench/index/index_bench.py --program build/release/bench/index/index_bench [--rows 1000000] [--dim 1280] [--rounds 5]

With --clusters N rows and queries lie around N centers; with --near the index is linked first (kind hnsw) and queries a
second along the links are compared with those of an exact search, with the recall of held-out queries.

One query is compared with reading the mapped rows, 64 queries with multiplying; FAISS's IndexFlatIP has the same rows in
float32. FAISS is asked where faiss-cpu is installed beside NumPy in the Python that runs this: it is no part of the
project's own environments. Everything takes turns on one core and counts CPU time, so that other work on the machine
changes less. Ratios are of the best of the rounds.
"""

import argparse
import importlib.util
import json
import subprocess
import time
from pathlib import Path

TOP_K = 10


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


class Worker:
    """A subcommand of index_bench, on one core."""

    def __init__(self, program: str, *arguments: object) -> None:
        command = [program, *map(str, arguments), "--threads", "1", "--seconds", "1"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdin and self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.stdout.readline()

    def rate(self) -> float:
        start = cpu_seconds(self.process.pid)
        print("round", file=self.stdin, flush=True)
        work = json.loads(self.stdout.readline())["work"]
        return work / (cpu_seconds(self.process.pid) - start)

    def end(self) -> None:
        self.stdin.close()
        self.process.wait()


class Faiss:
    """IndexFlatIP of the same rows, asked the same queries."""

    def __init__(self, program: str, index: Path) -> None:
        import faiss
        import numpy as np

        faiss.omp_set_num_threads(1)
        rows = np.load(next(index.glob("rows-*.npy")), mmap_mode="r")
        self.rows, self.flat = len(rows), faiss.IndexFlatIP(rows.shape[1])
        for first in range(0, len(rows), 50_000):
            self.flat.add(np.asarray(rows[first : first + 50_000], dtype=np.float32))
        command = [program, "ids", str(index), "--queries", "64", "--top-k", str(TOP_K)]
        lines = [json.loads(line) for line in subprocess.run(command, capture_output=True, text=True).stdout.splitlines()]
        self.queries = np.array([line["query"] for line in lines], dtype=np.float32)
        found = self.flat.search(self.queries, TOP_K)[1]
        ours = np.array([[int(name) for name in line["ids"]] for line in lines])
        print(f"ids that FAISS gives, too: {(found == ours).mean():.4f}")

    def rate(self, queries: int) -> float:
        start = time.process_time()
        self.flat.search(self.queries[:queries], TOP_K)
        return self.rows * queries / (time.process_time() - start)


def compare_links(options: argparse.Namespace) -> None:
    clusters = ("--clusters", options.clusters)
    for command in (["link"], ["recall", "--queries", "1000", *map(str, clusters)]):
        subprocess.run([options.program, command[0], options.index, *command[1:]], check=True)
    exact = Worker(options.program, "search", options.index, "--queries", 1, *clusters)
    near = Worker(options.program, "search", options.index, "--queries", 500, "--near", *clusters)
    rates = [(exact.rate(), near.rate()) for _ in range(options.rounds)]
    for worker in (exact, near):
        worker.end()
    print(f"queries along links: {max(rate for _, rate in rates) / max(rate for rate, _ in rates):.0f} times an exact search")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/bench/index/index_bench")
    parser.add_argument("--index", type=Path, default=Path("/tmp/index_bench.index"), help="made where it is missing")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=1280)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clusters", type=int, default=0)
    parser.add_argument("--near", action="store_true", help="only compare links with an exact search")
    options = parser.parse_args()
    if not options.index.exists():
        command = [options.program, "make", options.index, str(options.rows), str(options.dim)]
        subprocess.run([*command, "--clusters", str(options.clusters)], check=True)
    if options.near:
        compare_links(options)
        return
    search = {queries: Worker(options.program, "search", options.index, "--queries", queries) for queries in (1, 64)}
    read, multiply = Worker(options.program, "read", options.index), Worker(options.program, "multiply")
    faiss = Faiss(options.program, options.index) if importlib.util.find_spec("faiss") else None
    best: dict[str, float] = {}
    for _ in range(options.rounds):
        turns = {"read": read.rate(), "multiply": multiply.rate()}
        turns |= {f"ours {queries}": worker.rate() for queries, worker in search.items()}
        turns |= {f"faiss {queries}": faiss.rate(queries) for queries in search} if faiss else {}
        best = {name: max(rate, best.get(name, 0)) for name, rate in turns.items()}
    for worker in (*search.values(), read, multiply):
        worker.end()
    one, many = best["ours 1"] * options.dim * 2, best["ours 64"] * options.dim
    print(f"1 query: {one / 1e9:.1f} GB/s of {best['read'] / 1e9:.1f} that are read: {one / best['read']:.2f}")
    print(f"64 queries: {many / 1e9:.1f} G/s of {best['multiply'] / 1e9:.1f} that are multiplied: {many / best['multiply']:.2f}")
    for queries in search if faiss else ():
        print(f"{queries} queries: {best[f'ours {queries}'] / best[f'faiss {queries}']:.2f} times FAISS")


if __name__ == "__main__":
    main()
