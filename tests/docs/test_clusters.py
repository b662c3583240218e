"""docs/how_to/clusters.md: its hours are those of its rates, and its measured rates are still about what is measured."""

import math
import re
from pathlib import Path

import pytest

from doc_blocks import text_of

PAGE = text_of(Path("docs/how_to/clusters.md"))
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")][2:]


def measured(row: str) -> float:
    """The figure of a row of docs/performance.md, of the machines that the page is about."""
    zen4 = text_of(Path("docs/performance.md")).partition("### AVX-512 with bfloat16\n")[2]
    found = re.search(rf"^\| `{row}` \|[^|]*\| ([\d.]+) ", zen4, flags=re.M)
    assert found, row
    return float(found[1])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row[:2]))
def test_hours_are_those_of_the_rate(row):
    rate, origin, hours, machines = float(row[2]), row[3], int(row[4]), int(row[5])
    assert hours == round(1e9 / rate / 3600)
    assert machines == max(1, math.ceil(hours / 168))
    assert origin.partition(",")[0] in ("measured", "published", "computed")


def test_measured_rates_are_about_those_of_the_performance_page():
    names = {row[3].partition("`")[2].rstrip("`"): float(row[2]) for row in ROWS if row[3].startswith("measured")}
    names |= {name: float(value) for value, name in re.findall(r"([\d.]+) (?:ms|captions/s)[^(]*\(measured, `([\w-]+)`", PAGE)}
    assert len(names) == 5
    for name, rate in names.items():
        assert rate == pytest.approx(measured(name), rel=0.25), name
