"""Nothing in a graph is tied to the CPU, and nothing makes a GPU wait: every kind of tower."""

import pytest
import torch

from llm2clip_export.checkpoints.adapter import read_adapter
from llm2clip_export.checkpoints.llama import read_llama_repository
from llm2clip_export.checkpoints.tensor_files import TensorFiles
from llm2clip_export.checkpoints.vision_families import read_vision
from llm2clip_export.torchscript import save_tower
from published_eva02 import write_eva02
from published_layout import LLAMA31_SCALING, write_text, write_vision
from published_siglip2 import write_siglip2


def llama(folder):
    write_text(folder, rope_scaling=LLAMA31_SCALING)
    return read_llama_repository(folder, "bfloat16").weights, torch.zeros(2, 7, dtype=torch.int64), (2, 7)


def openai(folder):
    write_vision(folder)
    return read_vision(folder, "bfloat16")[0].weights, torch.zeros(2, 3, 42, 42), (2,)


def adapter(folder):
    write_vision(folder)
    return read_adapter(TensorFiles.open(folder), "bfloat16").weights, torch.zeros(2, 64), (2,)


def eva02(folder):
    return read_vision(write_eva02(folder), "bfloat16")[0].weights, torch.zeros(2, 3, 42, 42), (2,)


def siglip2(folder):
    return read_vision(write_siglip2(folder), "bfloat16")[0].weights, torch.zeros(2, 3, 42, 42), (2,)


TOWERS = [llama, openai, eva02, siglip2, adapter]

# What makes a tensor of numbers of the host, or numbers of the host of a tensor: a GPU waits for either.
WAITING = {
    "aten::tensor", "aten::as_tensor", "aten::item", "aten::Int", "aten::Float", "aten::Bool", "aten::IntImplicit",
    "aten::FloatImplicit", "aten::ScalarImplicit", "aten::is_nonzero", "aten::nonzero", "aten::masked_select",
    "aten::unique", "aten::equal", "aten::allclose", "aten::cpu", "aten::cuda", "aten::numpy_T", "aten::tolist",
    "prim::tolist",
}  # fmt: skip


def nodes_of(block):
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from nodes_of(inner)


@pytest.fixture(params=TOWERS, ids=lambda kind: kind.__name__)
def tower(request, tmp_path):
    """The saved archive, an input, and the shape of the result but for its last axis."""
    (tmp_path / "published").mkdir()
    weights, example, shape = request.param(tmp_path / "published")
    save_tower(weights, tmp_path / "tower.pt")
    return tmp_path / "tower.pt", example, shape


def test_runs_on_the_meta_device(tower):
    path, example, shape = tower
    module = torch.jit.load(path, map_location="meta")
    on_cpu = torch.jit.load(path)(example)
    result = module(example.to("meta"))
    assert result.device.type == "meta"
    assert (result.shape, result.dtype) == (on_cpu.shape, on_cpu.dtype)
    assert tuple(result.shape[:-1]) == shape


def test_nothing_waits_for_the_device(tower):
    kinds = {node.kind() for node in nodes_of(torch.jit.load(tower[0]).inlined_graph)}
    assert kinds & {"aten::linear", "aten::matmul", "aten::conv2d"}
    assert kinds & WAITING == set()


def test_attention_has_no_mask(tower):
    """With one, LibTorch cannot take its flash kernels."""
    graph = torch.jit.load(tower[0]).inlined_graph
    masks = [list(node.inputs())[3] for node in nodes_of(graph) if node.kind() == "aten::scaled_dot_product_attention"]
    assert all(str(mask.type()) == "NoneType" for mask in masks)
