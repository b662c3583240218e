"""The published tokenizer: which file it is, whether it fits, and the reference's token ids."""

import json
from dataclasses import dataclass
from pathlib import Path

import sentencepiece
import tokenizers

from llm2clip_export.checkpoints.published_file import published_file
from llm2clip_export.errors import CheckpointError
from llm2clip_export.prompts import MAX_TOKENS, Prompt
from llm2clip_export.readable_tokenizer import unread


@dataclass(frozen=True)
class TokenIds:
    """`pooled`: how many of `ids`, from the end, are averaged; 0 means all."""

    ids: list[int]
    pooled: int


class ByteLevelBPE:
    """tokenizer.json, read by the reference's own library."""

    kind = "byte_level_bpe"

    def __init__(self, path: Path):
        self.path = path
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise CheckpointError(f"{path}: is no tokenizer: {error}; download it again") from error
        # What llm2vec asks for at each call stands above what the file may say.
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    def largest_id(self) -> int:
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)

    def token_id(self, token: str) -> int | None:
        return self._tokenizer.token_to_id(token)

    def starts_with(self, token: str) -> bool:
        """Whether a text that is encoded with special tokens begins with `token`."""
        return self._tokenizer.encode("a").ids[:1] == [self.token_id(token)]

    def encode(self, text: str) -> list[int]:
        """As the network gets it: special tokens added, cut at the end to MAX_TOKENS."""
        return self._tokenizer.encode(text).ids

    def count(self, text: str) -> int:
        """How many tokens the text is by itself, at most MAX_TOKENS. Special tokens written in it count as such."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)


class SentencePiece:
    """tokenizer.model, read by the reference's own library. Special tokens written in a text are text."""

    kind = "sentencepiece"

    def __init__(self, path: Path):
        self.path = path
        try:
            self._processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
        except (RuntimeError, OSError) as error:
            raise CheckpointError(f"{path}: is no SentencePiece model: {error}; download it again") from error

    def largest_id(self) -> int:
        return self._processor.get_piece_size() - 1

    def token_id(self, token: str) -> int | None:
        index = self._processor.piece_to_id(token)
        return None if index == self._processor.unk_id() else index

    def starts_with(self, token: str) -> bool:
        return self._processor.bos_id() >= 0 and self._processor.bos_id() == self.token_id(token)

    def encode(self, text: str) -> list[int]:
        bos = [self._processor.bos_id()] if self._processor.bos_id() >= 0 else []
        return (bos + self._processor.encode(text))[:MAX_TOKENS]

    def count(self, text: str) -> int:
        return min(len(self._processor.encode(text)), MAX_TOKENS)


Tokenizer = ByteLevelBPE | SentencePiece


def find_tokenizer(directory: Path) -> Tokenizer:
    """tokenizer.json where it is byte-level BPE, else tokenizer.model.

    The tokenizer.json of Llama-2 and its like is SentencePiece's vocabulary in another form; tokenizer.model beside it
    is the original.
    """
    has_json = (directory / "tokenizer.json").is_file()
    has_model = (directory / "tokenizer.model").is_file()
    if has_json or not has_model:
        path = published_file(directory, "tokenizer.json")
        if is_byte_level(path):
            tokenizer = ByteLevelBPE(path)
            refuse_unread(path)
            return tokenizer
        if not has_model:
            raise CheckpointError(
                f"{path}: expected byte-level BPE (model BPE, pre-tokenizer ByteLevel); for a SentencePiece vocabulary "
                "put its tokenizer.model beside it"
            )
    return SentencePiece(published_file(directory, "tokenizer.model"))


def refuse_unread(path: Path) -> None:
    try:
        found = unread(json.loads(path.read_text(encoding="utf-8")))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise CheckpointError(f"{path}: is no tokenizer; download it again") from error
    if found:
        raise CheckpointError(f"{path}: {found}: llm2clip does not read that; export another model")


def is_byte_level(path: Path) -> bool:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        step = content.get("pre_tokenizer") or {}
        steps = step.get("pretokenizers", [step])
        return content["model"].get("type", "BPE") == "BPE" and any(step.get("type") == "ByteLevel" for step in steps)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: is no tokenizer; download it again") from error


def check_tokenizer(tokenizer: Tokenizer, prompt: Prompt, vocabulary: int, embedding: Path) -> None:
    """Refuses a tokenizer that is not the one of the text tower, whose embedding has `vocabulary` rows."""
    if tokenizer.largest_id() >= vocabulary:
        raise CheckpointError(
            f"{tokenizer.path}: has token ids up to {tokenizer.largest_id()}, but the token embedding in {embedding} "
            f"has {vocabulary} rows; are both of the same model?"
        )
    missing = [token for token in prompt.specials if tokenizer.token_id(token) is None]
    if missing:
        raise CheckpointError(
            f"{tokenizer.path}: has no {', '.join(missing)}, which the prompt needs; choose another with --prompt"
        )
    if prompt.bos and not tokenizer.starts_with(prompt.bos):
        raise CheckpointError(
            f"{tokenizer.path}: does not put {prompt.bos} before a text (an early upload?); download a newer tokenizer"
        )


def tokenize(text: str, prompt: Prompt, tokenizer: Tokenizer, doc_max_length: int = MAX_TOKENS) -> TokenIds:
    """What llm2vec makes of `text`: the pooled tokens are counted in a tokenization of their own."""
    seen, pooled = prompt.split(shortened(text, tokenizer, doc_max_length))
    return TokenIds(tokenizer.encode(seen), tokenizer.count(pooled))


def shortened(text: str, tokenizer: Tokenizer, doc_max_length: int) -> str:
    """Without the last words of a text of more tokens than that, as llm2vec.py's _convert_to_str leaves them away.

    A text of few long words may lose all of them.
    """
    count = tokenizer.count(text)
    while count > doc_max_length:
        words = text.split()
        text = " ".join(words[: int(len(words) * (doc_max_length / count))])
        count = tokenizer.count(text)
    return text
