"""The demo model's networks, in the classes and the files of the published models, only smaller."""

import json
import pathlib
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection, LlamaConfig, LlamaModel

IMAGE_SIZE = 60
EMBEDDING_DIM = 128
TEXT_WIDTH = 128
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)

VISION: dict[str, Any] = {"hidden_size": 192, "num_attention_heads": 3, "num_hidden_layers": 5, "intermediate_size": 480,
          "patch_size": 10, "image_size": IMAGE_SIZE, "projection_dim": EMBEDDING_DIM, "hidden_act": "quick_gelu",
          "layer_norm_eps": 1e-5, "attention_dropout": 0.0}
TEXT: dict[str, Any] = {"hidden_size": TEXT_WIDTH, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
        "num_hidden_layers": 2, "intermediate_size": 256, "rms_norm_eps": 1e-5, "rope_theta": 500000.0,
        "rope_scaling": None, "max_position_embeddings": 8192, "hidden_act": "silu", "attention_bias": False,
        "mlp_bias": False, "tie_word_embeddings": False}


class ResidualBlock(nn.Module):
    """x + W2 GELU(W1 LN(x)); the names of its parts are those of the published checkpoints."""

    def __init__(self, width: int):
        super().__init__()
        self.ln = nn.LayerNorm(width)
        self.fn = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(0.0), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.fn(self.ln(x))


class Adapter(nn.Module):
    """Caption embeddings (B, H) of any length to text embeddings (B, D)."""

    def __init__(self, width: int = TEXT_WIDTH, embedding_dim: int = EMBEDDING_DIM):
        super().__init__()
        self.adaptor = nn.Sequential(*(ResidualBlock(width) for _ in range(4)), nn.LayerNorm(width),
                                     nn.Linear(width, embedding_dim))

    def forward(self, captions: Tensor) -> Tensor:
        return self.adaptor(functional.normalize(captions, dim=-1))


