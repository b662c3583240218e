import re
from pathlib import Path
from typing import Any

import pytest
import torch

from llm2clip_export.towers.quantized import Int4Linear, Int8Embedding, Int8Linear

PAGE = Path(__file__).resolve().parents[4] / "docs" / "model_format.md"


def fill(layer: Any) -> Any:
    """Every byte anything, scales and minima of every size."""
    random = torch.Generator().manual_seed(5)
    for name, buffer in [*layer.requires_grad_(False).named_buffers(), *layer.named_parameters()]:
        if name == "weight":
            bits = torch.randint(0, 256, buffer.shape, generator=random).to(torch.uint8)
            buffer.copy_(bits if buffer.dtype == torch.uint8 else bits.view(torch.int8).clamp(min=-127))
        else:
            buffer.copy_(torch.randn(buffer.shape, generator=random) * 10 ** torch.randint(-6, 2, buffer.shape, generator=random))
    return layer.eval()


def columns_of_4_bits(packed: torch.Tensor) -> torch.Tensor:
    """By the words of the page: byte j holds column 2 j in its low half, column 2 j + 1 in its high half."""
    rows = [[half for byte in row for half in (byte % 16, byte // 16)] for row in packed.tolist()]
    return torch.tensor(rows, dtype=torch.float64)


def values_of(layer: Any, columns: int) -> torch.Tensor:
    """(N, K) float64, a group at a time."""
    q = layer.weight.double() if layer.weight.dtype == torch.int8 else columns_of_4_bits(layer.weight)
    groups = layer.scale.shape[1]
    each = q.split(columns // groups, dim=1)
    minima = layer.minimum.double() if isinstance(layer, Int4Linear) else torch.zeros_like(layer.scale).double()
    return torch.cat([part * layer.scale[:, g].double() + minima[:, g] for g, part in enumerate(each)], dim=1)


@pytest.mark.parametrize("kind, group", [(Int8Linear, 64), (Int8Linear, 192), (Int4Linear, 32), (Int4Linear, 16)])
@pytest.mark.parametrize("bias", [torch.float32, None])
def test_multiplies_with_exactly_the_weights_that_are_stored(kind, group, bias):
    layer = fill(kind(6, 192, group, bias))
    weights = torch.jit.script(layer)(torch.eye(192)).T - (0 if layer.bias is None else layer.bias[:, None])
    expected = values_of(layer, 192)
    if kind is Int8Linear and not bias:
        assert torch.equal(weights.double(), expected)
    torch.testing.assert_close(weights, expected.float(), rtol=1e-6, atol=1e-5 if bias else 0)


def test_weights_are_rounded_once_to_the_type_of_the_input():
    layer = fill(Int4Linear(6, 64, 32, None))
    expected = values_of(layer, 64).float().bfloat16()
    assert torch.equal(layer(torch.eye(64, dtype=torch.bfloat16)).T, expected)


def test_a_table_widens_the_rows_that_are_asked_for():
    table = fill(Int8Embedding(9, 16, 8))
    ids = torch.tensor([[3, 8, 3], [0, 1, 2]])
    expected = (table.weight.double() * table.scale.double().repeat_interleave(8, dim=1))[ids]
    assert torch.equal(torch.jit.script(table)(ids).double(), expected)
    assert table(ids).dtype == torch.float32


def operators_of(text: str) -> list[str]:
    return [name for name in re.findall(r"((?:aten|prim)::\w+)", text) if name not in ("prim::Constant", "prim::GetAttr")]


@pytest.mark.parametrize(
    "layer, title", [(Int8Linear(4, 64, 64, torch.float32), "# 8 bits"), (Int4Linear(4, 64, 32, None), "# 4 bits"),
                     (Int8Embedding(4, 8, 4), "The table of tokens")],
)  # fmt: skip
def test_the_page_shows_the_programs_as_torchscript_prints_them(layer, title):
    shown = PAGE.read_text().split(title, 1)[1].split("# 4 bits")[0].split("\n```\n\n")[0]
    wanted = operators_of(str(torch.jit.script(layer.requires_grad_(False)).inlined_graph))
    assert operators_of(shown)[: len(wanted)] == wanted
