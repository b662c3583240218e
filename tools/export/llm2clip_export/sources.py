"""Where the parts of a model were published, and which files they were made of."""

import re
from collections.abc import Iterable
from pathlib import Path

from llm2clip_export.manifest import sha256
from llm2clip_export.progress import Progress

# The cache of the Hub's own client: models--ORGANIZATION--NAME/snapshots/COMMIT.
SNAPSHOT = re.compile(r"models--(?P<repository>[^/]+)/snapshots/(?P<revision>[0-9a-f]{40})$")
# What that client leaves in a directory it downloaded to: the commit is the first line.
METADATA = Path(".cache", "huggingface", "download")
# Its head says the license.
CARD = "README.md"
COMMIT = re.compile(r"[0-9a-f]{40}")


def published_as(path: Path, guess: str) -> tuple[str, str]:
    """Repository and revision, as far as the path tells; `guess` is what the checkpoint calls itself."""
    directory = path if path.is_dir() else path.parent
    # Not resolved: the files of a snapshot are links into a store of nameless ones.
    snapshot = SNAPSHOT.search(directory.absolute().as_posix())
    if snapshot:
        return snapshot["repository"].replace("--", "/"), snapshot["revision"]
    return guess, downloaded_revision(directory)


def downloaded_revision(directory: Path) -> str:
    """The commit that all files of a download have; empty when they differ or nothing is recorded."""
    records = [path.read_text(encoding="utf-8", errors="replace") for path in (directory / METADATA).glob("*.metadata")]
    commits = {record.partition("\n")[0] for record in records}
    commit = commits.pop() if len(commits) == 1 else ""
    return commit if COMMIT.fullmatch(commit) else ""


def license_of(directory: Path) -> str:
    """As the card of the repository names it; empty where there is no card or no name in it."""
    card = directory / CARD
    if not card.is_file():
        return ""
    from huggingface_hub import ModelCard  # only where there is a card: the import takes long

    try:
        data = ModelCard.load(card, ignore_metadata_errors=True).data
    except ValueError:  # a head that is not YAML, or bytes that are not UTF-8
        return ""
    license = data.get("license_name") if data.get("license") == "other" else data.get("license")
    return license if isinstance(license, str) else ""


def hashes(files: Iterable[Path], progress: Progress, what: str) -> dict[str, dict[str, int | str]]:
    """Size and SHA-256 by file name: what the Hub lists for the published file, so that the two can be compared."""
    paths = sorted(set(files))
    with progress.byte_bar(f"hashing {what}", sum(path.stat().st_size for path in paths)) as bar:
        return {
            path.name: {"bytes": path.stat().st_size, "sha256": sha256(path, bar.update)}
            for path in paths
        }
