"""The fuzzers build, take their seeds, and find nothing in some seconds. scripts/soak lets them run for hours."""

import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_every_fuzzer_has_seeds_and_every_corpus_a_fuzzer():
    targets = {path.stem for path in (ROOT / "tests/fuzz").glob("*.cpp")}
    assert targets == {path.name for path in (ROOT / "tests/fuzz/corpus").iterdir()}


@pytest.mark.skipif(shutil.which("clang++") is None, reason="scripts/setup --test installs clang++")
def test_fuzzers_find_nothing_in_five_seconds_each():
    done = subprocess.run([ROOT / "scripts/fuzz", "5"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
