"""tokenize, with the small tokenizer of the demo model or Llama-3's where it is."""

import json

import pytest

from cli_support import assert_refused


@pytest.fixture
def llama(assets):
    path = assets / "tokenizer.json"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return ["--tokenizer", path]


def ids_of(result):
    assert result.code == 0, result.err
    return [json.loads(line)["ids"] for line in result.lines]


def test_a_text_in_its_prompt(run, llama):
    result = run("tokenize", *llama, "-t", "a dog")
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out) == {
        "ids": [128000, 128006, 882, 128007, 271, 64, 5679, 128009],
        "pooled": 3,
        "truncated": False,
        "pieces": [
            "<|begin_of_text|>", "<|start_header_id|>", "user", "<|end_header_id|>", "\n\n", "a", " dog", "<|eot_id|>",
        ],
    }  # fmt: skip


def test_raw_is_the_bare_text(run, llama):
    line = json.loads(run("tokenize", *llama, "--raw", "-t", "a dog").out)
    assert line == {"ids": [64, 5679], "pieces": ["a", " dog"]}


def test_special_tokens_of_a_text_are_tokens_or_letters(run, llama):
    text = "a<|eot_id|>b"
    assert ids_of(run("tokenize", *llama, "--raw", "-t", text)) == [[64, 128009, 65]]
    literal = run("tokenize", *llama, "-t", text, "--special-tokens", "literal")
    assert [i for i in ids_of(literal)[0] if i >= 128000] == [128000, 128006, 128007, 128009]
    assert "".join(json.loads(literal.out)["pieces"][5:-1]) == text


def test_pieces_that_are_no_characters_are_replaced(run, llama):
    line = json.loads(run("tokenize", *llama, "--raw", "-t", "🫠").out)
    assert len(line["pieces"]) == len(line["ids"]) > 1
    assert "\ufffd" in "".join(line["pieces"])


def test_lines_of_files_follow_the_texts_of_flags(run, tmp_path, llama):
    (tmp_path / "texts").write_bytes(b"one\r\n\n two\nlast")
    split = ids_of(run("tokenize", *llama, "--raw", "-t", "first", "-f", "texts", "-f", "-", stdin=b"stdin\n"))
    apart = [ids_of(run("tokenize", *llama, "--raw", "-t", text))[0] for text in
             ("first", "one", "", " two", "last", "stdin")]  # fmt: skip
    assert split == apart
    assert split[2] == []


def test_texts_are_taken_as_they_stand(run, llama):
    for text in ("[1,2]", "-x", "--raw", "a=b", "%%", '"quoted"'):
        assert len(ids_of(run("tokenize", *llama, "-t", text))) == 1


def test_json_lines_in(run, tmp_path, llama):
    (tmp_path / "rows").write_text('{"caption": "a dog", "n": 1}\n{"caption": "a\\ncat"}\n')
    result = run("tokenize", *llama, "--jsonl", "--field", "caption", "-f", "rows")
    assert len(ids_of(result)) == 2
    assert_refused(run("tokenize", *llama, "--jsonl", "-f", "rows"), 4, "rows:1: ", '"text"')


def test_pretty_is_a_table_that_shows_what_is_pooled(run, llama):
    result = run("tokenize", *llama, "--pretty", "-t", "a dog")
    assert result.lines[0].split() == ["id", "piece", "pooled"]
    assert [line.endswith(" yes") for line in result.lines[1:9]] == [False] * 5 + [True] * 3


def test_a_long_text_is_cut_and_says_so(run, llama):
    line = json.loads(run("tokenize", *llama, "-t", "dog " * 600).out)
    assert len(line["ids"]) == 512
    assert line["truncated"] is True


@pytest.mark.parametrize("text", [b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"])
def test_invalid_utf8_is_refused_with_its_place(run, tmp_path, llama, text):
    assert_refused(run("tokenize", *llama, "-t", text), 4, "-t 1: ", "UTF-8")
    (tmp_path / "texts").write_bytes(b"good\n" + text + b"\n")
    result = run("tokenize", *llama, "-f", "texts")
    assert result.code == 4
    assert "texts:2: " in result.err


def test_files_that_are_not_there(run, llama, tmp_path):
    assert_refused(run("tokenize", *llama, "-f", "missing"), 4, "missing: ")
    assert_refused(run("tokenize", *llama, "-f", "."), 4, ".: ", "folder")
    assert_refused(run("tokenize", "--tokenizer", "missing.json", "-t", "a"), 5, "missing.json")
    (tmp_path / "bad.json").write_text("{}")
    assert_refused(run("tokenize", "--tokenizer", "bad.json", "-t", "a"), 5, "bad.json")
