"""Text encoders of Llama's architecture: keys with or without `model.`, in one file or in shards."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm2clip_export.checkpoints.config import Config
from llm2clip_export.checkpoints.lora import LoRA, MergedTensors
from llm2clip_export.checkpoints.tensor_files import TensorFiles
from llm2clip_export.checkpoints.tensors import Tensors
from llm2clip_export.checkpoints.tower_weights import TowerWeights, count_layers, refuse_unexpected
from llm2clip_export.towers.bidirectional_llama import BidirectionalLlama, Llama3Scaling, rotary_frequencies

EMBEDDING = "embed_tokens.weight"
# LlamaConfig's values where config.json is silent.
DEFAULT_EPS = 1e-6
DEFAULT_THETA = 10000.0


@dataclass(frozen=True)
class TextCheckpoint:
    """A published text tower. `geometry` holds the arguments of the tower's constructor; `adapters` are merged into it."""

    weights: TowerWeights
    config: Config
    geometry: dict[str, Any]
    prefix: str
    repository: str
    adapters: Sequence[LoRA] = ()

    @property
    def embedding_path(self) -> Path:
        return self.weights.tensors.path_of(self.prefix + EMBEDDING)

    @property
    def width(self) -> int:
        return self.geometry["width"]

    @property
    def layers(self) -> int:
        return self.geometry["layers"]


def read_llama_repository(directory: Path, precision: str, adapters: Sequence[Path] = ()) -> TextCheckpoint:
    """`adapters`: LoRA adapters to merge, in this order."""
    config = Config.read(directory)
    config.choice("model_type", ["llama"], "llama")
    config.choice("hidden_act", ["silu"], "silu")
    tensors: Tensors = TensorFiles.open(directory)
    lora = [LoRA(path) for path in adapters]
    if lora:
        tensors = MergedTensors(tensors, lora)
    prefix = "model." if f"model.{EMBEDDING}" in tensors else ""
    geometry = read_geometry(tensors, config, prefix)
    keys = published_keys(geometry["layers"], prefix)
    refuse_unexpected(tensors, set(keys.values()) | ignored(geometry["layers"], prefix))
    weights = TowerWeights.checked(lambda: BidirectionalLlama(**geometry), tensors, keys, precision)
    return TextCheckpoint(weights, config, geometry, prefix, config.repository, lora)


def ignored(layers: int, prefix: str) -> set[str]:
    """The head of the language model, which an encoder has no use for, and tables that old files carry."""
    tables = {f"{prefix}layers.{layer}.self_attn.rotary_emb.inv_freq" for layer in range(layers)}
    return {"lm_head.weight", f"{prefix}rotary_emb.inv_freq"} | tables


def read_geometry(tensors: Tensors, config: Config, prefix: str) -> dict[str, Any]:
    vocabulary, width = tensors.shape(prefix + EMBEDDING, 2)
    layers = count_layers(tensors, f"{prefix}layers.")
    heads = config.integer("num_attention_heads")
    kv_heads = config.integer("num_key_value_heads", heads)
    head_dim = config.integer("head_dim", max(width // heads, 1))
    gate = f"{prefix}layers.0.mlp.gate_proj.weight"
    mlp_width = tensors.shape(gate, 2)[0]

    config.agree("vocab_size", vocabulary, prefix + EMBEDDING)
    config.agree("hidden_size", width, prefix + EMBEDDING)
    config.agree("num_hidden_layers", layers, f"the number of {prefix}layers.*")
    config.agree("intermediate_size", mlp_width, gate)
    check_heads(tensors, config, prefix, heads, head_dim, "num_attention_heads", "q_proj")
    check_heads(tensors, config, prefix, kv_heads, head_dim, "num_key_value_heads", "k_proj")
    if heads % kv_heads:
        raise config.error("num_key_value_heads", f"{kv_heads} do not divide num_attention_heads, {heads}")
    if head_dim % 2:
        raise config.error("head_dim", f"expected an even number, got {head_dim}")
    return {
        "vocabulary": vocabulary,
        "width": width,
        "layers": layers,
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": head_dim,
        "mlp_width": mlp_width,
        "eps": config.number("rms_norm_eps", DEFAULT_EPS),
        "frequencies": rotary_frequencies(head_dim, config.number("rope_theta", DEFAULT_THETA), read_scaling(config)),
    }


def check_heads(
    tensors: Tensors, config: Config, prefix: str, heads: int, head_dim: int, field: str, projection: str
) -> None:
    key = f"{prefix}layers.0.self_attn.{projection}.weight"
    rows = tensors.shape(key, 2)[0]
    if rows != heads * head_dim:
        raise config.error(field, f"{heads} heads of {head_dim} make {heads * head_dim} rows, but {key} has {rows}")


def read_scaling(config: Config) -> Llama3Scaling | None:
    scaling = config.section("rope_scaling")
    if not scaling.values:
        return None
    field = "rope_type" if "rope_type" in scaling.values else "type"
    if scaling.choice(field, ["llama3", "default"], "") == "default":
        return None
    if field not in scaling.values:
        raise scaling.error("rope_type", "expected llama3 or default, got nothing")
    return Llama3Scaling(
        factor=scaling.number("factor"),
        low_freq_factor=scaling.number("low_freq_factor"),
        high_freq_factor=scaling.number("high_freq_factor"),
        original_max_tokens=scaling.integer("original_max_position_embeddings"),
    )


def published_keys(layers: int, prefix: str) -> dict[str, str]:
    """The tower's parameters -> published keys."""
    names = {"embedding": "embed_tokens", "norm": "norm"}
    for layer in range(layers):
        at = f"layers.{layer}."
        names |= {
            f"{at}norm1": f"{at}input_layernorm",
            f"{at}attention.query": f"{at}self_attn.q_proj",
            f"{at}attention.key": f"{at}self_attn.k_proj",
            f"{at}attention.value": f"{at}self_attn.v_proj",
            f"{at}attention.out": f"{at}self_attn.o_proj",
            f"{at}norm2": f"{at}post_attention_layernorm",
            f"{at}mlp.gate": f"{at}mlp.gate_proj",
            f"{at}mlp.up": f"{at}mlp.up_proj",
            f"{at}mlp.down": f"{at}mlp.down_proj",
        }
    return {f"{ours}.weight": f"{prefix}{theirs}.weight" for ours, theirs in names.items()}
