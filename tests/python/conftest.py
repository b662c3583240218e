"""The Python package of the working tree over the library of the build."""

import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python"


@pytest.fixture(scope="session")
def python(binary):
    """Runs a program in a process of its own, with the package on its path."""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "LLM2CLIP_LIBRARY": str(binary.parents[2] / "src/libllm2clip.so")}

    def run(program: str, *arguments, check: bool = True, **more: str) -> subprocess.CompletedProcess:
        done = subprocess.run([sys.executable, "-c", program, *map(str, arguments)], env={**environment, **more}, cwd=ROOT,
                              capture_output=True, text=True, timeout=120)
        assert not check or done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def llm2clip(binary) -> types.ModuleType:
    """The package, in this process."""
    os.environ["LLM2CLIP_LIBRARY"] = str(binary.parents[2] / "src/libllm2clip.so")
    sys.path.insert(0, str(PACKAGE))
    import llm2clip

    return llm2clip


@pytest.fixture(scope="session")
def model(llm2clip, demo_model):
    return llm2clip.Model(demo_model)


@pytest.fixture(scope="session")
def pictures():
    """Four drawings."""
    return sorted((ROOT / "tests/data/unseen").glob("image_*"))
