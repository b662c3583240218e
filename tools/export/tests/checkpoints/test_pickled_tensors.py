import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from llm2clip_export.checkpoints.pickled_tensors import PickledTensors
from llm2clip_export.errors import CheckpointError

TENSORS = OrderedDict(a=torch.arange(6.0).reshape(2, 3).half(), b=torch.ones(4), c=torch.tensor(2.0).bfloat16())


def write(path: Path, content) -> Path:
    torch.save(content, path)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        PickledTensors(path)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


@pytest.mark.parametrize("wrap", [
    lambda x: x, lambda x: {"model": x}, lambda x: {"module": x, "epoch": 3},
    lambda x: {"state_dict": x, "optimizer": {}},
    lambda x: {f"module.{key}": value for key, value in x.items()}])  # fmt: skip
def test_reads_tensors_in_every_wrapping(tmp_path, wrap):
    tensors = PickledTensors(write(tmp_path / "x.pt", wrap(TENSORS)))
    assert tensors.keys() == ["a", "b", "c"]
    for key, value in TENSORS.items():
        assert tensors.dtype(key) == value.dtype and tensors.shape(key) == tuple(value.shape)
        assert torch.equal(tensors.read(key), value)


def test_what_it_reads_is_mapped(tmp_path):
    path = write(tmp_path / "x.pt", {"a": torch.zeros(1 << 16)})
    tensor = PickledTensors(path).read("a")
    start = tensor.data_ptr()
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    areas = [line.split() for line in lines if str(path) in line]
    ranges = [[int(end, 16) for end in area[0].split("-")] for area in areas]
    assert any(low <= start < high for low, high in ranges)


class Harm:
    """Makes a directory when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_program_in_the_file_is_named_and_not_run(tmp_path):
    harm = tmp_path / "harm"
    assert "its pickle names posix.mkdir; only tensors are read" in refusal(write(tmp_path / "x.pt", {"a": Harm(harm)}))
    assert not harm.exists()


@pytest.mark.parametrize(
    "content, message",
    [
        ({"a": torch.ones(2), "epoch": 3}, "epoch is int; expected tensors only"),
        ({"a": torch.ones(2), "names": ["x"]}, "names is list; expected tensors only"),
        ({1: torch.ones(2)}, "1 is Tensor; expected tensors only"),
        ([torch.ones(2)], "expected named tensors, got list"),
        ({}, "expected named tensors, got dict"),
        (torch.ones(2), "expected named tensors, got Tensor"),
    ],
)
def test_anything_but_tensors_is_refused_by_name(tmp_path, content, message):
    assert message in refusal(write(tmp_path / "x.pt", content))


def test_a_type_that_is_no_weight_is_refused_where_it_is_used(tmp_path):
    tensors = PickledTensors(write(tmp_path / "x.pt", {"a": torch.zeros(2, dtype=torch.int64)}))
    with pytest.raises(CheckpointError, match="a: expected F32, BF16 or F16, got torch.int64"):
        tensors.dtype("a")


def test_a_bare_pickle_is_not_opened(tmp_path):
    harm = tmp_path / "harm"
    (tmp_path / "x.pt").write_bytes(pickle.dumps({"a": Harm(harm)}))
    assert "expected a zip file" in refusal(tmp_path / "x.pt")
    assert not harm.exists()


@pytest.mark.parametrize("kept", [0.99, 0.5, 0.1])
def test_recognizes_a_truncated_file(tmp_path, kept):
    path = write(tmp_path / "x.pt", {"a": torch.zeros(1000)})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    assert "is truncated or damaged" in refusal(path)


def test_recognizes_a_zip_file_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "is truncated or damaged" in refusal(tmp_path / "x.pt")


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "is a Git LFS pointer"),
        (b"\n<!doctype HTML><html>", "is a web page"),
    ],
)
def test_recognizes_what_commonly_lies_in_the_place_of_a_file(tmp_path, content, message):
    (tmp_path / "x.pt").write_bytes(content)
    assert message in refusal(tmp_path / "x.pt")
