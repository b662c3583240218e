"""The text tower with what stands before it: tokenizer, prompt, and how long captions are shortened."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llm2clip_export.checkpoints.llama import TextCheckpoint, read_llama_repository
from llm2clip_export.errors import CheckpointError
from llm2clip_export.prompts import MAX_TOKENS, PROMPTS, Prompt, doc_max_length, prompt_name
from llm2clip_export.published_tokenizer import Tokenizer, check_tokenizer, find_tokenizer


@dataclass(frozen=True)
class TextSide:
    checkpoint: TextCheckpoint
    tokenizer: Tokenizer
    prompt: Prompt
    doc_max_length: int


def read_text_side(
    directory: Path, adapters: Sequence[Path], precision: str, prompt: str, repository: str, longest: int | None
) -> TextSide:
    """`prompt`, `repository`, `longest` (doc_max_length): what the user says; empty or None where the name should tell."""
    checkpoint = read_llama_repository(directory, precision, adapters)
    names = [repository, checkpoint.repository, directory.resolve().name]
    prompt = prompt or prompt_name(names) or ""
    if not prompt:
        raise CheckpointError(
            f"{directory}: cannot tell its prompt from the name {checkpoint.repository!r}; say it with --prompt "
            f"{'|'.join(PROMPTS)}, or the name with --source-repository text=NAME"
        )
    tokenizer = find_tokenizer(directory)
    check_tokenizer(tokenizer, PROMPTS[prompt], checkpoint.geometry["vocabulary"], checkpoint.embedding_path)
    length = longest if longest is not None else doc_max_length(names)
    return TextSide(checkpoint, tokenizer, PROMPTS[prompt], min(length, MAX_TOKENS))
