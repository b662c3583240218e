"""What a model directory will be made of: the parts that the command line asks for, read and fitted together."""

from dataclasses import dataclass
from pathlib import Path

from llm2clip_export.checkpoints.adapter import AdapterCheckpoint, read_adapter
from llm2clip_export.checkpoints.tower_weights import TowerWeights
from llm2clip_export.checkpoints.vision import VisionCheckpoint, repository_of
from llm2clip_export.checkpoints.vision_families import open_tensors, read_vision
from llm2clip_export.errors import CheckpointError
from llm2clip_export.request import Request
from llm2clip_export.shared_text import SharedText, read_shared_text
from llm2clip_export.sources import published_as
from llm2clip_export.text_side import TextSide, read_text_side


@dataclass(frozen=True)
class Parts:
    """What was found in the checkpoints; None is a part the model directory will not have.

    `sources`: where each part was published, by its name. `files`: the published files it was made of.
    """

    vision: VisionCheckpoint | None
    adapter: AdapterCheckpoint | None
    text: TextSide | None
    shared_text: SharedText | None
    sources: dict[str, dict[str, str]]
    files: dict[str, list[Path]]

    @property
    def towers(self) -> dict[str, TowerWeights]:
        """By the file they become."""
        found = {
            "vision.pt": self.vision and self.vision.weights,
            "adapter.pt": self.adapter and self.adapter.weights,
            "text.pt": self.text and self.text.checkpoint.weights,
        }
        return {file: weights for file, weights in found.items() if weights}

    @property
    def embedding_dim(self) -> int:
        """D; a text tower without adapter gives its own width."""
        for part in (self.vision, self.adapter):
            if part:
                return part.embedding_dim
        return width_of(self.text, self.shared_text)


def read_parts(request: Request) -> Parts:
    """Everything that can be refused is refused here, before anything is written."""
    vision, adapter = read_vision(request.vision, request.precision) if request.vision else (None, None)
    if request.adapter:
        adapter = read_other_adapter(request.adapter, request.precision)
    text, shared_text = read_text(request)
    if vision and adapter:
        check_embedding_dim(vision, adapter)
    if request.vision_only:
        adapter = None
    if (text or shared_text) and vision and not adapter:
        raise CheckpointError(
            f"{request.vision}: has no adapter (text_adapter.*), as the first revisions had none; download the newest "
            "revision, give one with --adapter, or export only one of vision and text"
        )
    if adapter and (text or shared_text):
        check_width(adapter, text, shared_text)
    if request.text_only:
        vision = None
    sources = sources_of(request, vision, adapter, text, shared_text)
    return Parts(vision, adapter, text, shared_text, sources, files_of(vision, adapter, text))


def read_other_adapter(path: Path, precision: str) -> AdapterCheckpoint:
    adapter = read_adapter(open_tensors(path), precision)
    if not adapter:
        raise CheckpointError(f"{path}: has no adapter (text_adapter.* or text.text_adaptor.*)")
    return adapter


def read_text(request: Request) -> tuple[TextSide | None, SharedText | None]:
    if request.text_from:
        return None, read_shared_text(request.text_from)
    if not request.text:
        return None, None
    repository = request.source_repository.get("text") or published_as(request.text, "")[0]
    text = read_text_side(
        request.text, request.lora, request.precision, request.prompt, repository, request.doc_max_length
    )
    return text, None


def check_embedding_dim(vision: VisionCheckpoint, adapter: AdapterCheckpoint) -> None:
    if adapter.embedding_dim != vision.embedding_dim:
        raise CheckpointError(
            f"{adapter.path}: the adapter gives embeddings of {adapter.embedding_dim} components, but the vision "
            f"tower in {vision.path} gives {vision.embedding_dim}; use the adapter that belongs to this vision model"
        )


def width_of(text: TextSide | None, shared_text: SharedText | None) -> int:
    if text:
        return text.checkpoint.width
    assert shared_text, "there is a text tower"
    return shared_text.width


def check_width(adapter: AdapterCheckpoint, text: TextSide | None, shared_text: SharedText | None) -> None:
    width = width_of(text, shared_text)
    path = text.checkpoint.embedding_path if text else shared_text and shared_text.path
    if adapter.width != width:
        raise CheckpointError(
            f"{adapter.path}: the adapter takes captions of {adapter.width} components, but the text tower in {path} "
            f"gives {width}; use the text model that belongs to this vision model"
        )


def sources_of(
    request: Request,
    vision: VisionCheckpoint | None,
    adapter: AdapterCheckpoint | None,
    text: TextSide | None,
    shared_text: SharedText | None,
) -> dict[str, dict[str, str]]:
    """By part: repository and revision, as the user says, else as the download tells."""
    found = {}
    if vision and request.vision:
        found["vision"] = published_as(request.vision, vision.repository)
    if adapter and (path := request.adapter or request.vision):
        guess = vision.repository if vision and not request.adapter else repository_of(path)
        found["adapter"] = published_as(path, guess)
    if text and request.text:
        found["text"] = published_as(request.text, text.checkpoint.repository)
    said = {key: dict(values) for key, values in (("r", request.source_repository), ("v", request.source_revision))}
    for values in said.values():
        if "vision" in values and not request.adapter:
            values.setdefault("adapter", values["vision"])  # they are of the same files
    sources = {
        part: {"repository": said["r"].get(part, repository), "revision": said["v"].get(part, revision)}
        for part, (repository, revision) in found.items()
    }
    return sources | ({"text": shared_text.section["source"]} if shared_text else {})


def files_of(
    vision: VisionCheckpoint | None, adapter: AdapterCheckpoint | None, text: TextSide | None
) -> dict[str, list[Path]]:
    """By part: the published files with weights, their config where it counts, and the tokenizer."""
    files = {}
    if vision:
        files["vision"] = [*vision.weights.tensors.paths, *([vision.config.path] if vision.config else [])]
    if adapter:
        files["adapter"] = adapter.weights.tensors.paths
    if text:
        files["text"] = [*text.checkpoint.weights.tensors.paths, text.checkpoint.config.path, text.tokenizer.path]
    return files
