"""Strings on which tokenizers differ: every script, marks, controls, specials inside text, long runs."""

import random
import sys
import unicodedata

SPECIALS = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
ALMOST_SPECIALS = ["<|eot_id|", "<|foo|>", "<|eot_id|>>", "<<|eot_id|>", "<|EOT_ID|>", "<|eot_id|><|eot_id|>"]
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\r", "\u0085", "\u00a0", "\u1680", "\u180e", "\u2003", "\u2028", "\u202f",
          "\u3000", "\ufeff", "\u200b", "\x1c", "\x00", "\x0b"]
WORDS = ["I'm", "Don'T", "we'LL", "'ſabc", "x'S", "hello", "world", "naïve", "e\u0301", "Ａ", "ﬁ", "ß", "İ", "K", "１２３",
         "1234567", "²³", "Ⅷ", "٣٤٥", "  1  2", "a\U00011de3b", " \U00016ff4", "\n 7", "示意图", "狗", "ไทย",
         "नमस्ते", "한국어", "日本語テキスト", "עברית", "العربية", "👩‍👩‍👧‍👦", "🐕‍🦺", "🇩🇪",
         "...", "!!!", "--", "C++", "a_b", "https://example.org/?q=1", "#tag", "@me", "$5", "50%", "~", "—", "“q”"]
LONG_RUNS = ["a", " ", "\n", "1", ".", "狗", "é", "👍", "ab ", " \n", "'s", "\u0301", "<|eot_id|>", "!@#$%^&*()"]


def _blocks() -> list[list[str]]:
    """The assigned characters of each run of 128 code points that has any."""
    blocks: dict[int, list[str]] = {}
    for code_point in range(sys.maxunicode + 1):
        character = chr(code_point)
        if unicodedata.category(character) not in ("Cn", "Cs", "Co"):
            blocks.setdefault(code_point // 128, []).append(character)
    return list(blocks.values())


def _of_one_block(rng: random.Random, blocks: list[list[str]]) -> str:
    block = rng.choice(blocks)
    return "".join(rng.choice(block) if rng.random() < 0.8 else rng.choice([" ", "\n", "'", "1", "a"])
                   for _ in range(rng.randint(1, 30)))


def _one_long_piece(rng: random.Random, blocks: list[list[str]]) -> str:
    """What no pattern takes apart, longer than what is merged at once."""
    letters = [character for character in rng.choice(blocks) if character.isalpha()] or list("abcdefghijklmnopqrstuvwxyz")
    if rng.random() < 0.3:
        letters = rng.sample(letters, min(2, len(letters)))
    return "".join(rng.choice(letters) for _ in range(rng.randint(60, 2000)))


def _mixed(rng: random.Random) -> str:
    parts = [rng.choice(rng.choice([WORDS, WORDS, SPACES, SPECIALS + ALMOST_SPECIALS])) for _ in range(rng.randint(1, 12))]
    return rng.choice(["", " "]).join(parts)


def _of_any_code_points(rng: random.Random) -> str:
    code_points = (rng.randrange(0x110000) for _ in range(rng.randint(1, 20)))
    return "".join(chr(c) for c in code_points if not 0xD800 <= c <= 0xDFFF)


def _decoded_noise(rng: random.Random) -> str:
    return rng.randbytes(rng.randint(1, 40)).decode("utf-8", errors="replace")


def corpus(count: int, seed: int = 1) -> list[str]:
    """`count` strings and the long runs; the same for the same arguments."""
    rng = random.Random(seed)
    blocks = _blocks()
    makers = [lambda: _of_one_block(rng, blocks), lambda: _mixed(rng), lambda: _of_any_code_points(rng),
              lambda: _decoded_noise(rng)]
    strings = ["", *WORDS, *SPACES, *SPECIALS, *ALMOST_SPECIALS]
    strings += [run * length for run in LONG_RUNS for length in (7, 100, 3000)]
    strings += [_one_long_piece(rng, blocks) for _ in range(count // 50)]
    strings += [makers[index % len(makers)]() for index in range(count)]
    return strings


def sentences(count: int, seed: int = 1) -> list[str]:
    """Strings of few characters, to train small vocabularies on."""
    rng = random.Random(seed)
    return [" ".join(rng.choice(WORDS) for _ in range(rng.randint(3, 12))) for _ in range(count)]