class DemoModel(nn.Module):
    """Vision encoder, bidirectional text encoder, adapter."""

    def __init__(self, vocabulary: int, begin: int, end: int):
        super().__init__()
        self.vision = CLIPVisionModelWithProjection(CLIPVisionConfig(**VISION))
        self.text = LlamaModel(LlamaConfig(vocab_size=vocabulary, bos_token_id=begin, eos_token_id=end, **TEXT))
        self.text_adapter = Adapter()
        _place_patches(self.vision.vision_model.embeddings.position_embedding)

    def look(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, S, S) float32 to rows (B, D), not normalized, and the patches before the last layer (B, N, W)."""
        seen = self.vision(pixel_values=pixels, output_hidden_states=True)
        return seen.image_embeds.float(), seen.hidden_states[-2][:, 1:]

    def encode_images(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) float32 to unit rows (B, D)."""
        return functional.normalize(self.vision(pixel_values=pixels).image_embeds.float(), dim=-1)

    def encode_texts(self, ids: list[list[int]], pooled: list[int]) -> Tensor:
        """Token ids and the counts of pooled tokens to unit rows (B, D)."""
        captions = self.caption_embeddings(ids, pooled)
        return functional.normalize(self.text_adapter(captions).float(), dim=-1)

    def caption_embeddings(self, ids: list[list[int]], pooled: list[int], chunks: int = 4) -> Tensor:
        """Means of the last hidden states, (B, H). Texts of similar length run together: less padding."""
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        size = -(-len(order) // chunks)
        parts = [order[start:start + size] for start in range(0, len(order), size)]
        means = torch.cat([self._mean_hidden([ids[row] for row in part], [pooled[row] for row in part])
                           for part in parts])
        return means[torch.argsort(torch.tensor(order))]

    def _mean_hidden(self, ids: list[list[int]], pooled: list[int]) -> Tensor:
        lengths = torch.tensor([len(row) for row in ids])[:, None]
        longest = int(lengths.max())
        tokens = torch.tensor([row + [0] * (longest - len(row)) for row in ids])
        position = torch.arange(longest)[None, :]
        real = position < lengths  # (B, T)
        averaged = real & (position >= lengths - torch.tensor(pooled)[:, None])
        hidden = self.text(input_ids=tokens, attention_mask=_bidirectional_mask(real), use_cache=False)
        weights = averaged[..., None].float()
        return (hidden.last_hidden_state.float() * weights).sum(1) / weights.sum(1)


def _place_patches(embedding: nn.Embedding, strength: float = 0.3) -> None:
    """Waves along both axes instead of noise to start from; as strong as the patches, or places are learned late."""
    side = VISION["image_size"] // VISION["patch_size"]
    width = embedding.embedding_dim // 4
    rates = 1 / 100 ** (torch.arange(width) / width)
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    angles = torch.cat([row.reshape(-1, 1) * rates, column.reshape(-1, 1) * rates], dim=1)  # (patches, 2 width)
    with torch.no_grad():
        embedding.weight[1:] = strength * torch.cat([angles.sin(), angles.cos()], dim=1)


def _bidirectional_mask(real: Tensor) -> Tensor:
    """Added to attention scores, (B, 1, T, T): every token sees every real token."""
    hidden = torch.zeros(real.shape).masked_fill(~real, torch.finfo(torch.float32).min)
    return hidden[:, None, None, :].expand(-1, 1, real.shape[1], -1)


def normalized_pixels(pictures: Tensor) -> Tensor:
    """(B, S, S, 3) uint8 to (B, 3, S, S) float32, as CLIPImageProcessor does."""
    pixels = pictures.permute(0, 3, 1, 2).float() / 255
    return (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def write_published(model: DemoModel, logit_scale: float, directory: pathlib.Path) -> None:
    """vision/ and text/ below the directory, laid out as the published repositories are."""
    weights = dict(model.vision.state_dict())
    weights |= {f"text_adapter.{key}": value for key, value in model.text_adapter.state_dict().items()}
    weights["logit_scale"] = torch.tensor(logit_scale).log()
    save_published(weights, model.text.state_dict(), model.text.config, directory)


def save_published(vision: dict[str, Tensor], text: dict[str, Tensor], config: LlamaConfig, directory: pathlib.Path) -> None:
    """vision/ and text/ below the directory, from weights under their published names."""
    for folder in (directory / "vision", directory / "text"):
        folder.mkdir(parents=True, exist_ok=True)
    _save_weights({key: value for key, value in vision.items() if not key.endswith("position_ids")}, directory / "vision")
    _save_weights(text, directory / "text")
    _write_json(directory / "vision" / "config.json", _vision_config())
    _write_json(directory / "text" / "config.json", _text_config(config))


def read_published(directory: pathlib.Path, vocabulary: int, begin: int, end: int) -> DemoModel:
    """The model in a directory of write_published(), through transformers' own classes."""
    model = DemoModel(vocabulary, begin, end)
    weights = load_file(directory / "vision" / "model.safetensors")
    adapter = {key.removeprefix("text_adapter."): weights.pop(key) for key in list(weights) if "adapt" in key}
    weights.pop("logit_scale")
    config = json.loads((directory / "vision" / "config.json").read_text())
    model.vision = CLIPVisionModelWithProjection(CLIPVisionConfig(**config["vision_config"]))
    model.vision.load_state_dict(weights)
    model.text_adapter.load_state_dict(adapter)
    model.text = LlamaModel.from_pretrained(directory / "text")
    return model.eval()


def _save_weights(weights: dict[str, Tensor], directory: pathlib.Path) -> None:
    unfinished = directory / "model.safetensors.unfinished"
    save_file({key: value.detach().float().contiguous() for key, value in weights.items()}, unfinished,
              metadata={"format": "pt"})
    unfinished.rename(directory / "model.safetensors")


def _vision_config() -> dict:
    return {"_name_or_path": "LLM2CLIP-demo-vision", "architectures": ["LLM2CLIPModel"], "initializer_factor": 1.0,
            "logit_scale_init_value": 2.6592, "model_type": "clip", "projection_dim": EMBEDDING_DIM,
            "text_config": {"model_type": "clip_text_model"}, "torch_dtype": "float32",
            "vision_config": {"model_type": "clip_vision_model", "dropout": 0.0, **VISION}}


def _text_config(config: LlamaConfig) -> dict:
    return {"_name_or_path": "LLM2CLIP-demo-Llama-3-Instruct-CC-Finetuned", "architectures": ["LlamaBiModel"],
            "attention_dropout": 0.0, "bos_token_id": config.bos_token_id, "eos_token_id": config.eos_token_id,
            "initializer_range": 0.02, "model_type": "llama", "torch_dtype": "float32",
            "vocab_size": config.vocab_size, **TEXT}


def _write_json(path: pathlib.Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
