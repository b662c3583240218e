"""Writes small random checkpoints in the layout of the published ones: key names, config quirks, tokenizer.

    python tools/export/tests/published_layout.py --vision DIR --text DIR [--family openai|eva02|siglip2] [--lora DIR]
                                                  [--width N] [--vocab-from TOKENIZER_JSON] [--shards N]
                                                  [--seed N] [--rope-scaling] [--dtype float32|bfloat16|float16]

--family is that of the vision tower. --width is that of the text tower, which the adapter beside the vision tower fits.
Without --vocab-from the text model gets a tokenizer of its own: Llama-3's form with a vocabulary of 300.
"""

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from published_eva02 import write_eva02
from published_lora import write_lora
from published_siglip2 import write_siglip2
from published_tensors import Tensors, adapter_shapes, module_shapes, random_like

LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3_SPECIALS = [
    "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
]  # fmt: skip
ADAPTER = "text_adapter.adaptor."
LLAMA31_SCALING = {
    "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192, "rope_type": "llama3",
}  # fmt: skip


# ---- vision and adapter: reference.md 1.3


def vision_shapes(
    *, width: int = 128, layers: int = 2, patch_size: int = 14, image_size: int = 42, embedding_dim: int = 24
) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the vision tower of LLM2CLIP-Openai-*."""
    patches = (image_size // patch_size) ** 2
    embeddings = "vision_model.embeddings."
    shapes: dict[str, tuple[int, ...]] = {
        f"{embeddings}class_embedding": (width,),
        f"{embeddings}patch_embedding.weight": (width, 3, patch_size, patch_size),
        f"{embeddings}position_embedding.weight": (patches + 1, width),
        "visual_projection.weight": (embedding_dim, width),
        "logit_scale": (),
    }
    norms = ["vision_model.pre_layrnorm", "vision_model.post_layernorm"]
    linears = {}
    for layer in range(layers):
        at = f"vision_model.encoder.layers.{layer}"
        norms += [f"{at}.layer_norm1", f"{at}.layer_norm2"]
        linears |= {f"{at}.self_attn.{name}_proj": (width, width) for name in ("q", "k", "v", "out")}
        linears |= {f"{at}.mlp.fc1": (4 * width, width), f"{at}.mlp.fc2": (width, 4 * width)}
    return shapes | module_shapes(dict.fromkeys(norms, (width,)) | linears)


def b16_config(image_size: int, patch_size: int, embedding_dim: int) -> dict:
    """As LLM2CLIP-Openai-B-16 has it: no width, no layers, no heads (reference.md 1.2)."""
    return {
        "_name_or_path": "LLM2CLIP-Openai-B-16",
        "architectures": ["LLM2CLIPModel"],
        "auto_map": {"AutoConfig": "configuration_clip.CLIPConfig", "AutoModel": "modeling_clip.LLM2CLIPModel"},
        "initializer_factor": 1.0,
        "logit_scale_init_value": 2.6592,
        "model_type": "clip",
        "projection_dim": embedding_dim,
        "text_config": {"model_type": "clip_text_model"},
        "torch_dtype": "float32",
        "transformers_version": "4.40.2",
        "vision_config": {
            "dropout": 0.0, "image_size": image_size, "model_type": "clip_vision_model", "patch_size": patch_size,
            "projection_dim": embedding_dim,
        },
    }  # fmt: skip


def write_vision(
    directory: Path,
    *,
    width: int = 128,
    layers: int = 2,
    patch_size: int = 14,
    image_size: int = 42,
    embedding_dim: int = 24,
    adapter_width: int | None = 64,
    second: str = "fn.3",
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
    vision_config: dict | None = None,
    tensors: Tensors | None = None,
) -> None:
    """A repository like LLM2CLIP-Openai-B-16. `adapter_width` None: none, as in the first revisions."""
    shapes = vision_shapes(
        width=width, layers=layers, patch_size=patch_size, image_size=image_size, embedding_dim=embedding_dim
    )
    if adapter_width is not None:
        shapes |= adapter_shapes(ADAPTER, width=adapter_width, embedding_dim=embedding_dim, second=second)
    values = {key: value.to(dtype) for key, value in random_like(shapes, seed).items()} | (tensors or {})
    config = b16_config(image_size, patch_size, embedding_dim)
    config["vision_config"] |= vision_config or {}
    directory.mkdir(parents=True, exist_ok=True)
    write_json(config, directory / "config.json")
    save_file(values, directory / "model.safetensors", metadata={"format": "pt"})


# ---- text: reference.md 1.6


def llama_shapes(
    *, vocabulary: int, width: int, layers: int, heads: int, kv_heads: int, head_dim: int, mlp_width: int
) -> dict[str, tuple[int, ...]]:
    """Keys, without `model.`, and shapes of a Llama without head."""
    shapes: dict[str, tuple[int, ...]] = {"embed_tokens.weight": (vocabulary, width), "norm.weight": (width,)}
    for layer in range(layers):
        at = f"layers.{layer}"
        shapes |= {
            f"{at}.input_layernorm.weight": (width,),
            f"{at}.self_attn.q_proj.weight": (heads * head_dim, width),
            f"{at}.self_attn.k_proj.weight": (kv_heads * head_dim, width),
            f"{at}.self_attn.v_proj.weight": (kv_heads * head_dim, width),
            f"{at}.self_attn.o_proj.weight": (width, heads * head_dim),
            f"{at}.post_attention_layernorm.weight": (width,),
            f"{at}.mlp.gate_proj.weight": (mlp_width, width),
            f"{at}.mlp.up_proj.weight": (mlp_width, width),
            f"{at}.mlp.down_proj.weight": (width, mlp_width),
        }
    return shapes


def write_text(
    directory: Path,
    *,
    width: int = 64,
    layers: int = 2,
    heads: int = 4,
    kv_heads: int = 2,
    mlp_width: int = 96,
    theta: float = 500000.0,
    rope_scaling: dict | None = None,
    prefix: str = "",
    shards: int = 1,
    dtype: torch.dtype = torch.float32,
    seed: int = 1,
    vocab_from: Path | None = None,
    vocabulary: int | None = None,
    config: dict | None = None,
    tensors: Tensors | None = None,
) -> None:
    """A repository like LLM2CLIP-Llama-3-*-Instruct-CC-Finetuned. `prefix` is "" (8B) or "model."."""
    directory.mkdir(parents=True, exist_ok=True)
    write_tokenizer(directory, vocab_from)
    head_dim = width // heads
    vocabulary = vocabulary or tokenizer_size(directory / "tokenizer.json")
    shapes = llama_shapes(
        vocabulary=vocabulary, width=width, layers=layers, heads=heads, kv_heads=kv_heads, head_dim=head_dim,
        mlp_width=mlp_width,
    )  # fmt: skip
    values = {key: value.to(dtype) for key, value in random_like(shapes, seed).items()} | (tensors or {})
    write_json(
        {
            "_name_or_path": "LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned",
            "architectures": ["LlamaBiModel"],
            "attention_bias": False,
            "bos_token_id": token_id(directory, "<|begin_of_text|>"),
            "eos_token_id": token_id(directory, "<|eot_id|>"),
            "head_dim": head_dim,
            "hidden_act": "silu",
            "hidden_size": width,
            "intermediate_size": mlp_width,
            "max_position_embeddings": 131072,
            "mlp_bias": False,
            "model_type": "llama",
            "num_attention_heads": heads,
            "num_hidden_layers": layers,
            "num_key_value_heads": kv_heads,
            "rms_norm_eps": 1e-05,
            "rope_scaling": rope_scaling,
            "rope_theta": theta,
            "tie_word_embeddings": True,
            "torch_dtype": "bfloat16",  # whatever the file holds: the 1B repository says so over float32 weights
            "transformers_version": "4.44.2",
            "vocab_size": vocabulary,
        }
        | (config or {}),
        directory / "config.json",
    )
    write_shards(directory, {prefix + key: value for key, value in values.items()}, shards)


def write_shards(directory: Path, tensors: Tensors, shards: int) -> None:
    if shards == 1:
        save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
        return
    keys = sorted(tensors)
    shard_of = {}
    for shard in range(shards):
        name = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        chosen = keys[shard::shards]
        save_file({key: tensors[key] for key in chosen}, directory / name, metadata={"format": "pt"})
        shard_of |= dict.fromkeys(chosen, name)
    total = sum(value.nbytes for value in tensors.values())
    write_json({"metadata": {"total_size": total}, "weight_map": shard_of}, directory / "model.safetensors.index.json")


# ---- tokenizer: reference.md 8.1


def write_tokenizer(directory: Path, vocab_from: Path | None = None) -> None:
    """tokenizer.json with what transformers wants beside it."""
    if vocab_from:
        shutil.copyfile(vocab_from, directory / "tokenizer.json")
    else:
        write_json(small_tokenizer(), directory / "tokenizer.json")
    specials = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "pad_token": "<|eot_id|>"}
    write_json(specials, directory / "special_tokens_map.json")
    write_json(
        specials | {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 131072, "padding_side": "left"},
        directory / "tokenizer_config.json",
    )


def small_tokenizer() -> dict:
    """Llama-3's tokenizer.json with the 256 bytes, a few merges and five special tokens."""
    letters = byte_letters()
    merges = [
        "Ġ a", "Ġ d", "o g", "Ġd og", "t o", "Ġ o", "Ġ t", "h e", "Ġt he", "Ġo f", "c a", "Ġ p", "Ġp h",
        "Ċ Ċ", "ĊĊ Ċ", "s e", "u se", "use r",
    ]  # fmt: skip
    pieces = list(letters) + ["".join(merge.split(" ")) for merge in merges]
    vocab = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    first = len(vocab)
    added = [
        {"id": first + index, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
        for index, content in enumerate(LLAMA3_SPECIALS)
    ]  # fmt: skip
    bos = {"SpecialToken": {"id": LLAMA3_SPECIALS[0], "type_id": 0}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": LLAMA3_SPLIT}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
            ],
        },
        "post_processor": {
            "type": "Sequence",
            "processors": [
                {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
                {
                    "type": "TemplateProcessing",
                    "single": [bos, {"Sequence": {"id": "A", "type_id": 0}}],
                    "pair": [bos, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                    "special_tokens": {
                        LLAMA3_SPECIALS[0]: {"id": LLAMA3_SPECIALS[0], "ids": [first], "tokens": [LLAMA3_SPECIALS[0]]}
                    },
                },
            ],
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": True,
            "vocab": vocab, "merges": merges,
        },
    }  # fmt: skip


def byte_letters() -> str:
    """A printable letter for each byte, as GPT-2 writes them: itself where it is printable, else from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}
    return "".join(letters[byte] for byte in range(256))


def tokenizer_size(path: Path) -> int:
    content = json.loads(path.read_text(encoding="utf-8"))
    return 1 + max(max(content["model"]["vocab"].values()), *(token["id"] for token in content["added_tokens"]))


def token_id(directory: Path, content: str) -> int:
    tokens = json.loads((directory / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    return next(token["id"] for token in tokens if token["content"] == content)


def write_json(content: dict, path: Path) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


VISION_WRITERS: dict[str, Callable[..., object]] = {"openai": write_vision, "eva02": write_eva02, "siglip2": write_siglip2}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vision", type=Path, metavar="DIR")
    parser.add_argument("--family", choices=list(VISION_WRITERS), default="openai")
    parser.add_argument("--text", type=Path, metavar="DIR")
    parser.add_argument("--lora", type=Path, metavar="DIR", help="an adapter for the text tower")
    parser.add_argument("--width", type=int, default=64, help="of the text tower (default: 64)")
    parser.add_argument("--name", default="LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned", help="of the text tower")
    parser.add_argument("--vocab-from", type=Path, metavar="TOKENIZER_JSON")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rope-scaling", action="store_true", help="as Llama 3.2 has it")
    parser.add_argument("--embedding-dim", type=int, help="of vision tower and adapter (default: 24; siglip2: its width)")
    parser.add_argument("--no-tables", action="store_true", help="EVA02 without rotary tables in the file")
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], help="default: as the family has it")
    options = parser.parse_args(arguments)
    dtype = {"dtype": getattr(torch, options.dtype)} if options.dtype else {}
    form = {"tables": False} if options.no_tables else {}
    form |= {"embedding_dim": options.embedding_dim} if options.embedding_dim else {}
    if options.vision:
        VISION_WRITERS[options.family](options.vision, adapter_width=options.width, seed=options.seed, **form, **dtype)
    if options.text:
        write_text(
            options.text, width=options.width, seed=options.seed + 1, vocab_from=options.vocab_from,
            shards=options.shards, rope_scaling=LLAMA31_SCALING if options.rope_scaling else None,
            config={"_name_or_path": options.name}, **dtype,
        )  # fmt: skip
    if options.lora:
        write_lora(options.lora, load_file(options.text / "model.safetensors"))


if __name__ == "__main__":
    main()
