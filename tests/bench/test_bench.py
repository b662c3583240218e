"""bench/run on tiny models: that everything is measured and reported, not how fast anything is."""

import json
import re
import subprocess
import sys

import pytest

from conftest import ROOT

ROWS = ["vit-b16-bf16", "query-1b-bf16", "folder-demo", "load-8gb", "start-up"]
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


def test_the_tokenizer_is_measured_against_tokenizers(bench, assets):
    (row,) = bench("--only", "tokenizer")["rows"]
    assert row["unit"] == "MB/s"
    assert row["peer"]["median"] > 0


def test_a_row_whose_program_is_missing_is_left_out(bench, tmp_path):
    result = bench("--only", "start-up", "--build", tmp_path)
    assert result["rows"] == []
    assert result["missing"]["start-up"].startswith("not built")


def test_ratios_are_speeds(results):
    rate = results.result_of("vit-b16-bf16", {"ours": [10, 20, 30], "peer": [5, 20, 10]})
    assert rate.ratios["peer"].median == 2
    cost = results.result_of("query-1b-bf16", {"ours": [10, 10, 10], "ceiling": [5, 6, 7]})
    assert cost.ratios["ceiling"].median == 0.6
    assert (cost.ratios["ceiling"].low, cost.ratios["ceiling"].high) == (0.5, 0.7)


def test_a_bar_is_met_or_not(results):
    assert results.result_of("query-1b-bf16", {"ours": [10], "ceiling": [8]}).checks() == [True]
    assert results.result_of("query-1b-bf16", {"ours": [10], "ceiling": [7.9]}).checks() == [False]
    assert results.result_of("load-8gb", {"ours": [51], "peer": [5000]}).checks() == [True, False]


def test_a_processor_that_is_held_down_has_bars_of_its_own_and_every_program_its_switches(results, monkeypatch):
    import bars
    import machine

    monkeypatch.setattr(bars, "BARS", dict(bars.BARS))
    monkeypatch.setattr(results, "BARS", bars.BARS)
    five_times = {"ours": [2], "peer": [10]}
    assert results.result_of("resize", five_times).checks() == [False]
    bars.hold_to("avx2")
    assert results.result_of("resize", five_times).checks() == [True]
    assert results.result_of("decode-resize", {"ours": [10], "peer": [20], "another": [9]}).checks() == [True, False]
    held = machine.Machine(1, 1, 1, True, ROOT, ROOT, ROOT, "avx2")
    assert held.environment["LLM2CLIP_MAX_CPU_ISA"] == held.environment["ONEDNN_MAX_CPU_ISA"] == "AVX2"


def test_the_page_has_every_row(results):
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([\w-]+)` \|", page, flags=re.M) == row_names()


def test_the_table_is_written_between_the_marks_and_nothing_else(results, tmp_path):
    import report

    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nstale\n{report.END}\nafter\n", encoding="utf-8")
    result = results.result_of("resize", {"ours": [1.0], "peer": [7.0], "somebody else": [3.0]})
    report.write_page(page, {"CPU": "some"}, [result], {"tokenizer": "not built"})
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{report.BEGIN}\n") and text.endswith(f"{report.END}\nafter\n")
    assert "stale" not in text
    assert "| 1 (1 to 1) ms |  | 7, Pillow |  | 7 (7 to 7) | 3 of somebody else | 6 of the peer: met |" in text
    assert "| `tokenizer` | tokenizer, lines in 28 languages, one core | not built |" in text
