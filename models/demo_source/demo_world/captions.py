"""Sentences about scenes: what to say, and how to say it."""

import random

from .held_out import is_held_out
from .scene import UNSAID, Facts
from .words import ABOVE, BELOW, COLORS, LARGE, LEFT_OF, MEDIUM, NUMBERS, OPPOSITE, RIGHT_OF, SHAPES, SMALL, plural

SIZE_WORDS = {SMALL: ("small", "small", "small", "little", "tiny"), LARGE: ("large", "large", "large", "big", "huge")}
SHAPE_SYNONYMS = {"cross": ("cross", "cross", "plus sign"), "circle": ("circle", "circle", "circle", "disc"),
                  "crescent": ("crescent", "crescent", "moon")}
SOMETHING = ("shape", "shape", "object", "thing", "figure")
FRAMES = ("{}", "{}", "{}", "{}", "a photo of {}", "a photo of {}", "a picture of {}", "an image of {}",
          "a drawing of {}", "there {be} {}", "this is {}", "a photo showing {}", "we see {}", "it shows {}")
COLUMN_WORDS = {0: "left", 2: "right"}
ROW_WORDS = {0: ("top", "top", "upper"), 2: ("bottom", "bottom", "lower")}
RELATION_WORDS = {
    LEFT_OF: ("to the left of", "to the left of", "left of", "on the left of"),
    RIGHT_OF: ("to the right of", "to the right of", "right of", "on the right of"),
    ABOVE: ("above", "above", "over", "on top of"),
    BELOW: ("below", "below", "under", "beneath"),
    UNSAID: ("and", "and", "next to", "with", "beside"),
}
ENDS = {LEFT_OF: ("on the left", "on the right"), RIGHT_OF: ("on the right", "on the left"),
        ABOVE: ("at the top", "at the bottom"), BELOW: ("at the bottom", "at the top")}


def caption(scene: Facts, rng: random.Random) -> tuple[Facts, str]:
    """A true sentence about a scene, and what it says."""
    said = choose_facts(scene, rng)
    return said, phrase(said, rng)


def wrong_caption(said: Facts, rng: random.Random) -> tuple[Facts, str]:
    """A sentence close to a true one but with something exchanged; never about a held-out combination."""
    for _ in range(20):
        wrong = contradict(said, rng)
        if wrong != said and not is_held_out(wrong):
            return wrong, phrase(wrong, rng)
    wrong = Facts(shape=rng.randrange(len(SHAPES)))
    return wrong, phrase(wrong, rng)


def choose_facts(scene: Facts, rng: random.Random) -> Facts:
    """Leaves out some of what a scene shows."""
    said = _choose_of_pair(scene, rng) if scene.has_second else _choose_of_group(scene, rng)
    return Facts(shape=scene.shape) if said == Facts() else said


def _choose_of_group(scene: Facts, rng: random.Random) -> Facts:
    column, row = _choose_place(scene, rng)
    return Facts(
        shape=scene.shape if rng.random() < 0.75 else UNSAID,
        color=scene.color if rng.random() < 0.65 else UNSAID,
        size=scene.size if scene.size != MEDIUM and rng.random() < 0.35 else UNSAID,
        count=_choose_count(scene, rng),
        column=column,
        row=row,
        background=scene.background if rng.random() < 0.22 else UNSAID)


def _choose_count(scene: Facts, rng: random.Random) -> int:
    if scene.count == 1:
        return 1 if rng.random() < 0.12 else UNSAID
    return rng.choices((scene.count, 0, UNSAID), (0.7, 0.18, 0.12))[0]


def _choose_place(scene: Facts, rng: random.Random) -> tuple[int, int]:
    if scene.column == UNSAID or rng.random() > 0.4:
        return UNSAID, UNSAID
    if (scene.column, scene.row) == (1, 1):
        return 1, 1
    column = scene.column if scene.column != 1 else UNSAID
    row = scene.row if scene.row != 1 else UNSAID
    if UNSAID not in (column, row) and rng.random() < 0.3:
        return rng.choice(((column, UNSAID), (UNSAID, row)))
    return column, row


