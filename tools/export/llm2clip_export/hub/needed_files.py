"""Which files of a repository an export reads: the others are not fetched."""

import re
from collections.abc import Callable, Collection

from llm2clip_export.checkpoints.tensor_files import INDEX, SINGLE
from llm2clip_export.errors import CheckpointError
from llm2clip_export.hub.names import HubName
from llm2clip_export.sources import CARD

SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
# How many names an error lists.
FEW = 5


def needed_files(part: str, name: HubName, there: Collection[str]) -> list[str]:
    """In the order in which the readers of checkpoints look for them; `there` is what the repository has."""
    weights = WEIGHTS[part](name, there)
    if not weights:
        listed = sorted(filter(is_weights, there))
        what = f"it has {', '.join(listed[:FEW])}" if listed else "it has no weights"
        raise CheckpointError(f"{name}: is no checkpoint for --{part}: expected {EXPECTED[part]}; {what}")
    return [file for file in (CARD, *BESIDE[part]) if file in there] + weights


def is_weights(file: str) -> bool:
    return file.endswith((".bin", ".pt", ".safetensors"))


def tower_weights(name: HubName, there: Collection[str]) -> list[str]:
    if name.file:
        return [name.file] if name.file in there else []
    return safetensors(there) or only_pickle(name, there)


def safetensors(there: Collection[str]) -> list[str]:
    if INDEX in there:
        return [INDEX, *sorted(filter(SHARD.fullmatch, there))]
    return [SINGLE] if SINGLE in there else []


def only_pickle(name: HubName, there: Collection[str]) -> list[str]:
    pickles = sorted(file for file in there if file.endswith(".pt") and "/" not in file)
    if len(pickles) > 1:
        raise CheckpointError(
            f"{name}: has several checkpoints, {', '.join(pickles[:FEW])}; name one: {name.repository}/{pickles[0]}"
        )
    return pickles


def lora_weights(name: HubName, there: Collection[str]) -> list[str]:
    return [file for file in ("adapter_model.safetensors", "adapter_model.bin") if file in there][:1]


WEIGHTS: dict[str, Callable[[HubName, Collection[str]], list[str]]] = {
    "vision": tower_weights,
    "adapter": tower_weights,
    "text": lambda name, there: safetensors(there),
    "lora": lora_weights,
}
EXPECTED = {
    "vision": f"{SINGLE} or a .pt file",
    "adapter": f"{SINGLE} or a .pt file",
    "text": SINGLE,
    "lora": "adapter_model.safetensors",
}
BESIDE = {
    "vision": ["config.json"],
    "adapter": ["config.json"],
    "text": ["config.json", "tokenizer.json", "tokenizer.model"],
    "lora": ["adapter_config.json"],
}
