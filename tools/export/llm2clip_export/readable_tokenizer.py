"""What llm2clip reads of a tokenizer.json.

src/text/bpe/bpe_settings.cpp refuses the rest, and it is better told before an export.
"""

from collections.abc import Iterator
from typing import Any

SPLITS = [
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|" + number + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    for number in (r"\p{N}{1,3}", r"\p{N}")
]
SPLIT = {"type": "Split", "behavior": "Isolated", "invert": False}
DIGITS = {"type": "Digits", "individual_digits": True}
BYTES = {"type": "ByteLevel", "add_prefix_space": False}
# Values with which the reference's ids are ours.
MODEL = {
    "dropout": (None, 0), "continuing_subword_prefix": (None, ""), "end_of_word_suffix": (None, ""),
    "byte_fallback": (None, False),
}  # fmt: skip
PLAIN = ("single_word", "lstrip", "rstrip", "normalized")


def unread(content: dict[str, Any]) -> str:
    """The first setting of a byte-level tokenizer.json that llm2clip does not read, and its value; "" for none."""
    return next(settings_unread(content), "")


def settings_unread(content: dict[str, Any]) -> Iterator[str]:
    if content.get("normalizer") is not None:
        yield f"normalizer {content['normalizer'].get('type')}"
    for key, known in MODEL.items():
        if content["model"].get(key) not in known:
            yield f"model.{key} {content['model'][key]!r}"
    if not cuts_as_known(content["pre_tokenizer"]):
        yield "pre_tokenizer, of another model family"
    for token in content.get("added_tokens") or []:
        yield from (f"{key} of the added token {token['content']!r}" for key in PLAIN if token.get(key))
    processor = content.get("post_processor") or {}
    for step in processor.get("processors", [processor] if processor else []):
        if step["type"] not in ("ByteLevel", "TemplateProcessing"):
            yield f"post_processor {step['type']}"
        if step["type"] == "TemplateProcessing" and "Sequence" not in step["single"][-1]:
            yield "post_processor, with tokens after the text"


def cuts_as_known(step: dict[str, Any]) -> bool:
    steps = step.get("pretokenizers", [step])
    first, last = steps[0], steps[-1]
    if not has(last, BYTES) or len(steps) > 2:
        return False
    by_regex = last.get("use_regex", True)
    if len(steps) == 1:
        return by_regex and step is last
    if has(first, DIGITS):
        return by_regex
    return not by_regex and has(first, SPLIT) and first["pattern"].get("Regex") in SPLITS


def has(step: dict[str, Any], settings: dict[str, Any]) -> bool:
    return all(step.get(key) == value for key, value in settings.items())
