"""Who is measured: processes that stay and measure when they are told to (rounds.h), and commands that run and end."""

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from machine import ROOT, Machine, NotHere

PEERS = ROOT / "bench" / "peers.py"


class Worker:
    """Answers each round with what it did in how many seconds; `about` is what it said when it was ready."""

    def __init__(
        self, machine: Machine, stack: ExitStack, *command: Any, environment: Mapping[str, str] | None = None
    ) -> None:
        self.command = [str(word) for word in command]
        self.errors = stack.enter_context(tempfile.TemporaryFile("w+"))
        self.process = stack.enter_context(
            subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
                env=environment or machine.environment,
            )  # fmt: skip
        )
        self.about = self.answer()

    def answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.errors.seek(0)
        said = self.errors.read().strip().splitlines() or ["it ended"]
        raise NotHere(f"{' '.join(self.command[:3])}: {said[-1]}")

    def round(self) -> dict[str, Any]:
        print("round", file=self.process.stdin, flush=True)
        return self.answer()

    def rate(self) -> float:
        """Of its work, a second."""
        done = self.round()
        return done["work"] / done["seconds"]

    def milliseconds(self) -> float:
        """For one unit of its work."""
        return 1e3 / self.rate()


def peer(machine: Machine, stack: ExitStack, environment: str, *arguments: Any) -> Worker:
    """A subcommand of peers.py in one of the Python environments."""
    return Worker(machine, stack, machine.python(environment), PEERS, "--seconds", machine.seconds, *arguments)


def run(machine: Machine, *command: Any) -> float:
    """Seconds that a command takes."""
    start = time.perf_counter()
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=machine.environment)
    if done.returncode:
        raise NotHere(f"{Path(command[0]).name}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    return time.perf_counter() - start


def peak_megabytes(machine: Machine, *command: Any) -> float:
    """The largest resident set of a command, mapped pages included, as the kernel counts it.

    Asked while it runs: what the kernel keeps for the parent (ru_maxrss) begins with the parent's own size.
    """
    process = subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, text=True, env=machine.environment)
    peak = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
        peak = int(line.split()[1]) * 1024 if line else peak
        time.sleep(0.02)
    if process.returncode:
        raise NotHere(f"{Path(command[0]).name}: {(process.stderr.read().strip().splitlines() or ['failed'])[-1]}")
    return peak / 1e6
