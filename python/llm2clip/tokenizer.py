"""From text to token ids."""

from __future__ import annotations

import os
from ctypes import POINTER, byref, c_bool, c_int32, c_int64, c_size_t
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _c
from ._library import Handle, call, choice, path_argument

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Tokens(NamedTuple):
    """The token ids of one text."""

    ids: NDArray[np.int64]  #: (T,)
    pooled: int  #: how many of them, counted from the end, are averaged
    truncated: bool  #: the text lost its end


class Tokenizer:
    """The tokenizer of a model directory, without its towers.

    It has no threads, so it may be called in forked processes; pickled it is its directory.
    """

    def __init__(self, directory: str | os.PathLike[str], special_tokens: str = "parse") -> None:
        self._arguments = os.path.abspath(directory), special_tokens
        self._handle = Handle("tokenizer", "tokenizer_load_of_model", *path_argument(directory),
                              choice("special_tokens", special_tokens, _c.SPECIAL_TOKENS))  # fmt: skip

    def __reduce__(self) -> tuple[Any, ...]:
        return Tokenizer, self._arguments

    def __call__(self, text: str) -> Tokens:
        """The text inside the model's prompt. Raises UnreadableInputError for one that is no Unicode."""
        import numpy as np

        content = text.encode("utf-8", "surrogatepass")
        handle = Handle("tokens", "tokenizer_encode", self._handle, content, len(content))
        ids, count, pooled, truncated = POINTER(c_int64)(), c_size_t(), c_int32(), c_bool()
        call("tokens_view", handle, byref(ids), byref(count), byref(pooled), byref(truncated))
        return Tokens(np.array(ids[: count.value], np.int64), pooled.value, truncated.value)
