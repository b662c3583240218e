"""What bench/run says: a table in the terminal, the generated part of docs/performance.md, and its images.

    .venv/bin/python bench/report.py [FILE]...

writes the page anew of what is in bench/measured, after a change of bars.py; FILEs are what `bench/run --json` wrote, whose
rows come in.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bars import BARS, Bar, bars_on
from machine import KINDS
from results import Result, Spread, result_from

BEGIN, END = "<!-- bench/run --write-docs -->", "<!-- end -->"


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def figure(result: Result, role: str) -> str:
    return number(result.figures[role].median) if role in result.figures else ""


def spread(values: Spread) -> str:
    return f"{number(values.median)} ({number(values.low)} to {number(values.high)})"


# A file for each kind of processor that was measured.
MEASURED = Path(__file__).resolve().parent / "measured"
DOCS = Path(__file__).resolve().parents[1] / "docs"

# ---- Terminal


def line(result: Result) -> str:
    bar = result.bar
    parts = [f"{result.name:<20} {spread(result.figures['ours'])} {bar.unit}"]
    if bar.at_most is not None:
        parts.append(f"at most {number(bar.at_most)}")
    for role, who, least in (("ceiling", bar.ceiling, bar.of_ceiling), ("peer", bar.peer, bar.of_peer)):
        if role in result.ratios:
            wanted = f", bar {least:g}" if least is not None else ""
            parts.append(f"{spread(result.ratios[role])}x {who} ({figure(result, role)}){wanted}")
    for name in also_in(result):
        parts.append(f"{number(result.ratios[name].median)}x {name} ({figure(result, name)})")
    return "; ".join(parts) + verdict(result, "; met", "; NOT met")


def verdict(result: Result, met: str, not_met: str) -> str:
    checks = result.checks()
    return (met if all(checks) else not_met) if checks else ""


# ---- docs/performance.md


@dataclass
class Table:
    """What was measured on a kind of processor, in bench/measured. `machine`: of the newest row."""

    kind: str
    machine: dict[str, str]
    results: dict[str, Result]

    @classmethod
    def read(cls, folder: Path, kind: str) -> "Table":
        path = folder / f"{kind}.json"
        if not path.exists():
            return cls(kind, {}, {})
        content = json.loads(path.read_text(encoding="utf-8"))
        bars = bars_on(kind)
        rows = [row for row in content["rows"] if row["name"] in bars]
        return cls(kind, content["machine"], {row["name"]: result_from(row, bars[row["name"]]) for row in rows})

    def write(self, folder: Path) -> None:
        """A row a line, so that a change shows what was measured anew."""
        rows = [json.dumps(self.results[name].as_json(), ensure_ascii=False) for name in BARS if name in self.results]
        content = f'{{"machine": {json.dumps(self.machine, ensure_ascii=False)}, "rows": [\n' + ",\n".join(rows) + "\n]}\n"
        folder.mkdir(exist_ok=True)
        (folder / f"{self.kind}.json").write_text(content, encoding="utf-8")

    def lines(self) -> list[str]:
        """With its heading, picture and machine."""
        picture = f"![Ours against the ceilings and against the peers, {KINDS[self.kind]}](performance-{self.kind}.svg)"
        machine = f"Last: {', '.join(f'{name} {value}' for name, value in self.machine.items())}."
        return [f"### {KINDS[self.kind]}", "", *table(self.kind, self.results), "", machine, "", picture, ""]


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_docs(docs: Path, measured: Path) -> None:
    """All tables and images, of what is in `measured`."""
    lines = []
    for kind in KINDS:
        if (measured / f"{kind}.json").exists():
            read = Table.read(measured, kind)
            lines += read.lines()
            write_picture(docs / f"performance-{kind}.svg", list(read.results.values()))
    page = docs / "performance.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text("\n".join([f"{before}{BEGIN}", *lines]) + f"{END}{after}", encoding="utf-8")


def table(kind: str, results: dict[str, Result]) -> list[str]:
    lines = [
        "| row | what | ours | ceiling | peer | of the ceiling | of the peer | of others | bars | day |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, bar in bars_on(kind).items():
        cells = cells_of(results[name]) if name in results else ["not measured", *[""] * 5, bars_of(bar), ""]
        lines.append(f"| `{name}` | {bar.what} | {' | '.join(cells)} |")
    return lines


def cells_of(result: Result) -> list[str]:
    bar = result.bar
    others = [
        f"{figure(result, role)}, {who}" if role in result.figures else ""
        for role, who in (("ceiling", bar.ceiling), ("peer", bar.peer))
    ]
    ratios = [spread(result.ratios[role]) if role in result.ratios else "" for role in ("ceiling", "peer")]
    also = ", ".join(f"{number(result.ratios[name].median)} of {name}" for name in also_in(result))
    bars = bars_of(bar) + verdict(result, ": met", ": not met")
    return [f"{spread(result.figures['ours'])} {bar.unit}", *others, *ratios, also, bars, result.day]


def also_in(result: Result) -> list[str]:
    return [name for name in result.ratios if name not in ("ceiling", "peer")]


def bars_of(bar: Bar) -> str:
    words = [
        f"{bar.of_ceiling:g} of the ceiling" if bar.of_ceiling is not None else "",
        f"{bar.of_peer:g} of the peer" if bar.of_peer is not None else "",
        f"{bar.of_others:g} of others" if bar.of_others is not None else "",
        f"at most {bar.at_most:g} {bar.unit}" if bar.at_most is not None else "",
    ]
    return ", ".join(word for word in words if word)


# ---- docs/performance.svg

WIDTH, LEFT, RIGHT, ROW, TOP = 860, 300, 70, 26, 64
OURS, THEIRS, MARK = "#2f6fb0", "#c9c9c9", "#c0392b"


def write_picture(path: Path, results: list[Result]) -> None:
    """Towers against the ceiling and against Python: a bar for ours, gray for the other, a red mark for the bar."""
    ceilings = [result for result in results if "ceiling" in result.ratios]
    peers = [result for result in results if "peer" in result.ratios and result.bar.unit != "MB"]
    parts, y = [], 0
    for title, rows, role in (
        ("share of what the machine allows", ceilings, "ceiling"), ("times as fast as the peer", peers, "peer"),
    ):  # fmt: skip
        drawn, height = chart(title, rows, role, y)
        parts, y = parts + drawn, y + height
    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}"',
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{y}" fill="white"/>',
        *parts,
        "</svg>",
    ]
    path.write_text("\n".join(svg) + "\n", encoding="utf-8")


def chart(title: str, rows: list[Result], role: str, top: int) -> tuple[list[str], int]:
    """Bars reach as far as the logarithm of the ratio where ratios differ by more than ten."""
    ratios = [result.ratios[role].median for result in rows]
    wanted = [getattr(result.bar, f"of_{role}") or 1 for result in rows]
    largest = max([1.0, *(min(ratio, 12) for ratio in ratios), *(min(want, 12) for want in wanted)])
    unit = (WIDTH - LEFT - RIGHT) / largest
    parts = [f'<text x="{LEFT}" y="{top + 28}" font-weight="bold">{title}</text>']
    for index, (result, ratio) in enumerate(zip(rows, ratios)):
        y = top + TOP - 20 + index * ROW
        least = getattr(result.bar, f"of_{role}")
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{result.name}</text>',
            rectangle(LEFT, y, unit, 18, THEIRS),
            rectangle(LEFT, y + 4, unit * min(ratio, largest), 10, OURS),
            f'<text x="{LEFT + unit * max(1, min(ratio, largest)) + 6:.0f}" y="{y + 14}">{number(ratio)}</text>',
        ]
        if least is not None:
            parts.append(rectangle(LEFT + unit * min(least, largest) - 1, y - 1, 2, 20, MARK))
    return parts, TOP + len(rows) * ROW


def rectangle(x: float, y: float, width: float, height: float, color: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" fill="{color}"/>'


def add_to_docs(kind: str, facts: dict[str, str], results: list[Result]) -> None:
    table = Table.read(MEASURED, kind)
    table.machine = facts
    table.results |= {result.name: result for result in results}
    table.write(MEASURED)
    write_docs(DOCS, MEASURED)


def main() -> None:
    for path in sys.argv[1:]:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        bars = bars_on(content["kind"])
        add_to_docs(content["kind"], content["machine"], [result_from(row, bars[row["name"]]) for row in content["rows"]])
    write_docs(DOCS, MEASURED)


if __name__ == "__main__":
    main()
