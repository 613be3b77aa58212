"""The figures of a run as a table, and as JSON."""

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

DATABASE = "sqlite"
_MEBIBYTE = 1024 * 1024


def table(measured: Measured) -> str:
    """Return what people read."""
    head = f"{'workload':<34}{'clients':>8}{'rate/s':>9}{'limit/s':>9}{'ratio':>7}{'p50 ms':>9}{'p99 ms':>9}{'cpu ms':>8}{'limit':>8}{'errors':>8}"
    lines = [head]
    about = {workload.name: workload.about for workload in WORKLOADS}
    for name, by_clients in measured.figures.items():
        for clients, found in by_clients.items():
            title = f"{name} {about[name]}" if clients == min(by_clients) else ""
            lines.append(
                f"{title:<34}{clients:>8}{found.rate:>9.0f}{found.limit:>9.0f}{found.ratio:>7.0%}{found.p50_ms:>9.2f}"
                f"{found.p99_ms:>9.2f}{found.cpu_ms:>8.3f}{found.limit_cpu_ms:>8.3f}{found.errors:>8}"
            )
    lines.append("")
    lines.append(
        f"{measured.people} people, {measured.resources} resources, written at "
        f"{measured.resources / measured.load_seconds:.0f}/s, {measured.bytes_per_resource:.0f} bytes each on disk"
    )
    lines.append(
        f"Start to first answer {measured.start_seconds:.1f} s; resident memory, and what of it is no file: "
        f"{_mebibytes(measured.memory_at_rest)} MiB at rest, {_mebibytes(measured.memory_after)} MiB after the load"
    )
    return "\n".join(lines) + "\n"


def write(measured: Measured, inside: list[Part], closed: Closed, path: Path) -> None:
    """Write the figures to a file, by workload, database and number of clients, and those that are about no workload."""
    found: dict[str, Any] = {
        "machine": machine(),
        "commit": _commit(),
        "data": {
            "people": measured.people,
            "resources": measured.resources,
            "written_per_second": round(measured.resources / measured.load_seconds),
            "bytes_per_resource": round(measured.bytes_per_resource),
        },
        "process": {
            "start_s": round(measured.start_seconds, 2),
            "memory_at_rest_mib": measured.memory_at_rest.resident // _MEBIBYTE,
            "memory_after_mib": measured.memory_after.resident // _MEBIBYTE,
            "anonymous_memory_at_rest_mib": measured.memory_at_rest.anonymous // _MEBIBYTE,
            "anonymous_memory_after_mib": measured.memory_after.anonymous // _MEBIBYTE,
        },
        "inside_cpu_us": {part.name: round(part.microseconds, 1) for part in inside},
        "access_closed_ms": {"withdrawn": round(closed.withdrawn_ms, 1), "ended": round(closed.ended_ms, 1)},
        "workloads": {
            name: {
                DATABASE: {
                    str(clients): {key: round(value, 4) for key, value in asdict(figures).items()}
                    for clients, figures in by_clients.items()
                }
            }
            for name, by_clients in measured.figures.items()
        },
    }
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


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
