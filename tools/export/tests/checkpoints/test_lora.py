import pytest
import torch
from safetensors.torch import load_file, save_file

from agreement import assert_equal_in_float32
from llm2clip_export.checkpoints.llama import read_llama_repository
from llm2clip_export.checkpoints.lora import LoRA
from llm2clip_export.errors import CheckpointError
from published_layout import write_text
from published_lora import write_lora


def tensors_of(text):
    return load_file(text / "model.safetensors")


def merged_by_hand(text, *adapters):
    """W + alpha / r * B A, in float64."""
    tensors = {key: value.double() for key, value in tensors_of(text).items()}
    for adapter in adapters:
        thin = load_file(adapter / "adapter_model.safetensors")
        for key in thin:
            if ".lora_A" in key:
                at = key.removesuffix(".lora_A.weight")
                delta = thin[f"{at}.lora_B.weight"].double() @ thin[key].double() * 2
                tensors[at.removeprefix("base_model.model.") + ".weight"] += delta
    return tensors


def test_adds_the_product_of_the_thin_matrices(tmp_path, text):
    write_lora(tmp_path / "lora", tensors_of(text))
    merged = read_llama_repository(text, "as-stored", [tmp_path / "lora"]).weights
    changed = 0
    for key, expected in merged_by_hand(text, tmp_path / "lora").items():
        torch.testing.assert_close(merged.read(key).double(), expected, rtol=1e-5, atol=1e-6)
        changed += not torch.equal(merged.read(key), tensors_of(text)[key])
    assert changed == 14


def test_several_adapters_are_added_one_after_the_other(tmp_path, text):
    adapters = [tmp_path / "a", tmp_path / "b"]
    for index, adapter in enumerate(adapters):
        write_lora(adapter, tensors_of(text), seed=index)
    merged = read_llama_repository(text, "as-stored", adapters).weights
    key = "layers.0.mlp.up_proj.weight"
    assert_equal_in_float32(merged.read(key), merged_by_hand(text, *adapters)[key])


@pytest.mark.parametrize("form", [{"prefix": "base_model.model.model."}, {"pickle": True}, {"dtype": torch.bfloat16}])
def test_every_form_of_the_adapter_gives_the_same_weights(tmp_path, text, form):
    write_lora(tmp_path / "plain", tensors_of(text))
    write_lora(tmp_path / "other", tensors_of(text), **form)
    towers = [read_llama_repository(text, "as-stored", [tmp_path / name]).weights for name in ("plain", "other")]
    key = "layers.1.self_attn.q_proj.weight"
    tolerance = 1e-2 if "dtype" in form else 0
    torch.testing.assert_close(towers[0].read(key), towers[1].read(key), rtol=tolerance, atol=tolerance)


def test_a_base_with_prefixed_keys_is_met(tmp_path):
    for prefix in ("", "model."):
        write_text(tmp_path / f"text{prefix}", prefix=prefix)
    write_lora(tmp_path / "lora", tensors_of(tmp_path / "text"))
    weights = [
        read_llama_repository(tmp_path / f"text{prefix}", "as-stored", [tmp_path / "lora"]).weights
        for prefix in ("", "model.")
    ]
    key = "layers.0.self_attn.o_proj.weight"
    assert torch.equal(weights[0].read(key), weights[1].read(f"model.{key}"))


def test_rank_stabilised_adapters_are_scaled_by_the_root(tmp_path, text):
    write_lora(tmp_path / "lora", tensors_of(text), rank=4, alpha=8, config={"use_rslora": True})
    assert LoRA(tmp_path / "lora").scale == 4


def test_merges_in_the_precision_of_the_export(tmp_path):
    write_text(tmp_path / "text", dtype=torch.bfloat16)
    write_lora(tmp_path / "lora", tensors_of(tmp_path / "text"))
    key = "layers.0.mlp.gate_proj.weight"
    as_stored, wide = (
        read_llama_repository(tmp_path / "text", precision, [tmp_path / "lora"]).weights.read(key)
        for precision in ("as-stored", "float32")
    )
    assert (as_stored.dtype, wide.dtype) == (torch.bfloat16, torch.float32)
    assert 0 < (as_stored.float() - wide).abs().max() < 0.05


def refusal(text, lora) -> str:
    with pytest.raises(CheckpointError) as caught:
        checkpoint = read_llama_repository(text, "as-stored", [lora])
        for key in checkpoint.weights.keys.values():
            checkpoint.weights.read(key)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "config, message",
    [
        ({"peft_type": "IA3"}, "peft_type: expected LORA, got 'IA3'"),
        ({"use_dora": True}, "use_dora: expected False, got True; it cannot be merged"),
        ({"bias": "all"}, "bias: expected 'none', got 'all'"),
        ({"modules_to_save": ["embed_tokens"]}, "modules_to_save"),
        ({"r": 8}, "with rank 8; was it trained on another model?"),
        ({"r": None}, "r: expected a positive integer"),
    ],
)
def test_names_what_it_cannot_merge(tmp_path, text, config, message):
    write_lora(tmp_path / "lora", tensors_of(text), config=config)
    assert message in refusal(text, tmp_path / "lora")


def test_an_adapter_of_another_model_is_named(tmp_path, text):
    write_text(tmp_path / "deeper", layers=3)
    write_lora(tmp_path / "lora", tensors_of(tmp_path / "deeper"))
    message = refusal(text, tmp_path / "lora")
    assert "adapter_model.safetensors: changes weights that" in message and "layers.2." in message
    write_text(tmp_path / "wider", width=128)
    write_lora(tmp_path / "wide", tensors_of(tmp_path / "wider"))
    assert "was it trained on another model?" in refusal(text, tmp_path / "wide")


def test_names_missing_files_and_foreign_tensors(tmp_path, text):
    write_lora(tmp_path / "lora", tensors_of(text))
    path = tmp_path / "lora" / "adapter_model.safetensors"
    save_file(load_file(path) | {"extra.weight": torch.ones(2)}, path)
    assert "extra.weight is not of a LoRA adapter" in refusal(text, tmp_path / "lora")
    path.unlink()
    assert f"{path}: is missing" in refusal(text, tmp_path / "lora")
    assert "adapter_config.json: is missing" in refusal(text, text)
