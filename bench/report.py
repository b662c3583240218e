"""What bench/run says: a table in the terminal, the generated part of docs/performance.md, and its image."""

from pathlib import Path

from bars import BARS, Bar
from results import Result, Spread

BEGIN, END = "<!-- bench/run --write-docs -->", "<!-- end -->"
# By row: why it was not measured.
Missing = dict[str, str]


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def figure(result: Result, role: str) -> str:
    return number(result.figures[role].median) if role in result.figures else ""


def spread(values: Spread) -> str:
    return f"{number(values.median)} ({number(values.low)} to {number(values.high)})"


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


def write_page(page: Path, facts: dict[str, str], results: list[Result], missing: Missing) -> None:
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    content = "\n".join([*table(results, missing), "", *about(facts)])
    page.write_text(f"{before}{BEGIN}\n{content}\n{END}{after}", encoding="utf-8")


def about(facts: dict[str, str]) -> list[str]:
    return [", ".join(f"{name} {value}" for name, value in facts.items()) + "."]


def table(results: list[Result], missing: Missing) -> list[str]:
    measured = {result.name: result for result in results}
    lines = [
        "| row | what | ours | ceiling | peer | of the ceiling | of the peer | of others | bars |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, bar in BARS.items():
        cells = cells_of(measured[name]) if name in measured else [missing.get(name, "not measured"), *[""] * 6]
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
    return [f"{spread(result.figures['ours'])} {bar.unit}", *others, *ratios, also, bars]


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
