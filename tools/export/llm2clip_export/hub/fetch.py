"""From names on the Hub to folders of its cache, each file whole and with the digest that the Hub lists."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import requests
from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.utils import disable_progress_bars, logging
from huggingface_hub.utils.sha import git_hash

from llm2clip_export.checkpoints.adapter import read_adapter
from llm2clip_export.checkpoints.config import Config
from llm2clip_export.checkpoints.vision_families import open_tensors
from llm2clip_export.errors import CheckpointError, OutputError, UnreachableError
from llm2clip_export.hub.listing import Listing, listed_by_hub, listed_in_cache
from llm2clip_export.hub.names import HubName, check_pair, hub_name
from llm2clip_export.hub.needed_files import is_weights, needed_files
from llm2clip_export.hub.refusals import cause_of, kind, may_pass, refusal
from llm2clip_export.manifest import sha256
from llm2clip_export.output_directory import in_words
from llm2clip_export.progress import Progress
from llm2clip_export.request import Request
from llm2clip_export.sources import license_of

# Seconds before each further attempt at what broke off. Who has no network should not wait long to hear of it.
WAITS = (1, 2, 4, 8)
FIRST_WAITS = (1,)
SHA256_LENGTH = 64
Result = TypeVar("Result")


@dataclass(frozen=True)
class Source:
    """A part that is given by name, and what its repository has of it. `offline`: no more than what the cache has."""

    part: str
    name: HubName
    listing: Listing
    needed: list[str]
    offline: bool

    def cached(self, file: str) -> Path | None:
        path = try_to_load_from_cache(self.name.repository, file, constants.HF_HUB_CACHE, self.listing.commit)
        return Path(path) if isinstance(path, str) else None

    def bytes(self, files: list[str]) -> int:
        return sum(self.listing.files[file].bytes for file in files)

    @property
    def missing_bytes(self) -> int:
        return self.bytes([file for file in self.needed if not self.cached(file)])


def fetched(request: Request, progress: Progress) -> Request:
    """`request` with folders in place of the names on the Hub that are in it."""
    logging.set_verbosity_error()
    if not progress.shows_bars:
        disable_progress_bars()
    if request.vision and request.text:
        check_pair(request.vision, request.text)
    sources = {path: source_of(part, name, progress) for path, (part, name) in names_of(request).items()}
    refuse_full_cache(sum(source.missing_bytes for source in sources.values()))
    folders: dict[Path, Path] = {}
    for path, source in sources.items():
        small, weights = [[file for file in source.needed if is_weights(file) == which] for which in (False, True)]
        folder = snapshot(source, small or weights, progress)
        progress.say(f"{source.name}: license: {license_of(folder) or 'its card names none'}")
        if source.part == "text":
            check_width(with_folders(request, folders), folder)
        snapshot(source, weights, progress)
        folders[path] = folder / source.name.file
    return with_folders(request, folders)


def names_of(request: Request) -> dict[Path, tuple[str, HubName]]:
    """By what stands in the request, in the order of the downloads: the text tower is the largest."""
    given = [("vision", request.vision), ("adapter", request.adapter), ("text", request.text)]
    given += [("lora", path) for path in request.lora]
    names = {path: (part, hub_name(path)) for part, path in given if path}
    return {path: (part, name) for path, (part, name) in names.items() if name}


def with_folders(request: Request, folders: dict[Path, Path]) -> Request:
    def local(path: Path | None) -> Path | None:
        return folders.get(path, path) if path else None

    return replace(
        request,
        vision=local(request.vision),
        adapter=local(request.adapter),
        text=local(request.text),
        lora=[folders.get(path, path) for path in request.lora],
    )


def source_of(part: str, name: HubName, progress: Progress) -> Source:
    listing, offline = listing_of(name, progress)
    source = Source(part, name, listing, needed_files(part, name, listing.files), offline)
    progress.say(
        f"{name}: commit {listing.commit}, {len(source.needed)} files of {in_words(source.bytes(source.needed))}, "
        f"{in_words(source.missing_bytes)} of it to be fetched"
    )
    return source


def listing_of(name: HubName, progress: Progress) -> tuple[Listing, bool]:
    """And whether it is the cache's, because the Hub is not to be asked or cannot be."""
    if not constants.HF_HUB_OFFLINE:
        try:
            return patient(lambda: listed_by_hub(name), name, "the list of files", FIRST_WAITS, progress), False
        except UnreachableError as error:
            listing = listed_in_cache(name)
            if not listing:
                raise
            progress.say(f"{error}; goes on with what the cache has")
            return listing, True
    listing = listed_in_cache(name)
    if not listing:
        raise CheckpointError(
            f"{name}: is no folder here, HF_HUB_OFFLINE is set, and {constants.HF_HUB_CACHE} does not have it; unset it, or "
            "give a folder"
        )
    return listing, True


