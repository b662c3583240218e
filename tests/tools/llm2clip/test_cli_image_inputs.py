"""Images that cannot be used, and how images are found. `preprocess --image-size` needs no model."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from cli_support import assert_refused

SIDE = "16"


def encoded(format, size=(200, 160), **options):
    """An image with detail, so that most of the file is pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format, **options)
    return file.getvalue()


def png_of_zeros(width, height):
    """A one-bit PNG that is small as a file, whatever its size."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    compressor = zlib.compressobj(9)
    rows = b"".join(compressor.compress(bytes(1 + (width + 7) // 8)) for _ in range(height)) + compressor.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg_of_scans(count):
    """A progressive JPEG whose last scan is repeated until it has `count` scans."""
    plain = encoded("JPEG", progressive=True)
    scans = plain.count(b"\xff\xda")
    last = plain.rindex(b"\xff\xda")
    return plain[:-2] + plain[last:-2] * (count - scans) + plain[-2:]


@pytest.fixture
def preprocess(run):
    def call(*arguments, **options):
        return run("preprocess", "--image-size", SIDE, "-o", "x.npy", *arguments, **options)

    return call


BAD_FILES = {
    "empty": b"",
    "text": b"this is not an image\n" * 50,
    "html": b"<!doctype html><html><body>404</body></html>",
    "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "truncated.jpg": encoded("JPEG")[:-3000],
    "truncated_progressive.jpg": encoded("JPEG", progressive=True)[:-3000],
    "header_only.jpg": encoded("JPEG")[:700],
    "truncated.png": encoded("PNG")[:-3000],
    "truncated.webp": encoded("WEBP")[:-3000],
    "truncated_lossless.webp": encoded("WEBP", lossless=True)[:-3000],
    "truncated.bmp": encoded("BMP")[:-3000],
    "truncated.gif": encoded("GIF")[:-3000],
    "truncated.tiff": encoded("TIFF")[:1000],
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_named_and_nothing_is_written(preprocess, tmp_path, name):
    (tmp_path / name).write_bytes(BAD_FILES[name])
    assert_refused(preprocess(name), 4, f"{name}: ")
    assert not (tmp_path / "x.npy").exists()


def test_missing_file(preprocess):
    assert_refused(preprocess("missing.png"), 4, "missing.png: ")


def test_a_folder_without_r_says_so(preprocess, tmp_path):
    (tmp_path / "photos").mkdir()
    assert_refused(preprocess("photos"), 4, "photos: ", "-r")


def test_a_pixel_bomb_is_refused_and_a_flag_raises_the_limit(preprocess, tmp_path):
    (tmp_path / "bomb.png").write_bytes(png_of_zeros(9500, 9500))
    assert_refused(preprocess("bomb.png"), 4, "bomb.png: ", "89478485")
    assert preprocess("bomb.png", "--max-pixels", "90250000").code == 0
    assert_refused(preprocess("bomb.png", "--max-pixels", "90249999"), 4, "90249999")


def test_a_large_file_is_refused_and_a_flag_changes_the_limit(preprocess, tmp_path):
    (tmp_path / "a.png").write_bytes(encoded("PNG"))
    size = (tmp_path / "a.png").stat().st_size
    assert preprocess("a.png", "--max-file-bytes", str(size)).code == 0
    assert_refused(preprocess("a.png", "--max-file-bytes", str(size - 1)), 4, "a.png: ")


def test_a_jpeg_of_thousands_of_scans_is_refused_and_a_flag_raises_the_limit(preprocess, tmp_path):
    (tmp_path / "scans.jpg").write_bytes(jpeg_of_scans(5000))
    assert_refused(preprocess("scans.jpg"), 4, "scans.jpg: ", "scans")
    (tmp_path / "few.jpg").write_bytes(jpeg_of_scans(120))
    assert_refused(preprocess("few.jpg"), 4, "few.jpg: ")
    assert preprocess("few.jpg", "--max-scans", "120").code == 0


def test_rows_follow_the_inputs(preprocess, tmp_path, pictures):
    assert preprocess(*pictures, pictures[0]).code == 0
    pixels = np.load(tmp_path / "x.npy")
    assert pixels.shape == (6, 3, int(SIDE), int(SIDE))
    assert pixels.dtype == np.float32
    assert np.array_equal(pixels[0], pixels[5])
    red, green = pixels[0], pixels[1]
    assert red[0].min() > 1 and red[1].max() < 0
    assert not np.array_equal(red, green)


def test_a_png_shows_what_the_network_sees(run, tmp_path, pictures):
    assert run("preprocess", "--image-size", SIDE, "-o", "seen.png", pictures[0]).code == 0
    with Image.open(tmp_path / "seen.png") as seen:
        assert (seen.mode, seen.size) == ("RGB", (int(SIDE), int(SIDE)))
        assert seen.getpixel((3, 3)) == (255, 0, 0)
    result = run("preprocess", "--image-size", SIDE, "-o", "two.png", *pictures[:2])
    assert_refused(result, 2, "two.png: ")


def test_paths_may_come_from_lists(preprocess, tmp_path, pictures):
    def rows(*arguments, **options):
        result = preprocess(*arguments, **options)
        assert (result.code, result.err) == (0, "")
        return np.load(tmp_path / "x.npy")

    expected = rows(*pictures)
    (tmp_path / "list").write_text("\r\n".join(pictures[1:]) + "\n\n")
    assert np.array_equal(rows("-", stdin="\n".join(pictures).encode()), expected)
    assert np.array_equal(rows("-", "-0", stdin="\0".join(pictures).encode()), expected)
    assert np.array_equal(rows(pictures[0], "--from-file", "list"), expected)
    assert_refused(preprocess("--from-file", "missing"), 4, "missing: ")


def test_recursion_takes_images_sorted_by_name_and_follows_no_links_to_folders(run, tmp_path, pictures):
    photos = tmp_path / "photos"
    (photos / "b").mkdir(parents=True)
    names = ["b/1.PNG", "a.jpeg", "c.png"]
    for name, color in zip(names, ("green", "red", "blue")):
        Image.new("RGB", (16, 16), color).save(photos / name)
    (photos / "notes.txt").write_text("not an image")
    os.symlink(photos, photos / "loop")
    os.symlink(photos / "c.png", photos / "link.png")
    result = run("preprocess", "--image-size", SIDE, "-o", "x.npy", "-r", "photos")
    assert (result.code, result.err) == (0, "")
    pixels = np.load(tmp_path / "x.npy")
    channels = [int(image.mean(axis=(1, 2)).argmax()) for image in pixels]
    assert channels == [0, 1, 2, 2]  # a.jpeg, b/1.PNG, c.png, link.png


def test_apple_double_files_are_no_images_of_a_folder_but_may_be_named(preprocess, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (16, 16), "red").save(photos / "a.png")
    (photos / "._a.png").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ")
    assert preprocess("-r", "photos").code == 0
    assert len(np.load(tmp_path / "x.npy")) == 1
    assert_refused(preprocess("photos/._a.png"), 4, "photos/._a.png: ")
    Image.new("RGB", (16, 16), "red").save(photos / "._b.png")
    assert preprocess("photos/._b.png").code == 0


def test_folders_of_systems_are_passed_over_with_a_note_and_hidden_takes_them(preprocess, tmp_path):
    for name in ("a.png", "@eaDir/a.png", ".thumbnails/b.png", "b/.git/c.png"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "photos" / name)
    result = preprocess("-r", "photos")
    assert result.code == 0
    assert len(np.load(tmp_path / "x.npy")) == 1
    (note,) = result.err.splitlines()
    assert note.startswith("photos/") and note.endswith(", and 2 more; --hidden takes them")
    assert preprocess("-q", "-r", "photos").err == ""
    result = preprocess("-r", "--hidden", "photos")
    assert (result.code, result.err) == (0, "")
    assert len(np.load(tmp_path / "x.npy")) == 4


def test_a_folder_whose_images_were_all_passed_over_says_what_takes_them(preprocess, tmp_path):
    (tmp_path / "photos/.thumbnails").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "photos/.thumbnails/a.png")
    assert_refused(preprocess("-r", "photos"), 2, "photos/.thumbnails was passed over", "--hidden")
    assert preprocess("-r", "photos/.thumbnails").code == 0


def test_a_folder_without_images_is_a_usage_error(preprocess, tmp_path):
    (tmp_path / "photos").mkdir()
    assert_refused(preprocess("-r", "photos"), 2, "images: none")


def test_names_are_taken_as_they_stand(preprocess, tmp_path):
    for name in ("-x.png", "[a].png", "a,b.png", "%%.png", "two words.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
        assert preprocess("--", name).code == 0, name
    folder = tmp_path / "[a]"
    folder.mkdir()
    Image.new("RGB", (8, 8)).save(folder / "x.png")
    assert preprocess("-r", "[a]").code == 0


def test_exif_turns_only_when_asked(preprocess, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (16, 16))
    image.paste((255, 255, 255), (0, 0, 16, 8))
    image.save(tmp_path / "turned.png", exif=exif)
    assert preprocess("turned.png").code == 0
    plain = np.load(tmp_path / "x.npy")[0, 0]
    assert preprocess("--exif", "turned.png").code == 0
    turned = np.load(tmp_path / "x.npy")[0, 0]
    assert np.array_equal(turned, np.rot90(plain, -1))
