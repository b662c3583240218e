"""Where things are, how long they are measured, and on what."""

import importlib.metadata
import os
import platform
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


# What oneDNN, LibTorch, MKL and our own loops take as the most that they may use.
HELD = {
    "native": {},
    "avx2": {
        "ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "LLM2CLIP_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2", "JSIMD_FORCEAVX2": "1",
    },
}  # fmt: skip


# llama.cpp has no switch: scripts/setup compiles it twice.
LLAMA_AVX2 = ".venv-peers/llama-avx2/llama_cpp/lib"

# By what a table of docs/performance.md is of: the words above it, and the flag of /proc/cpuinfo that tells it.
KINDS = {
    "amx_bf16": "AMX",
    "avx512_bf16": "AVX-512 with bfloat16",
    "avx512f": "AVX-512",
    "avx2": "AVX2",
    "other": "Other processors",
}


class NotHere(Exception):
    """A row cannot be measured here; the message says what is missing."""


@dataclass(frozen=True)
class Machine:
    """`quick`: everything tiny, to see that it runs."""

    rounds: int
    threads: int
    seconds: float  # of one measurement that may stop when it likes
    quick: bool
    build: Path  # a build directory with the programs
    folder: Path  # of models and inputs, which stay there for the next time
    assets: Path  # has the tokenizer.json of Llama 3
    processor: str = "native"  # or "avx2": every program is held down to that
    captions: int = 512  # at most, in the rows with many

    def program(self, path: str) -> Path:
        found = self.build / path
        if not found.exists():
            raise NotHere(f"not built: {found}")
        return found

    def python(self, environment: str) -> Path:
        found = ROOT / environment / "bin" / "python"
        if not found.exists():
            raise NotHere(f"{environment} is missing: run scripts/setup --bench")
        return found

    @property
    def kind(self) -> str:
        """Of KINDS: the best that programs may use."""
        return "avx2" if self.processor == "avx2" else next(filter(has_flag, KINDS), "other")

    @property
    def held(self) -> bool:
        """Whether programs must leave instructions alone that this machine has."""
        return self.processor == "avx2" and has_flag("avx512f")

    @property
    def encode_bench(self) -> Path:
        return self.program("bench/encode_bench")

    @property
    def ceiling_bench(self) -> Path:
        return self.program("bench/ceiling_bench")

    @property
    def llm2clip(self) -> Path:
        return self.program("tools/llm2clip/llm2clip")

    @property
    def tokenizer(self) -> Path:
        found = self.assets / "tokenizer.json"
        if not found.exists():
            raise NotHere(f"{found} is missing: Llama-3's tokenizer (LLM2CLIP_ASSETS)")
        return found

    @cached_property
    def environment(self) -> dict[str, str]:
        threads = str(self.threads)
        return {
            **os.environ, **HELD[self.processor], **({"LLAMA_CPP_LIB_PATH": str(ROOT / LLAMA_AVX2)} if self.held else {}),
            "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false",
        }  # fmt: skip

    def small_or(self, tiny, full):
        return tiny if self.quick else full


def describe(machine: Machine) -> dict[str, str]:
    """What the figures depend on."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    return {
        "CPU": cpu + (", held to AVX2" if machine.processor == "avx2" else ""),
        "instructions": ", ".join(name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if has_flag(name)),
        "cores": str(os.cpu_count()),
        "threads": str(machine.threads),
        "rounds": str(machine.rounds),
        "load before": f"{os.getloadavg()[0]:.2f}",
        **{name: version(distribution) for distribution, name in DISTRIBUTIONS.items()},
        **{name: found for name in ENGINES if (found := engine_version(name))},
    }


DISTRIBUTIONS = {"torch": "LibTorch", "transformers": "transformers", "tokenizers": "tokenizers", "pillow": "Pillow"}


# Of .venv-peers.
ENGINES = ("onnxruntime", "openvino", "llama-cpp-python")


def engine_version(name: str) -> str:
    folders = [str(folder) for folder in (ROOT / ".venv-peers").glob("lib/python3*/site-packages")]
    found = importlib.metadata.distributions(name=name, path=folders)
    return next((distribution.version for distribution in found), "")


def version(distribution: str) -> str:
    return importlib.metadata.version(distribution).partition("+")[0]


def has_flag(name: str) -> bool:
    return f" {name}" in Path("/proc/cpuinfo").read_text()
