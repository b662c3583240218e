"""What llm2clip raises: one class for each kind of error, all of them `Error`."""

from __future__ import annotations


class Error(Exception):
    """What the library reports: one line that names the file or argument, what came, and what to do."""


class InvalidArgumentError(Error, ValueError):
    """A value that the caller passed; nothing was read or computed."""


class UnreadableInputError(Error, ValueError):
    """An image, a text or an index that cannot be used."""


class BadModelError(Error):
    """The model directory is missing, damaged or inconsistent."""


class UnavailableError(Error, RuntimeError):
    """The device, precision, threads or LibTorch that were asked for are not there."""


class OutOfMemoryError(Error, MemoryError):
    """Host or device memory did not suffice."""


class IoError(Error, OSError):
    """A file cannot be written or read for a reason outside its content."""


class InternalError(Error, RuntimeError):
    """A mistake of the library; please report it."""


class CancelledError(Error):
    """A callback of the caller ended the call."""


# By llm2clip_status (include/llm2clip/c/llm2clip.h).
OF_STATUS: dict[int, type[Error]] = {
    1: InvalidArgumentError,
    2: UnreadableInputError,
    3: BadModelError,
    4: UnavailableError,
    5: OutOfMemoryError,
    6: IoError,
    7: InternalError,
    8: CancelledError,
}
