import pytest
import torch

from llm2clip_export.checkpoints.openai_vit import IGNORED
from llm2clip_export.checkpoints.vision_families import read_vision
from llm2clip_export.errors import CheckpointError
from published_layout import write_vision


def refusal(directory, precision="as-stored") -> str:
    with pytest.raises(CheckpointError) as caught:
        read_vision(directory, precision)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_finds_the_geometry_in_the_tensors(vision):
    # The config has no width, layers or heads, like that of B-16.
    checkpoint, adapter = read_vision(vision, "as-stored")
    assert checkpoint.geometry == {
        "image_size": 42, "patch_size": 14, "width": 128, "layers": 2, "heads": 2, "mlp_width": 512,
        "embedding_dim": 24, "activation": "quick_gelu", "eps": 1e-5,
    }  # fmt: skip
    assert adapter.geometry == {"width": 64, "hidden": 128, "blocks": 4, "embedding_dim": 24, "normalize": True}


def test_takes_from_the_config_what_tensors_do_not_show(tmp_path):
    config = {"num_attention_heads": 4, "hidden_act": "gelu", "layer_norm_eps": 1e-6}
    write_vision(tmp_path / "v", vision_config=config)
    geometry = read_vision(tmp_path / "v", "as-stored")[0].geometry
    assert (geometry["heads"], geometry["activation"], geometry["eps"]) == (4, "gelu", 1e-6)


@pytest.mark.parametrize(
    "field, value, tensor",
    [
        ("hidden_size", 64, "class_embedding"),
        ("image_size", 224, "position_embedding"),
        ("patch_size", 16, "patch_embedding"),
        ("num_hidden_layers", 3, "vision_model.encoder.layers."),
        ("intermediate_size", 100, "mlp.fc1"),
        ("projection_dim", 1280, "visual_projection"),
    ],
)
def test_a_config_that_disagrees_with_the_tensors_is_refused(tmp_path, field, value, tensor):
    write_vision(tmp_path / "v", vision_config={field: value})
    message = refusal(tmp_path / "v")
    assert f"config.json: vision_config.{field}: is {value}, but" in message
    assert tensor in message


@pytest.mark.parametrize("field, value", [("hidden_act", "relu"), ("num_attention_heads", 3), ("layer_norm_eps", "x")])
def test_refuses_values_it_cannot_use(tmp_path, field, value):
    write_vision(tmp_path / "v", vision_config={field: value})
    assert f"vision_config.{field}: " in refusal(tmp_path / "v")


def test_ignores_position_ids_and_the_logit_scale(tmp_path):
    ids = {"vision_model.embeddings.position_ids": torch.arange(10)[None]}
    write_vision(tmp_path / "v", tensors=ids)
    checkpoint, adapter = read_vision(tmp_path / "v", "as-stored")
    used = {*checkpoint.weights.keys.values(), *adapter.weights.keys.values()}
    assert not used & IGNORED


def test_early_revisions_have_no_adapter(tmp_path):
    write_vision(tmp_path / "v", adapter_width=None)
    assert read_vision(tmp_path / "v", "as-stored")[1] is None


def test_names_unexpected_tensors(tmp_path):
    extra = {f"text_model.layer{i}.weight": torch.zeros(2) for i in range(5)}
    write_vision(tmp_path / "v", tensors=extra)
    message = refusal(tmp_path / "v")
    assert "text_model.layer0.weight, text_model.layer1.weight, text_model.layer2.weight and 2 more tensors are" in message
    assert "model.safetensors" in message


def without(directory, *keys):
    """Rewrites the checkpoint without some tensors."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(directory / "model.safetensors")
    save_file({key: value for key, value in tensors.items() if key not in keys}, directory / "model.safetensors")


@pytest.mark.parametrize(
    "key",
    [
        "vision_model.embeddings.class_embedding",
        "vision_model.encoder.layers.0.self_attn.k_proj.bias",
        "visual_projection.weight",
        "text_adapter.adaptor.2.fn.3.weight",
        "text_adapter.adaptor.5.bias",
    ],
)
def test_names_a_missing_tensor(vision, key):
    without(vision, key)
    assert key in refusal(vision)


@pytest.mark.parametrize(
    "key, shape",
    [
        ("vision_model.encoder.layers.1.mlp.fc2.weight", (128, 511)),
        ("vision_model.embeddings.position_embedding.weight", (11, 128)),
        ("vision_model.embeddings.class_embedding", (1, 1, 128)),
        ("text_adapter.adaptor.1.ln.weight", (63,)),
    ],
)
def test_names_a_tensor_of_another_shape(tmp_path, key, shape):
    write_vision(tmp_path / "v", tensors={key: torch.zeros(shape)})
    assert key in refusal(tmp_path / "v")


def test_mixed_precisions_need_a_choice(tmp_path):
    key = "vision_model.pre_layrnorm.weight"
    write_vision(tmp_path / "v", dtype=torch.float16, tensors={key: torch.ones(128)})
    assert "choose one with --precision" in refusal(tmp_path / "v")
    checkpoint, _ = read_vision(tmp_path / "v", "float32")
    assert checkpoint.weights.precision == "float32"
