"""Image embeddings of the binary against timm's towers behind torchvision's preprocessing: the EVA02 and SigLIP2 path."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from published import assert_near, export, run_timm, write_checkpoints


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> list[Path]:
    """Drawn by the exporter for a side of 42: RGB, RGBA, grey."""
    folder = tmp_path_factory.mktemp("pictures")
    write_checkpoints("--vision", folder / "v")
    export("--vision", folder / "v", "-o", folder / "m")
    return sorted((folder / "m" / "golden").glob("*.png"))


@pytest.mark.parametrize("form", ["eva02", "eva02 without tables", "siglip2"])
def test_embeddings_equal_those_of_timm(binary, pictures, tmp_path, form):
    family, *others = form.split(maxsplit=1)
    write_checkpoints("--vision", tmp_path / "v", "--family", family, *(["--no-tables"] if others else []))
    export("--vision", tmp_path / "v", "-o", tmp_path / "m", "--precision", "float32")
    file = next(path for path in (tmp_path / "v").iterdir() if path.suffix in {".pt", ".safetensors"})
    run_timm("embed", file, tmp_path / "timm.npy", *pictures)
    subprocess.run(
        [binary, "embed-image", "-m", tmp_path / "m", *pictures, "--no-normalize", "-q", "-o", tmp_path / "ours.npy"],
        check=True, capture_output=True,
    )
    assert_near(np.load(tmp_path / "ours.npy"), np.load(tmp_path / "timm.npy"))
