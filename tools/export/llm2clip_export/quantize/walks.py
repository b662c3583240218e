"""The walks through a text tower with the built-in captions, and through a vision tower with drawn images."""

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from llm2clip_export.checkpoints.vision import MEAN, STD, VisionCheckpoint
from llm2clip_export.golden_inputs import draw_pictures
from llm2clip_export.published_tokenizer import TokenIds, tokenize
from llm2clip_export.quantize.captions import CAPTIONS
from llm2clip_export.quantize.walk import Stage, Walk
from llm2clip_export.text_side import TextSide
from llm2clip_export.towers.bidirectional_llama import BidirectionalLlama

# Parts of each drawn image, upright and mirrored, that a vision tower is shown.
CUTS = 4


def text_walk(text: TextSide) -> Walk:
    """From the embedded tokens of each caption to its caption embedding."""
    tower, weights = text.checkpoint.weights.tower, text.checkpoint.weights
    assert isinstance(tower, BidirectionalLlama)
    tokens = [tokenize(caption, text.prompt, text.tokenizer, text.doc_max_length) for caption in CAPTIONS]
    turns = [angles(tower, len(caption.ids)) for caption in tokens]
    layers = [Stage(f"layers.{i}.", layer, partial(through_layer, turns)) for i, layer in enumerate(tower.layers)]
    ids = [torch.tensor([caption.ids]) for caption in tokens]
    stages = [*layers, Stage("norm.", tower.norm, partial(pooled, tokens))]
    # The table, 1 GB of it for 8B, is read anew and given back at once.
    return Walk(weights, lambda: embedded(weights.read(weights.keys["embedding.weight"]), ids), stages, "embedding")


def embedded(table: Tensor, ids: list[Tensor]) -> list[Tensor]:
    return [F.embedding(each, table).float() for each in ids]


def angles(tower: BidirectionalLlama, tokens: int) -> tuple[Tensor, Tensor]:
    turned = tower.angles(torch.zeros(1, tokens, dtype=torch.int64))
    return turned.cos(), turned.sin()


def through_layer(turns: list[tuple[Tensor, Tensor]], layer: nn.Module, x: Tensor, index: int) -> Tensor:
    return layer(x, *turns[index])


def pooled(tokens: list[TokenIds], norm: nn.Module, x: Tensor, index: int) -> Tensor:
    return norm(x)[:, -tokens[index].pooled :].mean(1)


def vision_walk(vision: VisionCheckpoint) -> Walk:
    """The whole tower at once: the largest published has 0.4 billion parameters."""
    tower = vision.weights.tower
    return Walk(vision.weights, lambda: images(vision.image_size), [Stage("", tower, lambda part, x, _: part(x))])


def images(side: int) -> list[Tensor]:
    """Parts of the pictures that goldens have, as the network sees them: (1, 3, S, S) each."""
    found = []
    for picture in draw_pictures(side):
        width, height = picture.size
        for cut in range(CUTS):
            # The whole, then ever smaller parts from corner to corner.
            share = 1 - cut / (2 * CUTS)
            left, top = (width - share * width) * (cut % 2), (height - share * height) * (cut // 2 % 2)
            part = picture.convert("RGB").resize((side, side), box=(left, top, left + share * width, top + share * height))
            pixels = (torch.from_numpy(np.array(part)).float() / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
            found += [pixels.permute(2, 0, 1)[None], pixels.permute(2, 0, 1).flip(-1)[None]]
    return found
