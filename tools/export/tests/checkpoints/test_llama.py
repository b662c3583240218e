import pytest
import torch

from llm2clip_export.checkpoints.llama import read_llama_repository
from llm2clip_export.errors import CheckpointError
from published_layout import LLAMA31_SCALING, write_text


def refusal(directory) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_llama_repository(directory, "as-stored")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("prefix", ["", "model."])
def test_reads_both_forms_of_the_keys_in_one_file_or_shards(tmp_path, saved, prefix, shards):
    write_text(tmp_path / "plain", seed=5)
    write_text(tmp_path / "other", seed=5, prefix=prefix, shards=shards)
    towers = [saved(read_llama_repository(tmp_path / name, "as-stored").weights, f"{name}.pt") for name in ("plain", "other")]
    ids = torch.tensor([[1, 2, 3]])
    assert torch.equal(towers[0](ids), towers[1](ids))


def test_keeps_the_stored_precision_whatever_the_config_says(tmp_path):
    # The config says bfloat16 in both.
    for dtype in (torch.float32, torch.bfloat16):
        write_text(tmp_path / str(dtype), dtype=dtype)
        weights = read_llama_repository(tmp_path / str(dtype), "as-stored").weights
        assert f"torch.{weights.precision}" == str(dtype)


def test_ignores_the_head_of_the_language_model_and_old_tables(tmp_path):
    extra = {"lm_head.weight": torch.zeros(3, 64), "layers.0.self_attn.rotary_emb.inv_freq": torch.zeros(8)}
    write_text(tmp_path / "t", tensors=extra)
    keys = read_llama_repository(tmp_path / "t", "as-stored").weights.keys.values()
    assert not set(keys) & set(extra)


@pytest.mark.parametrize("scaling", [None, {"rope_type": "default"}, LLAMA31_SCALING | {"type": "llama3"}])
def test_knows_rotary_scaling(tmp_path, scaling):
    write_text(tmp_path / "t", rope_scaling=scaling)
    frequencies = read_llama_repository(tmp_path / "t", "as-stored").geometry["frequencies"]
    assert len(frequencies) == 8 and frequencies[0] == 1.0


@pytest.mark.parametrize(
    "scaling, message",
    [
        ({"rope_type": "yarn", "factor": 2.0}, "rope_scaling.rope_type: expected llama3 or default, got 'yarn'"),
        ({"type": "linear", "factor": 2.0}, "rope_scaling.type: expected llama3 or default, got 'linear'"),
        ({"factor": 2.0}, "rope_scaling.rope_type: expected llama3 or default, got nothing"),
        ({"rope_type": "llama3", "factor": 8.0}, "rope_scaling.low_freq_factor: expected a number"),
        ("yarn", "rope_scaling: expected an object"),
    ],
)
def test_refuses_rotary_scaling_it_does_not_know(tmp_path, scaling, message):
    write_text(tmp_path / "t", rope_scaling=scaling)
    assert message in refusal(tmp_path / "t")


@pytest.mark.parametrize(
    "config, message",
    [
        ({"vocab_size": 128256}, "vocab_size: is 128256, but embed_tokens.weight says"),
        ({"hidden_size": 4096}, "hidden_size: is 4096, but embed_tokens.weight says 64"),
        ({"num_hidden_layers": 32}, "num_hidden_layers: is 32, but the number of layers.* says 2"),
        ({"intermediate_size": 5}, "intermediate_size: is 5, but layers.0.mlp.gate_proj.weight says 96"),
        ({"num_attention_heads": 8}, "num_attention_heads: 8 heads of 16 make 128 rows"),
        ({"num_key_value_heads": 4}, "num_key_value_heads: 4 heads of 16 make 64 rows"),
        ({"num_attention_heads": None}, "num_attention_heads: expected a positive integer, got nothing"),
        ({"model_type": "mistral"}, "model_type: expected llama, got 'mistral'"),
        ({"hidden_act": "gelu"}, "hidden_act: expected silu, got 'gelu'"),
    ],
)
def test_a_config_that_disagrees_with_the_tensors_is_refused(tmp_path, config, message):
    write_text(tmp_path / "t", config=config)
    assert message in refusal(tmp_path / "t")


def test_names_unexpected_tensors(tmp_path):
    write_text(tmp_path / "t", tensors={"layers.0.self_attn.q_proj.bias": torch.zeros(64)})
    assert "tensor layers.0.self_attn.q_proj.bias is unexpected" in refusal(tmp_path / "t")


def test_names_missing_layers(tmp_path):
    write_text(tmp_path / "t", tensors={"layers.5.input_layernorm.weight": torch.zeros(64)}, config={"num_hidden_layers": None})
    assert "layers." in refusal(tmp_path / "t") and "missing" in refusal(tmp_path / "t")


def test_a_number_out_of_the_blue_is_not_counted_up_to(tmp_path):
    write_text(tmp_path / "t", tensors={"layers.999999999999.x": torch.zeros(1)}, config={"num_hidden_layers": None})
    assert "layers." in refusal(tmp_path / "t")
