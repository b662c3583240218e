"""The combinations that training never shows and never says. Every single word is seen, often."""

import random
from collections.abc import Callable

from .scene import MIN_CONTRAST, UNSAID, Facts
from .words import COLORS, PLACES, SHAPES, contrast

COLOR_SHAPES = {(c, s) for c in range(len(COLORS)) for s in range(len(SHAPES)) if (2 * c + s) % 5 == 0}
COUNT_SHAPES = {(n, s) for n in range(2, 6) for s in range(len(SHAPES)) if (n + 2 * s) % 5 == 0}
PLACE_SHAPES = {(p, s) for p in range(len(PLACES)) for s in range(len(SHAPES)) if (2 * p + s) % 5 == 1}
COLOR_BACKGROUNDS = {(c, b) for c in range(len(COLORS)) for b in range(len(COLORS))
                      if (c + 2 * b) % 6 == 0 and contrast(c, b) >= MIN_CONTRAST}
SHAPE_PAIRS = {frozenset((a, b)) for a in range(len(SHAPES)) for b in range(a) if (a + b) % 6 == 0}


def places_of(facts: Facts) -> list[int]:
    """The named places a caption or a single object has: a corner has two."""
    if (facts.column, facts.row) == (1, 1):
        return [PLACES.index("center")]
    places = []
    if facts.column in (0, 2):
        places.append(PLACES.index("left" if facts.column == 0 else "right"))
    if facts.row in (0, 2):
        places.append(PLACES.index("top" if facts.row == 0 else "bottom"))
    return places


def has_held_out_color_shape(facts: Facts) -> bool:
    return (facts.color, facts.shape) in COLOR_SHAPES or (facts.color_b, facts.shape_b) in COLOR_SHAPES


def has_held_out_count(facts: Facts) -> bool:
    return not facts.has_second and (facts.count, facts.shape) in COUNT_SHAPES


def has_held_out_place(facts: Facts) -> bool:
    return any((place, facts.shape) in PLACE_SHAPES for place in places_of(facts))


def has_held_out_background(facts: Facts) -> bool:
    return any((color, facts.background) in COLOR_BACKGROUNDS for color in (facts.color, facts.color_b))


def has_held_out_pair(facts: Facts) -> bool:
    return UNSAID not in (facts.shape, facts.shape_b) and frozenset((facts.shape, facts.shape_b)) in SHAPE_PAIRS


KINDS: tuple[Callable[[Facts], bool], ...] = (
    has_held_out_color_shape, has_held_out_count, has_held_out_place, has_held_out_background, has_held_out_pair)


def is_held_out(facts: Facts) -> bool:
    """Whether a scene shows, or a caption says, any combination that training must not meet."""
    return any(kind(facts) for kind in KINDS)


def sample_seen(sample: Callable[[random.Random], Facts], rng: random.Random) -> Facts:
    """A scene for training."""
    return sample_where(sample, rng, lambda facts: not is_held_out(facts))


def sample_where(sample: Callable[[random.Random], Facts], rng: random.Random,
                 wanted: Callable[[Facts], bool]) -> Facts:
    """The first sampled scene that is as wanted."""
    while True:
        facts = sample(rng)
        if wanted(facts):
            return facts
