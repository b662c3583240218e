"""Rows between numpy and the library, and lists of texts on their way in."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import byref, c_size_t, c_void_p
from typing import TYPE_CHECKING, Any

from ._library import Handle, call
from .errors import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


class _Memory:
    """Keeps a handle alive as long as an array looks at its rows."""

    def __init__(self, handle: Handle, interface: dict[str, Any]) -> None:
        self.handle, self.__array_interface__ = handle, interface


def rows_of(handle: Handle) -> NDArray[np.float32]:
    """The rows of embeddings, (rows, dim) float32: no copy."""
    import numpy as np

    data, rows, dim = c_void_p(), c_size_t(), c_size_t()
    call("embeddings_view", handle, byref(data), byref(rows), byref(dim))
    if not data.value or not rows.value:
        return np.empty((rows.value, dim.value), np.float32)
    interface = {"data": (data.value, False), "shape": (rows.value, dim.value), "typestr": np.dtype(np.float32).str,
                 "version": 3}  # fmt: skip
    return np.asarray(_Memory(handle, interface))


def float_rows(values: ArrayLike, argument: str) -> NDArray[np.float32]:
    """As (rows, dim) float32 without gaps; a single row is one of one."""
    import numpy as np

    rows = np.ascontiguousarray(values, np.float32)
    if rows.ndim == 1:
        rows = rows[None]
    if rows.ndim != 2:
        raise InvalidArgumentError(f"{argument}: has the shape {rows.shape}; (rows, dim) or (dim,) is expected")
    return rows


def embeddings_of(rows: NDArray[np.float32]) -> Handle:
    """A copy of the rows for calls that take llm2clip_embeddings."""
    return Handle("embeddings", "embeddings_from_values", rows.ctypes.data, rows.size, rows.shape[0], rows.shape[1])


class StringList:
    """An array of llm2clip_string, as `address` and `count`; the texts are copied once, into one piece."""

    def __init__(self, texts: Sequence[str], argument: str) -> None:
        import numpy as np

        for index, text in enumerate(texts):
            if not isinstance(text, str):
                raise InvalidArgumentError(f"{argument} {index}: a {type(text).__name__}; a str is expected")
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        lengths = np.fromiter(map(len, encoded), np.uintp, len(encoded))
        self._bytes = np.frombuffer(b"".join(encoded), np.uint8)
        self._table = np.empty((len(encoded), 2), np.uintp)
        self._table[:, 0] = self._bytes.ctypes.data + np.cumsum(lengths) - lengths
        self._table[:, 1] = lengths
        self.address, self.count = self._table.ctypes.data, len(encoded)
