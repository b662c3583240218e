"""A bar for whoever wants one, where tqdm is installed."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from ._library import log


class Progress:
    def __init__(self, show: bool, total: int | None, unit: str) -> None:
        self._bar: Any = None
        if show:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                log.warning("show_progress_bar: tqdm is not installed, so there is no bar; pip install tqdm")
                return
            self._bar = tqdm(total=total, unit=unit)

    def __bool__(self) -> bool:
        return self._bar is not None

    def reach(self, done: int) -> bool:
        self._bar.update(done - self._bar.n)
        return True

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()
