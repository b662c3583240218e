"""Every published family: export, then each stage of the saved towers on the goldens' inputs."""

import pytest
import torch
from safetensors.torch import load_file

from agreement import assert_equal_in_float32, assert_near_in_bfloat16
from published_eva02 import write_eva02
from published_layout import LLAMA31_SCALING, write_text, write_vision
from published_lora import write_lora
from published_siglip2 import write_siglip2
from test_export import check_files, check_goldens, exported, manifest_of

LLAMA_8B, LLAMA_1B = "LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned", "LLM2CLIP-Llama-3-2-1B-Instruct-CC-Finetuned"


def write_8b(directory):
    write_text(directory, shards=4, dtype=torch.bfloat16, config={"_name_or_path": LLAMA_8B})


def write_1b(directory):
    write_text(directory, width=32, rope_scaling=LLAMA31_SCALING, config={"_name_or_path": LLAMA_1B})


def write_llama31(directory):
    write_text(
        directory, dtype=torch.bfloat16, prefix="model.", rope_scaling=LLAMA31_SCALING | {"factor": 8.0},
        config={"_name_or_path": "meta-llama/Llama-3.1-8B-Instruct"},
    )  # fmt: skip
    base = load_file(directory / "model.safetensors")
    write_lora(directory.parent / "lora", {key.removeprefix("model."): value for key, value in base.items()})


def write_openai_l14(directory):
    # Its config says what that of B-16 leaves out, and its side is larger.
    write_vision(
        directory, image_size=56, vision_config={"hidden_size": 128, "num_attention_heads": 2, "num_hidden_layers": 2},
    )  # fmt: skip


FAMILIES = {
    "openai-b-16": (write_vision, write_8b, "hf"),
    "openai-l-14-336": (write_openai_l14, write_8b, "hf"),
    "eva02-b-16": (lambda path: write_eva02(path, image_size=56, name="LLM2CLIP-EVA02-B-16.pt"), write_8b, "torchvision"),
    "eva02-l-14-336": (write_eva02, write_8b, "torchvision"),
    "llama3.2-1b-eva02-l-14-336": (lambda path: write_eva02(path, adapter_width=32), write_1b, "torchvision"),
    "siglip2-so400m": (write_siglip2, write_llama31, "torchvision"),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_each_stage_equals_the_reference(tmp_path, family):
    write_image_side, write_text_side, order = FAMILIES[family]
    write_image_side(tmp_path / family)
    write_text_side(tmp_path / "text")
    lora = [tmp_path / "lora"] if (tmp_path / "lora").exists() else []
    model = exported(tmp_path, vision=tmp_path / family, text=tmp_path / "text", lora=lora, precision="float32")
    assert manifest_of(model)["vision"]["order"] == order
    check_files(model)
    check_goldens(model, assert_equal_in_float32)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("family", ["eva02-l-14-336", "siglip2-so400m"])
def test_half_precisions_are_near_the_reference(tmp_path, family, precision):
    write_image_side, write_text_side, _ = FAMILIES[family]
    write_image_side(tmp_path / family)
    write_text_side(tmp_path / "text")
    check_goldens(
        exported(tmp_path, vision=tmp_path / family, text=tmp_path / "text", precision=precision), assert_near_in_bfloat16
    )


def test_the_card_of_the_1b_model_shortens_long_captions(tmp_path):
    write_1b(tmp_path / "text")
    model = exported(tmp_path, text=tmp_path / "text")
    assert manifest_of(model)["text"]["doc_max_length"] == 400
    longest = load_file(model / "golden.safetensors")["token_counts"].max().item()
    assert longest == 400 + 6  # BOS, three tokens of the header and its newlines, <|eot_id|>
    (tmp_path / "b").mkdir()
    unshortened = exported(tmp_path / "b", text=tmp_path / "text", doc_max_length=512)
    assert "doc_max_length" not in manifest_of(unshortened)["text"]
