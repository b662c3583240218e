"""bench/held_engines.py: what asks the processor itself is told of AVX2 and no more."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# As an engine does; the constant has the bytes of CPUID, and stays.
ASKING = """
#include <cpuid.h>
const unsigned kLikeCpuid = 0xa20fa20f;
unsigned like_cpuid(void) { return kLikeCpuid; }
static unsigned leaf_7(unsigned part, int which) {
  unsigned found[4];
  __cpuid_count(7, part, found[0], found[1], found[2], found[3]);
  return found[which];
}
unsigned avx(void) { return leaf_7(0, 1); }
unsigned pairs_of_bfloat16(void) { return leaf_7(1, 0) >> 5 & 1; }
"""
AVX2, AVX512F = 1 << 5, 1 << 16

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64" or not shutil.which("cc") or not shutil.which("objdump"),
    reason="needs Linux on x86-64 with a C compiler and objdump",
)


def compiled(source: Path, library: Path) -> Path:
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def answers(library: Path, **environment: str) -> list[int]:
    program = "import ctypes, sys; lib = ctypes.CDLL(sys.argv[1]); print(*(getattr(lib, name)() for name in sys.argv[2:]))"
    command = [sys.executable, "-c", program, str(library), "avx", "pairs_of_bfloat16", "like_cpuid"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    return [int(word) & 0xFFFFFFFF for word in done.stdout.split()]


def test_a_library_held_down_sees_avx2_and_no_more(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "bench")
    from held_engines import replace_cpuid

    (tmp_path / "asking.c").write_text(ASKING)
    asking = compiled(tmp_path / "asking.c", tmp_path / "libasking.so")
    holding = compiled(ROOT / "bench" / "hold" / "hold_processor.c", tmp_path / "libholding.so")
    seen, pairs, constant = answers(asking)
    assert replace_cpuid(asking) > 0
    held, held_pairs, held_constant = answers(asking, LD_PRELOAD=str(holding))
    assert held & AVX2 == seen & AVX2 and not held & AVX512F and held & ~seen == 0
    assert held_pairs == 0 and pairs in (0, 1)
    assert constant == held_constant == 0xA20FA20F


def test_a_library_that_does_not_ask_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "bench")
    from held_engines import replace_cpuid

    (tmp_path / "quiet.c").write_text("const unsigned kLikeCpuid = 0xa20f; unsigned quiet(void) { return kLikeCpuid; }\n")
    quiet = compiled(tmp_path / "quiet.c", tmp_path / "libquiet.so")
    before = quiet.read_bytes()
    assert replace_cpuid(quiet) == 0 and quiet.read_bytes() == before
