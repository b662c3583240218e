"""Which library the loader meets first; src/CMakeLists.txt says why it matters."""

import subprocess

import pytest


def needed(program) -> list[str]:
    """The libraries a program names, in the order in which they are loaded."""
    lines = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split("[")[1].rstrip("]") for line in lines if "(NEEDED)" in line]


@pytest.mark.parametrize("program", ["tools/llm2clip/llm2clip", "tests/readme_program", "tests/core_test"])
def test_sentencepiece_is_loaded_before_libtorch(binary, program):
    libraries = needed(binary.parents[2] / program)
    sentencepiece = next(index for index, name in enumerate(libraries) if name.startswith("libsentencepiece"))
    torch = [index for index, name in enumerate(libraries) if name.startswith(("libtorch", "libc10"))]
    assert torch and sentencepiece < min(torch), libraries
