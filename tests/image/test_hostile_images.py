"""Cut, changed and lying files, compared with Pillow. A seeded sample; scripts/check-images takes more."""

import os
import socket
import struct
import subprocess

import numpy as np
import pytest

import hostile_images
import image_corpus

# Pillow stops reading where it has the pixels of the first frame; the library wants the end as well.
READ_BY_PILLOW = ("gif", "png", "bmp", "tiff")
ENDINGS = ("jpg", "png", "webp", "bmp", "gif", "tiff")


@pytest.fixture(scope="module")
def files():
    return hostile_images.samples_of_each_kind()


@pytest.fixture
def library(binary):
    with hostile_images.Library(binary) as process:
        yield process


def test_the_files_are_read_as_they_are(library, files):
    tally = hostile_images.compare(library, files.items())
    assert tally == hostile_images.Tally(same=len(files))


def test_no_shortened_file_is_read(binary, files):
    with hostile_images.Library(binary) as library:
        refusals = hostile_images.refuse_all(library, hostile_images.truncations(files, 2100))
    assert refusals.count >= 2000
    assert refusals.read == ()
    assert refusals.unnamed == ()
    assert {name.split("-")[0] for name in refusals.pillow_reads} <= set(READ_BY_PILLOW)
    assert refusals.max_peak_kib < 1024
    assert library.said == "", "a codec spoke"


def test_nothing_is_read_that_pillow_refuses(binary, files):
    jpegs = {name: content for name, content in files.items() if name.startswith("jpeg")}
    others = {name: content for name, content in files.items() if name not in jpegs}
    with hostile_images.Library(binary) as library:
        tally = hostile_images.compare(library, hostile_images.flips(others, 3000))
    assert (tally.only_ours, tally.other_samples) == ((), ())
    assert tally.same > 500 and tally.both_refuse > 500
    assert library.said == "", "a codec spoke"
    with hostile_images.Library(binary) as library:
        tally = hostile_images.compare(library, hostile_images.flips(jpegs, 1000))
    assert tally.only_ours == ()
    # docs/images.md: two versions of libjpeg-turbo cut a coefficient out of range differently.
    assert len(tally.other_samples) <= 2
    assert tally.same > 300 and tally.both_refuse > 100


@pytest.mark.parametrize("name", hostile_images.bombs())
def test_a_header_that_promises_too_much_is_refused_in_small_memory(library, name):
    content, message = hostile_images.bombs()[name]
    outcome = library.decode(content)
    assert not outcome.read
    assert message in outcome.message
    assert outcome.peak_kib < 1024


def test_a_bad_image_changes_no_other_in_the_process(library, files):
    assert hostile_images.changed_neighbors(library, files, 1000) == []


