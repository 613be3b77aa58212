"""``python -m tests.benchmarks.page``: the results in docs/performance.md and its pictures, from what was measured last.

They are made of ``var/bench.json`` and ``var/soak.json``; what stands between the marks of the page is written anew, nothing else.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.charts import KINDS, draw, of_sixteen
from tests.benchmarks.goals import (
    BYTES_PER_RESOURCE,
    GROWTH,
    ONE_CORE,
    PEERS,
    RATIOS,
    START_S,
    WORKER_MIB,
)
from tests.benchmarks.report import RESULTS, SOAKED
from tests.support.pages import table, write_between
from tests.support.running import ROOT

PAGE = ROOT / "docs" / "performance.md"
PICTURES = ROOT / "docs" / "pictures"
_RATIOS = "![The part of the limit that each workload reaches, with its goal](pictures/speed-ratios.svg)"
_PEERS = "![Rates of Regie, HAPI and Helios on a logarithmic axis](pictures/speed-peers.svg)"
_GROWTH = "![The 99th percentile of searches by the number of people](pictures/speed-growth.svg)"
_SOAK = "![Memory of the worker over the minutes of the soak](pictures/speed-soak.svg)"
Found = dict[str, Any]


def results(found: Found, kind: str) -> str:
    """Return what a run on one kind of database found."""
    run = found["runs"][kind]
    machine, data, process = run["machine"], run["data"], run["process"]
    form = "QUICK=1 " if run["quick"] else ""
    command = form + ("make bench" if kind == "sqlite" else "make bench-postgres")
    said = (
        f"`{command}` at `{run['commit']}`: {machine['processor']}, {machine['cores']} cores, {machine['memory_mib']} MiB, load "
        f"{machine['load_average_1m']} at the end, Python {machine['python']}, {KINDS[kind]} {run['version']}; "
        f"{data['people']:,} people, {data['resources']:,} resources, in {run['seconds'] / 60:.1f} minutes."
    )
    head = (
        "workload",
        "clients",
        "rate/s",
        "limit/s",
        "ratio",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "cpu ms",
        "limit",
        "database",
        "limit",
        "errors",
    )
    rest = (
        f"First answer {process['start_s']} s after the command (goal: {START_S:.0f} s). Memory of the worker: "
        f"{process['memory_at_rest_mib']} MiB at rest ({process['anonymous_memory_at_rest_mib']} of it no file), "
        f"{process['memory_after_mib']} ({process['anonymous_memory_after_mib']}) after the load (goal: {WORKER_MIB} MiB at rest). "
        f"On disk {data['bytes_per_resource']:,} bytes per resource, all indexes and the log included "
        f"(goal: {BYTES_PER_RESOURCE:,}); most of it in {_largest(data)}."
    )
    return f"{said}\n\n{table(head, list(_rows(found, kind)))}\n\n{rest}"


def _largest(data: Found) -> str:
    sizes = list(data["table_bytes"].items())[:5]
    return ", ".join(f"`{name}` {size / data['resources']:,.0f}" for name, size in sizes)


def _rows(found: Found, kind: str) -> Iterator[tuple[str, ...]]:
    for name, by_kind in found["workloads"].items():
        for database in (kind, f"{kind}-one-core"):
            for clients, one in by_kind.get(database, {}).items():
                if "limit" in one:
                    title = name if database == kind else f"{name}, one core"
                    yield _row(title, clients, one)


def _row(title: str, clients: str, one: Found) -> tuple[str, ...]:
    times = [f"{one[key]:.1f}" if key in one else "" for key in ("p50_ms", "p95_ms", "p99_ms")]
    cpu = [f"{one[key]:.2f}" for key in ("cpu_ms", "limit_cpu_ms", "database_cpu_ms", "limit_database_cpu_ms")]
    rates = [f"{one['rate']:,.0f}", f"{one['limit']:,.0f}", f"{one['ratio']:.0%}".replace("%", " %")]
    return (title, clients, *rates, *times, *cpu, str(one["errors"]))


def goals(found: Found) -> str:
    """Return each goal beside what was measured, kept or not."""
    rows = []
    for name, goal in RATIOS.items():
        reached = [_ratio(of_sixteen(found, name, kind), goal) for kind in KINDS]
        rows.append((f"{name}: part of the limit's rate", f"{goal:.0%}".replace("%", " %"), *reached))
    for name, rate in ONE_CORE.items():
        by_kind = found["workloads"].get(name, {})
        reached = [_rate(by_kind.get(f"{kind}-one-core", {}), rate) for kind in KINDS]
        rows.append((f"{name}: per second, one worker on one core", f"{rate:,}", *reached))
    for key, title in (("growth", "alone"), ("growth_beside_import", "beside an import")):
        grown = [found["workloads"].get("W6", {}).get(kind, {}).get("16") for kind in KINDS]
        reached = [_verdict(f"{one[key]:.2f}", is_kept=one[key] <= GROWTH) if one else "" for one in grown]
        rows.append((f"W6: p99 of the largest population against the smallest, {title}", f"{GROWTH}", *reached))
    return table(("goal", "at least, or at most", *KINDS.values()), rows)


def _ratio(figures: Found | None, goal: float) -> str:
    return _verdict(f"{figures['ratio']:.0%}".replace("%", " %"), is_kept=figures["ratio"] >= goal) if figures else ""


def _rate(by_clients: Found, goal: float) -> str:
    best = max((one["rate"] for one in by_clients.values()), default=None)
    return "" if best is None else _verdict(f"{best:,.0f}", is_kept=best >= goal)


def _verdict(told: str, *, is_kept: bool) -> str:
    return told if is_kept else f"**{told}**"


def beside_peers(found: Found) -> str:
    """Return rates beside those of other servers, and how many times the better of those they are."""
    rows = []
    for name in PEERS[0].rates:
        theirs = [peer.rates[name] for peer in PEERS]
        mine = [(of_sixteen(found, name, kind) or {}).get("rate") for kind in KINDS]
        told = [_verdict(f"{rate:,.0f}", is_kept=rate >= max(theirs)) if rate else "" for rate in mine]
        times = [f"{rate / max(theirs):.1f}" if rate else "" for rate in mine]
        rows.append((name, *told, *(f"{rate:,g}" for rate in theirs), " / ".join(time for time in times if time)))
    return table(("per second, 16 clients", *KINDS.values(), *(peer.name for peer in PEERS), "times the better"), rows)


def growth(found: Found) -> str:
    """Return the searches of W6."""
    rows = []
    for kind, title in KINDS.items():
        grown = found["workloads"].get("W6", {}).get(kind, {}).get("16")
        for key, how in (("alone", "alone"), ("beside_import", "beside an import")):
            rows += [
                (
                    title,
                    how,
                    f"{one['people']:,}",
                    f"{one['rate']:,.0f}",
                    f"{one['p50_ms']:.1f}",
                    f"{one['p95_ms']:.1f}",
                    f"{one['p99_ms']:.1f}",
                    f"{one['requests']:,}",
                    str(one["errors"]),
                )
                for one in (grown or {}).get(key, [])
            ]
    return table(("database", "", "people", "rate/s", "p50 ms", "p95 ms", "p99 ms", "requests", "errors"), rows)


def soak(soaked: Found) -> str:
    """Return what came of each soak."""
    rows = []
    for kind, one in soaked.items():
        slopes = {name: f"{slope['per_hour']:+.1f} ± {slope['error']:.1f}" for name, slope in one["slopes"].items()}
        rows.append(
            (
                KINDS[kind],
                f"{one['minutes']:g}",
                f"{one['rate']:g}",
                f"{one['requests']:,}",
                str(one["errors"]),
                slopes["resident_mib"],
                slopes["anonymous_mib"],
                slopes["open_files"],
                slopes["log_mib"],
                slopes["connections"],
                f"`{one['commit']}`",
            )
        )
    head = (
        "database",
        "minutes",
        "requests/s",
        "requests",
        "errors",
        "resident MiB/h",
        "no file MiB/h",
        "files/h",
        "log MiB/h",
        "connections/h",
        "commit",
    )
    return table(head, rows)


def write(page: Path, found: Found, soaked: Found) -> None:
    """Write all parts of the page that were measured."""
    if found:
        write_between(page, "goals", f"{goals(found)}\n\n{_RATIOS}")
        write_between(page, "peers", f"{beside_peers(found)}\n\n{_PEERS}")
        write_between(page, "growth", f"{growth(found)}\n\n{_GROWTH}")
    for kind in found.get("runs", ()):
        write_between(page, f"results {kind}", results(found, kind))
    if soaked:
        write_between(page, "soak", f"{soak(soaked)}\n\n{_SOAK}")


def main() -> None:
    """Write the page and its pictures."""
    found, soaked = (json.loads(path.read_text()) if path.exists() else {} for path in (RESULTS, SOAKED))
    if not found and not soaked:
        sys.exit("Nothing was measured yet: make bench, make bench-postgres or make soak first.")
    write(PAGE, found, soaked)
    draw(found, soaked, PICTURES)


if __name__ == "__main__":
    main()
