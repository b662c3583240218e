"""Pictures of scenes, drawn with Pillow in many sizes and qualities, and what the network sees of them."""

import io
import math
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .scene import Facts
from .words import ABOVE, LARGE, LEFT_OF, MEDIUM, RGB, RIGHT_OF, SMALL

# Diameter as a part of the picture's side, by size, for one object and for several.
DIAMETERS = {SMALL: (0.20, 0.26), MEDIUM: (0.32, 0.39), LARGE: (0.46, 0.58)}
GROUP_DIAMETERS = {SMALL: (0.17, 0.22), MEDIUM: (0.25, 0.30), LARGE: (0.36, 0.42)}
PAIR_DIAMETERS = {SMALL: (0.19, 0.24), MEDIUM: (0.29, 0.34), LARGE: (0.38, 0.43)}


def draw_scene(scene: Facts, seed: str) -> Image.Image:
    """A picture, 96 to 224 pixels on its shorter side; the same for the same seed."""
    rng = random.Random(f"picture {seed}")
    width, height = _sample_picture_size(rng)
    picture = _draw_background(RGB[scene.background], width, height, rng)
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    smoothness = rng.choice((1, 2, 3))
    for shape, color, x, y, diameter in placed_objects(scene, seed):
        _paste_object(picture, shape, _jitter(RGB[color], rng), left + x * side, top + y * side,
                      diameter * side, smoothness, rng)
    return _degrade(picture, rng)


def placed_objects(scene: Facts, seed: str) -> list[tuple[int, int, float, float, float]]:
    """Shape, color, center x and y, diameter of each object that draw_scene() draws for this seed.

    Lengths are parts of the side of the center square, which is what the network sees.
    """
    rng = random.Random(f"places {seed}")
    if scene.has_second:
        return _place_pair(scene, rng)
    if scene.count == 1:
        diameter = rng.uniform(*DIAMETERS[scene.size])
        return [(scene.shape, scene.color, _along(scene.column, diameter, rng), _along(scene.row, diameter, rng),
                 diameter)]
    diameter = rng.uniform(*GROUP_DIAMETERS[scene.size])
    return [(scene.shape, scene.color, x, y, diameter * rng.uniform(0.94, 1.06))
            for x, y in _scatter(scene.count, diameter, rng)]


def network_view(picture: Image.Image, side: int) -> Image.Image:
    """What CLIPImageProcessor makes of a picture before it becomes floats: shortest edge to side, center crop."""
    picture = picture.convert("RGB")
    width, height = picture.size
    short, long = min(width, height), max(width, height)
    resized_long = int(side * long / short)
    size = (side, resized_long) if width <= height else (resized_long, side)
    picture = picture.resize(size, Image.Resampling.BICUBIC)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    return picture.crop((left, top, left + side, top + side))


def _sample_picture_size(rng: random.Random) -> tuple[int, int]:
    side = rng.randint(96, 224)
    if rng.random() < 0.7:
        return side, side
    other = int(side * rng.uniform(1.0, 1.3))
    return (side, other) if rng.random() < 0.5 else (other, side)


def _jitter(rgb: tuple[int, int, int], rng: random.Random) -> tuple[int, int, int]:
    light = rng.uniform(0.92, 1.08)
    red, green, blue = (max(0, min(255, round(value * light + rng.uniform(-9, 9)))) for value in rgb)
    return red, green, blue


def _draw_background(rgb: tuple[int, int, int], width: int, height: int, rng: random.Random) -> Image.Image:
    """Plain, or slowly changing in brightness, or cloudy."""
    start = _jitter(rgb, rng)
    kind = rng.random()
    if kind < 0.6:
        return Image.new("RGB", (width, height), start)
    light = rng.uniform(0.8, 1.15)
    end = tuple(min(255, round(value * light)) for value in start)
    if kind < 0.8:
        weights = Image.linear_gradient("L").rotate(rng.choice((0, 90, 180, 270)))
    else:
        cells = rng.randint(3, 12)
        weights = Image.frombytes("L", (cells, cells), rng.randbytes(cells * cells))
    weights = weights.resize((width, height), Image.Resampling.BICUBIC)
    return Image.composite(Image.new("RGB", (width, height), end), Image.new("RGB", (width, height), start), weights)


def _along(third: int, diameter: float, rng: random.Random) -> float:
    """A coordinate in the first, the middle or the last third; an object stays inside the picture."""
    edge = diameter / 2 + 0.02
    if third == 1:
        return rng.uniform(0.45, 0.55)
    near = rng.uniform(edge, max(edge, min(0.30, edge + 0.12)))
    return near if third == 0 else 1 - near


