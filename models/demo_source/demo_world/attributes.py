"""What a scene shows, read straight off the vision encoder: losses beside the contrastive one, in training only.

Contrast alone learns colors within minutes and then, for as long as these runs last, which shapes go with which
colors instead of the shapes themselves: fatal on combinations that were held out. A linear read-out of every fact
from the embedding, and of shape and color from each patch, pulls them apart. The heads are thrown away.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .scene import Facts
from .words import COLORS, NUMBERS, RELATIONS, SHAPES, SIZES

CLASSES = Facts(shape=len(SHAPES), color=len(COLORS), size=len(SIZES), shape_b=len(SHAPES), color_b=len(COLORS),
                size_b=len(SIZES), count=len(NUMBERS), relation=len(RELATIONS), column=3, row=3,
                background=len(COLORS))
PAIRED = ((0, 3), (1, 4), (2, 5))  # columns of Facts: a's attribute and b's
RELATION = Facts._fields.index("relation")
SHAPE_B = Facts._fields.index("shape_b")
SHAPE_WEIGHT = 3.0  # shapes are the slowest to learn


def left_or_upper_first(scenes: Tensor) -> Tensor:
    """Scenes (B, 11) with the objects of a pair in one order, so that "first" can be read off a picture."""
    ordered = scenes.clone()
    turned = (scenes[:, RELATION] == 1) | (scenes[:, RELATION] == 3)  # right of, below
    for a, b in PAIRED:
        ordered[turned, a], ordered[turned, b] = scenes[turned, b], scenes[turned, a]
    ordered[turned, RELATION] -= 1
    return ordered


def patch_labels(objects: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Which object each patch belongs to: the one whose disc holds the middle of the patch.

      objects  (B, n, 5) shape, color, x, y, diameter; lengths are parts of the picture's side; -1 for none
      side     patches along one edge
      returns  shape and color (B, side * side) int64; one class more than there are means background
    """
    middle = (torch.arange(side) + 0.5) / side
    dx, dy = middle - objects[:, :, 2:3], middle - objects[:, :, 3:4]  # (B, n, side)
    distance = (dx[:, :, None, :].square() + dy[:, :, :, None].square()).sqrt()  # (B, n, rows, columns)
    # A small object still has the patch that its middle is in.
    radius = (objects[:, :, 4] / 2).clamp(min=0.55 / side)[:, :, None, None]
    absent = (objects[:, :, 0] < 0)[:, :, None, None]
    nearest, owner = (distance / radius).masked_fill(absent, torch.inf).min(dim=1)
    owner, outside = owner.flatten(1), nearest.flatten(1) > 1
    shape, color = (objects[:, :, column].long().gather(1, owner) for column in (0, 1))
    return shape.masked_fill(outside, len(SHAPES)), color.masked_fill(outside, len(COLORS))


class AttributeHeads(nn.Module):
    """Linear read-outs: of each fact from the image embedding, of shape and color from each patch."""

    def __init__(self, embedding_dim: int, width: int):
        super().__init__()
        self.groups = nn.ModuleList([nn.Linear(embedding_dim, classes) for classes in CLASSES])
        self.pairs = nn.ModuleList([nn.Linear(embedding_dim, classes) for classes in CLASSES])
        self.patch_shape = nn.Linear(width, len(SHAPES) + 1)
        self.patch_color = nn.Linear(width, len(COLORS) + 1)

    def fact_loss(self, embeddings: Tensor, scenes: Tensor) -> Tensor:
        """Sum of the cross-entropies of the facts that apply.

          embeddings  (B, D) float32, not normalized
          scenes      (B, 11) int64, rows of Facts
        """
        scenes = left_or_upper_first(scenes)
        is_pair = scenes[:, SHAPE_B] >= 0
        losses = [_cross_entropy_of_known(head(embeddings[rows]), scenes[rows, fact])
                  for heads, rows in ((self.groups, ~is_pair), (self.pairs, is_pair))
                  for fact, head in enumerate(heads)]
        return torch.stack(losses).sum() / 2

    def patch_loss(self, patches: Tensor, objects: Tensor) -> Tensor:
        """Cross-entropies of shape and color of every patch.

          patches  (B, N, W) states of the patches in row order
          objects  (B, n, 5) as for patch_labels()
        """
        shape, color = patch_labels(objects, round(patches.shape[1] ** 0.5))
        patches = patches.float()
        return (SHAPE_WEIGHT * functional.cross_entropy(self.patch_shape(patches).flatten(0, 1), shape.flatten())
                + functional.cross_entropy(self.patch_color(patches).flatten(0, 1), color.flatten()))


def _cross_entropy_of_known(logits: Tensor, truth: Tensor) -> Tensor:
    known = truth >= 0
    return functional.cross_entropy(logits[known], truth[known]) if known.any() else logits.sum() * 0
