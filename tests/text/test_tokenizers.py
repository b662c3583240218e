"""`llm2clip tokenize` against the `tokenizers` and `sentencepiece` packages, id by id."""

import io
import json
import subprocess
from pathlib import Path

import pytest
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from string_corpus import SPECIALS, corpus, sentences

LLAMA3_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
                  r"\s*[\r\n]+|\s+(?!\S)|\s+")
SEPARATOR = "!@#$%^&*()"
PREFIX, SUFFIX = "<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"
MAX_TOKENS = 512


@pytest.fixture(scope="module")
def strings() -> list[str]:
    return corpus(20_000)


def tokenize(binary: Path, tokenizer: Path, texts: list[str], folder: Path, *flags: str) -> list[dict]:
    lines = folder / "texts.jsonl"
    lines.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    done = subprocess.run([binary, "tokenize", "--tokenizer", tokenizer, *flags, "--jsonl", "-f", lines],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Not splitlines(): Python would also split at U+2028, which JSON leaves as it is.
    return [json.loads(line) for line in done.stdout.split("\n")[:-1]]


def assert_equal_ids(ours: list[list[int]], reference: list[list[int]], texts: list[str]) -> None:
    assert len(ours) == len(reference) == len(texts)
    different = [(text, mine, theirs) for text, mine, theirs in zip(texts, ours, reference) if mine != theirs]
    assert not different, f"{len(different)} of {len(texts)} differ, the first: {different[0]}"


def small_tokenizer(ignore_merges: bool) -> Tokenizer:
    """A byte-level BPE in Llama-3's form, trained on a little of everything."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3_PATTERN), "isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=2000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    tokenizer.train_from_iterator(corpus(4_000, seed=2), trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    begin = tokenizer.token_to_id(SPECIALS[0])
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single=f"{SPECIALS[0]} $A", special_tokens=[(SPECIALS[0], begin)])])
    return tokenizer


DIGITS_APART = pre_tokenizers.Sequence([
    pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])


def gpt2_tokenizer(lacking: str, digits_apart: bool, ignore_merges: bool, **unknown) -> Tokenizer:
    """A byte-level BPE in the form of GPT-2 or of SmolLM2, whose vocabulary lacks the bytes spelled `lacking`."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = DIGITS_APART if digits_apart else pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=2000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  special_tokens=["<unk>"], show_progress=False)
    tokenizer.train_from_iterator(corpus(4_000, seed=2), trainer)
    content = json.loads(tokenizer.to_str())
    model = content["model"]
    if unknown:
        # With a merge, which tokenizers does across what is unknown as well.
        model["vocab"]["a<unk>"] = len(model["vocab"])
        model["merges"].insert(0, ["a", "<unk>"])
    model["vocab"] = {token: index for token, index in model["vocab"].items() if not set(token) & set(lacking)}
    model["merges"] = [merge for merge in model["merges"] if not set("".join(merge)) & set(lacking)]
    content["model"] |= unknown
    return Tokenizer.from_str(json.dumps(content))


def with_spelling(saved: str, pairs: bool) -> str:
    """tokenizer.json with merges as ["a", "b"] or as "a b"."""
    content = json.loads(saved)
    merges = [merge if isinstance(merge, list) else merge.split(" ") for merge in content["model"]["merges"]]
    content["model"]["merges"] = merges if pairs else [" ".join(merge) for merge in merges]
    return json.dumps(content)


@pytest.mark.parametrize("pairs", [True, False], ids=["merges as pairs", "merges as strings"])
@pytest.mark.parametrize("ignore_merges", [True, False], ids=["whole pieces first", "merges only"])
def test_a_small_tokenizer_gives_the_ids_of_tokenizers(binary, strings, tmp_path, ignore_merges, pairs):
    reference = small_tokenizer(ignore_merges)
    path = tmp_path / "tokenizer.json"
    path.write_text(with_spelling(reference.to_str(), pairs), encoding="utf-8")
    ours = [line["ids"] for line in tokenize(binary, path, strings, tmp_path, "--raw")]
    theirs = [encoding.ids for encoding in reference.encode_batch(strings, add_special_tokens=False)]
    assert_equal_ids(ours, theirs, strings)


# Bytes that texts are full of: letters, a space, a digit, the first and a later byte of characters in UTF-8.
LACKING = "aeĠ7ÃĤç\u0142"


@pytest.mark.parametrize("unknown", [{}, {"unk_token": "<unk>"}, {"unk_token": "<unk>", "fuse_unk": True}],
                         ids=["left out", "unknown", "unknown fused"])
@pytest.mark.parametrize("digits_apart", [True, False], ids=["digits apart", "GPT-2"])
def test_bytes_without_a_token_give_the_ids_of_tokenizers(binary, strings, tmp_path, digits_apart, unknown):
    for lacking, ignore_merges in (("", False), (LACKING, False), (LACKING, True)):
        reference = gpt2_tokenizer(lacking, digits_apart, ignore_merges, **unknown)
        path = tmp_path / "tokenizer.json"
        reference.save(str(path))
        ours = [line["ids"] for line in tokenize(binary, path, strings, tmp_path, "--raw")]
        theirs = [encoding.ids for encoding in reference.encode_batch(strings, add_special_tokens=False)]
        assert_equal_ids(ours, theirs, strings)


def test_a_trained_tokenizer_that_lacks_bytes_gives_the_ids_of_tokenizers(binary, real_text, strings, tmp_path):
    path = real_text / "tokenizer.json"
    reference = Tokenizer.from_file(str(path))
    assert sum(letter not in reference.get_vocab() for letter in pre_tokenizers.ByteLevel.alphabet()) == 21
    texts = strings + [chr(c) + " 1" + chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    ours = [line["ids"] for line in tokenize(binary, path, texts, tmp_path, "--raw")]
    theirs = [encoding.ids for encoding in reference.encode_batch(texts, add_special_tokens=False)]
    assert_equal_ids(ours, theirs, texts)


def test_llama_3s_tokenizer_gives_the_ids_of_tokenizers(binary, assets, strings, tmp_path):
    reference = Tokenizer.from_file(str(assets / "tokenizer.json"))
    ours = [line["ids"] for line in tokenize(binary, assets / "tokenizer.json", strings, tmp_path, "--raw")]
    theirs = [encoding.ids for encoding in reference.encode_batch(strings, add_special_tokens=False)]
    assert_equal_ids(ours, theirs, strings)


def test_literal_texts_give_the_ids_of_tokenizers(binary, assets, strings, tmp_path):
    reference = Tokenizer.from_file(str(assets / "tokenizer.json"))
    reference.encode_special_tokens = True
    texts = [text for text in strings if "<|" in text]
    assert len(texts) > 1000
    ours = [line["ids"] for line in
            tokenize(binary, assets / "tokenizer.json", texts, tmp_path, "--raw", "--special-tokens", "literal")]
    theirs = [encoding.ids for encoding in reference.encode_batch(texts, add_special_tokens=False)]
    assert_equal_ids(ours, theirs, texts)


def reference_tokens(tokenizer: Tokenizer, text: str) -> tuple[list[int], int]:
    """llm2vec's prepare_for_tokenization and tokenize (reference.md 4.2, 4.3), by tokenizers."""
    parts = (PREFIX + (SEPARATOR + text).strip() + SUFFIX).split(SEPARATOR)
    pooled = parts[1] if len(parts) > 1 else ""
    ids = tokenizer.encode("".join(parts), add_special_tokens=False).ids[:MAX_TOKENS - 1]
    count = len(tokenizer.encode(pooled, add_special_tokens=False).ids[:MAX_TOKENS])
    return [tokenizer.token_to_id(SPECIALS[0]), *ids], count


@pytest.mark.parametrize("real", [False, True], ids=["small tokenizer", "Llama-3's tokenizer"])
def test_prompt_truncation_and_pooling_are_llm2vecs(binary, request, strings, tmp_path, real):
    path = tmp_path / "tokenizer.json"
    if real:
        path = request.getfixturevalue("assets") / "tokenizer.json"
    else:
        path.write_text(small_tokenizer(True).to_str(), encoding="utf-8")
    tokenizer = Tokenizer.from_file(str(path))
    texts = strings[:4000] + [" dog" * count for count in range(495, 520)] + [f"a{SEPARATOR}b", SEPARATOR, "\n \ndog"]
    expected = [reference_tokens(tokenizer, text) for text in texts]
    lines = tokenize(binary, path, texts, tmp_path)
    assert_equal_ids([line["ids"] for line in lines], [ids for ids, _ in expected], texts)
    # A count beyond the row raises in the reference; a separator inside a text is the only way there.
    assert [line["pooled"] for line in lines] == [min(count, len(ids)) for ids, count in expected]


def train_sentencepiece(**options) -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(sentences(6_000, seed=3)), model_writer=model,
                                             vocab_size=600, hard_vocab_limit=False, minloglevel=2, **options)
    return model.getvalue()


@pytest.mark.parametrize("options", [
    {"model_type": "unigram"},
    {"model_type": "bpe", "byte_fallback": True, "normalization_rule_name": "identity",
     "remove_extra_whitespaces": False},  # Llama-2's settings
    {"model_type": "bpe", "byte_fallback": True, "add_dummy_prefix": False, "normalization_rule_name": "identity",
     "remove_extra_whitespaces": False},  # Gemma's
], ids=["unigram", "Llama-2's kind", "Gemma's kind"])
def test_sentencepiece_gives_the_ids_of_its_python_package(binary, strings, tmp_path, options):
    path = tmp_path / "tokenizer.model"
    path.write_bytes(train_sentencepiece(**options))
    reference = sentencepiece.SentencePieceProcessor(model_file=str(path))
    ours = [line["ids"] for line in tokenize(binary, path, strings, tmp_path, "--raw")]
    assert_equal_ids(ours, reference.encode(strings), strings)
