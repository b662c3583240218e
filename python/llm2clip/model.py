"""A model: rows of images and texts, as numpy arrays."""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Iterable, Sequence, Sized
from ctypes import c_void_p
from typing import TYPE_CHECKING, Any, cast

from . import _c
from ._images import ImageSource, is_one_image
from ._interrupts import Interruptible
from ._library import Handle, begin_computing, call, choice, defaults, log, path_argument, viewed_text
from ._progress import Progress
from ._rows import StringList, float_rows, rows_of
from .errors import InvalidArgumentError
from .preprocess import Preprocess
from .tokenizer import Tokenizer, Tokens

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from ._images import ImageLike, Images
    from .classifier import Classifier, LabelScore


class Model:
    """An LLM2CLIP model: a model directory that llm2clip-export wrote, or the demo model.

        model = llm2clip.Model("models/demo")
        scores = model.similarity(model.encode_image(["a.jpg"]), model.encode_text(["a dog"]))

    Letters in the shapes: N inputs, D = `dim`, S = `image_size`, H = `text_width`. Any number of threads may use one
    model; their batches take turns. A pickled model is its directory and its options: it is loaded where it is unpickled.
    """

    def __init__(
        self, directory: str | os.PathLike[str], precision: str = "auto", *, device: str = "auto", vision: bool = True,
        text: bool = True, optimize: str = "auto", special_tokens: str = "parse", always_hash: bool = False,
        trust_model: bool = False, manifest_sha256: str = "", expected_inputs: int = 0,
    ) -> None:  # fmt: skip
        """Loads a model directory. Weights are mapped: the files must stay as they are while the model lives.

        precision: "auto", "float32", "bfloat16", "float16", "int8-dynamic" or "int16-dynamic": what the networks compute in.
        device: "auto", "cpu", "cuda" or "cuda:N".
        vision, text: the towers that are wanted; one that is not costs neither time nor memory.
        optimize: "auto", "always" or "never": how far a CPU goes to be fast.
        special_tokens: "parse" or "literal": what "<|eot_id|>" inside a text is.
        trust_model: run the model's programs whatever they do (SECURITY.md).
        manifest_sha256: that llm2clip.json must have; it pins the whole directory.
        expected_inputs: about how many will be encoded, for optimize="auto".
        """
        self._arguments: dict[str, Any] = {
            "directory": os.path.abspath(directory), "precision": precision, "device": device, "vision": vision,
            "text": text, "optimize": optimize, "special_tokens": special_tokens, "always_hash": always_hash,
            "trust_model": trust_model, "manifest_sha256": manifest_sha256, "expected_inputs": expected_inputs,
        }  # fmt: skip
        begin_computing()
        options = defaults("load", _c.LoadOptions())
        names = device.encode(), manifest_sha256.encode()
        options.device.borrow(names[0])
        options.manifest_sha256.borrow(names[1])
        options.precision = choice("precision", precision, _c.PRECISIONS)
        options.optimize = choice("optimize", optimize, _c.OPTIMIZE)
        options.special_tokens = choice("special_tokens", special_tokens, _c.SPECIAL_TOKENS)
        options.vision, options.text, options.always_hash, options.trust_model = vision, text, always_hash, trust_model
        options.expected_inputs = expected_inputs
        with Interruptible() as interruptible:
            options.stop = interruptible.stop
            self._handle = Handle("model", "model_load", *path_argument(directory), options)
        self._properties = _c.ModelProperties()
        call("model_get_properties", self._handle, self._properties, ctypes.sizeof(self._properties))

    def __reduce__(self) -> tuple[Any, ...]:
        return _load, (self._arguments,)

    def __repr__(self) -> str:
        return f"llm2clip.Model({self._arguments['directory']!r}, dim={self.dim}, device={self.device!r})"

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the model now rather than with the last reference; calls under way go on."""
        self._handle.close()

    # ---- What it is

    @property
    def name(self) -> str:
        """As given to the exporter."""
        return str(self._properties.name.text())

    @property
    def device(self) -> str:
        """ "cpu" or "cuda:N". """
        return str(self._properties.device.text())

    @property
    def dim(self) -> int:
        """D: components of a row."""
        return int(self._properties.dim)

    @property
    def text_width(self) -> int:
        """H: components of a caption embedding; 0 without text part."""
        return int(self._properties.text_width)

    @property
    def image_size(self) -> int:
        """S: side of the square that the vision tower sees; 0 without vision part."""
        return int(self._properties.image_size)

    @property
    def max_tokens(self) -> int:
        """Tokens of a text at the most; 0 without text part."""
        return int(self._properties.max_tokens)

    @property
    def score_scale(self) -> float:
        """Probabilities are softmax(score_scale * cosine)."""
        return float(self._properties.score_scale)

    @property
    def info(self) -> dict[str, Any]:
        """Everything that the manifest says."""
        json_text = Handle("bytes", "model_info_json", self._handle)
        info: dict[str, Any] = json.loads(viewed_text("bytes_view", json_text))
        return info

    @property
    def preprocess(self) -> Preprocess:
        """From an image to (3, S, S) float32, as the vision tower takes it."""
        options = _c.PreprocessOptions()
        call("model_preprocess_options", self._handle, options, ctypes.sizeof(options))
        return Preprocess.of_options(options)

    # ---- Images

    def encode_image(
        self, images: Images, *, batch_size: int = 16, normalize: bool = True, show_progress_bar: bool = False,
        on_failure: str = "raise",
    ) -> NDArray[np.float32]:  # fmt: skip
        """Rows of images, (N, D) float32; of a single image (D,).

        images: paths, bytes of files, Pillow images or arrays (H, W, 3) of uint8, mixed as you like, in a list or any
            iterable, which is read as it is embedded; or an array (N, H, W, 3) of uint8. Files are read, decoded and
            resized by threads of the library while the network computes.
        batch_size: images at once; never changes a row beyond rounding.
        normalize: unit rows; otherwise what the network gives.
        on_failure: "raise" ends the call at the first image that cannot be used, with UnreadableInputError; "nan" gives
            it a row of NaN, and a warning to the logger "llm2clip".
        """
        if is_one_image(images):
            images = [cast("ImageLike", images)]
            row: NDArray[np.float32] = self.encode_image(images, normalize=normalize, on_failure=on_failure)[0]
            return row
        if on_failure not in ("raise", "nan"):
            raise InvalidArgumentError(f"on_failure: {on_failure!r}; 'raise' or 'nan' is expected")
        if self._are_crops(images):
            return self._encode_prepared("encode_crops", images, batch_size, normalize, show_progress_bar)
        return self._embed(images, batch_size, normalize, show_progress_bar, on_failure == "nan")  # type: ignore[arg-type]

    def encode_pixels(self, pixels: ArrayLike, *, batch_size: int = 16, normalize: bool = True) -> NDArray[np.float32]:
        """Rows of images that `preprocess` made: (N, 3, S, S) float32 to (N, D), on a CPU to the bit those of the images.

        They are read where they lie. Pixels of another origin must be normalized in the same way.
        """
        import numpy as np

        values = np.ascontiguousarray(pixels, np.float32)
        if values.ndim != 4 or values.shape[1:] != (3, self.image_size, self.image_size):
            raise InvalidArgumentError(
                f"pixels: have the shape {values.shape}; (N, 3, {self.image_size}, {self.image_size}) is expected")
        return self._encode_prepared("encode_pixels", values, batch_size, normalize, show_progress_bar=False)

    def _are_crops(self, images: object) -> bool:
        """Whether they need no resize: an array (N, S, S, 3) of uint8, which is read where it lies."""
        import numpy as np

        side = self.image_size
        return (isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.flags.c_contiguous
                and images.shape[1:] == (side, side, 3))  # fmt: skip

    def _encode_prepared(
        self, function: str, images: Any, batch_size: int, normalize: bool, show_progress_bar: bool
    ) -> NDArray[np.float32]:
        begin_computing()
        options = defaults("encode", _c.EncodeOptions())
        options.batch_size, options.normalize = batch_size, normalize
        with Interruptible() as interruptible, Progress(show_progress_bar, len(images), "image") as progress:
            options.stop = interruptible.stop
            if progress:
                options.progress = _c.ProgressCallback(interruptible.guard(lambda done, _: progress.reach(done)))
            rows = Handle("embeddings", function, self._handle, images.ctypes.data, images.size, options)
        return rows_of(rows)

    def _embed(
        self, images: Iterable[Any], batch_size: int, normalize: bool, show_progress_bar: bool, leave_out: bool
    ) -> NDArray[np.float32]:
        begin_computing()
        count = len(images) if isinstance(images, Sized) else None
        source = ImageSource(images)
        options = defaults("embed", _c.EmbedOptions())
        options.batch_size, options.normalize, options.stop_at_failure = batch_size, normalize, not leave_out
        rows = c_void_p()
        with Interruptible() as interruptible, Progress(show_progress_bar, count, "image") as progress:
            inputs = _c.ImageSource(next=_c.NextImageCallback(interruptible.guard(source.next)), total=count or 0)
            options.stop = interruptible.stop
            if progress:
                options.progress = _c.EmbedProgressCallback(interruptible.guard(lambda done, _, __: progress.reach(done)))
            sink = _c.EmbedSink(rows=ctypes.pointer(rows))
            summary = Handle("summary", "embed_images", self._handle, inputs, sink, options)
        result = rows_of(Handle.adopt("embeddings", rows))
        return _with_gaps(result, summary, self.dim) if leave_out else result

    # ---- Texts

    def encode_text(
        self, texts: str | Sequence[str], *, normalize: bool = True, adapter: bool = True, batch_tokens: int = 4096,
        show_progress_bar: bool = False,
    ) -> NDArray[np.float32]:  # fmt: skip
        """Rows of texts, (N, D) float32; of a single text (D,). Those of more than `max_tokens` lose their end.

        normalize: unit rows; otherwise what the network gives.
        adapter: off, a row is the caption embedding, (N, H): what llm2vec's encode gives.
        batch_tokens: tokens at once, of one text at least.
        """
        if isinstance(texts, str):
            row: NDArray[np.float32] = self.encode_text([texts], normalize=normalize, adapter=adapter)[0]
            return row
        strings = StringList(texts, "text")
        return self._encode_text("encode_texts", strings.address, strings.count, normalize, adapter, batch_tokens,
                                 show_progress_bar)

    def encode_tokens(
        self, tokens: Sequence[Tokens], *, normalize: bool = True, adapter: bool = True, batch_tokens: int = 4096
    ) -> NDArray[np.float32]:
        """Rows of what `tokenizer` gave: (N, D)."""
        import numpy as np

        handles = []
        for text in tokens:
            ids = np.ascontiguousarray(text.ids, np.int64)
            handles.append(Handle("tokens", "tokens_from_ids", ids.ctypes.data, ids.size, text.pooled))
        values = (c_void_p * len(handles))(*(handle.value for handle in handles))
        return self._encode_text("encode_tokens", ctypes.addressof(values), len(handles), normalize, adapter, batch_tokens, False)

    def _encode_text(
        self, function: str, texts: int, count: int, normalize: bool, adapter: bool, batch_tokens: int, show: bool
    ) -> NDArray[np.float32]:
        begin_computing()
        options = defaults("encode", _c.EncodeOptions())
        options.normalize, options.adapter, options.batch_tokens = normalize, adapter, batch_tokens
        with Interruptible() as interruptible, Progress(show, count, "text") as progress:
            options.stop = interruptible.stop
            if progress:
                options.progress = _c.ProgressCallback(interruptible.guard(lambda done, _: progress.reach(done)))
            rows = Handle("embeddings", function, self._handle, texts, count, options)
        return rows_of(rows)

    @property
    def tokenizer(self) -> Tokenizer:
        """From a text to its token ids, as `encode_tokens` takes them."""
        return Tokenizer(self._arguments["directory"], self._arguments["special_tokens"])

    # ---- Both

    def similarity(self, a: ArrayLike, b: ArrayLike) -> NDArray[np.float32]:
        """Cosines of every row of `a` with every row of `b`: (rows of a, rows of b) float32."""
        import numpy as np

        def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
            lengths = np.linalg.norm(rows, axis=1, keepdims=True)
            rows = rows / np.where(lengths == 0, np.float32(1), lengths)
            return rows

        left, right = float_rows(a, "a"), float_rows(b, "b")
        if left.shape[1] != right.shape[1]:
            raise InvalidArgumentError(f"a and b: rows of {left.shape[1]} against {right.shape[1]} components")
        cosines: NDArray[np.float32] = unit(left) @ unit(right).T
        return cosines

    def classify(
        self, images: Images, labels: Sequence[str] | Classifier, *, templates: Sequence[str] = (), top_k: int | None = 5,
        batch_size: int = 16, show_progress_bar: bool = False,
    ) -> list[list[LabelScore]]:  # fmt: skip
        """The labels that fit each image best, best first: a list for each image, of a single image too.

        labels: names, or a Classifier, whose rows are computed once. Each is put for {} in each of `templates`.
        top_k: how many; None: all.
        """
        from .classifier import Classifier

        if not isinstance(labels, Classifier):
            labels = Classifier.from_labels(self, labels, templates)
        elif templates:
            raise InvalidArgumentError("templates: the classifier has its own; give labels instead")
        several = [images] if is_one_image(images) else images
        rows = self.encode_image(several, batch_size=batch_size, show_progress_bar=show_progress_bar)  # type: ignore[arg-type]
        return labels.classify(rows, scale=self.score_scale, top_k=top_k)


def _load(arguments: dict[str, Any]) -> Model:
    return Model(**arguments)


def _with_gaps(rows: NDArray[np.float32], summary: Handle, dim: int) -> NDArray[np.float32]:
    """The rows at their places, and NaN for inputs that have none."""
    import numpy as np

    totals = _c.Totals()
    call("summary_view", summary, totals, ctypes.sizeof(totals))
    if not totals.failure_count:
        return rows
    embedded = np.ones(totals.inputs, bool)
    for outcome in totals.failures[: totals.failure_count]:
        embedded[outcome.index] = False
        log.warning("%s", outcome.failure.message.text())
    result = np.full((totals.inputs, dim), np.nan, np.float32)
    result[embedded] = rows
    return result
