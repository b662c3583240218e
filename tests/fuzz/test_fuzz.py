"""Every fuzzer has seeds. ctest replays them (replay.cpp); .ci/run and scripts/soak let the fuzzers run."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_every_fuzzer_has_seeds_and_every_corpus_a_fuzzer():
    targets = {path.stem for path in (ROOT / "tests/fuzz").glob("*.cpp")} - {"replay"}
    assert targets == {path.name for path in (ROOT / "tests/fuzz/corpus").iterdir()}
    assert all(any(path.iterdir()) for path in (ROOT / "tests/fuzz/corpus").iterdir())
