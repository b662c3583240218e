import json
from pathlib import Path

import pytest
import sentencepiece

from llm2clip_export.errors import CheckpointError
from llm2clip_export.prompts import PROMPTS, SEPARATOR
from llm2clip_export.published_tokenizer import ByteLevelBPE, SentencePiece, check_tokenizer, find_tokenizer, tokenize
from published_layout import small_tokenizer, write_json, write_tokenizer

EMBEDDING = Path("text/model.safetensors")
LLAMA3 = PROMPTS["llama3"]


@pytest.fixture(scope="session")
def sentencepiece_model(tmp_path_factory) -> bytes:
    """Llama-2's form: BPE with byte fallback, <s> = 1."""
    folder = tmp_path_factory.mktemp("sentencepiece")
    (folder / "words.txt").write_text("a dog and a cat\nthe cat sat on the mat\n" * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "words.txt"), model_prefix=str(folder / "m"), vocab_size=290, model_type="bpe",
        byte_fallback=True, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    return (folder / "m.model").read_bytes()


@pytest.mark.parametrize(
    "text, ids, pooled",
    # reference.md 4.4
    [
        ("a dog", [128000, 128006, 882, 128007, 271, 64, 5679, 128009], 3),
        ("示意图", [128000, 128006, 882, 128007, 271, 20379, 37689, 29129, 128009], 4),
        ("", [128000, 128006, 882, 128007, 271, 128009], 1),
        (" \u3000", [128000, 128006, 882, 128007, 271, 128009], 1),
        (" foo", [128000, 128006, 882, 128007, 271, 15586, 128009], 2),
        ("\nfoo", [128000, 128006, 882, 128007, 1432, 8134, 128009], 3),
        (f"a{SEPARATOR}b", [128000, 128006, 882, 128007, 271, 370, 128009], 1),
        (SEPARATOR, [128000, 128006, 882, 128007, 271, 128009], 0),
    ],
)
def test_llama3_gives_the_ids_of_the_reference(llama3_tokenizer, text, ids, pooled):
    tokens = tokenize(text, LLAMA3, ByteLevelBPE(llama3_tokenizer))
    assert (tokens.ids, tokens.pooled) == (ids, pooled)


@pytest.mark.parametrize("words, length, pooled", [(506, 512, 507), (507, 512, 508), (511, 512, 512), (600, 512, 512)])
def test_long_texts_lose_their_end(llama3_tokenizer, words, length, pooled):
    tokens = tokenize(" dog" * words, LLAMA3, ByteLevelBPE(llama3_tokenizer))
    assert (len(tokens.ids), tokens.pooled) == (length, pooled)
    assert (tokens.ids[-1] == 128009) == (words == 506)


def test_the_small_tokenizer_of_the_tests_works_alike(tmp_path):
    write_tokenizer(tmp_path)
    tokenizer = find_tokenizer(tmp_path)
    check_tokenizer(tokenizer, LLAMA3, 1 + tokenizer.largest_id(), EMBEDDING)
    tokens = tokenize("\n a dog", LLAMA3, tokenizer)
    assert tokens.ids[0] == tokenizer.token_id("<|begin_of_text|>")
    assert tokens.ids[-1] == tokenizer.token_id("<|eot_id|>")
    assert tokenizer.token_id("ĊĊĊ") in tokens.ids  # the newline of the text with those of the header


def test_padding_and_truncation_of_the_file_are_overruled(tmp_path):
    content = small_tokenizer() | {
        "truncation": {"max_length": 3, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
                    "pad_token": "!"},
    }  # fmt: skip
    write_json(content, tmp_path / "tokenizer.json")
    write_json(small_tokenizer(), tmp_path / "plain.json")
    assert ByteLevelBPE(tmp_path / "tokenizer.json").encode("xyzw") == ByteLevelBPE(tmp_path / "plain.json").encode("xyzw")


def refusal(directory, prompt=LLAMA3, vocabulary=10**6) -> str:
    with pytest.raises(CheckpointError) as caught:
        check_tokenizer(find_tokenizer(directory), prompt, vocabulary, EMBEDDING)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_refuses_more_ids_than_the_embedding_has_rows(tmp_path):
    write_tokenizer(tmp_path)
    largest = find_tokenizer(tmp_path).largest_id()
    assert f"has token ids up to {largest}, but" in refusal(tmp_path, vocabulary=largest)


def test_refuses_a_vocabulary_without_the_tokens_of_the_prompt(tmp_path):
    content = small_tokenizer()
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] != "<|eot_id|>"]
    write_json(content, tmp_path / "tokenizer.json")
    assert "has no <|eot_id|>, which the prompt needs" in refusal(tmp_path)


