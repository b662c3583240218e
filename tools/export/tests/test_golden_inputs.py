import pytest
from PIL import Image

from llm2clip_export.golden_inputs import TEXTS, write_pictures


@pytest.mark.parametrize("side", [42, 224, 336])
def test_images_are_small_and_of_every_kind(tmp_path, side):
    paths = write_pictures(side, tmp_path)
    pictures = [Image.open(path) for path in paths]
    assert [picture.mode for picture in pictures] == ["RGB", "RGBA", "L"]
    assert min(pictures[0].size) > side and pictures[0].width != pictures[0].height
    assert max(pictures[2].size) < side
    assert pictures[1].getpixel((0, 0)) == (10, 200, 120, 0)
    assert all(path.stat().st_size < 60_000 for path in paths)


def test_images_are_the_same_every_time(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_pictures(224, tmp_path / name)
    for index in range(3):
        assert (tmp_path / "a" / f"image_{index}.png").read_bytes() == (tmp_path / "b" / f"image_{index}.png").read_bytes()


def test_texts_cover_the_traps():
    assert "" in TEXTS
    assert any("<|eot_id|>" in text for text in TEXTS)
    assert any(len(text.split()) > 506 for text in TEXTS)
    assert any(text.startswith("\n") for text in TEXTS)
    assert any(text and text != text.rstrip() for text in TEXTS)
