"""Small random checkpoints in the published layout, and their exports, for the tests against the references."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
# The checkpoints belong to the exporter's tests; this is their command line.
WRITER = ROOT / "tools" / "export" / "tests" / "published_layout.py"


def run_python(*arguments) -> str:
    """Runs this environment's Python and returns its standard output; fails with what it printed."""
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write_checkpoints(*arguments) -> None:
    """--vision DIR, --text DIR and more: see published_layout.py --help."""
    run_python(WRITER, *arguments)


def export(*arguments) -> None:
    """What `llm2clip-export` does with these arguments."""
    run_python("-m", "llm2clip_export.cli", *arguments, "-q")


def run_llm2vec(script: str, *arguments) -> None:
    """A script of this folder in the environment of llm2vec and peft."""
    run_in(".venv-llm2vec", script, *arguments)


def run_timm(*arguments) -> None:
    """timm_embeddings.py in the environment of timm and torchvision."""
    run_in(".venv-timm", "timm_embeddings.py", *arguments)


def run_in(environment: str, script: str, *arguments) -> None:
    python = ROOT / environment / "bin" / "python"
    assert python.is_file(), f"{environment} is missing: run scripts/setup --test"
    done = subprocess.run(
        [python, ROOT / "tests" / "reference" / script, *map(str, arguments)],
        capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr


def assert_near(ours: np.ndarray, reference: np.ndarray) -> None:
    """The bars for float32: largest relative error 1e-4, cosine 0.999999."""
    assert ours.shape == reference.shape
    error = np.abs(ours - reference).max() / np.abs(reference).max()
    cosine = (ours * reference).sum(1) / (np.linalg.norm(ours, axis=1) * np.linalg.norm(reference, axis=1))
    print(f"{len(ours)} texts: largest relative error {error:.2e}, smallest cosine {cosine.min():.8f}")
    assert error <= 1e-4
    assert cosine.min() >= 0.999999
