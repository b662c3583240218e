"""A directory that appears whole or not at all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llm2clip_export import manifest
from llm2clip_export.errors import OutputError


@contextmanager
def whole_directory(target: Path, needed_bytes: int, overwrite: bool) -> Iterator[Path]:
    """A new directory to fill, beside `target`; becomes `target` when the block ends well, and vanishes when not.

    Refuses first: an existing `target` unless `overwrite` (then only a model directory or an empty one), or a disk
    with less than `needed_bytes` left.
    """
    refuse_existing(target, overwrite)
    # Named before it is made, inside the block that removes it: a signal may fall anywhere.
    partial = target.with_name(f"{partial_prefix(target)}{secrets.token_hex(4)}")
    try:
        make_room(target, partial, needed_bytes)
        yield partial
        open_to_umask(partial)
        sync(partial)
        swap(partial, target, overwrite)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def make_room(target: Path, partial: Path, needed_bytes: int) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        refuse_full_disk(target, needed_bytes)
        partial.mkdir()
    except OSError as error:
        raise OutputError(f"{target}: cannot be made: {error.strerror}") from error


def refuse_existing(target: Path, overwrite: bool) -> None:
    if not os.path.lexists(target):
        return
    if not overwrite:
        raise OutputError(f"{target}: exists already; choose another directory, or give --overwrite")
    # A home directory, for example, is never meant to be replaced by a model.
    if not target.is_dir() or (any(target.iterdir()) and not (target / manifest.NAME).is_file()):
        raise OutputError(f"{target}: has no {manifest.NAME}, and --overwrite replaces model directories only")


def refuse_full_disk(target: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if free < needed_bytes:
        raise OutputError(f"{target}: needs {in_words(needed_bytes)}, {in_words(free)} are free; make room there")


def in_words(byte_count: int) -> str:
    return f"{byte_count / 1e9:.2f} GB" if byte_count >= 1e9 else f"{byte_count / 1e6:.1f} MB"


def open_to_umask(directory: Path) -> None:
    """safetensors makes its files private; models are as public as other files."""
    umask = current_umask()
    directory.chmod(0o777 & ~umask)
    for path in directory.rglob("*"):
        if path.is_symlink() or (path.is_file() and path.stat().st_nlink > 1):
            continue  # another directory's file
        path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)


def current_umask() -> int:
    """There is no way to ask without setting it."""
    umask = os.umask(0)
    os.umask(umask)
    return umask


def sync(directory: Path) -> None:
    """After a crash a renamed directory must not turn out to hold half a file."""
    for path in [*directory.rglob("*"), directory]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def left_over(target: Path) -> list[Path]:
    """Partial directories for `target` of other exports: those that were killed, and those that run."""
    names = os.listdir(target.parent) if target.parent.is_dir() else []
    return [target.with_name(name) for name in sorted(names) if name.startswith(partial_prefix(target))]


def partial_prefix(target: Path) -> str:
    return f".{target.name}.partial-"


def swap(partial: Path, target: Path, overwrite: bool) -> None:
    """Renames `partial` to `target`; what stood there is removed only afterwards, and put back if that fails."""
    old = partial.with_name(f"{partial.name}.old")
    refuse_existing(target, overwrite)  # another export may have been faster
    replaces = os.path.lexists(target)
    if replaces:
        os.rename(target, old)
    try:
        os.rename(partial, target)
    except BaseException:  # a signal may fall between the two
        if replaces and not os.path.lexists(target):
            os.rename(old, target)
        raise
    sync_parent(target)
    if old.is_symlink():
        old.unlink()
    else:
        shutil.rmtree(old, ignore_errors=True)


def sync_parent(target: Path) -> None:
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
