"""Flags, help, exit codes and streams; nothing here needs a model."""

import json
import os
import resource
import subprocess
import sys

import pytest

from cli_support import ROOT, assert_refused

sys.path.insert(0, str(ROOT / "scripts"))
import make_cli_docs

COMMANDS = ["embed-image", "embed-text", "classify", "index", "search", "duplicates", "evaluate retrieval",
            "evaluate zero-shot", "status", "serve", "info", "tokenize", "preprocess", "verify"]


def assert_usage(result, *words):
    assert_refused(result, 2, *words)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_a_purpose_and_examples(run, command):
    result = run(*command.split(), "--help")
    assert result.code == 0
    assert result.err == ""
    assert f"Usage: llm2clip {command} " in result.out
    assert f"\n  llm2clip {command} " in result.out.split("Examples:")[1]
    assert max(map(len, result.lines)) <= 100


def test_help_of_the_program_names_every_command(run):
    result = run("--help")
    assert result.code == 0
    for command in COMMANDS:
        assert f"\n  {command.split()[0]} " in result.out


def test_docs_show_the_help_of_the_program(binary):
    page = make_cli_docs.PAGE.read_text(encoding="utf-8")
    assert make_cli_docs.updated(page, binary) == page, "run scripts/make_cli_docs.py"
    for command in COMMANDS:
        assert f"<!-- llm2clip {command} --help -->" in page


def test_version_is_one_line(run):
    result = run("--version")
    assert (result.code, result.err) == (0, "")
    assert result.out == "llm2clip 0.2.0\n"


def test_unknown_flag_is_named(run):
    assert_usage(run("info", "--frobnicate"), "--frobnicate: unknown flag", "llm2clip info --help")
    assert_usage(run("--frobnicate"), "--frobnicate: unknown flag", "llm2clip --help")


WRONG_NUMBERS = [(flag, value) for flag in ("--scale", "--threshold")
                 for value in ("nan", "inf", "-inf", "NaN", "Infinity", "1e39", "-1e39", "1e9999", "x", "", "1,5", "1 2")]
WRONG_NUMBERS += [(flag, value) for flag in ("--top-k", "--batch-size", "--batch-tokens", "--max-pixels", "--max-side",
                                             "--max-file-bytes", "--max-scans", "--max-scan-pixels", "--threads")
                  for value in ("-1", "nan", "inf", "1.5", "1e3", "0x10", "", "+1", "99999999999999999999999")]


@pytest.mark.parametrize("flag, value", WRONG_NUMBERS)
def test_numbers_that_are_none_are_named(run, flag, value):
    result = run("classify", "-m", "no/such/model", "x.png", "-l", "a", f"{flag}={value}")
    assert_usage(result, flag)


@pytest.mark.parametrize("flag, value", [("--commit-rows", "-1"), ("--commit-seconds", "nan"), ("--commit-seconds", "0"),
                                         ("--decode-memory", "-1"), ("--max-errors", "nan"), ("--max-errors", "-1%"),
                                         ("--shard", "nan/1"), ("--shard", "-1/2"), ("--shard", "1/1e9")])
def test_numbers_of_jobs_that_are_none_are_named(run, flag, value):
    assert_usage(run("embed-image", "-m", "no/such/model", "x.png", f"{flag}={value}"), flag)


@pytest.mark.parametrize("size", ["-1", "0", "nan", "1e3", "99999999999"])
def test_a_side_that_is_none_is_named(run, size):
    assert_usage(run("preprocess", f"--image-size={size}", "x.png", "-o", "x.npy"), "--image-size")


def test_unknown_command_is_named(run):
    assert_usage(run("frobnicate"), "frobnicate: unknown command")