def _choose_of_pair(scene: Facts, rng: random.Random) -> Facts:
    if rng.random() < 0.12:
        return _choose_one_of_pair(scene, rng)
    kind = rng.random()
    shapes = kind > 0.15
    colors = kind < 0.15 or kind > 0.25
    if not colors and scene.shape == scene.shape_b:
        colors = True
    said = Facts(
        shape=scene.shape if shapes else UNSAID, color=scene.color if colors else UNSAID,
        shape_b=scene.shape_b if shapes else UNSAID, color_b=scene.color_b if colors else UNSAID,
        size=_maybe_size(scene.size, rng), size_b=_maybe_size(scene.size_b, rng),
        relation=scene.relation if rng.random() < 0.75 else UNSAID,
        background=scene.background if rng.random() < 0.1 else UNSAID)
    return swap_order(said) if rng.random() < 0.5 else said


def _maybe_size(size: int, rng: random.Random) -> int:
    return size if size != MEDIUM and rng.random() < 0.15 else UNSAID


def _choose_one_of_pair(scene: Facts, rng: random.Random) -> Facts:
    if rng.random() < 0.5:
        return Facts(shape=scene.shape, color=scene.color)
    return Facts(shape=scene.shape_b, color=scene.color_b)


def swap_order(said: Facts) -> Facts:
    """The same said from the other object's side: "a above b" becomes "b below a"."""
    return said._replace(shape=said.shape_b, color=said.color_b, size=said.size_b, shape_b=said.shape,
                         color_b=said.color, size_b=said.size,
                         relation=OPPOSITE[said.relation] if said.relation != UNSAID else UNSAID)


def contradict(said: Facts, rng: random.Random) -> Facts:
    """Exchanges one thing a caption says, or two objects' parts."""
    if said.has_second and rng.random() < 0.75:
        return rng.choice((swap_colors, swap_relation))(said)
    fields = [name for name in ("shape", "color", "size", "shape_b", "color_b", "count", "place", "background")
              if name == "place" and (said.column, said.row) != (UNSAID, UNSAID)
              or name != "place" and getattr(said, name) != UNSAID]
    field = rng.choice(fields)
    if field == "place":
        column, row = rng.choice(((0, UNSAID), (2, UNSAID), (UNSAID, 0), (UNSAID, 2), (1, 1), (0, 0), (0, 2), (2, 0),
                                  (2, 2)))
        return said._replace(column=column, row=row)
    values = {"shape": range(len(SHAPES)), "shape_b": range(len(SHAPES)), "size": (SMALL, LARGE),
              "count": range(1, len(NUMBERS))}.get(field, range(len(COLORS)))
    return said._replace(**{field: rng.choice(values)})


def swap_colors(said: Facts) -> Facts:
    """The objects trade colors (or, where only shapes are said, places)."""
    if said.color == UNSAID or said.shape == UNSAID or said.shape == said.shape_b:
        return swap_relation(said)
    return said._replace(color=said.color_b, color_b=said.color)


def swap_relation(said: Facts) -> Facts:
    """The objects trade places."""
    if said.relation == UNSAID:
        return said
    return said._replace(relation=OPPOSITE[said.relation])


def phrase(said: Facts, rng: random.Random) -> str:
    """A sentence that says just this."""
    is_plural = said.count == 0 or said.count > 1
    body = _pair_body(said, rng) if said.has_second else _group_body(said, rng)
    frame = rng.choice(FRAMES)
    if body.startswith(("the ", "in ", "at ", "on ")):
        frame = "{}"
    sentence = frame.replace("{be}", "are" if is_plural else "is").replace("{}", body)
    return _finish(sentence, rng)


def _finish(sentence: str, rng: random.Random) -> str:
    if rng.random() < 0.35:
        sentence += "."
    case = rng.random()
    if case < 0.12:
        return sentence[0].upper() + sentence[1:]
    if case < 0.15:
        return sentence.upper()
    if case < 0.18:
        return sentence.title()
    return sentence


def _group_body(said: Facts, rng: random.Random) -> str:
    nothing_of_object = (said.shape, said.color, said.size, said.count) == (UNSAID,) * 4
    place, background = _place_words(said, rng), _background_words(said, rng)
    if nothing_of_object and not place:
        return rng.choice(("{b}", "a shape on {b}", "something on {b}", "a photo with {b}")).format(b=background[1])
    if nothing_of_object and rng.random() < 0.3:
        return f"{place} {background[0]}".strip()
    noun = _noun_phrase(said.shape, said.color, said.size, said.count, rng)
    if place and rng.random() < 0.15 and said.count in (UNSAID, 1):
        return f"{place} there is {noun} {background[0]}".strip()
    return " ".join(part for part in (noun, place, background[0]) if part)


