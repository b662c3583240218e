"""From an image to what the vision tower sees: picklable, without threads, fit for workers of a data loader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import _c
from ._images import read
from ._library import call, defaults
from .errors import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ._images import ImageLike


@dataclass(frozen=True)
class Preprocess:
    """Resizes, crops and normalizes as a model wants it: `model.preprocess`.

    It has no part of the model, so it may be pickled, and called in forked processes.
    """

    image_size: int  #: S, the side of what the tower sees
    order: int  #: llm2clip_preprocess_order
    mean: tuple[float, float, float]  #: of RGB in 0..1
    std: tuple[float, float, float]  #: of RGB in 0..1
    resize_passes: int  #: llm2clip_resize_passes

    @classmethod
    def of_options(cls, options: _c.PreprocessOptions) -> Preprocess:
        return cls(options.image_size, options.order, tuple(options.mean), tuple(options.std), options.resize_passes)

    def __call__(self, image: ImageLike) -> NDArray[np.float32]:
        """(3, S, S) float32: the pixels of the reference, to the bit."""
        import numpy as np

        options = defaults("preprocess", _c.PreprocessOptions())
        options.image_size, options.order, options.resize_passes = self.image_size, self.order, self.resize_passes
        options.mean, options.std = self.mean, self.std
        pixels = np.empty((3, self.image_size, self.image_size), np.float32)
        handle = read(image, keep_mode=self.order == _c.ORDER_TORCHVISION)
        call("preprocess", handle, options, pixels.ctypes.data, pixels.size)
        return pixels

    def crops(self, pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
        """What was normalized: (N, 3, S, S) float32 to (N, S, S, 3), to the bit.

        Raises InvalidArgumentError for pixels that no image of 8 bits has.
        """
        import numpy as np

        std, mean = (np.array(values, np.float32)[:, None, None] for values in (self.std, self.mean))
        values = (pixels * std + mean) * np.float32(255)
        whole = np.rint(values)
        if not np.all(np.abs(values - whole) < 0.01) or not np.all((whole >= 0) & (whole <= 255)):
            raise InvalidArgumentError("pixels: are not those of images of 8 bits; what `preprocess` gives is expected")
        return np.ascontiguousarray(whole.astype(np.uint8).transpose(0, 2, 3, 1))
