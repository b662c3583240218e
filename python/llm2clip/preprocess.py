"""From an image to what the vision tower sees: picklable, without threads, fit for workers of a data loader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import _c
from ._images import read
from ._library import call, defaults

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
