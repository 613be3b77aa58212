"""The figures of a run as a table, and as JSON; a run of another kind of database leaves those that are there."""

import json
import os
import platform
import sqlite3
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks.inside import Part
from tests.benchmarks.measure import Measured
from tests.benchmarks.server import Memory
from tests.benchmarks.workloads import WORKLOADS
from tests.support.closing import Closed
from tests.support.running import ROOT

RESULTS = ROOT / "var" / "bench.json"
SOAKED = ROOT / "var" / "soak.json"
_MEBIBYTE = 1024 * 1024


def table(measured: Measured) -> str:
    """Return what people read."""
    head = (
        f"{measured.kind:<34}{'clients':>8}{'rate/s':>9}{'limit/s':>9}{'ratio':>7}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}"
        f"{'cpu ms':>8}{'limit':>8}{'db cpu':>8}{'limit':>8}{'errors':>8}"
    )
    lines = [head]
    about = {workload.name: workload.about for workload in WORKLOADS}
    for name, by_kind in measured.figures.items():
        for kind, by_clients in by_kind.items():
            for clients, found in by_clients.items():
                is_first = kind == measured.kind and clients == min(by_clients)
                title = f"{name} {about[name]}" if is_first else "  one worker on one core" * (kind != measured.kind)
                lines.append(
                    f"{title:<34}{clients:>8}{found.rate:>9.0f}{found.limit:>9.0f}{found.ratio:>7.0%}{found.p50_ms:>9.2f}"
                    f"{found.p95_ms:>9.2f}{found.p99_ms:>9.2f}{found.cpu_ms:>8.3f}{found.limit_cpu_ms:>8.3f}"
                    f"{found.database_cpu_ms:>8.3f}{found.limit_database_cpu_ms:>8.3f}{found.errors:>8}"
                )
    for kind, done in measured.imports.items():
        title = f"W5 import of {done.people} people" if kind == measured.kind else "  one worker on one core"
        lines.append(
            f"{title:<34}{1:>8}{done.rate:>9.0f}{done.limit:>9.0f}{done.ratio:>7.0%}{'':>27}"
            f"{done.cpu_ms:>8.3f}{done.limit_cpu_ms:>8.3f}{done.database_cpu_ms:>8.3f}{done.limit_database_cpu_ms:>8.3f}"
            f"{done.errors:>8}"
        )
    if measured.growth is not None:
        for title, searches in (
            ("W6 W3", measured.growth.alone),
            ("W6 W3 beside an import", measured.growth.beside_import),
        ):
            lines += [
                f"{f'{title}, {one.people} people':<34}{16:>8}{one.rate:>9.0f}{'':>16}{one.p50_ms:>9.2f}{one.p95_ms:>9.2f}"
                f"{one.p99_ms:>9.2f}{'':>32}{one.errors:>8}"
                for one in searches
            ]
        lines.append(
            f"p99 of the largest population against the smallest: {measured.growth.ratio:.2f} times, "
            f"beside an import {measured.growth.ratio_beside_import:.2f} times"
        )
    lines.append("")
    lines.append(
        f"{measured.people} people, {measured.resources} resources, "
        f"{measured.bytes_on_disk / measured.resources:.0f} bytes each on disk"
    )
    lines.append(
        f"Start to first answer {measured.start_seconds:.1f} s; resident memory, and what of it is no file: "
        f"{_mebibytes(measured.memory_at_rest)} MiB at rest, {_mebibytes(measured.memory_after)} MiB after the load"
    )
    lines.append(f"The run took {measured.seconds:.0f} s")
    return "\n".join(lines) + "\n"


def write(measured: Measured, path: Path, *, is_quick: bool) -> None:
    """Put the figures of a run into the file, by workload, database and number of clients."""
    found = _known(path)
    found |= {"machine": machine(), "commit": commit()}
    process = {
        "start_s": round(measured.start_seconds, 2),
        "memory_at_rest_mib": measured.memory_at_rest.resident // _MEBIBYTE,
        "memory_after_mib": measured.memory_after.resident // _MEBIBYTE,
        "anonymous_memory_at_rest_mib": measured.memory_at_rest.anonymous // _MEBIBYTE,
        "anonymous_memory_after_mib": measured.memory_after.anonymous // _MEBIBYTE,
    }
    data = {
        "people": measured.people,
        "resources": measured.resources,
        "bytes_per_resource": round(measured.bytes_on_disk / measured.resources),
    }
    if measured.kind == "sqlite":
        found |= {"process": process, "data": data}
    found.setdefault("runs", {})[measured.kind] = {
        "machine": machine(),
        "commit": commit(),
        "version": measured.version,
        "quick": is_quick,
        "seconds": round(measured.seconds),
        "process": process,
        "data": {**data, "bytes_on_disk": measured.bytes_on_disk, "table_bytes": measured.table_bytes},
    }
    for name, kind, clients, figures in _figures(measured):
        found.setdefault("workloads", {}).setdefault(name, {}).setdefault(kind, {})[str(clients)] = _rounded(figures)
    _keep(path, found)


def write_parts(inside: list[Part], closed: Closed, path: Path) -> None:
    """Put those figures into the file that are about no workload."""
    found = _known(path)
    found["inside_cpu_us"] = {part.name: round(part.microseconds, 1) for part in inside}
    found["access_closed_ms"] = {"withdrawn": round(closed.withdrawn_ms, 1), "ended": round(closed.ended_ms, 1)}
    _keep(path, found)


def _figures(measured: Measured) -> list[tuple[str, str, int, dict[str, Any]]]:
    found: list[tuple[str, str, int, dict[str, Any]]] = [
        (name, kind, clients, asdict(figures))
        for name, by_kind in measured.figures.items()
        for kind, by_clients in by_kind.items()
        for clients, figures in by_clients.items()
    ]
    found += [("W5", kind, 1, asdict(done)) for kind, done in measured.imports.items()]
    if measured.growth is not None:
        grown = measured.growth
        searches = {
            "p99_ms": grown.alone[-1].p99_ms,
            "growth": grown.ratio,
            "growth_beside_import": grown.ratio_beside_import,
            "alone": [_rounded(asdict(one)) for one in grown.alone],
            "beside_import": [_rounded(asdict(one)) for one in grown.beside_import],
        }
        found.append(("W6", measured.kind, 16, searches))
    return found


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}


def _known(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}


def _keep(path: Path, found: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n")


def _mebibytes(memory: Memory) -> str:
    return f"{memory.resident // _MEBIBYTE} ({memory.anonymous // _MEBIBYTE})"


def machine() -> dict[str, Any]:
    """Return what the run was on."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ""
    )
    memory = next((int(line.split()[1]) // 1024 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_mib": memory,
        "load_average_1m": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def commit() -> str:
    """Return the commit that is measured."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
