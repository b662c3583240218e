"""Ctrl-C, and whatever other signal has a handler in Python, while the library works."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from . import _c, errors

_SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGHUP]


class Interruptible:
    """Around one call: `stop` is for its options.

    Python runs handlers of signals between two of its instructions, of which the library has none, and what a handler
    raises inside a callback of ctypes is lost. So the library asks `stop` all the time; handlers then run as they do
    everywhere, what one raises is kept, ends the call, and is raised when that has returned.
    """

    def __init__(self) -> None:
        self.raised: BaseException | None = None
        self.stop = _c.StopCallback(lambda _: self.raised is not None)
        self._previous: dict[signal.Signals, Any] = {}

    def _keeping(self, handler: Callable[[int, FrameType | None], Any]) -> Callable[[int, FrameType | None], None]:
        def kept(number: int, frame: FrameType | None) -> None:
            try:
                handler(number, frame)
            except BaseException as error:
                self.raised = error

        return kept

    def guard(self, function: Callable[..., bool]) -> Callable[..., bool]:
        """A callback that ends the call by False, and keeps what it raises."""

        def guarded(*arguments: Any) -> bool:
            try:
                return function(*arguments) and self.raised is None
            except BaseException as error:
                self.raised = error
                return False

        return guarded

    def __enter__(self) -> Interruptible:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if callable(handler := signal.getsignal(number)):
                    self._previous[number] = handler
                    signal.signal(number, self._keeping(handler))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if self.raised is not None and (kind is None or issubclass(kind, errors.Error)):
            raise self.raised from None
