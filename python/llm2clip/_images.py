"""What may stand for an image, and how it reaches the library."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from ctypes import c_int32, c_size_t
from typing import TYPE_CHECKING, Any, TypeGuard

from . import _c
from ._library import Handle, defaults, path_argument
from .errors import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image
    from numpy.typing import NDArray

    #: A path, what is in a file, a Pillow image, or pixels (H, W), (H, W, 3) or (H, W, 4) uint8.
    ImageLike = str | os.PathLike[str] | bytes | bytearray | memoryview | PIL.Image.Image | NDArray[np.uint8]
    Images = ImageLike | Iterable[ImageLike]

_ARRAY_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
EXPECTED = "a path, the bytes of a file, a PIL.Image or an array (H, W, 3) of uint8 is expected"


def is_pillow(value: object) -> bool:
    """Whether it is a Pillow image; Pillow is not imported for that."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def is_array(value: object) -> bool:
    return hasattr(value, "__array__") or hasattr(value, "__array_interface__")


def is_one_image(value: object) -> bool:
    """Whether it is one image rather than several."""
    if isinstance(value, (str, os.PathLike, bytes, bytearray, memoryview)) or is_pillow(value):
        return True
    return is_array(value) and len(value.shape) < 4  # type: ignore[attr-defined]


def from_pillow(image: PIL.Image.Image) -> Handle:
    """Its pixels in its own mode, because some models resize before they convert."""
    if image.mode not in _c.IMAGE_MODES:
        image = image.convert("RGB")
    mode, palette = image.mode, b""
    if mode == "P":
        palette = bytes(image.getpalette("RGB") or b"")
    pixels = image.convert("L").tobytes() if mode == "1" else image.tobytes()  # Pillow packs eight of them in a byte
    return Handle("image", "image_from_pixels", _c.IMAGE_MODES[mode], image.width, image.height, pixels, len(pixels),
                  palette, len(palette))


def from_array(value: Any) -> Handle:
    """Pixels as they lie, also with gaps between rows or from bottom to top."""
    import numpy as np

    array: NDArray[Any] = np.asarray(value)
    if array.ndim == 2:
        array = array[:, :, None]
    channels = array.shape[2] if array.ndim == 3 else 0
    if array.dtype != np.uint8 or channels not in _ARRAY_MODES:
        raise InvalidArgumentError(f"an array {np.shape(value)} of {array.dtype}; (H, W), (H, W, 3) or (H, W, 4) of uint8 "
                                   "is expected")
    if array.strides[1:] != (channels, 1) or abs(array.strides[0]) < array.shape[1] * channels:
        array = np.ascontiguousarray(array)
    height, width, stride = array.shape[0], array.shape[1], array.strides[0]
    lowest = array.ctypes.data + min(0, (height - 1) * stride)
    reach = (height - 1) * abs(stride) + width * channels if height else 0
    return Handle("image", "image_from_rows", _c.IMAGE_MODES[_ARRAY_MODES[channels]], 0, c_int32(width), c_int32(height),
                  stride, lowest, c_size_t(reach))


def from_pixels(image: object) -> Handle:
    """A handle for pixels in memory."""
    if is_pillow(image):
        return from_pillow(image)  # type: ignore[arg-type]
    if is_array(image) or (isinstance(image, memoryview) and image.ndim > 1):
        return from_array(image)
    raise InvalidArgumentError(f"a {type(image).__name__}; {EXPECTED}")


def is_file_content(image: object) -> TypeGuard[bytes | bytearray | memoryview]:
    return isinstance(image, (bytes, bytearray)) or (isinstance(image, memoryview) and image.ndim == 1)


def read(image: ImageLike, keep_mode: bool) -> Handle:
    """A handle for any image; files are decoded, and converted to RGB unless they keep their mode."""
    import numpy as np

    options = defaults("read", _c.ReadOptions())
    options.keep_mode = keep_mode
    if isinstance(image, (str, os.PathLike)):
        return Handle("image", "image_read", *path_argument(image), options)
    if is_file_content(image):
        content = np.frombuffer(image, np.uint8)
        return Handle("image", "image_decode", content.ctypes.data, content.size, b"image", 5, options)
    return from_pixels(image)


class ImageSource:
    """Gives the library one image after the other, in a thread of the library's."""

    def __init__(self, images: Iterable[ImageLike]) -> None:
        self._images: Iterator[ImageLike] = iter(images)
        self._count = 0
        self._lent: tuple[Any, ...] = ()

    def next(self, slot: Any, _: None) -> bool:
        """Fills `slot`, a pointer to ImageInput; what it points to lives until the next call."""
        for image in self._images:
            try:
                self._lend(slot.contents, image)
            except InvalidArgumentError as error:
                raise InvalidArgumentError(f"image {self._count}: {error}") from None
            self._count += 1
            return True
        self._lent = ()
        return False

    def _lend(self, slot: _c.ImageInput, image: ImageLike) -> None:
        import numpy as np

        if isinstance(image, (str, os.PathLike)):
            path = os.fsencode(image)
            slot.path.borrow(path)
            self._lent = (path,)
            return
        name = f"image {self._count}".encode()
        slot.id.borrow(name)
        if is_file_content(image):
            content = np.frombuffer(image, np.uint8)
            slot.bytes, slot.byte_count = content.ctypes.data, content.size
            self._lent = (name, content)
        else:
            handle = from_pixels(image)
            slot.image = handle.value
            self._lent = (name, handle)
