"""ORGANIZATION/NAME in place of a folder, and which published towers belong together."""

import re
from dataclasses import dataclass
from pathlib import Path

from llm2clip_export.errors import CheckpointError

NAME = re.compile(
    r"(?P<repository>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(/(?P<file>[\w.-]+\.(pt|safetensors)))?(@(?P<revision>[\w./-]+))?"
)
LLAMA_8B, LLAMA_1B = "LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned", "LLM2CLIP-Llama-3.2-1B-Instruct-CC-Finetuned"
# Vision tower -> its text tower, by the names of docs/models.md. Towers of other pairs may have equal widths.
TEXT_OF = {
    "LLM2CLIP-Openai-B-16": LLAMA_8B,
    "LLM2CLIP-Openai-L-14-224": LLAMA_8B,
    "LLM2CLIP-Openai-L-14-336": LLAMA_8B,
    "LLM2CLIP-EVA02-B-16": LLAMA_8B,
    "LLM2CLIP-EVA02-L-14-336": LLAMA_8B,
    "LLM2CLIP-Llama3.2-1B-EVA02-L-14-224": LLAMA_1B,
    "LLM2CLIP-Llama3.2-1B-EVA02-L-14-336": LLAMA_1B,
    "LLM2CLIP-Llama3.1-8B-siglip2-so400m-patch14-224": "Llama-3.1-8B-Instruct",
}


@dataclass(frozen=True)
class HubName:
    """A repository of the Hub at a branch, tag or commit; `file` where one of several checkpoints in it is meant."""

    repository: str
    file: str = ""
    revision: str = "main"

    def __str__(self) -> str:
        return self.repository if self.revision == "main" else f"{self.repository}@{self.revision}"


def hub_name(path: Path) -> HubName | None:
    """What `path` names on the Hub; None where it is here, or cannot be such a name."""
    found = NAME.fullmatch(str(path))
    if path.exists() or not found:
        return None
    return HubName(found["repository"], found["file"] or "", found["revision"] or "main")


def check_pair(vision: Path, text: Path) -> None:
    """Refuses a vision and a text tower of the family that were not trained for one another."""
    wanted, given = TEXT_OF.get(bare_name(vision)), bare_name(text)
    if wanted and given in TEXT_OF.values() and given != wanted:
        raise CheckpointError(f"{text}: is not the text tower of {bare_name(vision)}, which is {wanted}; give that with --text")


def bare_name(path: Path) -> str:
    """Without organization, revision and the folders above."""
    name = hub_name(path)
    return Path(name.repository).name if name else path.name
