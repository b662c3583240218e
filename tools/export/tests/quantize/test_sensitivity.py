"""What the way back says a rounding costs, against rounding the matrix and running the tower."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from llm2clip_export.checkpoints.llama import read_llama_repository
from llm2clip_export.published_tokenizer import tokenize
from llm2clip_export.quantize.captions import CAPTIONS
from llm2clip_export.quantize.rounding import round_to_4_bits
from llm2clip_export.quantize.sensitivity import measure
from llm2clip_export.quantize.walk import Walk, advance, linears
from llm2clip_export.quantize.walks import text_walk
from llm2clip_export.text_side import read_text_side
from published_layout import write_text


@pytest.fixture
def walk(tmp_path) -> Walk:
    write_text(tmp_path / "t", layers=3)
    return text_walk(read_text_side(tmp_path / "t", [], "float32", "llama3", "", None))


def changed_rows(walk: Walk, name: str, change: torch.Tensor) -> torch.Tensor:
    states = walk.starts()
    for stage in walk.stages:
        part = walk.loaded(stage)
        if name.startswith(stage.prefix):
            linears(part)[name.removeprefix(stage.prefix)].weight.data += change
        states = advance(stage, part, states)
    return torch.cat(states)


@pytest.mark.parametrize("name", ["layers.0.mlp.down", "layers.1.attention.value", "layers.2.mlp.gate"])
def test_the_loss_is_that_of_rounding_the_matrix_and_running_the_tower(walk, name):
    changes = {}

    def candidates(of: str, weight: torch.Tensor) -> dict[int, torch.Tensor]:
        changes[of] = round_to_4_bits(weight, 32).values - weight
        return {4: changes[of]}

    measured = measure(walk, candidates)
    actual = 1 - F.cosine_similarity(changed_rows(walk, name, changes[name]).double(), measured.rows.double())
    assert measured.losses[name][4] == pytest.approx(actual.mean().item(), rel=0.5)


def test_rows_are_those_of_the_whole_tower(walk, tmp_path):
    checkpoint = read_llama_repository(tmp_path / "t", "float32")
    tower: nn.Module = checkpoint.weights.tower
    tower.load_state_dict({name: checkpoint.weights.read(key) for name, key in checkpoint.weights.keys.items()}, assign=True)
    text = read_text_side(tmp_path / "t", [], "float32", "llama3", "", None)
    tokens = tokenize(CAPTIONS[0], text.prompt, text.tokenizer, text.doc_max_length)
    expected = tower(torch.tensor([tokens.ids]))[0, -tokens.pooled :].mean(0)
    torch.testing.assert_close(measure(walk, lambda *_: {}).rows[0], expected, rtol=1e-5, atol=1e-5)
