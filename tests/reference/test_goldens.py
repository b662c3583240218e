"""What holds the tests against the references up: a golden answers for its inputs alone, and is the package's answer."""

import numpy as np
import pytest

import goldens
from goldens import FOLDER, Goldens

INPUTS = {"texts": "0f", "weights": 1234.5}
ROWS = np.arange(6, dtype=np.float32).reshape(2, 3) + 1


def never():
    raise AssertionError("the package was asked")


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Goldens of one key, and the two files they are of."""
    monkeypatch.setattr(goldens, "FOLDER", tmp_path)
    monkeypatch.setattr(goldens, "made_with", lambda package: f"{package} 1.0")
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        path.write_bytes(path.name.encode())
    making = Goldens(set(), making=True)
    making.rows("llm2vec", "key", INPUTS, lambda: ROWS)
    making.digests("timm", "key", paths, lambda: ROWS)
    return paths


def test_goldens_come_back_without_the_package(written):
    committed = Goldens(set(), making=False)
    near = {**INPUTS, "weights": 1234.5001}  # another processor's random numbers
    assert np.array_equal(committed.rows("llm2vec", "key", near, never), ROWS)
    assert committed.digests("timm", "key", written, never)["b.png"] == goldens.digest(ROWS[1].tobytes())


@pytest.mark.parametrize("inputs", [{**INPUTS, "texts": "10"}, {**INPUTS, "weights": 1234.0}, {"texts": "0f"}])
def test_other_inputs_are_refused(written, inputs):
    with pytest.raises(AssertionError, match="key was computed from other inputs: run scripts/make_goldens"):
        Goldens(set(), making=False).rows("llm2vec", "key", inputs, never)


def test_another_file_is_refused(written):
    written[0].write_bytes(b"another")
    with pytest.raises(AssertionError, match="key: other files"):
        Goldens(set(), making=False).digests("timm", "key", written, never)


def test_a_package_that_gives_something_else_is_told(written):
    asked = Goldens({"llm2vec", "timm"}, making=False)
    assert np.array_equal(asked.rows("llm2vec", "key", INPUTS, lambda: ROWS), ROWS)
    with pytest.raises(AssertionError):
        asked.rows("llm2vec", "key", INPUTS, lambda: ROWS + np.float32(0.01))
    one_ulp = np.nextafter(ROWS, np.float32(9))
    with pytest.raises(AssertionError, match="timm gives others now"):
        asked.digests("timm", "key", written, lambda: one_ulp)


def test_goldens_are_small_and_say_what_made_them():
    files = sorted(FOLDER.iterdir())
    assert [file.name for file in files] == ["clip_benchmark.safetensors", "llm2vec.safetensors", "timm.safetensors",
                                              "timm_pixels.json"]
    assert all(file.stat().st_size < 200_000 for file in files)
    for package, file in zip(("clip_benchmark", "llm2vec", "timm", "timm"), files, strict=True):
        made_with = file.read_bytes().decode(errors="replace")
        assert all(f"{name} " in made_with for name in goldens.PACKAGES[package])