def _place_pair(scene: Facts, rng: random.Random) -> list[tuple[int, int, float, float, float]]:
    diameter, diameter_b = rng.uniform(*PAIR_DIAMETERS[scene.size]), rng.uniform(*PAIR_DIAMETERS[scene.size_b])
    gap = (diameter + diameter_b) / 2 + rng.uniform(0.04, 0.12)
    start = rng.uniform(0.02 + diameter / 2, max(0.02 + diameter / 2, 0.98 - gap - diameter_b / 2))
    along, along_b = start, start + gap
    if scene.relation not in (LEFT_OF, ABOVE):
        along, along_b = 1 - along, 1 - along_b
    middle = rng.uniform(0.36, 0.64)
    across, across_b = middle + rng.uniform(-0.07, 0.07), middle + rng.uniform(-0.07, 0.07)
    points = (along, across), (along_b, across_b)
    if scene.relation not in (LEFT_OF, RIGHT_OF):
        points = (across, along), (across_b, along_b)
    return [(scene.shape, scene.color, *points[0], diameter), (scene.shape_b, scene.color_b, *points[1], diameter_b)]


def _scatter(count: int, diameter: float, rng: random.Random) -> list[tuple[float, float]]:
    """Centers that keep apart; starts again when the picture is full."""
    low, high = diameter / 2 + 0.02, 0.98 - diameter / 2
    points: list[tuple[float, float]] = []
    for attempt in range(100_000):
        if attempt % 40 == 0:
            points = []
        point = rng.uniform(low, high), rng.uniform(low, high)
        if all(math.dist(point, other) > diameter * 1.12 for other in points):
            points.append(point)
        if len(points) == count:
            return points
    raise ValueError(f"{count} objects of diameter {diameter} do not fit into a picture")


def _paste_object(picture: Image.Image, shape: int, rgb: tuple[int, int, int], x: float, y: float, diameter: float,
                  smoothness: int, rng: random.Random) -> None:
    """Draws the outline `smoothness` times larger and shrinks it: 1 has jagged edges, 3 smooth ones."""
    extent = math.ceil(diameter * 0.75) + 1  # half the side of the mask: a rotated square is wider than its diameter
    left, top = math.floor(x) - extent, math.floor(y) - extent
    mask = Image.new("L", (2 * extent * smoothness, 2 * extent * smoothness), 0)
    draw = ImageDraw.Draw(mask)
    angle = math.radians(_sample_degrees(shape, rng))
    for outline, filled in OUTLINES[shape]:
        draw.polygon([(((px * math.cos(angle) - py * math.sin(angle)) * diameter / 2 + x - left) * smoothness,
                       ((px * math.sin(angle) + py * math.cos(angle)) * diameter / 2 + y - top) * smoothness)
                      for px, py in outline], fill=255 if filled else 0)
    mask = mask.reduce(smoothness) if smoothness > 1 else mask
    picture.paste(rgb, (left, top), mask)


def _sample_degrees(shape: int, rng: random.Random) -> float:
    return rng.uniform(0, 360) if shape == CRESCENT else rng.gauss(0, 6) if rng.random() < 0.7 else 0.0


def _degrade(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Now and then blur, noise, JPEG blocks."""
    if rng.random() < 0.2:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.0)))
    if rng.random() < 0.4:
        pixels = np.asarray(picture, dtype=np.float32)
        noise = np.random.default_rng(rng.getrandbits(32)).standard_normal(pixels.shape, dtype=np.float32)
        picture = Image.fromarray((pixels + noise * rng.uniform(1, 9)).clip(0, 255).astype(np.uint8))
    if rng.random() < 0.3:
        encoded = io.BytesIO()
        picture.save(encoded, "JPEG", quality=rng.randint(40, 95))
        picture = Image.open(encoded).convert("RGB")
    return picture


Point = tuple[float, float]


def _round(radius: float, x: float = 0.0, points: int = 48) -> list[Point]:
    return [(x + radius * math.cos(2 * math.pi * i / points), radius * math.sin(2 * math.pi * i / points))
            for i in range(points)]


def _star() -> list[Point]:
    radii = (1.08, 0.44)
    return [(radii[i % 2] * math.sin(math.pi * i / 5), -radii[i % 2] * math.cos(math.pi * i / 5)) for i in range(10)]


def _heart() -> list[Point]:
    steps = [2 * math.pi * i / 40 for i in range(40)]
    return [(math.sin(t) ** 3, -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16)
            for t in steps]


def _cross(arm: float = 0.32) -> list[Point]:
    return [(-arm, -1), (arm, -1), (arm, -arm), (1, -arm), (1, arm), (arm, arm), (arm, 1), (-arm, 1), (-arm, arm),
            (-1, arm), (-1, -arm), (-arm, -arm)]


# Polygons in a disc of about radius 1, y downwards, drawn in order; False cuts a hole.
OUTLINES: tuple[list[tuple[list[Point], bool]], ...] = (
    [(_round(1.0), True)],
    [([(-0.86, -0.86), (0.86, -0.86), (0.86, 0.86), (-0.86, 0.86)], True)],
    [([(0.0, -0.98), (1.0, 0.8), (-1.0, 0.8)], True)],
    [(_star(), True)],
    [(_cross(), True)],
    [(_heart(), True)],
    [(_round(1.0), True), (_round(0.58), False)],
    [([(0.0, -1.08), (0.72, 0.0), (0.0, 1.08), (-0.72, 0.0)], True)],
    [(_round(1.0), True), (_round(0.86, 0.46), False)],
)
CRESCENT = len(OUTLINES) - 1
