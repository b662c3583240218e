"""docs/models.md, docs/parity.md and models/README.md: what they list is what the exporter knows, what they measure keeps
the bars, and the demo model is as good as they say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REPOSITORIES = {
    "LLM2CLIP-Openai-B-16", "LLM2CLIP-Openai-L-14-224", "LLM2CLIP-Openai-L-14-336", "LLM2CLIP-EVA02-B-16",
    "LLM2CLIP-EVA02-L-14-336", "LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned",
    "LLM2CLIP-Llama-3.2-1B-Instruct-CC-Finetuned", "LLM2CLIP-Llama3.2-1B-EVA02-L-14-336",
    "LLM2CLIP-Llama3.2-1B-EVA02-L-14-224", "LLM2CLIP-Llama3.1-8B-siglip2-so400m-patch14-224",
}  # fmt: skip
INTEGERS = {"pixels", "token ids", "pooled counts"}


def table_rows(page: str) -> list[list[str]]:
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")]


@pytest.fixture(scope="module")
def help_text() -> str:
    command = [sys.executable, "-m", "llm2clip_export.cli", "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_every_repository_has_a_row_and_stands_in_the_help(help_text):
    assert {row[0] for row in table_rows("models.md")[1:] if row[0].startswith("LLM2CLIP")} == REPOSITORIES
    assert all(re.search(rf"^    {re.escape(name)}(\s|$)", help_text, re.MULTILINE) for name in REPOSITORIES)


def test_every_command_of_the_page_is_one_the_exporter_takes():
    from llm2clip_export.cli import parser

    commands = re.findall(r"^llm2clip-export (.*)$", (ROOT / "docs" / "models.md").read_text(), re.MULTILINE)
    assert len(commands) == 10
    for command in commands:
        parser().parse_args(command.split())


def test_the_measured_float32_rows_keep_the_bars():
    rows = [row for row in table_rows("parity.md") if row[1] == "float32"]
    assert len({row[2] for row in rows}) > 5 and len(rows) > 60
    for stage, _, reference, _, error, cosine in rows:
        assert float(error) <= (0 if stage in INTEGERS else 1e-4), (stage, reference)
        assert float(cosine) >= 0.999999, (stage, reference)


def percents(lines: list[str]) -> dict[str, list[float]]:
    """The figures of a table under "held-out pictures", by the first cell of their line."""
    start = lines.index("| held-out pictures | @1 | @5 | @10 | median rank |")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start + 2 : start + 5]]
    return {row[0]: [float(cell.rstrip("%")) for cell in row[1:] if cell] for row in rows}


def test_the_demo_model_finds_what_its_page_says(binary):
    """Half a point is what other rounding, of bfloat16 too, may change."""
    program = ROOT / "models" / "demo_source" / "evaluate_demo_retrieval.py"
    command = [sys.executable, program, "--binary", binary, "--model", ROOT / "models" / "demo"]
    now = percents(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())
    said = percents((ROOT / "models" / "README.md").read_text(encoding="utf-8").splitlines())
    assert now.keys() == said.keys() == {"image to text", "text to image", "color and shape of 99"}
    for name, figures in said.items():
        assert now[name] == pytest.approx(figures, abs=0.5), name
