"""Image files of every kind the library reads, made at run time. Nothing here is random between runs."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, TiffImagePlugin

# The smallest, sizes that no block size divides, one that all do, and thin ones.
SIZES = [(1, 1), (2, 3), (37, 61), (64, 48), (151, 149)]
THIN = [(1, 300), (300, 1)]
# Resized to 224 these have 150 million pixels in Pillow; the test takes them at a small size only.
THINNEST = [(1, 3000), (3000, 1), (2999, 2)]
LARGE = [(4000, 3000), (1280, 1280), (2162, 762)]


def samples(width, height, channels, seed=0):
    """Gradients with noise on them, uint8 (height, width, channels)."""
    random = np.random.default_rng([width, height, channels, seed])
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / (5 + 3 * c) + seed) + np.cos(y / (7 + 2 * c)) for c in range(channels)]
    values = 127 + 60 * np.stack(waves, axis=-1) + random.normal(0, 25, (height, width, channels))
    return np.clip(values, 0, 255).astype(np.uint8)


def picture(mode, width, height, seed=0):
    if mode == "1":
        return Image.fromarray(samples(width, height, 1, seed)[..., 0]).convert("1")
    if mode == "L":
        return Image.fromarray(samples(width, height, 1, seed)[..., 0])
    if mode == "P":
        return Image.fromarray(samples(width, height, 3, seed)).quantize(200)
    if mode == "I;16":
        wide = samples(width, height, 1, seed)[..., 0].astype(np.uint16) * 3 + (seed % 7) * 9000
        return Image.fromarray(wide)
    if mode == "I":
        wide = samples(width, height, 1, seed)[..., 0].astype(np.int32) * 70000 - 9000000
        return Image.fromarray(wide if seed % 2 else wide // 60000)
    if mode == "F":
        return Image.fromarray(samples(width, height, 1, seed)[..., 0].astype(np.float32) * 1.7 - 50.3)
    channels = {"LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    return Image.frombytes(mode, (width, height), samples(width, height, channels, seed).tobytes())


def saved(image, file_format, **options):
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


# --- JPEG ---------------------------------------------------------------------------------------


def relabeled_jpeg(file, luma, width, height):
    """A JPEG with other sampling factors for luma and another size, and so other subsampling.

    The blocks stay where they are in the file, so the picture is scrambled, but it is a picture.
    """
    file = bytearray(file)
    at = file.index(b"\xff\xc0")
    struct.pack_into(">HH", file, at + 5, height, width)
    file[at + 11] = luma
    return bytes(file)


def with_adobe_transform(file, transform):
    file = bytearray(file)
    file[file.index(b"Adobe") + 11] = transform
    return bytes(file)


def without_adobe(file):
    at = file.index(b"\xff\xee")
    return file[:at] + file[at + 2 + struct.unpack(">H", file[at + 2 : at + 4])[0] :]


def jpegs():
    for number, (width, height) in enumerate(SIZES + THIN):
        size = f"{width}x{height}"
        rgb, gray, cmyk = (picture(m, width, height, number) for m in ("RGB", "L", "CMYK"))
        for name, subsampling in [("444", 0), ("422", 1), ("420", 2)]:
            yield f"rgb-{name}-{size}", saved(rgb, "JPEG", subsampling=subsampling, quality=60 + 3 * number)
            yield (
                f"rgb-{name}-progressive-{size}",
                saved(rgb, "JPEG", subsampling=subsampling, progressive=True, quality=85),
            )
        yield f"gray-{size}", saved(gray, "JPEG")
        yield f"gray-progressive-{size}", saved(gray, "JPEG", progressive=True)
        yield f"cmyk-{size}", saved(cmyk, "JPEG", quality=90)
    rgb = picture("RGB", 160, 96)
    cmyk = picture("CMYK", 53, 40)
    yield "rgb-restart-blocks", saved(rgb, "JPEG", restart_marker_blocks=3)
    yield "rgb-restart-rows", saved(rgb, "JPEG", restart_marker_rows=1, progressive=True)
    yield "rgb-optimized", saved(rgb, "JPEG", optimize=True, quality=30)
    yield "rgb-stored-as-rgb", saved(rgb, "JPEG", keep_rgb=True)
    yield "rgb-440", relabeled_jpeg(saved(rgb, "JPEG", subsampling=1), 0x12, 80, 192)
    yield "rgb-440-odd", relabeled_jpeg(saved(rgb, "JPEG", subsampling=1), 0x12, 77, 187)
    yield "rgb-411", relabeled_jpeg(saved(rgb, "JPEG", subsampling=2), 0x41, 320, 48)
    yield "rgb-411-odd", relabeled_jpeg(saved(rgb, "JPEG", subsampling=2), 0x41, 315, 43)
    yield "rgb-1x4", relabeled_jpeg(saved(rgb, "JPEG", subsampling=2), 0x14, 80, 192)
    yield "cmyk-ycck", with_adobe_transform(saved(cmyk, "JPEG"), 2)
    yield "cmyk-without-adobe", without_adobe(saved(cmyk, "JPEG"))
    yield "rgb-trailing-bytes", saved(rgb, "JPEG") + b"trailing" * 9
    yield "rgb-comment", saved(rgb, "JPEG", comment=b"\xff\xd9 is no end here")
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "rgb-exif-is-ignored", saved(rgb, "JPEG", exif=exif)
    for quality in (1, 10, 95, 100):
        yield f"rgb-quality-{quality}", saved(rgb, "JPEG", quality=quality)


# --- PNG ----------------------------------------------------------------------------------------


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed_rows(rows, bits):
    """(height, values) of one row to bytes: filter 0 or, where bytes are whole, filter 1."""
    out = bytearray()
    for row in rows:
        if bits == 16:
            out += b"\0" + row.astype(">u2").tobytes()
        elif bits == 8:
            out += b"\0" + row.astype(np.uint8).tobytes()
        else:
            flags = (row[:, None] >> np.arange(bits - 1, -1, -1)) & 1
            out += b"\0" + np.packbits(flags.reshape(-1).astype(np.uint8)).tobytes()
    return bytes(out)


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(values, bits, color_type, interlaced=False, before_data=b""):
    """values: (height, width, channels) of the stored samples."""
    height, width, channels = values.shape
    data = b""
    for left, top, right, down in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = values[top::down, left::right]
        if part.size:
            data += packed_rows(part.reshape(part.shape[0], -1), bits)
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, int(interlaced))
    data = zlib.compress(data)
    middle = len(data) // 2
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + before_data
        + png_chunk(b"IDAT", data[:middle])
        + png_chunk(b"IDAT", b"")
        + png_chunk(b"IDAT", data[middle:])
        + png_chunk(b"IEND", b"")
    )


def pngs():
    for number, (width, height) in enumerate(SIZES + THIN):
        for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
            image = picture(mode, width, height, number)
            yield f"{mode.replace(';', '')}-{width}x{height}", saved(image, "PNG")
    palette = png_chunk(b"PLTE", bytes((37 * i + 11 * i * i) % 256 for i in range(48)))
    transparency = png_chunk(b"tRNS", bytes(range(0, 160, 10)))
    for width, height in [(1, 1), (5, 3), (33, 29)]:
        for bits, color_type, channels in [
            (1, 0, 1), (2, 0, 1), (4, 0, 1), (8, 0, 1), (16, 0, 1), (8, 2, 3), (16, 2, 3), (1, 3, 1),
            (2, 3, 1), (4, 3, 1), (8, 3, 1), (8, 4, 2), (16, 4, 2), (8, 6, 4), (16, 6, 4),
        ]:  # fmt: skip
            values = samples(width, height, channels, bits + color_type).astype(np.int64)
            values = values * 257 + 3 if bits == 16 else values >> (8 - bits)
            if color_type == 3:
                values %= 16
            for interlaced in (False, True):
                name = f"{bits}bit-type{color_type}-{width}x{height}" + "-adam7" * interlaced
                yield name, png(values, bits, color_type, interlaced, palette if color_type == 3 else b"")
    values = samples(40, 30, 1).astype(np.int64) % 16
    yield "palette-transparency", png(values, 8, 3, before_data=palette + transparency)
    yield "palette-too-short", png(values * 15, 8, 3, before_data=palette)
    yield "gray-transparency", png(values, 8, 0, before_data=png_chunk(b"tRNS", b"\0\7"))
    yield "saturating", png(np.arange(0, 2048).reshape(32, 64, 1), 16, 0)
    yield "overshooting", png((np.indices((40, 40)).sum(0)[..., None] // 5 % 2) * 65535, 16, 0)
    yield "color-profile", saved(picture("RGB", 30, 20), "PNG", icc_profile=b"not a profile at all")
    yield "trailing-bytes", saved(picture("RGB", 30, 20), "PNG") + b"trailing"
    frames = [picture("RGBA", 40, 30, seed) for seed in range(3)]
    yield "animated", saved(frames[0], "PNG", save_all=True, append_images=frames[1:])


# --- WebP ---------------------------------------------------------------------------------------


def webps():
    for number, (width, height) in enumerate(SIZES + THIN):
        for mode in ("RGB", "RGBA"):
            image = picture(mode, width, height, number)
            size = f"{mode}-{width}x{height}"
            yield f"lossy-{size}", saved(image, "WEBP", quality=40 + 5 * number)
            yield f"lossless-{size}", saved(image, "WEBP", lossless=True, exact=number % 2 == 0)
    opaque = picture("RGBA", 40, 30)
    opaque.putalpha(255)
    yield "lossless-opaque-alpha", saved(opaque, "WEBP", lossless=True)
    yield "lossy-opaque-alpha", saved(opaque, "WEBP")
    frames = [picture("RGBA", 50, 38, seed) for seed in range(3)]
    yield "animated", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    opaque_frames = [frame.convert("RGB") for frame in frames]
    yield "animated-opaque", saved(opaque_frames[0], "WEBP", save_all=True, append_images=opaque_frames[1:])


# --- BMP ----------------------------------------------------------------------------------------


def bmp(bits, width, height, pixels, compression=0, masks=(), palette=b"", header_bytes=40, top_down=False):
    """`pixels` as they stand in the file, rows padded to four bytes."""
    info = struct.pack(
        "<IiiHHIIiiII",
        header_bytes, width, -height if top_down else height, 1, bits, compression, len(pixels), 0, 0,
        len(palette) // 4, 0,
    )  # fmt: skip
    info += b"".join(struct.pack("<I", mask) for mask in masks)
    info += b"\0" * (14 + header_bytes - 14 - len(info))
    start = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + info + palette + pixels


def padded(rows):
    """(height, bytes) to rows of a multiple of four bytes."""
    height, width = rows.shape
    out = np.zeros((height, -(-width // 4) * 4), np.uint8)
    out[:, :width] = rows
    return out.tobytes()


def bmps():
    for number, (width, height) in enumerate(SIZES + THIN):
        for mode in ("1", "L", "P", "RGB"):
            yield f"{mode}-{width}x{height}", saved(picture(mode, width, height, number), "BMP")
    width, height = 33, 21
    wide = padded(samples(width, height, 4).reshape(height, -1))
    yield "32bit", bmp(32, width, height, wide)
    yield "32bit-top-down", bmp(32, width, height, wide, top_down=True)
    layouts = {
        "bgrx": (0xFF0000, 0xFF00, 0xFF, 0), "xbgr": (0xFF000000, 0xFF0000, 0xFF00, 0),
        "bgxr": (0xFF000000, 0xFF00, 0xFF, 0), "abgr": (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
        "rgba": (0xFF, 0xFF00, 0xFF0000, 0xFF000000), "bgra": (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
        "bgar": (0xFF000000, 0xFF00, 0xFF, 0xFF0000), "none": (0, 0, 0, 0),
    }  # fmt: skip
    for name, masks in layouts.items():
        yield f"masks-{name}", bmp(32, width, height, wide, 3, masks, header_bytes=124)
    yield "masks-after-header", bmp(32, width, height, wide, 3, layouts["bgrx"][:3])
    narrow = padded(samples(width, height, 2).reshape(height, -1))
    yield "16bit-555", bmp(16, width, height, narrow)
    yield "16bit-565", bmp(16, width, height, narrow, 3, (0xF800, 0x7E0, 0x1F))
    yield "16bit-555-masks", bmp(16, width, height, narrow, 3, (0x7C00, 0x3E0, 0x1F))
    colors = bytes((29 * i) % 256 for i in range(64))
    nibbles = padded(samples(17, height, 1)[..., 0])
    yield "4bit", bmp(4, width, height, nibbles, palette=colors)
    yield "4bit-top-down", bmp(4, width, height, nibbles, palette=colors, top_down=True)
    yield "1bit-colors", bmp(1, width, height, padded(samples(5, height, 1)[..., 0]), palette=colors[:8])
    codes = b"\x05\x03\x04\x07\0\x03\x01\x02\x09\0\0\0" + b"\x0c\x0b\0\0" * 2 + b"\0\2\3\1" + b"\7\5\2\1\0\0"
    codes += b"\x0c\x02\0\0" * 2 + b"\0\1"
    yield "rle8", bmp(8, 12, 6, codes, 1, palette=colors)
    nibble_codes = b"\x0c\x5a\0\0" * 3 + b"\0\4\x12\x34\x06\x78\2\x11\0\0" + b"\x0b\x3c\1\1\0\0" * 2 + b"\0\1"
    yield "rle4", bmp(4, 12, 6, nibble_codes, 2, palette=colors)
    core = b"BM" + struct.pack("<IHHI", 0, 0, 0, 26) + struct.pack("<IHHHH", 12, 4, 3, 1, 24)
    yield "core-header", core + padded(samples(4, 3, 3).reshape(3, -1))


# --- TIFF ---------------------------------------------------------------------------------------


def tiff(tags, order="<", data=b""):
    """tags: {tag: (type, values)}; `data` stands at offset 8."""
    codes = {1: "B", 3: "H", 4: "I"}
    directory = 8 + len(data) + len(data) % 2
    after = directory + 2 + 12 * len(tags) + 4
    entries, extra = b"", b""
    for tag, (kind, values) in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}{codes[kind]}", *values)
        entries += struct.pack(f"{order}HHI", tag, kind, len(values))
        if len(packed) <= 4:
            entries += packed.ljust(4, b"\0")
        else:
            entries += struct.pack(f"{order}I", after + len(extra))
            extra += packed + b"\0" * (len(packed) % 2)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", directory)
    body = data + b"\0" * (len(data) % 2) + struct.pack(f"{order}H", len(tags)) + entries
    return head + body + struct.pack(f"{order}I", 0) + extra


def plain_tiff(values, photometric, bits=8, order="<", **more):
    """values: (height, width, channels); bits 8, 16 or 32."""
    height, width, channels = values.shape
    stored = {8: "u1", 16: "u2", 32: "u4"}[bits]
    data = values.astype(order + stored).tobytes()
    tags = {
        256: (3, [width]), 257: (3, [height]), 258: (3, [bits] * channels), 259: (3, [1]),
        262: (3, [photometric]), 273: (4, [8]), 277: (3, [channels]), 278: (3, [height]),
        279: (4, [len(data)]),
    }  # fmt: skip
    tags.update({int(tag[1:]): (3, value) for tag, value in more.items()})
    return tiff(tags, order, data)


def tiled_tiff(values, side, order="<"):
    height, width, channels = values.shape
    down, across = -(-height // side), -(-width // side)
    full = np.zeros((down * side, across * side, channels), np.uint8)
    full[:height, :width] = values
    tiles = [
        full[y * side : (y + 1) * side, x * side : (x + 1) * side].tobytes()
        for y in range(down)
        for x in range(across)
    ]
    tags = {
        256: (3, [width]), 257: (3, [height]), 258: (3, [8] * channels), 259: (3, [1]),
        262: (3, [2 if channels == 3 else 1]), 277: (3, [channels]), 322: (3, [side]), 323: (3, [side]),
        324: (4, [8 + i * len(tiles[0]) for i in range(len(tiles))]), 325: (4, [len(t) for t in tiles]),
    }  # fmt: skip
    return tiff(tags, order, b"".join(tiles))


def tiffs():
    compressions = [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"]
    for number, (width, height) in enumerate(SIZES + THIN):
        for index, mode in enumerate(("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F")):
            compression = compressions[(number + index) % 4]
            image = picture(mode, width, height, number)
            name = f"{mode.replace(';', '')}-{compression or 'raw'}-{width}x{height}"
            yield name, saved(image, "TIFF", compression=compression)
    rgb = picture("RGB", 65, 47)
    yield "YCbCr-jpeg", saved(rgb, "TIFF", compression="jpeg")
    yield "L-jpeg", saved(rgb.convert("L"), "TIFF", compression="jpeg")
    for compression in ("group3", "group4", "tiff_ccitt"):
        yield f"1-{compression}", saved(picture("1", 65, 47), "TIFF", compression=compression)
    predictor = TiffImagePlugin.ImageFileDirectory_v2()
    predictor[317] = 2
    yield "RGB-predictor", saved(rgb, "TIFF", compression="tiff_lzw", tiffinfo=predictor)
    yield "RGB-strips", saved(rgb, "TIFF", compression="tiff_lzw", strip_size=65 * 3 * 5)
    yield "RGB-big", saved(rgb, "TIFF", big_tiff=True)
    gray, color, wide = samples(21, 13, 1), samples(21, 13, 3), samples(21, 13, 4)
    wide[2:4, :, 3] = [[0], [255]]  # transparent and opaque
    for order, name in (("<", "ii"), (">", "mm")):
        yield f"white-is-zero-{name}", plain_tiff(gray, 0, order=order)
        yield f"signed16-{name}", plain_tiff(gray.astype(int) * 257, 1, 16, order, t339=[2])
        yield f"signed32-{name}", plain_tiff(gray.astype(int) * 2, 1, 32, order, t339=[2])
        yield f"float32-{name}", plain_tiff(
            (gray * np.float32(1.3)).astype(np.float32).view(np.uint32), 1, 32, order, t339=[3]
        )
        yield f"rgb16-{name}", plain_tiff(color.astype(int) * 257 + 5, 2, 16, order)
        yield f"rgba16-{name}", plain_tiff(wide.astype(int) * 257 + 5, 2, 16, order, t338=[2])
        yield f"rgbx16-{name}", plain_tiff(wide.astype(int) * 257 + 5, 2, 16, order, t338=[0])
        yield f"cmyk16-{name}", plain_tiff(wide.astype(int) * 257 + 5, 5, 16, order)
        yield f"rgbx-{name}", plain_tiff(wide, 2, order=order, t338=[0])
        yield f"premultiplied-{name}", plain_tiff(wide, 2, order=order, t338=[1])
        yield f"rgba-unspecified-{name}", plain_tiff(wide, 2, order=order)
        yield f"tiled-rgb-{name}", tiled_tiff(samples(75, 53, 3), 32, order)
        yield f"tiled-gray-{name}", tiled_tiff(samples(75, 53, 1), 16, order)
    yield "unsigned32", plain_tiff(gray.astype(int), 1, 32)
    yield "gray16", plain_tiff(gray.astype(int) * 3, 1, 16)
    yield "white-is-zero-16", plain_tiff(gray.astype(int), 0, 16)
    for bits in (2, 4):
        for photometric in (0, 1):
            rows = samples(-(-21 * bits // 8), 13, 1)
            file = bytearray(plain_tiff(rows, photometric))
            at = file.index(struct.pack("<HHIH", 258, 3, 1, 8))
            struct.pack_into("<H", file, at + 8, bits)
            struct.pack_into("<H", file, file.index(struct.pack("<HHI", 256, 3, 1)) + 8, 21)
            yield f"gray{bits}-photometric{photometric}", bytes(file)
    for orientation in range(1, 9):
        yield f"orientation-{orientation}", plain_tiff(color, 2, t274=[orientation])
    more = [picture("RGB", 20, 30, seed) for seed in range(2)]
    yield "two-pages", saved(rgb, "TIFF", save_all=True, append_images=more)


# --- GIF ----------------------------------------------------------------------------------------


def shifted_gif(file, screen_width, screen_height, left, top):
    """The first frame moved on a canvas of another size."""
    file = bytearray(file)
    struct.pack_into("<HH", file, 6, screen_width, screen_height)
    at = 13 + (3 << ((file[10] & 7) + 1) if file[10] & 0x80 else 0)
    while file[at] == 0x21:
        at += 2
        while file[at]:
            at += file[at] + 1
        at += 1
    assert file[at] == 0x2C
    struct.pack_into("<HH", file, at + 1, left, top)
    return bytes(file)


def gifs():
    for number, (width, height) in enumerate(SIZES + THIN):
        for mode in ("1", "L", "P"):
            for interlace in (0, 1):
                name = f"{mode}-{width}x{height}" + "-interlaced" * interlace
                yield name, saved(picture(mode, width, height, number), "GIF", interlace=interlace)
    image = picture("P", 60, 45)
    plain = saved(image, "GIF", interlace=0)
    transparent = saved(image, "GIF", transparency=7, interlace=1)
    yield "transparent", transparent
    yield "smaller-than-canvas", shifted_gif(plain, 90, 80, 11, 20)
    yield "smaller-than-canvas-transparent", shifted_gif(transparent, 90, 80, 11, 20)
    yield "larger-than-canvas", shifted_gif(plain, 30, 80, 5, 50)
    yield "gray-smaller-than-canvas", shifted_gif(saved(picture("L", 30, 20), "GIF"), 50, 50, 3, 4)
    frames = [picture("P", 60, 45, seed) for seed in range(3)]
    yield "animated", saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    yield "noise", saved(Image.effect_noise((200, 150), 90), "GIF", interlace=0)


FORMATS = {"jpeg": jpegs, "png": pngs, "webp": webps, "bmp": bmps, "tiff": tiffs, "gif": gifs}


def big_endian_gray16():
    """Pillow resizes it with its bytes swapped, so that only the hf order has a meaning."""
    return plain_tiff(samples(21, 13, 1).astype(int) * 3, 1, 16, ">")


def thinnest():
    for width, height in THINNEST:
        for mode in ("RGB", "P", "RGBA"):
            yield f"png-{mode}-{width}x{height}", saved(picture(mode, width, height), "PNG")
        yield f"jpeg-{width}x{height}", saved(picture("RGB", width, height), "JPEG")


def large():
    for width, height in LARGE:
        rgb = picture("RGB", width, height)
        yield f"jpeg-{width}x{height}", saved(rgb, "JPEG", quality=90)
        if width < 4000:
            yield f"bmp-{width}x{height}", saved(rgb, "BMP")
    yield "png-rgba", saved(picture("RGBA", 1500, 1100), "PNG", compress_level=1)
    yield "tiff-cmyk", saved(picture("CMYK", 900, 1301), "TIFF")
    yield "tiff-float", saved(picture("F", 901, 700), "TIFF")
    yield "webp", saved(picture("RGB", 1111, 777), "WEBP", method=0)
