"""Indexes that are scanned in int8 or searched along links, against FAISS and against a plain scan. Uses models/demo."""

import json
import subprocess

import numpy as np
import pytest

from cli_support import ROOT, assert_refused

FAISS = ROOT / ".venv-databases" / "bin" / "python"
ROWS = 5000
TEXTS = [f"a {color} {shape}" for color in ("red", "green", "blue", "gray") for shape in ("circle", "square", "ring")]
ORACLE = """
import faiss, json, numpy as np
rows, queries = (np.load(name).astype(np.float32) for name in ("stored.npy", "queries.npy"))
flat = faiss.IndexFlatIP(rows.shape[1])
flat.add(rows)
scores, ids = flat.search(queries, 10)
print(json.dumps([scores.tolist(), ids.tolist()]))
"""


@pytest.fixture
def rows(tmp_path, run, demo_model):
    """5000 rows around what the texts mean; a.index of them."""
    embedded = run("embed-text", "-m", demo_model, *[word for text in TEXTS for word in ("-t", text)])
    queries = np.array([json.loads(line)["embedding"] for line in embedded.lines], np.float32)
    np.save(tmp_path / "queries.npy", queries)
    random = np.random.default_rng(1)
    noise = random.standard_normal((ROWS, queries.shape[1])).astype(np.float32) / np.sqrt(queries.shape[1])
    rows = (queries[np.arange(ROWS) % len(queries)] + noise).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    (tmp_path / "queries.txt").write_text("\n".join(TEXTS))
    assert run("index", "--from", "rows.npy", "-x", "a.index").code == 0


@pytest.fixture
def search(rows, run, demo_model):
    """[[(id, score), ...] for each of TEXTS]"""

    def call(*arguments):
        result = run("search", "-m", demo_model, "-x", "a.index", "-f", "queries.txt", "--jsonl", *arguments)
        assert result.code == 0, result.err
        return [[(hit["id"], hit["score"]) for hit in json.loads(line)["results"]] for line in result.lines]

    return call


def share(found, best):
    return np.mean([len(set(some) & set(others)) / 10 for some, others in zip(found, best, strict=True)])


def test_a_scan_of_int8_gives_the_bytes_of_one_of_float16(search, run, tmp_path):
    before = search()
    assert run("index", "-x", "a.index", "--scan", "int8").code == 0
    assert [path.name for path in (tmp_path / "a.index").glob("coarse-*")]
    assert search() == before
    assert run("index", "-x", "a.index", "--check").code == 0
    assert run("index", "-x", "a.index", "--scan", "float16").code == 0
    assert not [path.name for path in (tmp_path / "a.index").glob("coarse-*")]


def test_links_find_nearly_all_and_say_so(search, run, tmp_path):
    best = search()
    result = run("index", "-x", "a.index", "--kind", "hnsw", "--summary", "summary.json")
    assert result.code == 0, result.err
    assert f"a.index: {ROWS} rows are linked, recall@10 " in result.err
    graph = json.loads((tmp_path / "summary.json").read_text())["graph"]
    recorded = json.loads((tmp_path / "a.index" / "index.json").read_text())["graph"]
    assert graph["rows"] == ROWS and graph["recall_at_10"] == recorded["recall_at_10"] > 0.9
    assert share(search(), best) > 0.9
    assert search("--exact") == best
    assert search("--filter", "*") == best


def test_damaged_links_are_named_and_made_again(search, run, demo_model, tmp_path):
    best = search()
    assert run("index", "-x", "a.index", "--kind", "hnsw").code == 0
    graph = next((tmp_path / "a.index").glob("graph-*"))
    graph.write_bytes(graph.read_bytes()[:-7])
    words = (f"a.index/{graph.name}: is of another size", "search --exact")
    assert_refused(run("search", "-m", demo_model, "-x", "a.index", "red"), 4, *words)
    assert search("--exact") == best
    assert_refused(run("index", "-x", "a.index", "--check"), 4, f"{graph.name} is damaged")
    assert run("index", "-x", "a.index", "--kind", "hnsw").code == 0
    assert share(search(), best) > 0.9


def test_few_rows_are_not_linked(run, tmp_path):
    np.save(tmp_path / "rows.npy", np.eye(4, dtype=np.float32))
    result = run("index", "--from", "rows.npy", "-x", "few.index", "--kind", "hnsw")
    assert result.code == 0
    assert "few rows, each is looked at" in result.err


@pytest.mark.parametrize("scan", ["float16", "int8"])
def test_faiss_finds_the_same(search, run, tmp_path, scan):
    if not FAISS.exists():
        pytest.skip(".venv-databases is not there (scripts/setup --databases)")
    assert run("index", "-x", "a.index", "--scan", scan, "--compact").code == 0
    np.save(tmp_path / "stored.npy", np.load(next((tmp_path / "a.index").glob("rows-*.npy"))))
    done = subprocess.run([FAISS, "-c", ORACLE], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    scores, ids = json.loads(done.stdout)
    for found, expected, names in zip(search(), scores, ids, strict=True):
        assert [score for _, score in found] == pytest.approx(expected, abs=1e-5)
        assert len({name for name, _ in found} & {str(name) for name in names}) >= 9  # ties may be cut
