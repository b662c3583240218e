"""Ours against inference engines: ONNX Runtime and OpenVINO for images, llama.cpp for captions."""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from engine_models import ENGINES, gguf_model, onnx_model
from held_engines import held_environment
from inputs import captions, one_caption
from machine import Machine, NotHere
from models import PRECISIONS, vision_geometry, vision_model
from results import Contender, Contenders, Prepare
from rows.texts import text_tower
from rows.vision import BATCH, encoder
from workers import Worker

# Of llama.cpp, by the weights of ours.
LLAMA = {"bf16": ["F16", "BF16"], "int8": ["Q8_0"], "int4": ["Q4_0", "Q4_K_M"]}
LLAMA |= {f"{weights}-dynamic": LLAMA[weights] for weights in ("int8", "int4")}


def vision(name: str, precision: str) -> Prepare:
    def prepare(machine: Machine, stack: ExitStack) -> Contenders:
        if precision == "bf16" and machine.kind not in ("amx_bf16", "avx512_bf16"):
            raise NotHere("the processor does not multiply bfloat16")
        batch = machine.small_or(2, BATCH)
        file, side = onnx_model(machine, name, batch), vision_geometry(machine, name)[1]["image_size"]
        ours = encoder(machine, stack, vision_model(machine, name, precision), batch)
        # llama.cpp is held by another build of it (LLAMA_CPP_LIB_PATH).
        environment = held_environment(machine) if machine.held else machine.environment
        start = partial(engine, machine, stack, environment=environment)
        starts = {"OpenVINO": partial(start, "openvino", file, side, batch, PRECISIONS[precision])}
        if precision == "fp32":  # ONNX Runtime computes no other
            starts["ONNX Runtime"] = partial(start, "onnxruntime", file, side, batch)
        rivals = those_here(starts)
        return Contenders(ours.rate, rivals={who: rival.rate for who, rival in rivals.items()})

    return prepare


def texts(weights: str, what: str, inputs: Callable[[Machine], Path]) -> Prepare:
    """llama.cpp gets as many tokens as ours makes of the captions."""

    def prepare(machine: Machine, stack: ExitStack) -> Contenders:
        ours = text_tower(machine, stack, what, inputs(machine), weights)
        batches = json.dumps(ours.about["batches"])

        def rival(theirs: str) -> Worker:
            return engine(machine, stack, "llama", gguf_model(machine, theirs), batches)

        rivals = those_here({theirs: partial(rival, theirs) for theirs in LLAMA[weights]})

        def read(worker: Worker) -> Contender:
            return worker.milliseconds if what == "query" else worker.rate

        return Contenders(read(ours), rivals={who: read(rival) for who, rival in rivals.items()})

    return prepare


def those_here(starts: Mapping[str, Callable[[], Worker]]) -> dict[str, Worker]:
    """The row names who took part; it needs one at least."""
    found, missing = {}, []
    for who, start in starts.items():
        try:
            found[who] = start()
        except NotHere as error:
            missing.append(f"{who}: {error}")
    if not found:
        raise NotHere("; ".join(missing))
    for why in missing:
        print(f"without {why}", flush=True)
    return found


def engine(machine: Machine, stack: ExitStack, *arguments, environment: Mapping[str, str] | None = None) -> Worker:
    """A subcommand of engines.py."""
    command = (machine.python(".venv-peers"), ENGINES, "--seconds", machine.seconds, *arguments)
    return Worker(machine, stack, *command, environment=environment)


ROWS = {
    "engines-vit-b16-fp32": vision("vit-b16", "fp32"),
    "engines-vit-b16-bf16": vision("vit-b16", "bf16"),
    **{f"llama-texts-1b-{weights}": texts(weights, "texts", captions) for weights in LLAMA},
    **{f"llama-query-1b-{weights}": texts(weights, "query", one_caption) for weights in LLAMA},
}
