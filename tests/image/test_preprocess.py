"""`llm2clip preprocess` against Pillow, float by float.

The oracle of the hf order is Pillow in the steps of transformers' CLIPImageProcessor (which is
compared itself below); that of the torchvision order is Pillow in the steps of torchvision's
Resize, CenterCrop and ToTensor (compared below as well).
"""

import hashlib
import io
import json
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

import image_corpus
from goldens import digest
from pillow_steps import seen

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import make_resize_goldens  # noqa: E402

MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
ORDERS = ("hf", "torchvision")
SMALL = 37


def normalized(image):
    pixels = np.asarray(image).astype(np.float32) / np.float32(255)
    return ((pixels - MEAN) / STD).transpose(2, 0, 1)


def run(binary, files, size, order, output):
    command = [str(binary), "preprocess", "--image-size", str(size), "--order", order]
    done = subprocess.run([*command, *map(str, files), "-o", str(output)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "a codec spoke"
    return output


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """{kind: [path]}: the corpus on disk."""
    root = tmp_path_factory.mktemp("images")
    sources = dict(image_corpus.FORMATS, thinnest=image_corpus.thinnest, large=image_corpus.large)
    paths = {}
    for kind, make in sources.items():
        paths[kind] = []
        for name, content in make():
            path = root / f"{kind}-{name}"  # no ending: the content decides
            path.write_bytes(content)
            paths[kind].append(path)
    return paths


def test_the_corpus_has_the_promised_size(files):
    assert sum(len(paths) for paths in files.values()) >= 200


def check(binary, tmp_path, paths, size, order):
    pixels = np.load(run(binary, paths, size, order, tmp_path / "pixels.npy"), mmap_mode="r")
    assert pixels.shape == (len(paths), 3, size, size)
    assert pixels.dtype == np.float32
    different = []
    for path, got in zip(paths, pixels):
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore")  # of odd tags
            expected = normalized(seen(image, size, order))
        if not np.array_equal(got, expected):
            steps = np.abs(got - expected).max() * 255 * STD.max()
            different.append(f"{path.name} ({image.mode} {image.size}): up to {steps:.0f} levels")
    assert not different


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", [SMALL, 224])
@pytest.mark.parametrize("kind", list(image_corpus.FORMATS))
def test_every_kind_of_file_gives_pillows_floats(binary, files, tmp_path, kind, size, order):
    check(binary, tmp_path, files[kind], size, order)


def test_big_endian_gray16_is_read_for_hf_and_refused_for_torchvision(binary, tmp_path):
    path = tmp_path / "big-endian.tif"
    path.write_bytes(image_corpus.big_endian_gray16())
    check(binary, tmp_path, [path], SMALL, "hf")
    command = [str(binary), "preprocess", "--image-size", "37", "--order", "torchvision", str(path)]
    done = subprocess.run([*command, "-o", str(tmp_path / "no.npy")], capture_output=True, text=True)
    assert done.returncode != 0
    assert "big-endian" in done.stderr


def test_what_pillow_passes_over_changes_no_pixel(binary, tmp_path):
    for name, content in image_corpus.lenient():
        (tmp_path / name).write_bytes(content)
    check(binary, tmp_path, sorted(tmp_path.glob("*.*")), SMALL, "hf")


def bytes_seen(pixels):
    """The uint8 image behind floats, (S,S,3)."""
    values = (pixels.astype(np.float64).transpose(1, 2, 0) * STD + MEAN) * 255
    rounded = np.rint(values).astype(np.uint8)
    assert np.array_equal(normalized(rounded), pixels)
    return rounded.tobytes()


@pytest.mark.parametrize("size", make_resize_goldens.SIZES)
@pytest.mark.parametrize("order", ORDERS)
def test_each_choice_of_passes_gives_the_bytes_of_its_pillow(binary, tmp_path, order, size):
    """Pillow 11.3, 12.2 and 13.0: scripts/make_resize_goldens.py."""
    goldens = json.loads(make_resize_goldens.GOLDENS.read_text())
    assert set(goldens) == set(make_resize_goldens.VERSIONS)
    names, paths = [], []
    for name, picture in make_resize_goldens.cases(size, order):
        names.append(name)
        paths.append(tmp_path / f"{len(paths)}.png")
        picture.save(paths[-1], compress_level=1)
    found = {}
    for passes in goldens:
        output = run(binary, ["--resize-passes", passes, *paths], size, order, tmp_path / "pixels.npy")
        found[passes] = {name: zlib.crc32(bytes_seen(got)) for name, got in zip(names, np.load(output))}
        assert found[passes] == goldens[passes][f"{order} {size}"]
    assert found["pillow-11"] != found["pillow-13"]
    assert size == 224 or found["pillow-11"] != found["pillow-12.2"]


@pytest.mark.parametrize("order", ORDERS)
def test_thin_images_give_pillows_floats(binary, files, tmp_path, order):
    check(binary, tmp_path, files["thinnest"], SMALL, order)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", [224, 336])
def test_large_images_give_pillows_floats(binary, files, tmp_path, size, order):
    check(binary, tmp_path, files["large"], size, order)


@pytest.mark.references("timm")
@pytest.mark.parametrize("size", [SMALL, 224])
def test_torchvision_gives_the_same_floats(binary, files, tmp_path, size, goldens):
    """Every kind of file, so every mode of Pillow that a file can have. The floats by their SHA-256 (goldens.py)."""
    paths = [path for kind in image_corpus.FORMATS for path in files[kind][:: 1 if size == SMALL else 4]]
    expected = goldens.digests("timm", f"torchvision {size}", paths, lambda: torchvision_pixels(paths, size, tmp_path))
    pixels = np.load(run(binary, paths, size, "torchvision", tmp_path / "pixels.npy"), mmap_mode="r")
    assert [path.name for path, got in zip(paths, pixels, strict=True) if digest(got.tobytes()) != expected[path.name]] == []


def torchvision_pixels(paths, size, folder):
    command = [ROOT / ".venv-timm" / "bin" / "python", ROOT / "tests" / "reference" / "timm_embeddings.py"]
    subprocess.run([*command, "pixels", str(size), folder / "torchvision.npy", *paths], check=True)
    return np.load(folder / "torchvision.npy", mmap_mode="r")


@pytest.mark.parametrize("order", ORDERS)
def test_size_336_gives_pillows_floats(binary, files, tmp_path, order):
    some = [path for kind in image_corpus.FORMATS for path in files[kind][::5]]
    check(binary, tmp_path, some, 336, order)


@pytest.mark.parametrize("order", ORDERS)
def test_an_image_of_the_right_size_is_not_resized(binary, tmp_path, order):
    paths = []
    for mode in ("RGB", "RGBA", "P", "L"):
        for size in ((224, 224), (224, 301), (303, 224)):
            paths.append(tmp_path / f"{mode}-{size[0]}x{size[1]}.png")
            image_corpus.picture(mode, *size).save(paths[-1])
    check(binary, tmp_path, paths, 224, order)


def test_exif_orientation_is_applied_when_asked_for(binary, tmp_path):
    image = image_corpus.picture("RGB", 97, 61)
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="8"/></x:xmpmeta>'
    files: dict[str, dict[str, Any]] = {"xmp.jpg": {"format": "JPEG", "xmp": xmp}}
    for orientation in range(1, 10):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for ending, file_format in (("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP")):
            files[f"{orientation}.{ending}"] = {"format": file_format, "exif": exif}
    paths, expected = [], []
    for name, options in files.items():
        paths.append(tmp_path / name)
        image.save(paths[-1], **options)
        with Image.open(paths[-1]) as opened:
            expected.append(normalized(seen(ImageOps.exif_transpose(opened), SMALL, "hf")))
    run(binary, ["--exif", *paths], SMALL, "hf", tmp_path / "pixels.npy")
    for path, got, want in zip(paths, np.load(tmp_path / "pixels.npy"), expected):
        assert np.array_equal(got, want), path.name


def transposed(image):
    """What exif_transpose gives; where it raises an error for damaged metadata, the image as it stands."""
    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except (SyntaxError, ValueError, TypeError, struct.error):
        return image


def test_images_are_turned_as_exif_transpose_turns_them(binary, tmp_path):
    paths, expected, turned = [], [], 0
    for name, content in image_corpus.turned():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(content)
        with warnings.catch_warnings(), Image.open(paths[-1]) as opened:
            warnings.simplefilter("ignore")
            image = transposed(opened)
            turned += image.size != (97, 61)
            expected.append(normalized(seen(image, SMALL, "hf")))
    assert turned > 60 and turned < len(paths) - 60
    run(binary, ["--exif", *paths], SMALL, "hf", tmp_path / "pixels.npy")
    different = [
        path.name
        for path, got, want in zip(paths, np.load(tmp_path / "pixels.npy"), expected)
        if not np.array_equal(got, want)
    ]
    assert different == []


@pytest.mark.parametrize("size", [224, 336])
def test_transformers_gives_the_same_floats(binary, files, tmp_path, size):
    from transformers import CLIPImageProcessor

    processor = CLIPImageProcessor(
        size={"shortest_edge": size}, crop_size={"height": size, "width": size}
    )
    assert processor.do_convert_rgb
    # Height or width 3 or 1 is left out: the processor takes it for a number of channels.
    paths = [p for kind in ("jpeg", "png", "webp", "gif") for p in files[kind] if "64x48" in p.name]
    paths += [p for kind in ("jpeg", "png") for p in files[kind] if "37x61" in p.name]
    pixels = np.load(run(binary, paths, size, "hf", tmp_path / "pixels.npy"))
    assert len(paths) > 20
    for path, got in zip(paths, pixels):
        with Image.open(path) as image:
            expected = processor(images=image, return_tensors="np")["pixel_values"][0]
        assert expected.dtype == np.float32
        assert np.array_equal(got, expected), path.name


# Of the seed's CLIP.png (openai/CLIP): what Pillow 11.0.0 gave (docs/images.md).
CLIP_PIXEL_VALUES = {
    224: "2dc4c3c6d1dff99da00299d78afce19392534223088d4cc025bc77f043669404",
    336: "09183aea2506bfdfd2dbda69f43867790d9ea2c79ecda9b7089293450844df2c",
}
CLIP_CROPS = {
    ("hf", 224): "229e87d0ba80c5886a165e0e7f01ec586691024613ed058ed08e3b4125230f45",
    ("hf", 336): "1413599119295e8e10e5e8e8ed96b953bbfd9dacf512c0f51825e40b91029fa3",
    ("torchvision", 224): "c96d5fbf8273c7bea132e34850cece46b2b4a3f976fe50c1e9855f55495eddce",
    ("torchvision", 336): "56b348e45ee075b1b63019049e34aedebefe2e56d267a92e84734a15ab476c78",
}


@pytest.mark.parametrize("size", CLIP_PIXEL_VALUES)
def test_the_floats_of_clip_png_are_the_golden_ones(binary, assets, tmp_path, size):
    pixels = np.load(run(binary, [assets / "CLIP.png"], size, "hf", tmp_path / "pixels.npy"))
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == CLIP_PIXEL_VALUES[size]


@pytest.mark.parametrize("order, size", CLIP_CROPS)
def test_the_crop_of_clip_png_is_the_golden_one(binary, assets, tmp_path, order, size):
    output = run(binary, [assets / "CLIP.png"], size, order, tmp_path / "seen.png")
    with Image.open(io.BytesIO(output.read_bytes())) as image:
        assert image.mode == "RGB"
        assert hashlib.sha256(image.tobytes()).hexdigest() == CLIP_CROPS[order, size]
