"""The C interface is what tests/c/abi.txt says, and the library defines all of it."""

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

spec = importlib.util.spec_from_file_location("make_c_abi", ROOT / "scripts" / "make_c_abi.py")
assert spec and spec.loader
make_c_abi = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_c_abi)


@pytest.fixture(scope="module")
def library():
    """The library of the build that LLM2CLIP_BINARY is of, or of the dev build: shared where it is built so."""
    binary = Path(os.environ.get("LLM2CLIP_BINARY", ROOT / "build/dev/tools/llm2clip/llm2clip"))
    folder = binary.resolve().parents[2] / "src"
    for name in ["libllm2clip.so", "libllm2clip.a"]:
        if (folder / name).exists():
            return folder / name
    pytest.fail(f"no libllm2clip in {folder}: build first")


def defined_symbols(library):
    """The C functions that `library` defines for others to link."""
    dynamic = ["-D"] if library.suffix == ".so" else []
    output = subprocess.run(["nm", *dynamic, "--defined-only", "--extern-only", library], capture_output=True,
                            check=True, text=True).stdout
    return set(re.findall(r" T (llm2clip_\w+)$", output, flags=re.MULTILINE))


def declared_functions():
    return set(make_c_abi.functions(make_c_abi.declarations()))


def test_the_header_declares_what_the_list_says():
    expected = make_c_abi.LIST.read_text(encoding="utf-8").splitlines()
    assert make_c_abi.abi() == expected, "run scripts/make_c_abi.py where the change breaks no program"


def test_the_library_defines_what_the_header_declares_and_no_more(library):
    assert defined_symbols(library) == declared_functions()


def test_every_function_is_called_by_the_tests_in_c():
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "c").glob("*_test.c"))
    tests += (ROOT / "tests" / "c" / "main.c").read_text(encoding="utf-8")
    uncalled = [name for name in declared_functions() if f"{name}(" not in tests]
    assert uncalled == []


def test_a_change_of_a_struct_or_a_function_is_seen(tmp_path):
    text = make_c_abi.HEADER.read_text(encoding="utf-8")
    changed = tmp_path / "llm2clip.h"
    changed.write_text(text.replace("  size_t batch_size;", "  int32_t batch_size;", 1)
                       .replace("llm2clip_set_threads(int32_t", "llm2clip_set_threads(int64_t")
                       .replace("LLM2CLIP_IO = 6", "LLM2CLIP_IO = 9"), encoding="utf-8")
    gone = set(make_c_abi.abi()) - set(make_c_abi.abi(changed))
    assert {line.split("(")[0].split(":")[0] for line in gone} == {
        "function llm2clip_status llm2clip_set_threads", "struct llm2clip_encode_options 64", "constant LLM2CLIP_IO 6"}
