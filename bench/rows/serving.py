"""The server on loopback: what it costs beside the commands, and what it does when too much is asked of it."""

import base64
import json
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from inputs import captions, many_captions, one_caption, pictures, repeated, write
from machine import Machine, NotHere
from models import vision_model
from results import Contenders, Prepare
from rows.folders import demo_model, embed, more_seconds
from workers import PEERS, Worker, run

CLIENTS = 64
OVERLOAD_CONNECTIONS, OVERLOAD_RATE, OVERLOAD_SECONDS = 2000, 10, 120
MAX_IN_FLIGHT = 512  # the server's own


class Server:
    """One that listens on `port` of this machine."""

    machine: Machine
    port: str

    def ask(self, connections: int, bodies: Path, *how: int | float) -> dict[str, Any]:
        """What serve_client says."""
        client = self.machine.program("bench/serve/serve_client")
        done = subprocess.run([client, self.port, str(connections), bodies, *map(str, how)], capture_output=True, text=True)
        if done.returncode:
            raise NotHere(f"serve_client: {done.stderr.strip()}")
        return json.loads(done.stdout)


class Serving(Server):
    """`llm2clip serve` that is ready, on a port of its own."""

    def __init__(self, machine: Machine, model: Path) -> None:
        self.machine = machine
        self.log = tempfile.NamedTemporaryFile("w+")
        self.process = subprocess.Popen(
            [machine.llm2clip, "serve", "-m", model, "--port", "0", "--threads", str(machine.threads)],
            stderr=self.log, env=machine.environment,
        )  # fmt: skip
        self.line("ready")
        self.port = self.line("listening")["address"].rsplit(":", 1)[1]

    def line(self, event: str) -> dict[str, Any]:
        for _ in range(600):
            text = Path(self.log.name).read_text()
            found = [line for line in text.splitlines() if f'"event":"{event}"' in line]
            if found:
                return json.loads(found[0])
            if self.process.poll() is not None:
                raise NotHere(f"llm2clip serve: {text.strip().splitlines()[-1:]}")
            time.sleep(0.1)
        raise NotHere(f"llm2clip serve: never {event}")

    def peak_megabytes(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1]) / 1e3

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(60) != 0:
            raise NotHere(f"llm2clip serve ended with {self.process.returncode}")


class Infinity(Server):
    """The server of that name that is ready, with a tower of the demo model's geometry and tokenizer."""

    GEOMETRY = {
        "vocab_size": 750, "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 512,
    }  # fmt: skip

    def __init__(self, machine: Machine, stack: ExitStack) -> None:
        self.machine, self.port = machine, str(free_port())
        python, folder = machine.python(".venv-infinity"), machine.folder / "infinity"
        run(machine, python, PEERS, "infinity-model", json.dumps(self.GEOMETRY), demo_model(machine) / "tokenizer.json", folder)
        log = stack.enter_context(tempfile.TemporaryFile("w+"))
        process = subprocess.Popen(
            [python.with_name("infinity_emb"), "v2", "--model-id", folder, "--engine", "torch", "--device", "cpu",
             "--dtype", "float32", "--no-bettertransformer", "--batch-size", str(CLIENTS), "--url-prefix", "/v1",
             "--host", "127.0.0.1", "--port", self.port],
            stdout=log, stderr=log, env=machine.environment | {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"},
        )  # fmt: skip
        stack.callback(process.wait)
        stack.callback(process.kill)
        self.wait(process)

    def wait(self, process: subprocess.Popen) -> None:
        for _ in range(1200):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=1):
                    return
            except OSError:
                time.sleep(0.1)
            if process.poll() is not None:
                break
        raise NotHere("infinity_emb: never ready")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


@contextmanager
def served(machine: Machine, model: Path) -> Iterator[Serving]:
    server = Serving(machine, model)
    try:
        yield server
        server.end()
    finally:
        server.process.kill()


def bodies_of_texts(machine: Machine, file: Path) -> Path:
    lines = [json.dumps({"input": line, "encoding_format": "base64"}) for line in file.read_text().splitlines()]
    return write(machine.folder / f"bodies-{file.name}l", lines)


def bodies_of_images(machine: Machine, folder: Path) -> Path:
    lines = []
    for file in sorted(folder.iterdir()):
        uri = "data:image/jpeg;base64," + base64.b64encode(file.read_bytes()).decode()
        lines.append(json.dumps({"modality": "image", "input": [uri], "encoding_format": "base64"}))
    return write(machine.folder / f"bodies-{folder.name}.jsonl", lines)


