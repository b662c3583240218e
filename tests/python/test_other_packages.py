"""The look-alikes, each tried by the code of the package that it looks like, in the environment that has them all."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CASES = sorted((ROOT / "tests/python/packages").glob("*_cases.py"))


@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.name.removesuffix("_cases.py"))
def test_a_package_takes_llm2clip_for_its_own(binary, cases):
    python = ROOT / ".venv-python/bin/python"
    if not python.exists():
        pytest.skip(".venv-python is not there (scripts/setup --python)")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "LLM2CLIP_BINARY": str(binary)}
    flags = ["-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]  # LangChain's tests await
    done = subprocess.run([python, "-m", "pytest", *flags, cases], cwd=ROOT, env=environment, capture_output=True, text=True,
                          timeout=280)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "skipped" not in done.stdout.splitlines()[-1], done.stdout
