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

    The blocks stay where they are in the file, so the image is scrambled, but it is an image.
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


def small_window(rows, bits=9):
    """Deflate data whose zlib header names a window of 2^bits bytes, however far it looks back."""
    first = (bits - 8) << 4 | 8
    second = 0x80 + 31 - (first * 256 + 0x80) % 31
    return bytes([first, second]) + zlib.compress(rows, 9)[2:]


def png(values, bits, color_type, interlaced=False, before_data=b"", after_data=b"", compress=zlib.compress):
    """values: (height, width, channels) of the stored samples."""
    height, width, channels = values.shape
    data = b""
    for left, top, right, down in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = values[top::down, left::right]
        if part.size:
            data += packed_rows(part.reshape(part.shape[0], -1), bits)
    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, int(interlaced))
    data = compress(data)
    middle = len(data) // 2
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + before_data
        + png_chunk(b"IDAT", data[:middle])
        + png_chunk(b"IDAT", b"")
        + png_chunk(b"IDAT", data[middle:])
        + after_data
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
    for bits in range(8, 16):
        far = np.tile(samples(64, 8, 3), (12, 1, 1)).astype(np.int64)
        yield f"window-{1 << bits}", png(far, 8, 2, compress=lambda rows, bits=bits: small_window(rows, bits))
    far = np.tile(samples(64, 8, 1), (12, 1, 1)).astype(np.int64)
    yield "window-256-adam7-16bit", png(far * 257, 16, 0, True, compress=lambda rows: small_window(rows, 8))
    frames = [picture("RGBA", 40, 30, seed) for seed in range(3)]
    yield "animated", saved(frames[0], "PNG", save_all=True, append_images=frames[1:])


# --- WebP ---------------------------------------------------------------------------------------


