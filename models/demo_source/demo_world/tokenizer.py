"""A byte-level BPE tokenizer in the form of Llama 3's tokenizer.json, learned from captions."""

import json
import pathlib
import random
from collections.abc import Iterator

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from .captions import phrase
from .scene import Facts
from .words import COLORS, NUMBERS, RELATIONS, SHAPES

SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")
BEGIN, END, EOT = "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"
SPECIALS = (BEGIN, END, *(f"<|reserved_special_token_{i}|>" for i in range(4)), "<|start_header_id|>",
            "<|end_header_id|>", "<|reserved_special_token_4|>", EOT)
PREFIX = "<|start_header_id|>user<|end_header_id|>\n\n"
MAX_TOKENS = 512


def train_tokenizer(vocabulary: int, seed: int) -> Tokenizer:
    """A tokenizer of `vocabulary` byte sequences (all 256 bytes among them) and Llama 3's special tokens."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(_sentences(seed), trainer)
    tokenizer.add_special_tokens(list(SPECIALS))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single=f"{BEGIN} $A", pair=f"{BEGIN} $A {BEGIN} $B",
                                      special_tokens=[(BEGIN, tokenizer.token_to_id(BEGIN))])])
    return tokenizer


def _sentences(seed: int, count: int = 40_000) -> Iterator[str]:
    """Captions of every kind. Words only: which of them stand together decides nothing about the vocabulary."""
    rng = random.Random(seed)
    for _ in range(count):
        yield "user\n\n"
        yield phrase(_any_facts(rng), rng)


def _any_facts(rng: random.Random) -> Facts:
    colors, shapes = range(len(COLORS)), range(len(SHAPES))
    single = Facts(shape=rng.choice(shapes), color=rng.choice(colors), size=rng.choice((-1, 0, 1)),
                   background=rng.choice((-1, *colors)))
    if rng.random() < 0.4:
        return single._replace(shape_b=rng.choice(shapes), color_b=rng.choice(colors),
                               relation=rng.randrange(-1, len(RELATIONS)))
    return single._replace(count=rng.randrange(-1, len(NUMBERS)), column=rng.choice((-1, 0, 2)), row=rng.choice((-1, 0, 2)))


def save_tokenizer(tokenizer: Tokenizer, directory: pathlib.Path) -> None:
    """Writes tokenizer.json and the two files published models have beside it."""
    tokenizer.save(str(directory / "tokenizer.json"))
    special = {"bos_token": BEGIN, "eos_token": END, "pad_token": END}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": MAX_TOKENS, "padding_side": "left",
              "clean_up_tokenization_spaces": True, "model_input_names": ["input_ids", "attention_mask"], **special}
    (directory / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")
    (directory / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def encode_captions(tokenizer: Tokenizer, texts: list[str]) -> tuple[list[list[int]], list[int]]:
    """Token ids with prompt and <|begin_of_text|>, and how many of them, from the end, are averaged."""
    rows = tokenizer.encode_batch([PREFIX + text.strip() + EOT for text in texts])
    pooled = tokenizer.encode_batch([text.strip() + EOT for text in texts], add_special_tokens=False)
    return [row.ids[:MAX_TOKENS] for row in rows], [len(row.ids) for row in pooled]
