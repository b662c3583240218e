import json
import struct

import pytest
import torch
from safetensors.torch import save_file

from llm2clip_export.checkpoints.tensor_files import INDEX, SINGLE, TensorFiles
from llm2clip_export.errors import CheckpointError
from published_layout import write_shards

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4, dtype=torch.bfloat16), "c": torch.tensor(2.0)}


@pytest.mark.parametrize("shards", [1, 2, 3])
def test_reads_one_file_or_shards(tmp_path, shards):
    write_shards(tmp_path, TENSORS, shards)
    files = TensorFiles.open(tmp_path)
    assert files.keys() == ["a", "b", "c"]
    for key, tensor in TENSORS.items():
        assert torch.equal(files.read(key), tensor)
        assert files.shape(key) == tuple(tensor.shape)
        assert files.dtype(key) == tensor.dtype


def test_tensors_have_storages_of_their_own(tmp_path):
    write_shards(tmp_path, TENSORS, 1)
    files = TensorFiles.open(tmp_path)
    for key in TENSORS:
        tensor = files.read(key)
        assert tensor.untyped_storage().nbytes() == tensor.nbytes
        assert tensor.is_contiguous()


def test_gives_back_what_it_mapped(tmp_path):
    # All of an 8-billion-parameter checkpoint would otherwise count as memory of the exporter.
    write_shards(tmp_path, TENSORS, 1)
    files = TensorFiles.open(tmp_path)
    tensor = files.read("a")
    assert is_mapped(tmp_path / SINGLE)
    del tensor
    assert not is_mapped(tmp_path / SINGLE)


def is_mapped(path) -> bool:
    return str(path) in open("/proc/self/maps", encoding="utf-8").read()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_names_a_weight_that_is_not_a_number(tmp_path, value, dtype):
    values = torch.ones(100, dtype=dtype)
    values[37] = value
    save_file({"a": values}, tmp_path / SINGLE)
    with pytest.raises(CheckpointError, match="model.safetensors: a has NaN or infinite values"):
        TensorFiles.open(tmp_path).read("a")


def test_converts_on_request(tmp_path):
    write_shards(tmp_path, TENSORS, 1)
    assert TensorFiles.open(tmp_path).read("a", torch.float16).dtype == torch.float16


def test_refuses_values_beyond_the_precision(tmp_path):
    save_file({"a": torch.tensor([1.0, 1e6])}, tmp_path / SINGLE)
    with pytest.raises(CheckpointError, match="a has values beyond torch.float16's range"):
        TensorFiles.open(tmp_path).read("a", torch.float16)


def refusal(directory) -> str:
    with pytest.raises(CheckpointError) as caught:
        TensorFiles.open(directory)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_names_a_missing_directory(tmp_path):
    assert f"{tmp_path / 'nowhere'}: expected a directory" in refusal(tmp_path / "nowhere")


def test_names_missing_weights_and_what_is_there_instead(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    assert f"{tmp_path / SINGLE}: is missing" in refusal(tmp_path)
    assert "pytorch_model.bin" in refusal(tmp_path)


def test_names_a_missing_shard(tmp_path):
    write_shards(tmp_path, TENSORS, 3)
    (tmp_path / "model-00002-of-00003.safetensors").unlink()
    assert "model-00002-of-00003.safetensors: is missing (1 of 3 shards are)" in refusal(tmp_path)


def test_names_a_tensor_that_the_index_promises(tmp_path):
    write_shards(tmp_path, TENSORS, 2)
    index = json.loads((tmp_path / INDEX).read_text())
    index["weight_map"]["d"] = "model-00001-of-00002.safetensors"
    (tmp_path / INDEX).write_text(json.dumps(index))
    assert "model-00001-of-00002.safetensors: has no d, though" in refusal(tmp_path)


@pytest.mark.parametrize("index", [
    "", "[]", "{}", '{"weight_map": {}}', '{"weight_map": {"a": "../x"}}', '{"weight_map": {"a": 1}}'])  # fmt: skip
def test_refuses_a_damaged_index(tmp_path, index):
    (tmp_path / INDEX).write_text(index)
    assert f"{tmp_path / INDEX}: " in refusal(tmp_path)


def test_a_tensor_in_two_shards_is_an_error(tmp_path):
    write_shards(tmp_path, TENSORS, 3)
    save_file(TENSORS, tmp_path / "model-00002-of-00003.safetensors")
    assert "stands in" in refusal(tmp_path)


@pytest.mark.parametrize("kept", [0.99, 0.5])
def test_says_how_much_of_a_truncated_file_is_there(tmp_path, kept):
    write_shards(tmp_path, {"a": torch.zeros(1000)}, 1)
    whole = (tmp_path / SINGLE).read_bytes()
    cut = whole[: int(len(whole) * kept)]
    (tmp_path / SINGLE).write_bytes(cut)
    assert f"{tmp_path / SINGLE}: is truncated: expected {len(whole):,} bytes, got {len(cut):,}" in refusal(tmp_path)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "is a Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"abc", "is truncated, or no safetensors file"),
        (b"PK\3\4" + bytes(1000), "download it again"),
        (struct.pack("<Q", 2**63), "is truncated, or no safetensors file"),
        (struct.pack("<Q", 4) + b"nope", "download it again"),
    ],
)
def test_recognizes_what_is_no_safetensors_file(tmp_path, content, message):
    (tmp_path / SINGLE).write_bytes(content)
    assert message in refusal(tmp_path)
    assert str(tmp_path / SINGLE) in refusal(tmp_path)


def test_refuses_a_type_that_is_no_weight(tmp_path):
    save_file({"a": torch.zeros(2, dtype=torch.int64)}, tmp_path / SINGLE)
    with pytest.raises(CheckpointError, match="a: expected F32, BF16 or F16, got I64"):
        TensorFiles.open(tmp_path).dtype("a")
