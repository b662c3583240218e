"""Zero-shot classification: labels and their rows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from ctypes import byref, c_size_t
from typing import TYPE_CHECKING, NamedTuple

from . import _c
from ._interrupts import Interruptible
from ._library import Handle, begin_computing, call, defaults, path_argument, viewed_text
from ._rows import StringList, float_rows, rows_of
from .errors import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from .model import Model


class LabelScore(NamedTuple):
    """How well a label fits an image."""

    label: str  #: as it was given
    score: float  #: softmax over all labels, 0 to 1
    cosine: float  #: of the two rows


class Classifier:
    """Labels with a row each: the text tower is needed to make one, and not to use it.

        classifier = Classifier.from_labels(model, ["a dog", "a cat"])
        model.classify(["a.jpg"], classifier)
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        count = c_size_t()
        call("classifier_counts", handle, byref(count), None)
        #: in their order
        self.labels = [viewed_text("classifier_label", handle, index) for index in range(count.value)]
        #: (labels, D) float32, unit rows
        self.embeddings: NDArray[np.float32] = rows_of(Handle("embeddings", "classifier_embeddings", handle))

    @classmethod
    def from_labels(cls, model: Model, labels: Sequence[str], templates: Sequence[str] = ()) -> Classifier:
        """Each label in each template, in place of {}; its row is their mean. No template: the label as it is."""
        if isinstance(labels, str):
            raise InvalidArgumentError("labels: a str; a list of them is expected")
        begin_computing()
        names, patterns = StringList(labels, "label"), StringList(templates, "template")
        options = defaults("encode", _c.EncodeOptions())
        with Interruptible() as interruptible:
            options.stop = interruptible.stop
            return cls(Handle("classifier", "classifier_from_labels", model._handle, names.address, names.count,
                              patterns.address, patterns.count, options))  # fmt: skip

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Classifier:
        """A label bank that `save` or `llm2clip classify --save-labels` wrote."""
        return cls(Handle("classifier", "classifier_load", *path_argument(path)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """As a .safetensors file, which appears whole or not at all."""
        call("classifier_save", self._handle, *path_argument(path))

    def check_fits(self, model: Model) -> None:
        """Raises InvalidArgumentError when the rows come from another text tower or adapter than the model's."""
        call("classifier_check_fits", self._handle, model._handle)

    def classify(self, rows: ArrayLike, scale: float = 100.0, top_k: int | None = 5) -> list[list[LabelScore]]:
        """The best labels for each row of images, best first; of equal ones the earlier label."""
        import numpy as np

        cosines = float_rows(rows, "rows") @ self.embeddings.T
        scores = np.exp(scale * (cosines - cosines.max(axis=1, keepdims=True, initial=-1)))
        scores /= scores.sum(axis=1, keepdims=True)
        best = np.argsort(-cosines, axis=1, kind="stable")[:, :top_k]
        return [[LabelScore(self.labels[label], float(scores[image, label]), float(cosines[image, label])) for label in order]
                for image, order in enumerate(best)]  # fmt: skip
