"""Rows that are searched: a folder that `llm2clip index` wrote."""

from __future__ import annotations

import math
import os
from ctypes import POINTER, byref, c_size_t, c_uint64
from typing import TYPE_CHECKING, NamedTuple

from . import _c
from ._library import Handle, call, defaults, path_argument
from ._rows import embeddings_of, float_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .model import Model


class Hit(NamedTuple):
    """A row that a search found."""

    id: str  #: as it was given to the index; bytes that are no UTF-8 are surrogates, as os.fsdecode has them
    score: float  #: dot product of query and row
    row: int  #: its number in the index


class Index:
    """An index as it was when it was opened; a writer that changes it meanwhile does not disturb.

        index = llm2clip.Index("photos.index")
        index.search(model.encode_text(["a dog"]), k=10)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._handle = Handle("index", "index_open", *path_argument(path))
        rows, dim = c_uint64(), c_size_t()
        call("index_view", self._handle, byref(rows), byref(dim), None)
        self._rows, self.dim = rows.value, dim.value  #: components of a row

    def __len__(self) -> int:
        return self._rows

    @property
    def provenance(self) -> dict[str, str]:
        """What the rows mean: model, hashes, options."""
        strings = Handle("strings", "index_provenance", self._handle)
        items, count = POINTER(_c.String)(), c_size_t()
        call("strings_view", strings, byref(items), byref(count))
        texts = [item.text() for item in items[: count.value]]
        return dict(zip(texts[::2], texts[1::2]))

    def search(
        self, rows: ArrayLike, k: int = 10, *, min_score: float = -math.inf, filter: str = "", threads: int = 0
    ) -> list[list[Hit]]:
        """The best `k` rows for each query, best first: a list for each, of a single query too. Every row is looked at,
        unless the index is of kind hnsw.

        rows: queries, (Q, D) or (D,); k: 0 means all; min_score: none with a lower score.
        filter: a pattern of the shell that ids match, "holiday/*"; threads: 0 means one for each processor.
        """
        options = defaults("search", _c.SearchOptions())
        pattern = os.fsencode(filter)
        options.top_k, options.min_score, options.threads = k, min_score, threads
        options.filter.borrow(pattern)
        queries = float_rows(rows, "rows")
        hits = Handle("hits", "index_search", self._handle, embeddings_of(queries), options)
        return [self._list(hits, query) for query in range(len(queries))]

    def check_fits(self, model: Model) -> None:
        """Raises InvalidArgumentError, naming what differs, when rows of the model mean something else."""
        call("index_check_fits", self._handle, model._handle)

    def verify(self) -> None:
        """Compares every file with its SHA-256; raises UnreadableInputError naming the first that is damaged."""
        call("index_verify", self._handle)

    @staticmethod
    def _list(hits: Handle, query: int) -> list[Hit]:
        items, count = POINTER(_c.IndexHit)(), c_size_t()
        call("hits_list", hits, query, byref(items), byref(count))
        return [Hit(item.id.text(), item.score, item.row) for item in items[: count.value]]
