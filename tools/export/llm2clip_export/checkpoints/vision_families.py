"""Which family a vision checkpoint is of, by its keys."""

from pathlib import Path

from llm2clip_export.checkpoints import eva02_vit, openai_vit, siglip2_vit
from llm2clip_export.checkpoints.adapter import AdapterCheckpoint
from llm2clip_export.checkpoints.pickled_tensors import PickledTensors
from llm2clip_export.checkpoints.tensor_files import INDEX, SINGLE, TensorFiles, what_is_there
from llm2clip_export.checkpoints.tensors import Tensors
from llm2clip_export.checkpoints.tower_weights import few
from llm2clip_export.checkpoints.vision import Reader, VisionCheckpoint
from llm2clip_export.errors import CheckpointError

# Keys that only this family has begin so -> its reader.
READERS: dict[str, Reader] = {
    openai_vit.LAYERS: openai_vit.read_openai,
    eva02_vit.LAYERS: eva02_vit.read_eva02,
    siglip2_vit.LAYERS: siglip2_vit.read_siglip2,
}

# A key that tells what the file is instead -> what to do.
STRANGERS = {
    "embed_tokens.weight": "it is a text tower: give it with --text",
    "model.embed_tokens.weight": "it is a text tower: give it with --text",
    "visual.conv1.weight": "it is an OpenAI tower in the names of open_clip: download the repository on the Hub, which "
    "has it in those of transformers",
    "vision_model.head.attention.in_proj_weight": "it is a SigLIP tower of transformers, without LLM2CLIP's adapter",
}


def read_vision(path: Path, precision: str) -> tuple[VisionCheckpoint, AdapterCheckpoint | None]:
    """The vision tower of a repository or file, and the adapter where there is one beside it."""
    tensors = open_tensors(path)
    for key, what in STRANGERS.items():
        if key in tensors:
            raise CheckpointError(f"{tensors.path_of(key)}: has {key}: {what}")
    for start, read in READERS.items():
        if any(key.startswith(start) for key in tensors.keys()):
            return read(path, tensors, precision)
    raise CheckpointError(f"{path}: expected the vision tower of an LLM2CLIP model, but {few(tensors.keys())} in it")


def open_tensors(path: Path) -> Tensors:
    """The weights of a repository, or of the one file that is given."""
    if path.is_file():
        return TensorFiles(path.parent, [path]) if path.suffix == ".safetensors" else PickledTensors(path)
    if not path.is_dir() or (path / INDEX).is_file() or (path / SINGLE).is_file():
        return TensorFiles.open(path)
    pickles = sorted(path.glob("*.pt"))
    if len(pickles) > 1:
        names = ", ".join(pickle.name for pickle in pickles)
        raise CheckpointError(f"{path}: has several checkpoints, {names}; give the file instead of the directory")
    if not pickles:
        raise CheckpointError(f"{path}: has neither {SINGLE} nor a .pt file; {what_is_there(path)}; {advice(path)}")
    return PickledTensors(pickles[0])


def advice(path: Path) -> str:
    """LLM2CLIP's FAQ calls the converted EVA02 weights imprecise, and they have no adapter."""
    if (path / "pytorch_model.bin").is_file():
        return "pytorch_model.bin is a conversion without adapter: download the .pt file beside it"
    return "download the whole repository"
