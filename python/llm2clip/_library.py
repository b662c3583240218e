"""libllm2clip.so: found, loaded with the LibTorch of the installed torch, and called.

Nothing is loaded when this module is imported; `call` does it the first time.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import os
import re
import sys
import threading
from ctypes import byref, c_size_t, c_void_p
from pathlib import Path
from typing import Any

from . import _c, errors
from ._version import TORCH, __version__

log = logging.getLogger("llm2clip")

# Where the library is, if not beside this package.
OVERRIDE = "LLM2CLIP_LIBRARY"
WANTED = f"install torch>={TORCH},<{TORCH.split('.')[0]}.{int(TORCH.split('.')[1]) + 1}"

_lock = threading.Lock()
_functions: dict[str, Any] = {}
_computing = _forked = False


def torch_folder() -> Path | None:
    """The folder of the torch that this process has or would import; it is not imported."""
    module = sys.modules.get("torch")
    if module is not None and getattr(module, "__file__", None):
        return Path(str(module.__file__)).parent
    spec = importlib.util.find_spec("torch")
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def torch_version(folder: Path) -> str:
    found = re.search(r"__version__ = '([^']+)'", (folder / "version.py").read_text(encoding="utf-8"))
    return found[1] if found else "of unknown version"


def foreign_libtorch(folder: Path) -> str | None:
    """A LibTorch that this process has loaded from elsewhere."""
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    paths = set(re.findall(r"(/\S.*/libtorch_cpu\.so)$", maps, re.MULTILINE))
    ours = folder / "lib" / "libtorch_cpu.so"
    return next((path for path in sorted(paths) if not os.path.exists(path) or not ours.samefile(path)), None)


def check_torch(folder: Path) -> None:
    """Raises UnavailableError for a torch that the library was not built for."""
    version = torch_version(folder)
    if version.split(".")[:2] != TORCH.split("."):
        raise errors.UnavailableError(f"torch {version} in {folder}: llm2clip {__version__} needs {TORCH}; {WANTED}")
    if other := foreign_libtorch(folder):
        raise errors.UnavailableError(
            f"{other}: this process has that LibTorch, and torch is in {folder}; llm2clip can use one alone, so leave "
            "out what loads the other")


def library_path() -> Path:
    return Path(os.environ.get(OVERRIDE) or Path(__file__).parent / "lib" / "libllm2clip.so")


def load_torch() -> None:
    """LibTorch by its path, so that the library finds it wherever torch is."""
    folder = torch_folder()
    if folder is None:
        if OVERRIDE in os.environ:  # which knows the LibTorch that it was built with
            return
        raise errors.UnavailableError(f"torch: is not installed; {WANTED}")
    check_torch(folder)
    for name in ("libc10.so", "libtorch_cpu.so", "libtorch.so"):
        ctypes.CDLL(str(folder / "lib" / name))


def load() -> dict[str, Any]:
    path = library_path()
    if not path.exists():
        raise errors.UnavailableError(f"{path}: is not there; set {OVERRIDE} to libllm2clip.so")
    load_torch()
    try:
        functions = _c.declare(ctypes.CDLL(str(path)))
    except (OSError, AttributeError) as error:
        raise errors.UnavailableError(f"{path}: cannot be loaded: {error}") from error
    version = functions["version"]().decode()
    if version != __version__:
        raise errors.UnavailableError(f"{path}: is llm2clip {version}, the Python package {__version__}; take both from "
                                      "one version")
    return functions


def functions() -> dict[str, Any]:
    global _functions
    if not _functions:
        with _lock:
            if not _functions:
                _functions = load()
    return _functions


def call(function: str, *arguments: Any) -> None:
    """Calls a function of the C interface. The GIL is free meanwhile."""
    known = _functions or functions()
    if status := known[function](*arguments):
        message = known["error_message"]().decode("utf-8", "replace")
        raise errors.OF_STATUS.get(status, errors.Error)(message)


class Handle:
    """What a function gives by its last argument, freed with this object. Calls take the object itself, which lives as long."""

    def __init__(self, kind: str, function: str, *arguments: Any):
        self.value = c_void_p()
        self._process = os.getpid()
        self._free = functions()[f"{kind}_free"]
        call(function, *arguments, byref(self.value))

    @classmethod
    def adopt(cls, kind: str, value: c_void_p) -> Handle:
        """A handle that a call gave elsewhere than by its last argument."""
        handle = cls.__new__(cls)
        handle.value, handle._process, handle._free = value, os.getpid(), functions()[f"{kind}_free"]
        return handle

    @property
    def _as_parameter_(self) -> c_void_p:  # what ctypes asks for
        return self.value

    def close(self) -> None:
        value, self.value = self.value, c_void_p()
        # The threads of a model are not in a forked child, which would wait for them.
        if value and os.getpid() == self._process:
            self._free(value)

    def __del__(self, getpid: Any = os.getpid) -> None:
        if getattr(self, "value", None) and getpid() == self._process:
            self._free(self.value)


def defaults(kind: str, options: Any) -> Any:
    """`options` as the library's init function fills it."""
    call(f"{kind}_options_init", options, ctypes.sizeof(options))
    return options


def choice(name: str, value: str, choices: dict[str, int]) -> int:
    """The number that the library has for `value`."""
    if value not in choices:
        raise errors.InvalidArgumentError(f"{name}: {value!r}; {', '.join(choices)} is expected")
    return choices[value]


def path_argument(path: str | os.PathLike[str]) -> tuple[bytes, int]:
    content = os.fsencode(path)
    return content, len(content)


def viewed_text(view: str, *arguments: Any) -> str:
    """What a view call gives by a pointer and a length."""
    data, length = c_void_p(), c_size_t()
    call(view, *arguments, byref(data), byref(length))
    return _c.String(data, length).text()


# ---- Processes


def _in_child() -> None:
    global _forked
    _forked = _computing


os.register_at_fork(after_in_child=_in_child)


def begin_computing() -> None:
    """Before whatever uses LibTorch's threads, which do not survive a fork."""
    global _computing
    if _forked:
        raise errors.UnavailableError(
            "llm2clip: this process was forked from one that had loaded a model, and LibTorch's threads do not survive "
            "that; load models in the child alone, or start it by multiprocessing.get_context('spawn')")
    functions()
    follow_logging()
    _computing = True


# ---- Logging

_PYTHON_LEVELS = {0: logging.DEBUG, 1: logging.INFO, 2: logging.WARNING}
_log_level = -1


def _hear(level: int, message: int, length: int, _: None) -> None:
    log.log(_PYTHON_LEVELS.get(level, logging.INFO), "%s", ctypes.string_at(message, length).decode("utf-8", "replace"))


_HEAR, _DEAF = _c.LogCallback(_hear), _c.LogCallback()


def follow_logging() -> None:
    """The library says what the logger "llm2clip" wants to hear, and builds no other line."""
    global _log_level
    wanted = next((level for level, python in _PYTHON_LEVELS.items() if log.isEnabledFor(python)), 3)
    if wanted != _log_level:
        call("set_log_callback", _HEAR if wanted < 3 else _DEAF, None, min(wanted, 2))
        _log_level = wanted