def test_a_bad_image_changes_no_row_of_another(binary, demo_model, files, tmp_path):
    """Every kind: good, cut, good, changed beyond use, good; in this order and the other way round."""
    bad = {name: content[: len(content) // 2] for name, content in files.items()}
    bad.update({f"{name}-head": b"\0\0\0\0" + content[4:] for name, content in files.items()})
    for name, content in {**files, **{f"bad-{name}": content for name, content in bad.items()}}.items():
        (tmp_path / name).write_bytes(content)

    def rows(names):
        command = [str(binary), "embed-image", "-m", str(demo_model), "--batch-size", "1", *names, "-o", "rows.npy", "--overwrite"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        return np.load(tmp_path / "rows.npy"), done

    alone, done = rows(list(files))
    assert (done.returncode, len(alone)) == (0, len(files))
    mixed = [part for name in files for part in (f"bad-{name}", name, f"bad-{name}-head")]
    for names, expected in ((mixed, alone), (mixed[::-1], alone[::-1])):
        got, done = rows(names)
        assert np.array_equal(got, expected)
        assert done.returncode == 3
        lines = [line for line in done.stderr.splitlines() if "bad-" in line]
        assert len(lines) == 2 * len(files)
        assert all(line.startswith("llm2clip: bad-") for line in lines)
        assert len(done.stderr.splitlines()) <= len(lines) + 1, "a codec spoke"


OTHERS = {
    "is empty": [b""],
    "git lfs pull": [b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"],
    "is an HTML page": [b"<!DOCTYPE html><html>", b"\n<html lang='en'>", b"<HTML><BODY>"],
    "is an SVG drawing": [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<?xml version='1.0'?><svg/>"],
    "is a text file": [b"words\n", b'{"a": 1}', b"\xef\xbb\xbfutf-8", "Stra\u00dfe".encode()],
    "is a .DS_Store file": [b"\0\0\0\1Bud1\0\0"],
    "is an AppleDouble file": [b"\0\5\x16\7\0\2\0\0"],
    "is a PDF file": [b"%PDF-1.4\n"],
    "is a PostScript file": [b"%!PS-Adobe-3.0\n", b"\xc5\xd0\xd3\xc6\0"],
    "is a ZIP archive": [b"PK\3\4\x14\0", b"PK\5\6" + bytes(18)],
    "is a TAR archive": [bytes(257) + b"ustar\x0000"],
    "is a gzip file": [b"\x1f\x8b\x08\0"],
    "is a DICOM file": [bytes(128) + b"DICM"],
    "is an OpenEXR file": [b"v/1\1\2\0\0\0"],
    "is a Radiance HDR file": [b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n", b"#?RGBE\n"],
    "is a JPEG 2000 file": [b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51\0"],
    "is a JPEG XL file": [b"\xff\x0a\0", b"\0\0\0\x0cJXL \r\n\x87\n"],
    "is a PNM or PFM image": [b"P6 1 1 255\n\0\0\0", b"P5\n1 1\n255\n\0", b"P4\t8 1 \0", b"PF\n1 1\n-1\n" + bytes(12)],
    "is a Sun raster file": [b"\x59\xa6\x6a\x95" + bytes(28)],
    "is an AVIF file": [b"\0\0\0\x1cftypavif"],
    "is a HEIC file": [b"\0\0\0\x1cftypheic"],
    "is a video": [b"\0\0\0\x1cftypisom"],
    "is a Photoshop file": [b"8BPS\0\1"],
    "is an icon file": [b"\0\0\1\0\1\0", b"icns\0\0"],
    "is a FITS file": [b"SIMPLE  =                    T"],
    "is an HDF5 file": [b"\x89HDF\r\n\x1a\n"],
    "is a RIFF file, but no WebP": [b"RIFF\x24\0\0\0WAVEfmt ", b"RIFF\x24\0\0\0AVI LIST"],
    "is of no known format": [bytes(32), b"\xff\xd8\0", b"RIFF\x10\0"],
}  # fmt: skip


def test_what_is_no_image_is_refused_by_name_before_a_codec(library):
    assert sum(map(len, OTHERS.values())) >= 40
    for words, contents in OTHERS.items():
        for content in contents:
            outcome = library.decode(content)
            assert not outcome.read
            assert words in outcome.message, outcome.message
            assert "JPEG, PNG, WebP, BMP, TIFF or GIF is expected" in outcome.message


def preprocess(binary, folder, *arguments):
    command = [str(binary), "preprocess", "--image-size", "16", "-o", "pixels.npy", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def test_a_name_with_the_wrong_ending_changes_nothing(binary, tmp_path):
    picture = image_corpus.picture("RGB", 40, 30)
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"):
        content = image_corpus.saved(picture, kind) + b"PK\3\4 a second file <html> %PDF-1.4"
        names = [f"{kind}.{ending}" for ending in ENDINGS]
        for name in names:
            (tmp_path / name).write_bytes(content)
        done = preprocess(binary, tmp_path, *names)
        assert (done.returncode, done.stderr) == (0, "")
        pixels = np.load(tmp_path / "pixels.npy")
        assert all(np.array_equal(pixels[0], other) for other in pixels)


def test_what_is_no_regular_file_is_refused_without_waiting(binary, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    os.symlink("loop", tmp_path / "loop")
    os.symlink("gone", tmp_path / "dangling")
    os.symlink("pipe", tmp_path / "link-to-pipe")
    with open(tmp_path / "sparse", "wb") as sparse:
        sparse.truncate(1 << 40)
    irregular = "is not a regular file"
    expected = {
        "pipe": irregular, "socket": irregular, "link-to-pipe": irregular, "/dev/zero": irregular,
        "/dev/null": irregular, "loop": "cannot be opened", "dangling": "cannot be opened",
        "sparse": "--max-file-bytes", "/proc/self/status": "expected", ".": "is a folder",
    }  # fmt: skip
    for name, words in expected.items():
        done = preprocess(binary, tmp_path, "--", name)
        assert done.returncode == 4
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
    listener.close()


def test_each_limit_has_a_flag(binary, tmp_path):
    image_corpus.picture("L", 70000, 1).save(tmp_path / "wide.png")
    (tmp_path / "scans.jpg").write_bytes(hostile_images.jpeg_of_scans(20, 16, 16))
    for arguments, flag, enough in (
        (["wide.png"], "--max-side", "70000"),
        (["--max-scan-pixels", "5119", "scans.jpg"], "--max-scan-pixels", "5120"),
    ):
        done = preprocess(binary, tmp_path, *arguments)
        assert (done.returncode, flag in done.stderr) == (4, True)
        assert preprocess(binary, tmp_path, arguments[-1], flag, enough).returncode == 0


def test_a_tiff_whose_pages_form_a_circle_is_refused(library, files):
    content = bytearray(files["tiff-raw"])
    (start,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, start)
    struct.pack_into("<I", content, start + 2 + 12 * entries, start)
    assert "pages in a circle" in library.decode(bytes(content)).message
