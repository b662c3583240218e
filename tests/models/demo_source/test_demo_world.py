"""The demo's world: what is held out stays out, drawing repeats, captions are true of their images."""

import pathlib
import random
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "models" / "demo_source"))

from demo_world import held_out
from demo_world.captions import caption, phrase, wrong_caption
from demo_world.drawing import draw_scene, network_view
from demo_world.picture_pool import training_scene, training_view
from demo_world.questions import all_questions
from demo_world.scene import UNSAID, Facts, not_contradicted, sample_group, sample_pair
from demo_world.words import COLORS, LEFT_OF, PLACES, RIGHT_OF, SHAPES, SMALL, plural

SCENES = [training_scene(3, index) for index in range(4000)]
RED, BLUE = COLORS.index("red"), COLORS.index("blue")
CIRCLE, SQUARE = SHAPES.index("circle"), SHAPES.index("square")


def words_of(sentence):
    return set(sentence.lower().replace(".", "").replace("gray", "gray").split())


def fits(said, scene):
    return bool(not_contradicted(np.array([said]), np.array([scene]))[0, 0])


def test_training_images_show_no_held_out_combination():
    assert not any(held_out.is_held_out(scene) for scene in SCENES)


def test_training_captions_say_no_held_out_combination_right_or_wrong():
    rng = random.Random(1)
    for scene in SCENES:
        said, _ = caption(scene, rng)
        assert not held_out.is_held_out(said)
        assert not held_out.is_held_out(wrong_caption(said, rng)[0])


def test_no_training_sentence_about_one_object_holds_a_held_out_color_and_shape():
    rng = random.Random(2)
    for scene in (scene for scene in SCENES if not scene.has_second):
        said, sentence = caption(scene, rng)
        words = words_of(sentence) if said.background == UNSAID else set()
        for color, shape in held_out.COLOR_SHAPES:
            assert not (COLORS[color] in words and words & {SHAPES[shape], plural(SHAPES[shape])})


def test_every_single_attribute_is_seen():
    assert {scene.shape for scene in SCENES} == set(range(len(SHAPES)))
    assert {scene.color for scene in SCENES} == set(range(len(COLORS)))
    assert {scene.background for scene in SCENES} == set(range(len(COLORS)))
    assert {scene.count for scene in SCENES} == {1, 2, 3, 4, 5}
    assert {place for scene in SCENES for place in held_out.places_of(scene)} == set(range(len(PLACES)))


def test_every_shape_and_every_color_lacks_some_partners_but_not_most():
    for shape in range(len(SHAPES)):
        assert 1 <= sum(s == shape for _, s in held_out.COLOR_SHAPES) <= 4
    for color in range(len(COLORS)):
        assert 1 <= sum(c == color for c, _ in held_out.COLOR_SHAPES) <= 4


def test_questions_show_only_held_out_combinations():
    for question in all_questions(40, seed=5):
        assert all(held_out.is_held_out(scene) for scene in question.scenes), question.name


def test_exactly_one_candidate_of_a_question_about_two_objects_is_true():
    rng = random.Random(6)
    for scene in (sample_pair(rng) for _ in range(200)):
        if scene.shape == scene.shape_b:
            continue
        said = scene._replace(size=UNSAID, size_b=UNSAID, background=UNSAID)
        assert fits(said, scene)
        assert not fits(said._replace(color=said.color_b, color_b=said.color), scene)


@pytest.mark.parametrize("sample", [sample_group, sample_pair])
def test_captions_are_true_of_their_scenes(sample):
    rng = random.Random(7)
    for _ in range(2000):
        scene = sample(rng)
        assert fits(caption(scene, rng)[0], scene)


def test_a_wrong_relation_or_color_contradicts():
    scene = Facts(shape=CIRCLE, color=RED, size=SMALL, shape_b=SQUARE, color_b=BLUE, size_b=SMALL, count=2,
                  relation=LEFT_OF, background=COLORS.index("white"))
    assert fits(Facts(shape=SQUARE, shape_b=CIRCLE, relation=RIGHT_OF), scene)
    assert fits(Facts(shape=SQUARE, color=BLUE), scene)
    assert not fits(Facts(shape=SQUARE, color=RED), scene)
    assert not fits(Facts(shape=SQUARE, shape_b=CIRCLE, relation=LEFT_OF), scene)
    assert not fits(Facts(color=RED, count=2), scene)


def test_a_sentence_says_its_facts():
    said = Facts(shape=SQUARE, color=BLUE, count=3)
    for seed in range(50):
        words = words_of(phrase(said, random.Random(seed)))
        assert {"blue", "squares"} <= words and words & {"three", "3"}


def test_drawing_repeats_for_a_seed_and_differs_between_seeds():
    scene = SCENES[0]
    assert draw_scene(scene, "a").tobytes() == draw_scene(scene, "a").tobytes()
    assert draw_scene(scene, "a").tobytes() != draw_scene(scene, "b").tobytes()
    assert np.array_equal(training_view(5, 3, 60), training_view(5, 3, 60))


def test_the_network_sees_a_square():
    for seed in range(20):
        assert network_view(draw_scene(SCENES[seed], str(seed)), 60).size == (60, 60)


def test_an_object_has_its_color_and_place():
    scene = Facts(shape=CIRCLE, color=RED, size=SMALL, count=1, column=0, row=0, background=COLORS.index("white"))
    for seed in range(20):
        pixels = np.asarray(network_view(draw_scene(scene, str(seed)), 60)).astype(int)
        is_red = (pixels[..., 0] - pixels[..., 1] > 90)
        rows, columns = np.nonzero(is_red)
        assert 0 < rows.mean() < 24 and 0 < columns.mean() < 24
