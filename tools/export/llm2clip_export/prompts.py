"""The text that llm2vec puts around a caption, and which base model gets which (reference.md 4.2)."""

from dataclasses import dataclass

# llm2vec joins instruction and text with it and splits there again; with no instruction it starts the text.
SEPARATOR = "!@#$%^&*()"
# Tokens of a text that the network sees, BOS included.
MAX_TOKENS = 512
# llm2vec's doc_max_length, where it is not raised: captions above it lose words (reference.md 4.1).
LLM2VEC_DOC_MAX_LENGTH = 400


@dataclass(frozen=True)
class Prompt:
    """`specials` are the tokens that prefix, suffix and the start of a text need; `bos` is one of them, or none."""

    prefix: str = ""
    suffix: str = ""
    bos: str = ""
    specials: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.prefix and not self.suffix

    def split(self, text: str) -> tuple[str, str]:
        """What the network sees of `text`, and the part of it that is pooled.

        llm2vec.py: prepare_for_tokenization, then tokenize. The separator goes before the text first, so that strip
        leaves leading white space alone; a base model without a template is not stripped either.
        """
        prepared = SEPARATOR + text
        if not self.is_empty:
            prepared = self.prefix + prepared.strip() + self.suffix
        parts = prepared.split(SEPARATOR)
        return "".join(parts), parts[1] if len(parts) > 1 else ""


PROMPTS = {
    "llama3": Prompt(
        "<|start_header_id|>user<|end_header_id|>\n\n",
        "<|eot_id|>",
        "<|begin_of_text|>",
        ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    ),
    "llama2": Prompt("[INST] ", " [/INST]", "<s>", ("<s>",)),
    "mistral": Prompt("[INST] ", " [/INST]", "<s>", ("<s>",)),
    "gemma2": Prompt(
        "<bos><start_of_turn>user\n", "<end_of_turn>", "<bos>", ("<bos>", "<start_of_turn>", "<end_of_turn>")
    ),
    "qwen2": Prompt("<|im_start|>user\n", "<|im_end|>", "", ("<|im_start|>", "<|im_end|>")),
    "phi3": Prompt("<|user|>\n", "<|end|>\n", "<s>", ("<s>", "<|user|>", "<|end|>")),
    "none": Prompt(),
}

# Exact names, as llm2vec compares them.
PROMPT_OF_MODEL = {
    "mistralai/Mistral-7B-Instruct-v0.2": "mistral",
    "meta-llama/Llama-2-7b-chat-hf": "llama2",
    "google/gemma-2-9b-it": "gemma2",
    "Qwen/Qwen2-1.5B-Instruct": "qwen2",
    "Qwen/Qwen2-7B-Instruct": "qwen2",
    "microsoft/Phi-3.5-mini-instruct": "phi3",
}


def prompt_name(repositories: list[str]) -> str | None:
    """The key of PROMPTS for the first of `repositories` that is known; None when none is."""
    for repository in repositories:
        if repository in PROMPT_OF_MODEL:
            return PROMPT_OF_MODEL[repository]
        # LLM2CLIP's fork asks for both words: Llama-3, 3.1 and 3.2 Instruct, and Microsoft's *-CC-Finetuned.
        if "Llama-3" in repository and "Instruct" in repository:
            return "llama3"
    return None


def doc_max_length(repositories: list[str]) -> int:
    """Tokens to which llm2vec shortens a caption by whole words; MAX_TOKENS: never.

    The cards of the 8B models and LLM2CLIP's own code set 512. The card of the 1B model leaves llm2vec's default.
    """
    is_1b = any("Llama-3.2-1B" in name or "Llama-3-2-1B" in name for name in repositories)
    return LLM2VEC_DOC_MAX_LENGTH if is_1b else MAX_TOKENS
