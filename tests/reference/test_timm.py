"""Image embeddings of the binary against timm's towers behind torchvision's preprocessing: the EVA02 and SigLIP2 path.

Against what timm gave (goldens.py), or with --references against timm.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from goldens import assert_near, of_files, of_weights
from published import export, run_timm, write_checkpoints

pytestmark = pytest.mark.references("timm")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> list[Path]:
    """Drawn by the exporter for a side of 42: RGB, RGBA, gray."""
    folder = tmp_path_factory.mktemp("images")
    write_checkpoints("--vision", folder / "v")
    export("--vision", folder / "v", "-o", folder / "m")
    return sorted((folder / "m" / "golden").glob("*.png"))


def embeddings(checkpoint: Path, pictures: list[Path], out: Path) -> np.ndarray:
    run_timm("embed", checkpoint, out, *pictures)
    return np.load(out)


@pytest.mark.parametrize("form", ["eva02", "eva02 without tables", "siglip2"])
def test_embeddings_equal_those_of_timm(binary, pictures, tmp_path, form, goldens):
    family, *others = form.split(maxsplit=1)
    write_checkpoints("--vision", tmp_path / "v", "--family", family, *(["--no-tables"] if others else []))
    export("--vision", tmp_path / "v", "-o", tmp_path / "m", "--precision", "float32")
    file = next(path for path in (tmp_path / "v").iterdir() if path.suffix in {".pt", ".safetensors"})
    inputs = {"images": of_files(pictures), "weights": of_weights(file)}
    theirs = goldens.rows("timm", form, inputs, lambda: embeddings(file, pictures, tmp_path / "timm.npy"))
    subprocess.run(
        [binary, "embed-image", "-m", tmp_path / "m", *pictures, "--no-normalize", "-q", "-o", tmp_path / "ours.npy"],
        check=True, capture_output=True,
    )
    assert_near(np.load(tmp_path / "ours.npy"), theirs)
