"""A published vision tower of whatever family, and the adapter beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm2clip_export.checkpoints.adapter import AdapterCheckpoint, read_adapter
from llm2clip_export.checkpoints.config import Config
from llm2clip_export.checkpoints.tensors import Tensors
from llm2clip_export.checkpoints.tower_weights import TowerWeights, refuse_unexpected

# All OpenAI and EVA02 variants: LLM2CLIP eva_clip/constants.py. The SigLIP2 variant has them as well, because it is made
# without a pretrained tag (factory.py, reference.md 7.4).
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class VisionCheckpoint:
    """A published vision tower.

    `geometry` holds the arguments of the tower's constructor; `order` is how images become pixels, `hf` or
    `torchvision`; `config` is there for families whose repositories have one that counts.
    """

    family: str
    weights: TowerWeights
    geometry: dict[str, Any]
    order: str
    repository: str
    config: Config | None = None

    @property
    def path(self) -> Path:
        """The file that says how large an embedding is."""
        return self.weights.tensors.path_of(self.weights.keys.get("projection.weight", next(iter(self.weights.keys.values()))))

    @property
    def image_size(self) -> int:
        return self.geometry["image_size"]

    @property
    def embedding_dim(self) -> int:
        """SigLIP2's tower has no projection: what it pools is the embedding."""
        return self.geometry.get("embedding_dim", self.geometry["width"])


def with_adapter(
    vision: VisionCheckpoint, precision: str, is_ignored: Callable[[str], bool]
) -> tuple[VisionCheckpoint, AdapterCheckpoint | None]:
    """The vision tower and the adapter of the same files, which must hold nothing else but what is ignored."""
    tensors = vision.weights.tensors
    adapter = read_adapter(tensors, precision)
    known = set(vision.weights.keys.values()) | (set(adapter.weights.keys.values()) if adapter else set())
    refuse_unexpected(tensors, known | {key for key in tensors.keys() if is_ignored(key)})
    return vision, adapter


def repository_of(path: Path) -> str:
    """As far as the path tells: the directory's name, or the file's."""
    path = path.resolve()
    return path.stem if path.is_file() else path.name


Reader = Callable[[Path, Tensors, str], tuple[VisionCheckpoint, AdapterCheckpoint | None]]
