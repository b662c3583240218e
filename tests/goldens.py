"""What the reference packages gave, as small files: rows and digests that tests compare with.

The packages themselves (timm and torchvision: 5.5 GB, llm2vec: 1.6 GB) are asked only with `pytest --references`, which
also holds the files against them, and with `--make-goldens`, which writes the files (scripts/make_goldens). A file holds
what it was computed from as well, so that a changed input is told as one and not as a wrong row.
"""

import functools
import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "reference" / "goldens"
HINT = "run scripts/make_goldens, and look at what it changes"
# What an environment's name is, and whose versions its goldens carry.
PACKAGES = {"llm2vec": ["llm2vec", "transformers", "peft", "torch", "numpy"],
            "timm": ["timm", "torchvision", "torch", "Pillow", "numpy"],
            "clip_benchmark": ["clip-benchmark", "torch", "scikit-learn", "numpy"]}
# Random weights differ by an ulp between processors; other weights differ by far more.
SAME_WEIGHTS = 1e-6


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@functools.cache
def made_with(package: str) -> str:
    ask = ("import sys; from importlib.metadata import version; "
           "print(*(f'{name} {version(name)}' for name in sys.argv[1:]), sep=', ')")
    python = ROOT / f".venv-{package}" / "bin" / "python"
    done = subprocess.run([python, "-c", ask, *PACKAGES[package]], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def of_texts(calls: list[list[str]]) -> str:
    return digest(json.dumps(calls).encode())


def of_files(paths: list[Path]) -> str:
    return digest("".join(digest(path.read_bytes()) for path in paths).encode())


def of_weights(checkpoint: Path) -> float:
    """The sum of what the tensors' absolute values sum to, with a factor for each name in its turn."""
    import torch
    from safetensors.torch import load_file as load_tensors

    files = [checkpoint] if checkpoint.is_file() else sorted(checkpoint.glob("*.safetensors"))
    tensors = {}
    for file in files:
        tensors |= load_tensors(file) if file.suffix == ".safetensors" else torch.load(file, weights_only=True)
    sums = [float(tensors[name].double().abs().sum()) for name in sorted(tensors)]
    return sum((1 + i) * total for i, total in enumerate(sums))


def same_inputs(stored: dict, now: dict) -> bool:
    return stored.keys() == now.keys() and all(
        value == pytest.approx(stored[name], rel=SAME_WEIGHTS) if isinstance(value, float) else value == stored[name]
        for name, value in now.items()
    )


def assert_near(ours: np.ndarray, reference: np.ndarray) -> None:
    """The bars for float32: largest relative error 1e-4, cosine 0.999999."""
    assert ours.shape == reference.shape
    error = np.abs(ours - reference).max() / np.abs(reference).max()
    cosine = (ours * reference).sum(1) / (np.linalg.norm(ours, axis=1) * np.linalg.norm(reference, axis=1))
    print(f"{len(ours)} rows: largest relative error {error:.2e}, smallest cosine {cosine.min():.8f}")
    assert error <= 1e-4
    assert cosine.min() >= 0.999999


class Goldens:
    """One mode of a test run: compare with the files, with the packages that `asked` names, or write the files."""

    def __init__(self, asked: set[str], making: bool) -> None:
        self.asked, self.making = asked, making

    def uses(self, package: str) -> bool:
        return self.making or package in self.asked

    def rows(self, package: str, key: str, inputs: dict, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """The (count, size) float32 rows under `key` of goldens/PACKAGE.safetensors, or what `compute` gives."""
        file = FOLDER / f"{package}.safetensors"
        if self.making:
            rows = compute()
            return _write_rows(file, key, inputs, rows)
        stored, rows = _read_rows(file, key)
        assert same_inputs(stored, inputs), f"{file.name}: {key} was computed from other inputs: {HINT}"
        if not self.uses(package):
            return rows
        theirs = compute()
        assert_near(rows, theirs)
        return theirs

    def digests(self, package: str, key: str, paths: list[Path], compute: Callable[[], np.ndarray]) -> dict[str, str]:
        """{file name: SHA-256 of its float32 array}, of the digests under `key` in goldens/PACKAGE_pixels.json."""
        file = FOLDER / f"{package}_pixels.json"
        contents = {path.name: digest(path.read_bytes()) for path in paths}
        if self.uses(package):
            arrays = compute()
            theirs = {path.name: digest(np.ascontiguousarray(array).tobytes()) for path, array in zip(paths, arrays, strict=True)}
            if self.making:
                _write_digests(file, key, {name: [contents[name], theirs[name]] for name in contents})
        stored = json.loads(file.read_text(encoding="utf-8"))[key]
        assert {name: pair[0] for name, pair in stored.items()} == contents, f"{file.name}: {key}: other files: {HINT}"
        goldens = {name: pair[1] for name, pair in stored.items()}
        assert not self.uses(package) or goldens == theirs, f"{file.name}: {key}: {package} gives others now: {HINT}"
        return goldens


def _header(file: Path) -> dict:
    with open(file, "rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
        return json.loads(opened.read(size)).get("__metadata__", {})


def _read_rows(file: Path, key: str) -> tuple[dict, np.ndarray]:
    tensors = load_file(file)
    assert key in tensors, f"{file.name}: has no {key}: {HINT}"
    return json.loads(_header(file)[key]), tensors[key]


def _write_rows(file: Path, key: str, inputs: dict, rows: np.ndarray) -> np.ndarray:
    tensors, metadata = (load_file(file), _header(file)) if file.exists() else ({}, {})
    tensors[key] = np.ascontiguousarray(rows, dtype=np.float32)
    metadata |= {key: json.dumps(inputs, sort_keys=True), "made with": made_with(file.stem)}
    save_file(dict(sorted(tensors.items())), file, dict(sorted(metadata.items())))
    return rows


def _write_digests(file: Path, key: str, digests: dict[str, list[str]]) -> None:
    content = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    content |= {key: dict(sorted(digests.items())), "made with": made_with(file.stem.removesuffix("_pixels"))}
    file.write_text(json.dumps(dict(sorted(content.items())), indent=0) + "\n", encoding="utf-8")
