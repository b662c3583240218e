"""Which of the labels does an image show? Python over the C interface: no torch, no compiler.

    LLM2CLIP_LIBRARY=.../libllm2clip.so python3 llm2clip_ctypes.py MODEL IMAGE LABEL LABEL...
"""

import ctypes
import os
import sys
from ctypes import POINTER, byref, c_char_p, c_float, c_size_t, c_void_p

library = ctypes.CDLL(os.environ.get("LLM2CLIP_LIBRARY", "libllm2clip.so"))
library.llm2clip_error_message.restype = c_char_p


class String(ctypes.Structure):
    """llm2clip_string: borrowed bytes."""

    _fields_ = [("data", c_char_p), ("length", c_size_t)]

    def __init__(self, text: str):
        self.encoded = os.fsencode(text)
        super().__init__(self.encoded, len(self.encoded))


class Handle:
    """What a function of the C interface gives out by its last argument, freed with the object."""

    def __init__(self, kind: str, function: str, *arguments):
        self.value, self._free = c_void_p(), getattr(library, f"llm2clip_{kind}_free")
        call(function, *arguments, byref(self.value))

    def __del__(self):
        self._free(self.value)


def call(function: str, *arguments) -> None:
    if getattr(library, f"llm2clip_{function}")(*arguments):
        raise RuntimeError(library.llm2clip_error_message().decode())


def path(text: str) -> tuple[bytes, c_size_t]:
    encoded = os.fsencode(text)
    return encoded, c_size_t(len(encoded))


class Model:
    def __init__(self, directory: str):
        self._handle = Handle("model", "model_load", *path(directory), None)

    def encode_images(self, files: list[str]) -> Handle:
        images = [Handle("image", "image_read", *path(file), None) for file in files]
        pointers = (c_void_p * len(images))(*(image.value for image in images))
        return Handle("embeddings", "encode_images", self._handle.value, pointers, c_size_t(len(images)), None)

    def encode_texts(self, texts: list[str]) -> Handle:
        strings = (String * len(texts))(*map(String, texts))
        return Handle("embeddings", "encode_texts", self._handle.value, strings, c_size_t(len(texts)), None)


def cosines(images: Handle, texts: Handle) -> list[list[float]]:
    scores = Handle("embeddings", "cosines", images.value, texts.value)
    values, rows, columns = POINTER(c_float)(), c_size_t(), c_size_t()
    call("embeddings_view", scores.value, byref(values), byref(rows), byref(columns))
    return [values[row * columns.value : (row + 1) * columns.value] for row in range(rows.value)]


def main() -> None:
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    directory, image, *labels = sys.argv[1:]
    model = Model(directory)
    scores = cosines(model.encode_images([image]), model.encode_texts(labels))[0]
    for score, label in sorted(zip(scores, labels, strict=True), reverse=True):
        print(f"{score:.4f}  {label}")


if __name__ == "__main__":
    main()
