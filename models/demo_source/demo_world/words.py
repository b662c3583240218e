"""The words of the world. An attribute's value is an index into one of these tuples."""

SHAPES = ("circle", "square", "triangle", "star", "cross", "heart", "ring", "diamond", "crescent")
COLORS = ("red", "green", "blue", "yellow", "orange", "purple", "pink", "brown", "black", "white", "gray")
SIZES = ("small", "large", "medium")  # medium is drawn, never said
NUMBERS = ("several", "one", "two", "three", "four", "five")  # the index is the count; 0 says "more than one"
RELATIONS = ("left of", "right of", "above", "below")
PLACES = ("left", "right", "top", "bottom", "center")

SMALL, LARGE, MEDIUM = range(3)
LEFT_OF, RIGHT_OF, ABOVE, BELOW = range(4)
OPPOSITE = (RIGHT_OF, LEFT_OF, BELOW, ABOVE)

# Columns and rows: 0 is left or top, 1 the middle, 2 right or bottom.
PLACE_CELLS = {"left": (0, 1), "right": (2, 1), "top": (1, 0), "bottom": (1, 2), "center": (1, 1)}

RGB = (
    (218, 38, 40), (38, 158, 58), (42, 76, 212), (244, 216, 42), (244, 138, 28), (132, 48, 172),
    (246, 146, 192), (122, 76, 40), (20, 20, 20), (246, 246, 246), (130, 130, 130),
)


def contrast(color: int, other: int) -> float:
    """Euclidean distance of two colors in RGB, 0 to 441."""
    return sum((a - b) ** 2 for a, b in zip(RGB[color], RGB[other])) ** 0.5


def plural(noun: str) -> str:
    """The plural of a noun of this world: "crosses", "boxes", "stars"."""
    return noun + ("es" if noun.endswith(("s", "x")) else "s")