def test_no_command_and_no_arguments_are_usage_errors(run):
    assert_usage(run(), "a command is required")
    assert_usage(run("info"), "--model", "LLM2CLIP_MODEL")
    assert_usage(run("info", "-m"), "--model")
    assert_usage(run("tokenize", "--tokenizer", "x"), "texts: none")
    assert_usage(run("preprocess", "--image-size", "8", "-o", "x.npy"), "images: none")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["embed-image", "--batch-size", "0"], "--batch-size"),
        (["embed-image", "--batch-size", "-3"], "--batch-size"),
        (["embed-image", "--threads", "many"], "--threads"),
        (["embed-image", "--precision", "half"], "half not in {auto,bfloat16,float16,float32,int8-dynamic,int16-dynamic}"),
        (["embed-image", "--out-dtype", "int8"], "--out-dtype"),
        (["embed-image", "--on-error", "maybe"], "--on-error"),
        (["embed-text", "--on-long", "maybe"], "--on-long"),
        (["classify", "--activation", "relu"], "--activation"),
        (["classify", "--load-labels", "a", "--label", "b"], "--label excludes --load-labels"),
        (["preprocess", "--order", "other"], "--order"),
        (["preprocess", "--image-size", "0"], "--image-size"),
        (["preprocess", "-m", "models/demo", "--order", "torchvision"], "--order requires --image-size"),
        (["preprocess", "-m", "models/demo", "--resize-passes", "pillow-13"], "--resize-passes requires --image-size"),
        (["info", "--progress", "maybe"], "--progress"),
    ],
)
def test_a_wrong_value_is_named(run, arguments, words):
    assert_usage(run(*arguments), words)


def test_missing_model_directory(run):
    for command in (["info"], ["verify"], ["embed-text", "-t", "a"], ["embed-image", "a.png"]):
        assert_refused(run(*command, "-m", "no/such/directory"), 5, "no/such/directory")


def test_the_model_may_come_from_the_environment(run):
    assert "elsewhere" in run("info", LLM2CLIP_MODEL="elsewhere").err
    assert "here" in run("info", "-m", "here", LLM2CLIP_MODEL="elsewhere").err


def test_messages_can_be_json_lines(run):
    result = run("info", "-m", "no/such", "--log-json")
    assert result.code == 5
    line = json.loads(result.err)
    assert line["level"] == "error"
    assert "no/such" in line["message"]


def test_control_characters_of_names_do_not_reach_the_terminal(run):
    result = run("preprocess", "--image-size", "8", "-o", "x.npy", b"a\x1b[31m\n\xff\xe2\x80\xae.png")
    assert_refused(result, 4, "llm2clip: a\\x1b[31m\\n\\xff\\xe2\\x80\\xae.png: ")


def with_standard_output(binary, descriptor, **options):
    return subprocess.run(
        [binary, "--help"], stdout=descriptor, stderr=subprocess.PIPE, timeout=60, **options
    )


def test_a_reader_that_went_away_is_141_and_quiet(binary):
    read, write = os.pipe()
    os.close(read)
    result = with_standard_output(binary, write)
    os.close(write)
    assert result.returncode == 141
    assert result.stderr == b""


def test_a_full_disk_behind_standard_output_is_6(binary):
    with open("/dev/full", "wb") as full:
        result = with_standard_output(binary, full)
    assert result.returncode == 6
    assert result.stderr == b"llm2clip: standard output: cannot be written: No space left on device\n"


def test_closed_standard_output_is_6(binary):
    result = with_standard_output(binary, None, preexec_fn=lambda: os.close(1))
    assert result.returncode == 6
    assert b"standard output" in result.stderr


def test_output_paths_are_checked_before_anything_else(run, tmp_path, pictures):
    (tmp_path / "folder.npy").mkdir()
    preprocess = ["preprocess", "--image-size", "8", pictures[0], "-o"]
    assert_usage(run(*preprocess, "x.txt"), "x.txt", ".npy or .png")
    for path, words in (
        ("no/such/x.npy", "the folder no/such does not exist"),
        ("folder.npy", "is a directory"),
        ("x" * 300 + ".npy", "File name too long"),
    ):
        assert_refused(run(*preprocess, path), 6, words)


def test_a_failed_write_leaves_nothing(binary, tmp_path, pictures):
    before = sorted(path.name for path in tmp_path.iterdir())
    result = subprocess.run(
        [binary, "preprocess", "--image-size", "64", "-o", "x.npy", *pictures],
        cwd=tmp_path,
        capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        timeout=60,
    )
    assert result.returncode == 6
    assert result.stderr == b"llm2clip: x.npy: cannot be written: File too large\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == before