def _noun_phrase(shape: int, color: int, size: int, count: int, rng: random.Random) -> str:
    words = []
    if size != UNSAID:
        words.append(rng.choice(SIZE_WORDS[size]))
    if color != UNSAID:
        words.append(_color_word(color, rng))
    if shape == UNSAID and words and count in (UNSAID, 1) and rng.random() < 0.25:
        pass  # a bare attribute: "red", "a photo of a large"
    else:
        noun = rng.choice(SOMETHING) if shape == UNSAID else _shape_word(shape, rng)
        words.append(plural(noun) if count == 0 or count > 1 else noun)
    return _with_determiner(words, count, rng)


def _with_determiner(words: list[str], count: int, rng: random.Random) -> str:
    text = " ".join(words)
    if count == 0:
        return rng.choice(("{}", "{}", "several {}", "many {}", "some {}")).format(text)
    if count == 1:
        return rng.choice(("one {}", "one {}", "a single {}", "exactly one {}")).format(text)
    if count > 1:
        return rng.choice((f"{NUMBERS[count]} {text}",) * 5 + (f"{count} {text}",))
    kind = rng.random()
    if kind < 0.3:
        return text
    if kind < 0.36:
        return f"the {text}"
    if kind < 0.42:
        return f"a {text}"  # also before a vowel, as templates do
    return f"{'an' if text[0] in 'aeio' else 'a'} {text}"


def _color_word(color: int, rng: random.Random) -> str:
    return "grey" if COLORS[color] == "gray" and rng.random() < 0.4 else COLORS[color]


def _shape_word(shape: int, rng: random.Random) -> str:
    name = SHAPES[shape]
    return rng.choice(SHAPE_SYNONYMS.get(name, (name,)))


def _background_words(said: Facts, rng: random.Random) -> tuple[str, str]:
    """The phrase that follows a noun, and the one that stands alone."""
    if said.background == UNSAID:
        return "", ""
    color = _color_word(said.background, rng)
    article = "an" if color[0] in "aeio" else "a"
    alone = rng.choice((f"{article} {color} background",) * 3 + (f"{color} background",))
    return f"{rng.choice(('on', 'on', 'on', 'against', 'with', 'in front of'))} {article} {color} background", alone


def _place_words(said: Facts, rng: random.Random) -> str:
    if (said.column, said.row) == (UNSAID, UNSAID):
        return ""
    if (said.column, said.row) == (1, 1):
        middle = rng.choice(("centre", "center", "middle"))
        return rng.choice((f"in the {middle}", f"in the {middle}", f"at the {middle}", f"in the {middle} of the picture"))
    if said.row == UNSAID:
        side = COLUMN_WORDS[said.column]
        return rng.choice((f"on the {side}",) * 3 + (f"on the {side} side", f"at the {side}", f"on the {side} of the picture"))
    row = rng.choice(ROW_WORDS[said.row])
    if said.column == UNSAID:
        row = ROW_WORDS[said.row][0]
        return rng.choice((f"at the {row}",) * 3 + (f"in the {row}", f"on the {row}", f"at the {row} of the picture"))
    corner = f"{row} {COLUMN_WORDS[said.column]}"
    return rng.choice((f"in the {corner}", f"in the {corner}", f"at the {corner}", f"in the {corner} corner"))


def _pair_body(said: Facts, rng: random.Random) -> str:
    first = _noun_phrase(said.shape, said.color, said.size, UNSAID, rng)
    second = _noun_phrase(said.shape_b, said.color_b, said.size_b, UNSAID, rng)
    background = _background_words(said, rng)[0]
    if said.relation != UNSAID and rng.random() < 0.2:
        here, there = ENDS[said.relation]
        return f"{first} {here} and {second} {there} {background}".strip()
    relation = rng.choice(RELATION_WORDS[said.relation])
    verb = "is " if said.relation != UNSAID and rng.random() < 0.12 else ""
    return f"{first} {verb}{relation} {second} {background}".strip()
