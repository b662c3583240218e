"""Zero-shot questions about pictures of held-out combinations, and how well embeddings answer them."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from . import held_out
from .drawing import draw_scene
from .held_out import sample_where
from .scene import UNSAID, Facts, sample_group, sample_pair
from .words import COLORS, LARGE, NUMBERS, OPPOSITE, PLACE_CELLS, PLACES, RELATIONS, SHAPES, SMALL

TEMPLATES = ("a photo of a {}.", "a picture of a {}", "there is a {}.", "{}")
BARE = ("{}", "a photo of {}.", "there is {}.")


@dataclass
class Question:
    """One kind of question: scenes, the candidate labels of each, and the place of the right one among them.

    The first label of `candidates[i]` at `truth[i]` is right; labels go through every template.
    """

    name: str
    templates: tuple[str, ...]
    scenes: list[Facts] = field(default_factory=list)
    candidates: list[list[str]] = field(default_factory=list)
    truth: list[int] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        """All labels of the question, each once."""
        return list(dict.fromkeys(label for labels in self.candidates for label in labels))

    @property
    def chance(self) -> float:
        return float(np.mean([1 / len(labels) for labels in self.candidates]))

    def accuracy(self, scores: np.ndarray) -> float:
        """Share of pictures whose best candidate is the right one; scores are (pictures, labels)."""
        column = {label: index for index, label in enumerate(self.labels)}
        right = [int(np.argmax([row[column[label]] for label in labels])) == truth
                 for row, labels, truth in zip(scores, self.candidates, self.truth)]
        return float(np.mean(right))


Sampler = Callable[[random.Random], Facts]


def all_questions(pictures: int, seed: int) -> list[Question]:
    """The table of models/README.md: every scene shows at least one combination training never met."""
    rng = random.Random(f"questions {seed}")
    return [
        _about("shape", _single_color_shape, SHAPES, lambda scene: scene.shape, pictures, rng),
        _about("color", _single_color_shape, [f"{color} shape" for color in COLORS],
               lambda scene: scene.color, pictures, rng),
        _about("color and shape, all pairs", _single_color_shape, color_shape_labels(),
               lambda scene: scene.color * len(SHAPES) + scene.shape, pictures, rng),
        _about("count", _counted, [f"{number} shape{'s' if number != 'one' else ''}" for number in NUMBERS[1:]],
               lambda scene: scene.count - 1, pictures, rng, BARE),
        _about("position", _placed, [_place_label(place) for place in PLACES],
               lambda scene: held_out.places_of(scene)[0], pictures, rng, BARE),
        _about("size", _small_or_large, ["small shape", "large shape"], lambda scene: scene.size, pictures, rng),
        _about("background", _on_background, [f"shape on {_article(name)} {name} background" for name in COLORS],
               lambda scene: scene.background, pictures, rng),
        _about_pairs("two objects: which is which color", _colors_traded, pictures, rng),
        _about_pairs("two objects: where each is", _places_traded, pictures, rng),
        _about_pairs("two objects: all orders and relations", _all_arrangements, pictures, rng),
    ]


def picture_of(question: Question, index: int, seed: int) -> Image.Image:
    """The picture of one of the question's scenes; never drawn as any of the training pictures was."""
    return draw_scene(question.scenes[index], f"question {question.name} {seed} {index}")


def format_table(rows: list[dict]) -> str:
    """Accuracy on held-out combinations beside chance, in Markdown."""
    lines = ["| question | accuracy | chance |", "| --- | --- | --- |"]
    lines += [f"| {row['question']} | {100 * row['accuracy']:.1f}% | {100 * row['chance']:.1f}% |" for row in rows]
    return "\n".join(lines)


def color_shape_labels() -> list[str]:
    return [f"{color} {shape}" for color in COLORS for shape in SHAPES]


def _about(name: str, sample: Sampler, labels: list[str] | tuple[str, ...], truth: Callable[[Facts], int],
           pictures: int, rng: random.Random, templates: tuple[str, ...] = TEMPLATES) -> Question:
    scenes = [sample(rng) for _ in range(pictures)]
    return Question(name, templates, scenes, [list(labels)] * pictures, [truth(scene) for scene in scenes])


def _about_pairs(name: str, arrangements: Callable[[Facts], list[Facts]], pictures: int,
                 rng: random.Random) -> Question:
    scenes = [_different_pair(rng) for _ in range(pictures)]
    candidates = [[pair_label(facts) for facts in arrangements(scene)] for scene in scenes]
    return Question(name, BARE, scenes, candidates, [0] * pictures)


def _single(rng: random.Random) -> Facts:
    return sample_where(sample_group, rng, lambda scene: scene.count == 1)


def _single_color_shape(rng: random.Random) -> Facts:
    return sample_where(_single, rng, held_out.has_held_out_color_shape)


def _counted(rng: random.Random) -> Facts:
    """Every count equally often; "one" is held out by its color and shape."""
    count = rng.randint(1, 5)
    unseen = held_out.has_held_out_count if count > 1 else held_out.has_held_out_color_shape
    return sample_where(sample_group, rng, lambda scene: scene.count == count and unseen(scene))


def _placed(rng: random.Random) -> Facts:
    cell = PLACE_CELLS[rng.choice(PLACES)]
    return sample_where(_single, rng, lambda scene: (scene.column, scene.row) == cell
                        and held_out.has_held_out_place(scene))


def _small_or_large(rng: random.Random) -> Facts:
    return sample_where(_single_color_shape, rng, lambda scene: scene.size in (SMALL, LARGE))


def _on_background(rng: random.Random) -> Facts:
    return sample_where(_single, rng, held_out.has_held_out_background)


def _different_pair(rng: random.Random) -> Facts:
    return sample_where(sample_pair, rng, lambda scene: scene.shape != scene.shape_b and (
        held_out.has_held_out_pair(scene) or held_out.has_held_out_color_shape(scene)))


def _place_label(place: str) -> str:
    return {"left": "a shape on the left", "right": "a shape on the right", "top": "a shape at the top",
            "bottom": "a shape at the bottom", "center": "a shape in the center"}[place]


def _article(word: str) -> str:
    return "an" if word[0] in "aeio" else "a"


def pair_label(facts: Facts) -> str:
    """ "a red circle above a blue square" """
    words = ("to the left of", "to the right of", "above", "below")
    first, second = f"{COLORS[facts.color]} {SHAPES[facts.shape]}", f"{COLORS[facts.color_b]} {SHAPES[facts.shape_b]}"
    return f"{_article(first)} {first} {words[facts.relation]} {_article(second)} {second}"


def _without_sizes(scene: Facts) -> Facts:
    return scene._replace(size=UNSAID, size_b=UNSAID, background=UNSAID)


def _colors_traded(scene: Facts) -> list[Facts]:
    said = _without_sizes(scene)
    return [said, said._replace(color=said.color_b, color_b=said.color)]


def _places_traded(scene: Facts) -> list[Facts]:
    said = _without_sizes(scene)
    return [said, said._replace(relation=OPPOSITE[said.relation])]


def _all_arrangements(scene: Facts) -> list[Facts]:
    """Both ways to give the colors, times the four relations; the true one first."""
    arrangements = [colors._replace(relation=relation) for colors in _colors_traded(scene)
                    for relation in range(len(RELATIONS))]
    true = _without_sizes(scene)
    return [true] + [said for said in arrangements if said != true]