def rate(answered: dict[str, Any]) -> float:
    return answered["answered"] / answered["seconds"]


def texts(machine: Machine, stack: ExitStack) -> Contenders:
    """Enough of them that the start of the command is little of its time, and no two alike: it encodes those once."""
    model, number = demo_model(machine), machine.small_or(12, 8192)
    once, twice = many_captions(machine, number), many_captions(machine, 2 * number)
    server, bodies = stack.enter_context(served(machine, model)), bodies_of_texts(machine, once)

    def command() -> float:
        return number / more_seconds(lambda file: embed_texts(machine, model, file), once, twice)

    return Contenders(lambda: rate(server.ask(CLIENTS, bodies)), command)


def beside_infinity(machine: Machine, stack: ExitStack) -> Contenders:
    bodies = bodies_of_texts(machine, many_captions(machine, machine.small_or(12, 1024)))
    ours, theirs = stack.enter_context(served(machine, demo_model(machine))), Infinity(machine, stack)
    return Contenders(lambda: rate(ours.ask(CLIENTS, bodies)), peer=lambda: rate(theirs.ask(CLIENTS, bodies)))


def embed_texts(machine: Machine, model: Path, file: Path) -> float:
    return run(
        machine, machine.llm2clip, "embed-text", "-q", "-m", model, "--threads", machine.threads, "-f", file,
        "-o", machine.folder / "rows.npy", "--overwrite",
    )  # fmt: skip


def images(model_of: Callable[[Machine], Path], times: int) -> Prepare:
    """`times` as many as are sent in different requests."""

    def prepare(machine: Machine, stack: ExitStack) -> Contenders:
        asked, again, model = machine.small_or(16, 100), machine.small_or(1, times), model_of(machine)
        number = asked * again
        once, twice = repeated(pictures(machine), number), repeated(pictures(machine), 2 * number)
        bodies = bodies_of_images(machine, repeated(pictures(machine), asked))
        server = stack.enter_context(served(machine, model))

        def command() -> float:
            return number / more_seconds(lambda inputs: embed(machine, model, inputs), once, twice)

        return Contenders(lambda: rate(server.ask(CLIENTS, bodies, again)), command)

    return prepare


def latency(machine: Machine, stack: ExitStack) -> Contenders:
    model, file = demo_model(machine), one_caption(machine)
    server, bodies = stack.enter_context(served(machine, model)), bodies_of_texts(machine, file)
    library = Worker(
        machine, stack, machine.encode_bench, "query", model, file, "--seconds", machine.seconds, "--threads", machine.threads
    )
    return Contenders(lambda: server.ask(1, bodies, machine.small_or(10, 1000))["median_ms"] - library.milliseconds())


def overload(figure: Callable[[dict[str, Any], float, float], float]) -> Prepare:
    """`figure` of what the client says, of the rate that can be served, and of how much the memory's peak rose by."""

    def prepare(machine: Machine, stack: ExitStack) -> Contenders:
        server = stack.enter_context(served(machine, demo_model(machine)))
        bodies = bodies_of_texts(machine, captions(machine))

        def ours() -> float:
            possible = rate(server.ask(CLIENTS, bodies, machine.small_or(1, 8)))
            before = server.peak_megabytes()
            said = server.ask(
                machine.small_or(50, OVERLOAD_CONNECTIONS), bodies, OVERLOAD_RATE * possible, machine.small_or(1, OVERLOAD_SECONDS)
            )
            if not set(said["statuses"]) <= {"200", "429"}:
                raise NotHere(f"answers are {said['statuses']}")
            return figure(said, possible, server.peak_megabytes() - before)

        return Contenders(ours, rounds=1)

    return prepare


ROWS: dict[str, Prepare] = {
    "serve-texts": texts,
    "serve-texts-infinity": beside_infinity,
    "serve-images-demo": images(demo_model, 16),
    "serve-images": images(lambda machine: vision_model(machine, "vit-b16", "bf16"), 1),
    "serve-latency": latency,
    "serve-overload": overload(lambda said, possible, _: said["p99_ms"] / (1e3 * MAX_IN_FLIGHT / possible)),
    "serve-overload-memory": overload(lambda said, possible, megabytes: megabytes),
}
