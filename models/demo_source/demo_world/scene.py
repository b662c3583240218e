"""What a picture shows and what a caption says, in the same numbers; and when one contradicts the other."""

import random
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .words import COLORS, LARGE, MEDIUM, OPPOSITE, RELATIONS, RGB, SHAPES, SMALL, contrast

UNSAID = -1


class Facts(NamedTuple):
    """A scene (everything that applies is known) or a caption (what it leaves open is UNSAID).

    A scene holds either `count` equal objects `a`, or one object `a` and one object `b`; `relation` is that of
    a to b. Column and row are the place of a single object.
    """

    shape: int = UNSAID
    color: int = UNSAID
    size: int = UNSAID
    shape_b: int = UNSAID
    color_b: int = UNSAID
    size_b: int = UNSAID
    count: int = UNSAID  # type: ignore[assignment]  # a tuple has a count, too
    relation: int = UNSAID
    column: int = UNSAID
    row: int = UNSAID
    background: int = UNSAID

    @property
    def has_second(self) -> bool:
        return self.shape_b != UNSAID or self.color_b != UNSAID


MIN_CONTRAST = 95.0
BACKGROUND_WEIGHTS = tuple({"white": 5.0, "black": 2.0, "gray": 2.0}.get(name, 1.0) for name in COLORS)
SIZES_OF_COUNT = {1: (SMALL, LARGE, MEDIUM), 2: (SMALL, LARGE, MEDIUM), 3: (SMALL, MEDIUM), 4: (SMALL, MEDIUM),
                  5: (SMALL, MEDIUM)}


def sample_group(rng: random.Random) -> Facts:
    """One to five equal objects; a single one has a place."""
    background, color = sample_colors(rng, 1)
    count = rng.choices((1, 2, 3, 4, 5), (9, 2, 2, 2, 2))[0]
    column, row = sample_cell(rng) if count == 1 else (UNSAID, UNSAID)
    return Facts(shape=rng.randrange(len(SHAPES)), color=color, size=rng.choice(SIZES_OF_COUNT[count]),
                 count=count, column=column, row=row, background=background)


def sample_cell(rng: random.Random) -> tuple[int, int]:
    """Column and row: corners less often than sides and the center."""
    if rng.random() < 0.3:
        return rng.choice((0, 2)), rng.choice((0, 2))
    return rng.choice(((0, 1), (2, 1), (1, 0), (1, 2), (1, 1)))


def sample_pair(rng: random.Random) -> Facts:
    """Two objects that differ in color and mostly in shape."""
    background, color, color_b = sample_colors(rng, 2)
    shape = rng.randrange(len(SHAPES))
    same = rng.random() < 0.12
    shape_b = shape if same else rng.choice([other for other in range(len(SHAPES)) if other != shape])
    return Facts(shape=shape, color=color, size=rng.choice((SMALL, LARGE, MEDIUM)),
                 shape_b=shape_b, color_b=color_b, size_b=rng.choice((SMALL, LARGE, MEDIUM)),
                 count=2, relation=rng.randrange(len(RELATIONS)), background=background)


def sample_colors(rng: random.Random, objects: int) -> list[int]:
    """A background and different object colors that stand out from it."""
    background = rng.choices(range(len(COLORS)), BACKGROUND_WEIGHTS)[0]
    visible = [color for color in range(len(RGB)) if contrast(color, background) >= MIN_CONTRAST]
    return [background, *rng.sample(visible, objects)]


def not_contradicted(captions: np.ndarray, scenes: np.ndarray) -> np.ndarray:
    """Which captions could be said of which scenes.

      captions  (C, 11) int   rows of Facts
      scenes    (N, 11) int   rows of Facts
      returns   (N, C) bool   False only where the caption is wrong
    """
    said = Facts(*np.asarray(captions).T[:, None, :])  # each (1, C)
    true = Facts(*np.asarray(scenes).T[:, :, None])  # each (N, 1)
    is_pair = true.shape_b != UNSAID
    a_is_a = _object_agrees(said.shape, said.color, said.size, true.shape, true.color, true.size)
    a_is_b = is_pair & _object_agrees(said.shape, said.color, said.size, true.shape_b, true.color_b, true.size_b)
    one_object = _group_agrees(said, true, a_is_a, a_is_b, is_pair)
    two_objects = is_pair & _pair_agrees(said, true, a_is_a, a_is_b)
    second_said = (said.shape_b != UNSAID) | (said.color_b != UNSAID)
    return np.where(second_said, two_objects, one_object) & _agrees(said.background, true.background)


def _agrees(said: ArrayLike, true: ArrayLike) -> np.ndarray:
    said = np.asarray(said)
    return (said == UNSAID) | (said == true)


def _object_agrees(shape, color, size, true_shape, true_color, true_size) -> np.ndarray:
    return _agrees(shape, true_shape) & _agrees(color, true_color) & _agrees(size, true_size)


def _group_agrees(said: Facts, true: Facts, a_is_a, a_is_b, is_pair) -> np.ndarray:
    found = a_is_a.astype(int) + a_is_b
    count = np.where(is_pair, found, true.count)
    count_agrees = _agrees(said.count, count) | ((said.count == 0) & (count > 1))
    # A place is known for single objects only; elsewhere nothing can be held against it.
    column_agrees = _agrees(said.column, true.column) | (true.column == UNSAID)
    row_agrees = _agrees(said.row, true.row) | (true.row == UNSAID)
    return (found > 0) & count_agrees & column_agrees & row_agrees


def _pair_agrees(said: Facts, true: Facts, a_is_a, a_is_b) -> np.ndarray:
    b_is_b = _object_agrees(said.shape_b, said.color_b, said.size_b, true.shape_b, true.color_b, true.size_b)
    b_is_a = _object_agrees(said.shape_b, said.color_b, said.size_b, true.shape, true.color, true.size)
    opposite = np.asarray(OPPOSITE)[true.relation]
    straight = a_is_a & b_is_b & _agrees(said.relation, true.relation)
    crossed = a_is_b & b_is_a & _agrees(said.relation, opposite)
    return straight | crossed