def test_refuses_early_uploads_that_add_no_bos(tmp_path):
    write_json(small_tokenizer() | {"post_processor": None}, tmp_path / "tokenizer.json")
    assert "does not put <|begin_of_text|> before a text" in refusal(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"model": {"type": "BPE"}, "pre_tokenizer": {"type": "ByteLevel"}}'])
def test_refuses_damaged_files(tmp_path, content):
    (tmp_path / "tokenizer.json").write_text(content)
    assert f"{tmp_path / 'tokenizer.json'}: is " in refusal(tmp_path)


def test_names_a_missing_tokenizer(tmp_path):
    assert f"{tmp_path / 'tokenizer.json'}: is missing" in refusal(tmp_path)


def test_tokenizer_json_wins_where_it_is_byte_level(tmp_path, sentencepiece_model):
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_model)
    assert isinstance(find_tokenizer(tmp_path), SentencePiece)
    write_tokenizer(tmp_path)
    assert isinstance(find_tokenizer(tmp_path), ByteLevelBPE)
    content = json.loads((tmp_path / "tokenizer.json").read_text()) | {"pre_tokenizer": None}
    write_json(content, tmp_path / "tokenizer.json")
    assert isinstance(find_tokenizer(tmp_path), SentencePiece)
    (tmp_path / "tokenizer.model").unlink()
    assert "expected byte-level BPE" in refusal(tmp_path)


def test_sentencepiece_starts_with_bos(tmp_path, sentencepiece_model):
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_model)
    tokenizer = find_tokenizer(tmp_path)
    check_tokenizer(tokenizer, PROMPTS["llama2"], 300, EMBEDDING)
    tokens = tokenize("a dog", PROMPTS["llama2"], tokenizer)
    assert tokens.ids[0] == 1
    assert 0 < tokens.pooled < len(tokens.ids)
    assert "has no <|begin_of_text|>" in refusal(tmp_path)


def test_refuses_a_damaged_sentencepiece_model(tmp_path):
    (tmp_path / "tokenizer.model").write_bytes(b"no model")
    assert "is no SentencePiece model" in refusal(tmp_path)


def changed(*path_and_value) -> dict:
    """The small tokenizer with one value of it replaced."""
    content = small_tokenizer()
    *path, last, value = path_and_value
    at = content
    for key in path:
        at = at[key]
    at[last] = value
    return content


GPT2 = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
DIGITS = {"type": "Digits", "individual_digits": True}
LAST = {"type": "Sequence", "processors": [{"type": "TemplateProcessing", "single": [
    {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<|eot_id|>", "type_id": 0}}], "pair": [],
    "special_tokens": {"<|eot_id|>": {"id": "<|eot_id|>", "ids": [4], "tokens": ["<|eot_id|>"]}}}]}


@pytest.mark.parametrize("content, named", [
    (changed("normalizer", {"type": "NFC"}), "normalizer NFC"),
    (changed("model", "byte_fallback", True), "model.byte_fallback True"),
    (changed("model", "dropout", 0.5), "model.dropout 0.5"),
    (changed("model", "end_of_word_suffix", "</w>"), "model.end_of_word_suffix '</w>'"),
    (changed("pre_tokenizer", "pretokenizers", 0, "pattern", {"Regex": "x"}), "pre_tokenizer, of another model family"),
    (changed("pre_tokenizer", GPT2 | {"add_prefix_space": True}), "pre_tokenizer, of another model family"),
    (changed("pre_tokenizer", "pretokenizers", 0, DIGITS), "pre_tokenizer, of another model family"),
    (changed("added_tokens", 0, "lstrip", True), "lstrip of the added token '<|begin_of_text|>'"),
    (changed("post_processor", LAST), "post_processor, with tokens after the text"),
])  # fmt: skip
def test_refuses_what_llm2clip_does_not_read(tmp_path, content, named):
    write_json(content, tmp_path / "tokenizer.json")
    assert refusal(tmp_path) == f"{tmp_path / 'tokenizer.json'}: {named}: llm2clip does not read that; export another model"


@pytest.mark.parametrize("content", [
    changed("pre_tokenizer", GPT2),
    changed("pre_tokenizer", {"type": "Sequence", "pretokenizers": [DIGITS, GPT2]}),
    changed("model", "ignore_merges", False),
    changed("model", "vocab", {token: id for token, id in small_tokenizer()["model"]["vocab"].items() if token != "q"}),
])  # fmt: skip
def test_takes_the_other_forms_that_llm2clip_reads(tmp_path, content):
    write_json(content, tmp_path / "tokenizer.json")
    assert isinstance(find_tokenizer(tmp_path), ByteLevelBPE)