def refuse_full_cache(needed: int) -> None:
    cache = Path(constants.HF_HUB_CACHE)
    there = next(path for path in (cache, *cache.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise OutputError(
            f"{cache}: needs {in_words(needed)}, {in_words(free)} are free; make room there, or name another place with HF_HOME"
        )


def check_width(request: Request, text: Path) -> None:
    """Refuses before gigabytes are fetched that the adapter does not fit: config.json says how wide captions are."""
    image_side = request.adapter or request.vision
    adapter = read_adapter(open_tensors(image_side), "as-stored") if image_side else None
    config = Config.read(text)
    if adapter and config.integer("hidden_size", adapter.width) != adapter.width:
        raise config.error(
            "hidden_size", f"{config.integer('hidden_size')}, but the adapter in {adapter.path} takes captions of {adapter.width} "
            "components; use the text model that belongs to this vision model",
        )  # fmt: skip


def snapshot(source: Source, files: list[str], progress: Progress) -> Path:
    """The folder of the cache, with at least these files in it."""
    return [whole_file(source, file, progress) for file in files][0].parent


def whole_file(source: Source, file: str, progress: Progress) -> Path:
    """In the cache, with the digest that the Hub lists; what has another one is thrown away and fetched once more."""
    wanted, found = source.listing.files[file].digest, ""
    for _ in range(2):
        path = source.cached(file) if source.offline else download(source, file, progress)
        if not path:
            break
        found = digest(path, len(wanted) == SHA256_LENGTH, progress)
        if found == wanted:
            return path
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        progress.say(f"{source.name}: {file} was damaged, and is no longer in the cache")
    raise CheckpointError(f"{source.name}: {file}: expected the digest {wanted}, got {found}; run this again to fetch it again")


def digest(path: Path, is_sha256: bool, progress: Progress) -> str:
    if not is_sha256:
        return git_hash(path.read_bytes())
    with progress.byte_bar(f"checking {path.name}", path.stat().st_size) as bar:
        return sha256(path, bar.update)


def download(source: Source, file: str, progress: Progress) -> Path:
    """Takes up what an earlier attempt left. A branch is asked for by name once, so that the cache notes its commit."""
    revision = source.name.revision if file == source.needed[0] else source.listing.commit
    cache, hub = constants.HF_HUB_CACHE, constants.ENDPOINT

    def attempt() -> Path:
        return Path(hf_hub_download(source.name.repository, file, revision=revision, cache_dir=cache, endpoint=hub))

    return patient(attempt, source.name, file, WAITS, progress)


def patient(attempt: Callable[[], Result], name: HubName, what: str, waits: tuple[int, ...], progress: Progress) -> Result:
    """What `attempt` returns, again and again where the connection broke off."""
    for wait in (*waits, 0):
        progress.check()
        try:
            return attempt()
        except (requests.RequestException, OSError) as error:
            cause = cause_of(error)
            if not wait or not may_pass(cause):
                raise refusal(name, cause) from error
            progress.say(f"{name}: {what}: broke off ({kind(cause)}); goes on in {wait} s")
            time.sleep(wait)
    raise AssertionError("the last attempt returns or raises")
