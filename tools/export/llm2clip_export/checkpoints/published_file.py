"""Files of a downloaded repository, and the ways in which a download is not the file."""

from pathlib import Path

from llm2clip_export.errors import CheckpointError


def published_file(directory: Path, name: str) -> Path:
    """`directory/name`, which is there and looks like content."""
    if not directory.is_dir():
        raise CheckpointError(
            f"{directory}: expected a directory with a downloaded model, or ORGANIZATION/NAME on the Hub; it is not there"
        )
    path = directory / name
    if not path.is_file():
        raise CheckpointError(f"{path}: is missing; download the whole repository")
    refuse_placeholder(path)
    return path


def refuse_placeholder(path: Path) -> None:
    """Refuses what commonly lies in the place of a large file."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    if not start:
        raise CheckpointError(f"{path}: is empty; download it again")
    if start.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{path}: is a Git LFS pointer, not the file itself; run `git lfs pull` in {path.parent}")
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise CheckpointError(f"{path}: is a web page, not the file itself; download it again")
