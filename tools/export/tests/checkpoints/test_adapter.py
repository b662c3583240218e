import pytest

from llm2clip_export.checkpoints.adapter import read_adapter
from llm2clip_export.checkpoints.tensor_files import TensorFiles
from published_layout import write_vision


@pytest.mark.parametrize("second", ["fn.2", "fn.3"])
def test_accepts_both_names_of_the_second_linear(tmp_path, second):
    write_vision(tmp_path / "v", second=second)
    keys = read_adapter(TensorFiles.open(tmp_path / "v"), "as-stored").weights.keys
    assert keys["blocks.3.fc2.weight"] == f"text_adapter.adaptor.3.{second}.weight"


def test_finds_its_widths_in_the_tensors(tmp_path):
    write_vision(tmp_path / "v", adapter_width=48, embedding_dim=20)
    adapter = read_adapter(TensorFiles.open(tmp_path / "v"), "bfloat16")
    assert (adapter.width, adapter.embedding_dim) == (48, 20)
    assert adapter.weights.bytes == 2 * (4 * (2 * 48 + 2 * 48 * 96 + 96 + 48) + 2 * 48 + 20 * 48 + 20)
