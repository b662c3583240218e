"""What every saved tower must be."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from llm2clip_export.checkpoints.adapter import read_adapter
from llm2clip_export.checkpoints.llama import read_llama_repository
from llm2clip_export.checkpoints.tensor_files import TensorFiles
from llm2clip_export.checkpoints.vision_families import read_vision
from llm2clip_export.errors import OutputError
from llm2clip_export.torchscript import save_tower
from published_layout import write_text, write_vision

PARTS = ["vision", "adapter", "text"]
INPUTS = {
    "vision": lambda: torch.zeros(2, 3, 42, 42),
    "adapter": lambda: torch.zeros(2, 64),
    "text": lambda: torch.zeros(2, 7, dtype=torch.int64),
}
RESULTS = {"vision": (2, 24), "adapter": (2, 24), "text": (2, 7, 64)}


def weights(part: str, folder: Path, precision: str = "as-stored"):
    if part == "text":
        write_text(folder / "t")
        return read_llama_repository(folder / "t", precision).weights
    write_vision(folder / "v")
    if part == "vision":
        return read_vision(folder / "v", precision)[0].weights
    return read_adapter(TensorFiles.open(folder / "v"), precision).weights


def operators(module: torch.jit.ScriptModule) -> list:
    nodes = list(module.inlined_graph.nodes())
    for node in nodes:
        for block in node.blocks():
            nodes.extend(block.nodes())
    return nodes


@pytest.mark.parametrize("part", PARTS)
def test_holds_no_device_and_only_standard_operators(tmp_path, saved, part):
    nodes = operators(saved(weights(part, tmp_path)))
    assert not [node for node in nodes if node.kind() == "prim::Constant" and str(node.output().type()) == "Device"]
    assert {node.kind().partition("::")[0] for node in nodes} <= {"aten", "prim"}
    code = "".join(str(node) for node in nodes if node.kind() == "prim::Constant")
    assert "cpu" not in code and "cuda" not in code


@pytest.mark.parametrize("part", PARTS)
def test_runs_on_another_device(tmp_path, part):
    save_tower(weights(part, tmp_path), tmp_path / "tower.pt")
    tower = torch.jit.load(tmp_path / "tower.pt", map_location="meta")
    result = tower(INPUTS[part]().to("meta"))
    assert result.device.type == "meta"
    assert tuple(result.shape) == RESULTS[part]


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("part", PARTS)
def test_keeps_the_precision_of_its_weights(tmp_path, saved, part, precision):
    tower = saved(weights(part, tmp_path, precision))
    dtype = getattr(torch, precision)
    assert {parameter.dtype for parameter in tower.parameters()} == {dtype}
    assert not list(tower.buffers())
    assert not tower.training
    assert not any(parameter.requires_grad for parameter in tower.parameters())
    assert tower(INPUTS[part]()).dtype == dtype


@pytest.mark.parametrize("part", PARTS)
def test_each_weight_is_a_record_of_its_own(tmp_path, part):
    # The C++ side binds records to the mapped file: no two weights may share one, none may be compressed.
    source = weights(part, tmp_path)
    save_tower(source, tmp_path / "tower.pt")
    with zipfile.ZipFile(tmp_path / "tower.pt") as archive:
        records = [info for info in archive.infolist() if "/data/" in info.filename]
    assert sorted(info.file_size for info in records) == sorted(p.nbytes for p in source.tower.parameters())
    assert {info.compress_type for info in records} == {zipfile.ZIP_STORED}


@pytest.mark.parametrize("part", PARTS)
def test_names_no_file_of_the_exporting_machine(tmp_path, part):
    save_tower(weights(part, tmp_path), tmp_path / "tower.pt")
    with zipfile.ZipFile(tmp_path / "tower.pt") as archive:
        text = b"".join(archive.read(name) for name in archive.namelist() if "/data/" not in name)
    here = str(Path(__file__).resolve().parents[2]).encode()
    assert here not in text and sys.prefix.encode() not in text and str(tmp_path).encode() not in text


def test_the_same_bytes_in_every_process(tmp_path):
    write_vision(tmp_path / "v")
    program = """
import sys
from pathlib import Path
from llm2clip_export.checkpoints.vision_families import read_vision
from llm2clip_export.torchscript import save_tower
save_tower(read_vision(Path(sys.argv[1]), "as-stored")[0].weights, Path(sys.argv[2]))
"""
    digests = set()
    for seed in ("1", "2"):
        path = tmp_path / seed / "vision.pt"
        path.parent.mkdir()
        subprocess.run(
            [sys.executable, "-c", program, tmp_path / "v", path], check=True, env={"PYTHONHASHSEED": seed}
        )
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_a_path_that_cannot_be_written_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        save_tower(weights("adapter", tmp_path), tmp_path / "nowhere" / "tower.pt")
