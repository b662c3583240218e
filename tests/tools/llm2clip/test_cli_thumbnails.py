"""index --thumbnails: what is kept beside rows, and shown when the images have gone."""

import base64
import io
import re
import shutil

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path):
    """Two large images, one of them stored on its side."""
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (640, 320), "red").save(tmp_path / "photos" / "red.png")
    turned = Image.Exif()
    turned[0x112] = 6
    pixels = np.zeros((300, 600, 3), np.uint8)
    pixels[:, :300] = (0, 0, 255)  # left as stored, above as shown
    Image.fromarray(pixels).save(tmp_path / "photos" / "turned.jpg", exif=turned)
    return "photos"


@pytest.fixture
def index(run, demo_model):
    def call(*arguments):
        result = run("index", "-m", demo_model, *arguments, "-x", "a.index")
        assert result.code == 0, result.err
        return result.err.splitlines()[-1]

    return call


@pytest.fixture
def pictures_on_page(run, demo_model, tmp_path):
    """{name: image} of the page of a search for everything."""

    def call():
        assert run("search", "-m", demo_model, "-x", "a.index", "red", "--html", "page.html").code == 0
        page = (tmp_path / "page.html").read_text()
        found = re.findall(r'src="data:image/jpeg;base64,([^"]+)"[^>]*alt="Image ([^"]+)"', page)
        return {name: Image.open(io.BytesIO(base64.b64decode(data))) for data, name in found}

    return call


def test_the_page_needs_no_originals(index, photos, pictures_on_page, tmp_path):
    index(photos, "--thumbnails")
    shutil.rmtree(tmp_path / "photos")
    shown = pictures_on_page()
    assert shown["red.png"].size == (256, 128)
    assert shown["turned.jpg"].size == (128, 256)
    blue, black = (shown["turned.jpg"].getpixel((64, y)) for y in (40, 220))
    assert blue[2] > 200 and black[2] < 50


def test_without_thumbnails_the_page_says_what_is_missing(index, photos, pictures_on_page, tmp_path):
    index(photos)
    assert set(pictures_on_page()) == {"red.png", "turned.jpg"}
    shutil.rmtree(tmp_path / "photos")
    assert pictures_on_page() == {}


def test_an_index_with_thumbnails_goes_on_making_them(index, photos, pictures_on_page, tmp_path):
    assert index(photos).startswith("2 added, 0 failed")
    assert index(photos, "--thumbnails").startswith("0 added, 2 replaced, 0 failed")
    assert index(photos, "--thumbnails").startswith("0 added, 2 unchanged, 0 failed")
    Image.new("RGB", (30, 40), "green").save(tmp_path / "photos" / "green.png")
    assert index(photos).startswith("1 added, 2 unchanged, 0 failed")
    shutil.move(tmp_path / "photos", tmp_path / "elsewhere")
    assert pictures_on_page()["green.png"].size == (30, 40)


def test_thumbnails_change_no_row(run, demo_model, photos, tmp_path):
    for name, more in (("with", ["--thumbnails"]), ("without", [])):
        assert run("index", "-m", demo_model, photos, "-x", name, *more).code == 0
    rows = [next((tmp_path / name).glob("rows-*.npy")).read_bytes() for name in ("with", "without")]
    assert rows[0] == rows[1]
    assert run("index", "--check", "-x", "with").code == 0
