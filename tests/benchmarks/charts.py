"""The pictures of docs/performance.md."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.goals import GROWTH, PEERS, RATIOS
from tests.benchmarks.picture import COLOURS, FAINT, LINE, WIDTH, Picture

KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_LEFT, _RIGHT = 110, 90
_INNER = WIDTH - _LEFT - _RIGHT
_BAR, _GAP = 15, 14
_GOAL = "#8a1c1c"
Found = dict[str, Any]


def of_sixteen(found: Found, workload: str, kind: str) -> Found | None:
    """Return the figures of a workload with 16 clients (an import has one); None if it was not measured."""
    by_clients = found.get("workloads", {}).get(workload, {}).get(kind, {})
    figures: Found | None = by_clients.get("1" if workload == "W5" else "16")
    return figures


def ratios(found: Found) -> Picture:
    """Return the part of the limit that each workload reaches, with the goal."""
    rows = {name: [of_sixteen(found, name, kind) for kind in KINDS] for name in RATIOS}
    told = [
        f"{name} {_percent(figures['ratio'])} on {kind} (goal {_percent(RATIOS[name])})"
        for name, both in rows.items()
        for kind, figures in zip(KINDS.values(), both, strict=True)
        if figures
    ]
    picture = Picture("Part of the limit, 16 clients", "; ".join(told) + ".", 60 + len(rows) * (2 * _BAR + _GAP) + 34)
    picture.key(50, [*zip(KINDS.values(), COLOURS, strict=False), ("goal", _GOAL)])
    for share in (0.25, 0.5, 0.75, 1.0):
        x = _LEFT + share * _INNER
        picture.line([(x, 62), (x, picture.height - 28)], LINE)
        picture.text(x, picture.height - 12, _percent(share), colour=FAINT, anchor="middle")
    for number, (name, both) in enumerate(rows.items()):
        y = 66 + number * (2 * _BAR + _GAP)
        picture.text(_LEFT - 10, y + _BAR + 5, name, anchor="end")
        widths = [min(figures["ratio"], 1.0) * _INNER if figures else 0.0 for figures in both]
        for place, width in enumerate(widths):
            if width:
                picture.bar(_LEFT, y + place * _BAR, width, _BAR - 1, COLOURS[place])
        x = _LEFT + RATIOS[name] * _INNER
        picture.line([(x, y - 3), (x, y + 2 * _BAR + 2)], _GOAL, 2)
        for place, (width, figures) in enumerate(zip(widths, both, strict=True)):
            if figures:
                picture.text(_LEFT + width + 6, y + place * _BAR + 12, _percent(figures["ratio"]), size=12)
    return picture


def peers(found: Found) -> Picture:
    """Return the rates beside those of other servers, on a logarithmic axis."""
    workloads = list(PEERS[0].rates)
    names = [f"Regie, {name}" for name in KINDS.values()] + [peer.name for peer in PEERS]
    rows: dict[str, list[float | None]] = {
        name: [
            *((of_sixteen(found, name, kind) or {}).get("rate") for kind in KINDS),
            *(peer.rates.get(name) for peer in PEERS),
        ]
        for name in workloads
    }
    told = [
        f"{workload}: " + ", ".join(f"{name} {rate:,.0f}" for name, rate in zip(names, rates, strict=True) if rate)
        for workload, rates in rows.items()
    ]
    height = 60 + len(rows) * (4 * _BAR + _GAP) + 34
    picture = Picture("Per second, 16 clients (each line is ten times the one before)", "; ".join(told) + ".", height)
    picture.key(50, list(zip(names, COLOURS, strict=True)))

    def x(rate: float) -> float:
        return _LEFT + max(math.log10(rate), 0) / 5 * _INNER

    for power in range(6):
        picture.line([(x(10**power), 62), (x(10**power), height - 28)], LINE)
        picture.text(x(10**power), height - 12, f"{10**power:,}", colour=FAINT, anchor="middle")
    for number, (name, rates) in enumerate(rows.items()):
        y = 66 + number * (4 * _BAR + _GAP)
        picture.text(_LEFT - 10, y + 2 * _BAR + 4, name, anchor="end")
        for place, rate in enumerate(rates):
            if rate:
                picture.bar(_LEFT, y + place * _BAR, x(rate) - _LEFT, _BAR - 1, COLOURS[place])
                picture.text(
                    x(rate) + 6, y + place * _BAR + 12, f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}", size=12
                )
    return picture


def growth(found: Found) -> Picture:
    """Return the 99th percentile of searches for each population."""
    series = []
    for kind, colour in zip(KINDS, COLOURS, strict=False):
        figures = found.get("workloads", {}).get("W6", {}).get(kind, {}).get("16")
        if figures:
            series.append((KINDS[kind], colour, "", figures["alone"]))
            series.append((f"{KINDS[kind]}, beside an import", colour, "5 4", figures["beside_import"]))
    told = [
        f"{name}: " + ", ".join(f"{one['p99_ms']:.1f} ms with {one['people']:,} people" for one in points)
        for name, _, _, points in series
    ]
    about = f"{'; '.join(told)}. The goal is at most {GROWTH} times the first."
    picture = Picture("W6: 99th percentile of W3, in ms, by the number of people", about, 330)
    lines = [
        (name, colour, dashes, [(one["people"], one["p99_ms"]) for one in points])
        for name, colour, dashes, points in series
    ]
    counts = sorted({x for *_, points in lines for x, _ in points})
    _lines(picture, lines, counts, lambda people: math.log2(max(people, 1)), lambda people: f"{people:,.0f}")
    return picture


def soak(soaked: Found) -> Picture:
    """Return the memory of the worker over the minutes of each soak."""
    series, told = [], []
    for kind, colour in zip(KINDS, COLOURS, strict=False):
        if kind not in soaked:
            continue
        found = soaked[kind]
        for key, name, dashes in (("resident_mib", "resident", "5 4"), ("anonymous_mib", "no file", "")):
            points = [(one["seconds"] / 60, one[key]) for one in found["samples"]]
            series.append((f"{KINDS[kind]}, {name}", colour, dashes, points))
        slope = found["slopes"]["anonymous_mib"]
        told.append(
            f"{KINDS[kind]}: over {found['minutes']:.0f} minutes the worker's own memory went from {points[0][1]:.0f} to "
            f"{points[-1][1]:.0f} MiB; its slope after the first quarter is {slope['per_hour']:.1f} MiB an hour, give or take "
            f"{slope['error']:.1f}"
        )
    picture = Picture("Soak: memory of the worker in MiB, by minutes", "; ".join(told) + ".", 330)
    last = max((x for *_, points in series for x, _ in points), default=0.0)
    _lines(picture, series, [last * part / 6 for part in range(7)], float, lambda minutes: f"{minutes:.0f}")
    return picture


def _lines(
    picture: Picture,
    series: list[tuple[str, str, str, list[tuple[float, float]]]],
    marks: list[float],
    scale: Callable[[float], float],
    told: Callable[[float], str],
) -> None:
    """Draw lines from (x, y) points, the y axis from zero; ``told`` says what stands below the axis at ``marks``."""
    points = [point for *_, one in series for point in one]
    if not points:
        return
    first, last = (scale(edge(x for x, _ in points)) for edge in (min, max))
    step = 10 ** math.floor(math.log10(max(y for _, y in points)))
    top = step * math.ceil(max(y for _, y in points) / step)
    bottom, head = picture.height - 40, 90

    def place(x: float, y: float) -> tuple[float, float]:
        share = (scale(x) - first) / ((last - first) or 1)
        return _LEFT + share * _INNER, bottom - y / top * (bottom - head)

    for part in range(5):
        _, y = place(points[0][0], top * part / 4)
        picture.line([(_LEFT, y), (_LEFT + _INNER, y)], LINE)
        picture.text(_LEFT - 10, y + 4, f"{top * part / 4:g}", colour=FAINT, anchor="end")
    for x in marks:
        picture.text(place(x, 0)[0], bottom + 20, told(x), colour=FAINT, anchor="middle")
    for number, (name, colour, dashes, line) in enumerate(series):
        picture.line([place(x, y) for x, y in line], colour, 2, dashes)
        if len(line) < 20:
            for x, y in line:
                picture.dot(*place(x, y), colour)
        row, column = divmod(number, 2)
        picture.line([(16 + 300 * column, 46 + 18 * row), (46 + 300 * column, 46 + 18 * row)], colour, 2, dashes)
        picture.text(54 + 300 * column, 50 + 18 * row, name)


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def draw(found: Found, soaked: Found, folder: Path) -> None:
    """Write the pictures of what was measured into a folder."""
    if found:
        ratios(found).write(folder / "speed-ratios.svg")
        peers(found).write(folder / "speed-peers.svg")
        growth(found).write(folder / "speed-growth.svg")
    if soaked:
        soak(soaked).write(folder / "speed-soak.svg")
