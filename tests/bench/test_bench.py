"""bench/run on tiny models: that everything is measured and reported, not how fast anything is."""

import json
import re
import subprocess
import sys

import pytest

from conftest import ROOT

ROWS = ["vit-b16-bf16", "query-1b-bf16", "folder-demo", "load-8gb", "python-images", "start-up"]
ENGINES = ["engines-vit-b16-fp32", "llama-texts-1b-bf16", "llama-texts-1b-int8", "llama-query-1b-int4"]
# Rows whose peer lives in an environment of its own, .venv-timm and .venv-llm2vec.
ELSEWHERE = {"timm": "eva02-l14-336-bf16", "llm2vec": "texts-1b-bf16"}
FIELDS = {"name", "what", "unit", "ours", "ceiling", "peer", "also", "bar", "met"}


@pytest.fixture(scope="module")
def bench(binary, tmp_path_factory):
    """Runs bench/run with the programs of the build under test."""
    folder, build = tmp_path_factory.mktemp("bench"), binary.parents[2]
    if not (build / "bench" / "encode_bench").exists():
        pytest.skip(f"{build}: configured without LLM2CLIP_BUILD_BENCH")

    def run(*arguments) -> dict:
        out = folder / "result.json"
        command = [ROOT / "bench" / "run", "--quick", "--rounds", "1", "--build", build, "--folder", folder, "--json", out]
        done = subprocess.run([sys.executable, *command, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(out.read_text())

    return run


@pytest.fixture(scope="module")
def measured(bench):
    result = bench(*(word for row in ROWS for word in ("--only", row)))
    assert result["missing"] == {}
    return {row["name"]: row for row in result["rows"]}


@pytest.fixture
def results(monkeypatch):
    """The module of bench/ that turns rounds into ratios."""
    monkeypatch.syspath_prepend(ROOT / "bench")
    import results

    return results


def row_names() -> list[str]:
    listed = subprocess.run([sys.executable, ROOT / "bench" / "run", "--list"], capture_output=True, text=True, check=True)
    return [line.split()[0] for line in listed.stdout.splitlines()]


def test_every_row_has_figures_and_its_bar(measured):
    assert list(measured) == ROWS
    for row in measured.values():
        assert FIELDS <= set(row)
        assert row["ours"]["low"] <= row["ours"]["median"] <= row["ours"]["high"]
        assert row["ours"]["median"] > 0
        for role in ("ceiling", "peer"):
            assert (row[role] is None) == (f"of_{role}" not in row), row["name"]


def assert_ceiling_and_peer(row: dict) -> None:
    assert row["ceiling"]["median"] > 0
    assert row["peer"]["median"] > 0
    assert row["bar"]["of_ceiling"] >= 0.8


def test_towers_have_a_ceiling_and_a_peer(measured):
    assert_ceiling_and_peer(measured["vit-b16-bf16"])


@pytest.mark.parametrize("package", [pytest.param(name, marks=pytest.mark.references(name)) for name in ELSEWHERE])
def test_a_row_with_a_peer_of_another_environment_is_measured_or_says_what_is_missing(bench, goldens, package):
    name = ELSEWHERE[package]
    result = bench("--only", name)
    if goldens.uses(package) or (ROOT / f".venv-{package}").exists():
        assert result["missing"] == {}
        assert_ceiling_and_peer(result["rows"][0])
    else:
        assert result["rows"] == []
        assert result["missing"][name].endswith("is missing: run scripts/setup --bench")


@pytest.mark.parametrize("name", ENGINES)
def test_engines_are_measured_where_they_are_installed(bench, name):
    if not (ROOT / ".venv-peers").exists():
        pytest.skip("scripts/setup --peers installs them")
    (row,) = bench("--only", name)["rows"]
    assert row["of_peer"]["median"] > 0
    assert row["peer"] in row["also"].values()


def test_the_tokenizer_is_measured_against_tokenizers(bench, assets):
    (row,) = bench("--only", "tokenizer")["rows"]
    assert row["unit"] == "MB/s"
    assert row["peer"]["median"] > 0


def test_a_row_whose_program_is_missing_is_left_out(bench, tmp_path):
    result = bench("--only", "start-up", "--build", tmp_path)
    assert result["rows"] == []
    assert result["missing"]["start-up"].startswith("not built")


def figures(results, name: str, rounds: dict, rivals=(), kind: str = ""):
    from bars import bars_on

    bar = bars_on(kind)[name]
    return results.Result(name, bar, "2026-11-30", results.figures_of(bar, rounds, rivals))


def test_ratios_are_speeds(results):
    rate = figures(results, "vit-b16-bf16", {"ours": [10, 20, 30], "peer": [5, 20, 10]})
    assert rate.ratios["peer"].median == 2
    cost = figures(results, "query-1b-bf16", {"ours": [10, 10, 10], "ceiling": [5, 6, 7]})
    assert cost.ratios["ceiling"].median == 0.6
    assert (cost.ratios["ceiling"].low, cost.ratios["ceiling"].high) == (0.5, 0.7)


def test_of_several_rivals_the_best_of_each_round_is_the_peer(results):
    rounds = {"ours": [10, 10, 10], "one": [5, 8, 5], "another": [4, 4, 10]}
    rate = figures(results, "engines-vit-b16-fp32", rounds, ("one", "another"))
    assert [10 / value for value in (5, 8, 10)] == [10 / value for value in rate.measured.rounds["peer"]]
    cost = figures(results, "llama-query-1b-bf16", rounds, ("one", "another"))
    assert cost.measured.rounds["peer"] == [4, 4, 5]
    assert (cost.ratios["peer"].median, cost.ratios["one"].median) == (0.4, 0.5)


def test_a_bar_is_met_or_not(results):
    assert figures(results, "query-1b-bf16", {"ours": [10], "ceiling": [8]}).checks() == [True]
    assert figures(results, "query-1b-bf16", {"ours": [10], "ceiling": [7.9]}).checks() == [False]
    assert figures(results, "load-8gb", {"ours": [51], "peer": [5000]}).checks() == [True, False]


def test_a_kind_of_processor_has_bars_of_its_own_and_every_program_its_switches(results):
    import machine

    five_times = {"ours": [2], "peer": [10]}
    assert figures(results, "resize", five_times, kind="avx512_bf16").checks() == [False]
    assert figures(results, "resize", five_times, kind="avx2").checks() == [True]
    of_others = figures(results, "decode-resize", {"ours": [10], "peer": [20], "another": [9]}, kind="avx2")
    assert of_others.checks() == [True, False]
    held = machine.Machine(1, 1, 1, True, ROOT, ROOT, ROOT, "avx2")
    assert held.kind == "avx2"
    assert held.environment["LLM2CLIP_MAX_CPU_ISA"] == held.environment["ONEDNN_MAX_CPU_ISA"] == "AVX2"


def test_rounds_go_on_where_the_same_take_turns(results):
    from bars import BARS

    def prepare(machine, stack):
        return results.Contenders(lambda: 3, peer=lambda: 1, rounds=1)

    bar = BARS["resize"]
    assert results.measure(bar, prepare, None, {"ours": [5.0], "peer": [1.0]}).rounds == {"ours": [5, 3], "peer": [1, 1]}
    assert results.measure(bar, prepare, None, {"ours": [5.0]}).rounds == {"ours": [3], "peer": [1]}


def test_a_file_of_rows_counts_the_rounds_of_two_runs(bench):
    assert len(bench("--only", "start-up")["rows"][0]["rounds"]["ours"]) == 1
    both = bench("--only", "resize", "--continue")["rows"]
    assert [row["name"] for row in both] == ["start-up", "resize"]
    assert len(bench("--only", "start-up", "--continue")["rows"][0]["rounds"]["ours"]) == 2


def test_a_sample_of_captions_has_as_many_of_each_length(results, tmp_path):
    import inputs
    import machine

    few = machine.Machine(1, 1, 1, False, ROOT, tmp_path, ROOT, captions=24)
    lengths = [len(line.split()) for line in inputs.captions(few).read_text().splitlines()]
    assert lengths == [10] * 8 + [20] * 8 + [80] * 8


def test_each_table_of_the_page_has_every_row(results):
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    tables = page.split("\n### ")[1:]
    assert len(tables) == len(list((ROOT / "bench" / "measured").iterdir()))
    for table in tables:
        assert re.findall(r"^\| `([\w-]+)` \|", table, flags=re.M) == row_names()


def test_the_page_and_its_pictures_are_what_was_measured(results, tmp_path):
    import report

    docs = ROOT / "docs"
    (tmp_path / "performance.md").write_bytes((docs / "performance.md").read_bytes())
    report.write_docs(tmp_path, ROOT / "bench" / "measured")
    for path in tmp_path.iterdir():
        assert path.read_text(encoding="utf-8") == (docs / path.name).read_text(encoding="utf-8"), path.name


def test_a_table_is_written_between_the_marks_and_that_of_another_kind_stays(results, tmp_path):
    import report

    (tmp_path / "performance.md").write_text(f"before\n{report.BEGIN}\nstale\n{report.END}\nafter\n", encoding="utf-8")
    rounds = {"ours": [1.0], "peer": [5.0], "somebody else": [3.0]}
    for kind in ("avx2", "avx512_bf16"):
        row = figures(results, "resize", rounds, kind=kind)
        report.Table(kind, {"CPU": kind}, {"resize": row}).write(tmp_path / "measured")
    report.write_docs(tmp_path, tmp_path / "measured")
    text = (tmp_path / "performance.md").read_text(encoding="utf-8")
    assert text.startswith(f"before\n{report.BEGIN}\n") and text.endswith(f"{report.END}\nafter\n")
    assert "stale" not in text
    cells = "| 1 (1 to 1) ms |  | 5, Pillow |  | 5 (5 to 5) | 3 of somebody else |"
    wide, narrow = text.split("\n### ")[1:]
    assert f"{cells} 6 of the peer: not met | 2026-11-30 |" in wide
    assert f"{cells} 4 of the peer: met | 2026-11-30 |" in narrow
    assert "| `tokenizer` | tokenizer, lines in 28 languages, one core | not measured |" in narrow
