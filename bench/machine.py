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
        return {**os.environ, **HELD[self.processor], "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "HF_HUB_OFFLINE": "1",
                "TOKENIZERS_PARALLELISM": "false"}  # fmt: skip

    def small_or(self, tiny, full):
        return tiny if self.quick else full


def describe(machine: Machine) -> dict[str, str]:
    """What the figures depend on."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    return {
        "CPU": cpu,
        "instructions": ", ".join(name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if has_flag(name)),
        "cores": str(os.cpu_count()),
        "threads": str(machine.threads),
        "rounds": str(machine.rounds),
        "load before": f"{os.getloadavg()[0]:.2f}",
        **{name: version(distribution) for distribution, name in DISTRIBUTIONS.items()},
    }


DISTRIBUTIONS = {"torch": "LibTorch", "transformers": "transformers", "tokenizers": "tokenizers", "pillow": "Pillow"}


def version(distribution: str) -> str:
    return importlib.metadata.version(distribution).partition("+")[0]


def has_flag(name: str) -> bool:
    return f" {name}" in Path("/proc/cpuinfo").read_text()
