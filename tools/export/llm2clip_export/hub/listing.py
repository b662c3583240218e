"""What a repository of the Hub has at one commit: as the Hub says, or as an earlier download left it in the cache."""

from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CachedRevisionInfo, HfApi, constants, scan_cache_dir
from huggingface_hub.errors import CacheNotFound

from llm2clip_export.hub.names import HubName


@dataclass(frozen=True)
class ListedFile:
    """`digest` is the SHA-256 of a large file, and of a small one the SHA-1 that git gives it."""

    bytes: int
    digest: str


@dataclass(frozen=True)
class Listing:
    commit: str
    files: dict[str, ListedFile]


def listed_by_hub(name: HubName) -> Listing:
    """Asks the Hub, also whether this user may have the files."""
    api = HfApi(endpoint=constants.ENDPOINT)
    info = api.model_info(name.repository, revision=name.revision, files_metadata=True)
    if info.gated:
        api.auth_check(name.repository)
    files = {
        file.rfilename: ListedFile(file.size or 0, file.lfs.sha256 if file.lfs else file.blob_id or "")
        for file in info.siblings or []
    }
    return Listing(info.sha or "", files)


def listed_in_cache(name: HubName) -> Listing | None:
    """Of the commit that the cache has for this branch or commit; None where it has none."""
    found = cached_revision(name)
    if not found:
        return None
    # The cache names its contents by their digests.
    files = {
        file.file_path.relative_to(found.snapshot_path).as_posix(): ListedFile(file.size_on_disk, file.blob_path.name)
        for file in found.files
    }
    return Listing(found.commit_hash, files)


def cached_revision(name: HubName) -> CachedRevisionInfo | None:
    try:
        cache = scan_cache_dir(Path(constants.HF_HUB_CACHE))
    except CacheNotFound:
        return None
    for repository in cache.repos:
        if repository.repo_type == "model" and repository.repo_id == name.repository:
            for revision in repository.revisions:
                if name.revision in revision.refs or revision.commit_hash.startswith(name.revision):
                    return revision
    return None