def webp_chunks(file):
    """[(kind, data)] behind the RIFF header."""
    at, chunks = 12, []
    while at + 8 <= len(file):
        kind, length = struct.unpack_from("<4sI", file, at)
        chunks.append((kind, file[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return chunks


def webp_of(chunks):
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def le24(value):
    return struct.pack("<I", value)[:3]


def webp_on_canvas(still, width, height, left, top, alpha=False):
    """An animation of one frame, the image of `still`, which does not fill its canvas."""
    with Image.open(io.BytesIO(still)) as image:
        frame_width, frame_height = image.size
    parts = [(kind, data) for kind, data in webp_chunks(still) if kind in (b"ALPH", b"VP8 ", b"VP8L")]
    frame = le24(left // 2) + le24(top // 2) + le24(frame_width - 1) + le24(frame_height - 1) + le24(100) + b"\0"
    frame += webp_of(parts)[12:]
    canvas = bytes([2 | 16 * alpha, 0, 0, 0]) + le24(width - 1) + le24(height - 1)
    return webp_of([(b"VP8X", canvas), (b"ANIM", bytes(6)), (b"ANMF", frame)])


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
    for lossless in (False, True):
        name = "smaller-than-canvas" + "-lossless" * lossless
        yield name, webp_on_canvas(saved(picture("RGB", 40, 30), "WEBP", lossless=lossless), 56, 64, 4, 20)
        some_alpha = saved(picture("RGBA", 40, 30), "WEBP", lossless=lossless)
        yield name + "-alpha", webp_on_canvas(some_alpha, 56, 64, 4, 20, alpha=True)
        yield name + "-alpha-unannounced", webp_on_canvas(some_alpha, 56, 64, 4, 20)
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


def tiff_entries(file, endian="<"):
    """{tag: position of its entry} in the first directory of a classic TIFF."""
    (at,) = struct.unpack_from(endian + "I", file, 4)
    (count,) = struct.unpack_from(endian + "H", file, at)
    return {struct.unpack_from(endian + "H", file, at + 2 + 12 * i)[0]: at + 2 + 12 * i for i in range(count)}


def with_short(file, tag, *values):
    """The file with another number in a tag that has one, or two."""
    file = bytearray(file)
    struct.pack_into(f"<{len(values)}H", file, tiff_entries(file)[tag] + 8, *values)
    return bytes(file)


def without_tag(file, tag, instead):
    """The file with a private tag in the place of one; the order of tags stays what it must be."""
    file = bytearray(file)
    struct.pack_into("<H", file, tiff_entries(file)[tag], instead)
    return bytes(file)


def with_type(file, tag, kind, count=1):
    """The file with another type and count in a tag."""
    file = bytearray(file)
    struct.pack_into("<HI", file, tiff_entries(file)[tag] + 2, kind, count)
    return bytes(file)


def with_byte_count(file, change):
    """The file with another first number of StripByteCounts."""
    file = bytearray(file)
    kind, count = struct.unpack_from("<HI", file, tiff_entries(file)[279] + 2)
    form = "<H" if kind == 3 else "<I"
    at = tiff_entries(file)[279] + 8
    if count * struct.calcsize(form) > 4:
        (at,) = struct.unpack_from("<I", file, at)
    struct.pack_into(form, file, at, change(struct.unpack_from(form, file, at)[0]))
    return bytes(file)


def odd_tiffs():
    """Tags that are wrong and say nothing about pixels, and counts of bytes that are wrong or missing."""
    rgb = picture("RGB", 65, 47)
    tags = {274: 1, 296: 2, 266: 1, 282: 72.0, 263: 1, 297: (0, 1), 254: 0}
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        for strips in (False, True):
            options = {"compression": compression, "tiffinfo": tags}
            file = saved(rgb, "TIFF", **options, **({"strip_size": 65 * 3 * 16} if strips else {}))
            file = with_short(file, 297, 0, 1)  # through libtiff Pillow writes whatever is in memory there
            name = f"odd-{compression or 'raw'}" + "-strips" * strips
            for tag, values in {274: (0, 5, 9, 65535), 296: (0, 4, 9), 263: (0, 9), 254: (77,)}.items():
                for value in values:
                    yield f"{name}-{tag}-{value}", with_short(file, tag, value)
            yield f"{name}-count-larger", with_byte_count(file, lambda count: count + 1)
            if compression is None or not strips:
                yield f"{name}-count-0", with_byte_count(file, lambda count: 0)
                yield f"{name}-count-missing", without_tag(file, 279, 281)
            if compression is None:
                yield f"{name}-count-1", with_byte_count(file, lambda count: 1)
                yield f"{name}-count-beyond", with_byte_count(file, lambda count: 60000)
                yield f"{name}-planar-0", with_short(file, 284, 0)
    for mode in ("1", "L", "P", "RGB"):
        for compression in (None, "packbits"):
            file = saved(picture(mode, 65, 47), "TIFF", compression=compression, tiffinfo={266: 1})
            if compression is None or mode in ("L", "RGB"):
                yield f"fill-order-2-{mode}-{compression or 'raw'}", with_short(file, 266, 2)
    yield "fill-order-2-16", plain_tiff(samples(21, 13, 1).astype(int) * 3, 1, 16, t266=[2])
    yield "planar-2-gray", plain_tiff(samples(21, 13, 1), 1, t284=[2])
    resolution = plain_tiff(samples(21, 13, 3), 2, t282=[72], t283=[0], t296=[0])
    yield "resolution-of-another-type", resolution
    for order in "<>":
        yield f"orientation-of-many-{order}", plain_tiff(samples(21, 13, 3), 2, order=order, t274=[6, 1])
    first = samples(40, 30, 3)
    later = bytearray(saved(Image.fromarray(first), "TIFF", save_all=True, append_images=[Image.fromarray(first)]))
    (second,) = struct.unpack_from("<I", later, struct.unpack_from("<I", later, 4)[0] + 2 + 12 * len(tiff_entries(later)))
    for i in range(struct.unpack_from("<H", later, second)[0]):
        if struct.unpack_from("<H", later, second + 2 + 12 * i)[0] == 279:
            struct.pack_into("<I", later, second + 2 + 12 * i + 8, 1 << 30)
    yield "later-page-count-beyond", bytes(later)


def tiffs():
    yield from odd_tiffs()
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


def with_bytes_before_frame(file, junk):
    """The GIF with bytes that start no block where its first frame, or a block before it, would."""
    at = 13 + (3 << ((file[10] & 7) + 1) if file[10] & 0x80 else 0)
    return file[:at] + junk + file[at:]


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
    for name, junk in {"zero": b"\0", "zeros": bytes(7), "any": b"\1\xffx"}.items():
        yield f"{name}-before-frame", with_bytes_before_frame(plain, junk)
        yield f"{name}-before-block", with_bytes_before_frame(transparent, junk)
        yield f"{name}-before-trailer", plain[:-1] + junk + plain[-1:]
    frames = [picture("P", 60, 45, seed) for seed in range(3)]
    yield "animated", saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    yield "noise", saved(Image.effect_noise((200, 150), 90), "GIF", interlace=0)


def lenient():
    """What Pillow passes over: tags without values or of no type that it knows, sizes as signed numbers, empty extensions."""
    rgb = picture("RGB", 65, 47)
    for compression in (None, "tiff_lzw", "jpeg"):
        file = saved(rgb, "TIFF", compression=compression, tiffinfo={266: 1})
        name = compression or "raw"
        yield f"fill-order-unknown-type-{name}.tif", with_type(file, 266, 99)
        yield f"fill-order-no-value-{name}.tif", with_type(file, 266, 3, 0)
        for tag in (256, 257):
            (kind,) = struct.unpack_from("<H", file, tiff_entries(file)[tag] + 2)
            yield f"{tag}-signed-{name}.tif", with_type(file, tag, {3: 8, 4: 9}[kind])
    raw = saved(rgb, "TIFF")
    yield "compression-no-value.tif", with_type(raw, 259, 3, 0)
    yield "planar-text.tif", with_type(raw, 284, 2)
    # Behind an empty block Pillow looks for one more, and so takes the next extension for a block.
    swallowed = b"!\xf9\0" + bytes([8]) + b"!\xf9\4\1\0\0\5\0" + b"\0"
    gif = shifted_gif(saved(picture("P", 60, 45), "GIF", interlace=0), 90, 80, 11, 20)
    yield "empty-control.gif", with_bytes_before_frame(gif, swallowed)
    palettes = [png_chunk(b"PLTE", bytes(range(first, first + 48))) for first in (0, 100)]
    indexed = samples(40, 30, 1).astype(np.int64) % 16
    yield "palette-after-pixels.png", png(indexed, 8, 3, before_data=palettes[0], after_data=palettes[1])
    yield "empty-comment.gif", with_bytes_before_frame(gif, b"!\xfe\0")


FORMATS = {"jpeg": jpegs, "png": pngs, "webp": webps, "bmp": bmps, "tiff": tiffs, "gif": gifs}


def big_endian_gray16():
    """Pillow resizes it with its bytes swapped, so that only the hf order has a meaning."""
    return plain_tiff(samples(21, 13, 1).astype(int) * 3, 1, 16, ">")


# --- Orientation --------------------------------------------------------------------------------


def exif_block(orientation, kind=3, order="<", count=1, before=b"", lengthen=0):
    """A TIFF header and a directory of one tag; `kind`: its type. `before`: entries that come first."""
    codes = {3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 1: "B", 5: "II", 10: "ii", 11: "f", 12: "d", 7: "B", 2: "B", 13: "I", 99: "H"}
    values = (orientation, 1) if kind in (5, 10) else (orientation,)
    packed = struct.pack(order + codes[kind], *values) * count
    entries = len(before) // 12 + 1
    after = 8 + 2 + 12 * entries + 4
    field = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack(order + "I", after)
    body = struct.pack(order + "H", entries + lengthen) + before
    body += struct.pack(order + "HHI", 274, kind, count) + field + bytes(4)
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(order + "I", 8) + body + (packed if len(packed) > 4 else b"")


def xmp_packet(orientation, as_element=False):
    said = f"<tiff:Orientation>{orientation}</tiff:Orientation>" if as_element else f'x tiff:Orientation="{orientation}"'
    return f"<x:xmpmeta><rdf:Description {said}/></x:xmpmeta>".encode()


def jpeg_with(rgb, *segments):
    """A JPEG with APP1 segments behind its start."""
    file = saved(rgb, "JPEG", quality=95)
    return file[:2] + b"".join(b"\xff\xe1" + struct.pack(">H", len(s) + 2) + s for s in segments) + file[2:]


def raw_profile(exif):
    """ImageMagick's text of a profile."""
    digits = exif.hex()
    lines = [digits[i : i + 72] for i in range(0, len(digits), 72)]
    return "\n".join(["", "exif", f"{len(exif):8}", *lines, ""]).encode()


def itxt(key, value, flag=0, method=0):
    return png_chunk(b"iTXt", key + bytes([0, flag, method]) + b"en\0key\0" + value)


def turned():
    """Files with an orientation in each of the places where Pillow looks, and where it does not."""
    rgb = picture("RGB", 97, 61)
    exif6, exif3 = exif_block(6), exif_block(3)
    prefix = b"Exif\0\0"
    blocks = {
        "big-endian": exif_block(6, order=">"), "long": exif_block(6, 4), "signed-byte": exif_block(6, 6),
        "signed-short": exif_block(6, 8), "rational": exif_block(6, 5), "signed-rational": exif_block(6, 10),
        "float": exif_block(6.0, 11), "double": exif_block(6.0, 12), "not-whole": exif_block(6.5, 11),
        "byte": exif_block(6, 1), "undefined": exif_block(6, 7), "ascii": exif_block(54, 2), "ifd": exif_block(6, 13),
        "unknown-type": exif_block(6, 99), "two-values": exif_block(6, 3, count=2), "many-values": exif_block(6, 3, count=5),
        "zero": exif_block(0), "nine": exif_block(9), "negative": exif_block(-6, 8), "no-values": exif_block(6, count=0),
        "twice": exif_block(6, before=struct.pack("<HHIHH", 274, 3, 1, 8, 0)),
        "after-a-lost-tag": exif_block(6, before=struct.pack("<HHII", 270, 2, 999, 4000)),
        "after-an-unknown-type": exif_block(6, before=struct.pack("<HHII", 270, 77, 1, 0)),
        "promises-more": exif_block(6, lengthen=9), "cut": exif_block(6)[:-6], "prefix": prefix + exif6,
        "prefix-twice": prefix * 2 + exif6, "prefix-alone": prefix, "swapped-magic": b"II\0*" + exif6[4:],
        "big-tiff": b"II+\0\x08\0\0\0" + struct.pack("<QQHHQQ", 16, 1, 274, 3, 1, 6), "junk": b"junk, and no header",
    }  # fmt: skip
    for name, block in blocks.items():
        yield f"exif-{name}.jpg", jpeg_with(rgb, prefix + block)
        yield f"exif-{name}-xmp.jpg", jpeg_with(rgb, prefix + block, b"http://ns.adobe.com/xap/1.0/\0" + xmp_packet(8))
        yield f"exif-{name}.webp", webp_with(rgb, {b"EXIF": block})
        yield f"exif-{name}.png", with_chunks(rgb, png_chunk(b"eXIf", block))
        yield f"profile-{name}.png", with_chunks(rgb, png_chunk(b"tEXt", b"Raw profile type exif\0" + raw_profile(block)))
    yield from turned_jpegs(rgb, prefix, exif6)
    yield from turned_pngs(rgb, exif6, exif3)
    yield from turned_webps(rgb, exif6, exif3)
    yield from turned_tiffs()


def turned_jpegs(rgb, prefix, exif6):
    xmp = b"http://ns.adobe.com/xap/1.0/\0"
    yield "split.jpg", jpeg_with(rgb, prefix + exif6[:12], prefix + exif6[12:])
    yield "two-xmp.jpg", jpeg_with(rgb, xmp + xmp_packet(8), xmp + xmp_packet(5, True))
    yield "empty-exif-xmp.jpg", jpeg_with(rgb, prefix, xmp + xmp_packet(7))
    frames = [rgb, picture("RGB", 97, 61, 3)]
    out = io.BytesIO()
    frames[0].save(out, "MPO", save_all=True, append_images=frames[1:], exif=prefix + exif6)
    yield "mpo.jpg", out.getvalue()


def with_chunks(rgb, *before, after=b""):
    return png(np.asarray(rgb).astype(np.int64), 8, 2, before_data=b"".join(before), after_data=after)


def turned_pngs(rgb, exif6, exif3):
    key, xmp_key = b"Raw profile type exif", b"XML:com.adobe.xmp"
    profile = raw_profile(exif6)
    chunk_6, chunk_3 = png_chunk(b"eXIf", exif6), png_chunk(b"eXIf", exif3)
    packed = zlib.compress(profile)
    packet = xmp_packet(8)
    files = {
        "two-exif": [chunk_6, chunk_3],
        "text-exif": [png_chunk(b"tEXt", b"exif\0" + exif6)],
        "text-exif-after-chunk": [chunk_3, png_chunk(b"tEXt", b"exif\0" + exif6)],
        "profile-packed": [png_chunk(b"zTXt", key + b"\0\0" + packed)],
        "profile-packed-damaged": [png_chunk(b"zTXt", key + b"\0\0" + packed[:9] + b"x" * 20), itxt(xmp_key, packet)],
        "profile-packed-cut": [png_chunk(b"zTXt", key + b"\0\0" + packed[:-12])],
        "profile-international": [itxt(key, profile)],
        "profile-international-packed": [itxt(key, packed, 1)],
        "profile-not-hex": [png_chunk(b"tEXt", key + b"\0\nexif\n 1\nxyz"), itxt(xmp_key, packet)],
        "profile-short": [png_chunk(b"tEXt", key + b"\0abc"), itxt(xmp_key, packet)],
        "profile-and-chunk": [png_chunk(b"tEXt", key + b"\0" + profile), chunk_3],
        "xmp": [itxt(xmp_key, packet)],
        "xmp-element": [itxt(xmp_key, xmp_packet(5, True))],
        "xmp-packed": [itxt(xmp_key, zlib.compress(packet), 1)],
        "xmp-packed-otherwise": [itxt(xmp_key, zlib.compress(packet), 1, 1)],
        "xmp-packed-damaged": [itxt(xmp_key, xmp_packet(7)), itxt(xmp_key, b"no zlib data at all", 1)],
        "xmp-twice": [itxt(xmp_key, packet), itxt(xmp_key, xmp_packet(2))],
        "xmp-text": [png_chunk(b"tEXt", xmp_key + b"\0" + packet)],
        "xmp-text-packed": [png_chunk(b"zTXt", xmp_key + b"\0\0" + zlib.compress(packet))],
        "xmp-empty": [itxt(xmp_key, packet), itxt(xmp_key, b"")],
        "xmp-no-language": [png_chunk(b"iTXt", xmp_key + b"\0\0\0" + packet)],
        "exif-and-xmp": [chunk_6, itxt(xmp_key, packet)],
    }
    for name, chunks in files.items():
        yield f"{name}.png", with_chunks(rgb, *chunks)
        yield f"{name}-after.png", with_chunks(rgb, after=b"".join(chunks))
    out = io.BytesIO()
    frames = [rgb, picture("RGB", 97, 61, 3)]
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    animated = out.getvalue()
    yield "after-second-frame.png", animated[:-12] + chunk_6 + animated[-12:]


def webp_with(rgb, metadata, flags=None, extended=True):
    """A lossless WebP with chunks of metadata; `flags` of its header, if not those that announce them."""
    (pixels,) = [chunk for chunk in webp_chunks(saved(rgb, "WEBP", lossless=True)) if chunk[0] == b"VP8L"]
    announced = 8 * (b"EXIF" in dict(metadata)) + 4 * (b"XMP " in dict(metadata))
    head = bytes([announced if flags is None else flags, 0, 0, 0]) + le24(rgb.width - 1) + le24(rgb.height - 1)
    chunks = metadata.items() if isinstance(metadata, dict) else metadata
    return webp_of([*([(b"VP8X", head)] if extended else []), pixels, *chunks])


def turned_webps(rgb, exif6, exif3):
    yield "two-exif.webp", webp_with(rgb, [(b"EXIF", exif6), (b"EXIF", exif3)])
    yield "exif-unannounced.webp", webp_with(rgb, {b"EXIF": exif6}, flags=0)
    yield "exif-not-extended.webp", webp_with(rgb, {b"EXIF": exif6}, extended=False)
    yield "xmp.webp", webp_with(rgb, {b"XMP ": xmp_packet(8)})
    yield "xmp-unannounced.webp", webp_with(rgb, {b"XMP ": xmp_packet(8)}, flags=0)
    yield "empty-exif-xmp.webp", webp_with(rgb, {b"EXIF": b"", b"XMP ": xmp_packet(8)})


def turned_tiffs():
    color = samples(97, 61, 3)
    packet = xmp_packet(8)
    for order in "<>":
        yield f"xmp{order}.tif", tiff_with_xmp(color, packet, order)
        yield f"xmp-and-tag{order}.tif", tiff_with_xmp(color, packet, order, 6)
        yield f"xmp-and-upright{order}.tif", tiff_with_xmp(color, packet, order, 1)


def tiff_with_xmp(values, packet, order, orientation=None):
    height, width, channels = values.shape
    data = values.tobytes()
    tags = {
        256: (3, [width]), 257: (3, [height]), 258: (3, [8] * channels), 259: (3, [1]), 262: (3, [2]), 273: (4, [8]),
        277: (3, [channels]), 278: (3, [height]), 279: (4, [len(data)]), 700: (1, list(packet)),
    }  # fmt: skip
    if orientation is not None:
        tags[274] = (3, [orientation])
    return tiff(tags, order, data)


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
