"""What a process counts of itself, for whoever runs the server; ``/metrics`` tells it, docs/metrics.md explains it.

Counting is a look-up and an addition on plain lists, since it is done for every request. Labels are of a fixed choice (routes as
they are written, kinds of errors): never an id, a client or anything that came with a request.

The processes of one server leave their figures for each other in a folder, so that whichever of them is asked tells those of all.
What one that ended has counted stays: a sum that falls would look like a server that was started anew.
"""

import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import msgspec
import structlog

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
JOBS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
GONE_AFTER_S = 10.0
"""A process that left no figures for so long has ended: its counters stay, its gauges don't."""

_log = structlog.get_logger()


@dataclass(slots=True)
class Counter:
    """Something that is counted, for each choice of its labels."""

    name: str
    told: str
    labels: tuple[str, ...] = ()
    series: dict[tuple[str, ...], list[float]] = field(default_factory=dict)

    def add(self, *labels: str, amount: float = 1) -> None:
        """Count one more, or ``amount``."""
        found = self.series.get(labels)
        if found is None:
            found = self.series.setdefault(labels, [0])
        found[0] += amount


@dataclass(slots=True)
class Histogram:
    """Something that is measured: how many were at most as large as each of ``bounds``, how many were larger, and the sum."""

    name: str
    told: str
    bounds: tuple[float, ...]
    labels: tuple[str, ...] = ()
    series: dict[tuple[str, ...], list[float]] = field(default_factory=dict)

    def observe(self, value: float, *labels: str) -> None:
        """Take a value in."""
        found = self.series.get(labels)
        if found is None:
            found = self.series.setdefault(labels, [0] * (len(self.bounds) + 2))
        found[bisect_left(self.bounds, value)] += 1
        found[-1] += value


REQUESTS = Counter("regie_http_requests_total", "Requests that were answered.", ("method", "route", "status_class"))
DURATION = Histogram(
    "regie_http_request_duration_seconds",
    "From the first byte to the last of the answer.",
    SECONDS,
    ("method", "route"),
)
GROUP_SIZE = Histogram("regie_writer_group_jobs", "Writes that were committed together.", JOBS)
COMMIT = Histogram("regie_writer_group_duration_seconds", "From the first statement of a group to its commit.", SECONDS)
LOG_ENTRIES = Counter("regie_audit_entries_total", "Entries of the audit log that were written.")
REFUSALS = Counter("regie_refusals_total", "Requests that the gate refused.", ("reason",))
MEMORY = Counter(
    "regie_access_memory_total", "Questions about access, by whether the answer was remembered.", ("result",)
)
PROCESSOR = Counter("regie_process_cpu_seconds_total", "Processor time of the server's processes.")
COUNTED: tuple[Counter | Histogram, ...] = (
    REQUESTS, DURATION, GROUP_SIZE, COMMIT, LOG_ENTRIES, REFUSALS, MEMORY, PROCESSOR,
)  # fmt: skip


@contextmanager
def committing(jobs: int) -> Iterator[None]:
    """Measure the commit of a group of so many jobs."""
    began = perf_counter()
    try:
        yield
    finally:
        COMMIT.observe(perf_counter() - began)
        GROUP_SIZE.observe(jobs)


class Left(msgspec.Struct):
    """The figures of one process: values by labels, by name."""

    counted: dict[str, list[tuple[list[str], list[float]]]]
    gauges: dict[str, float]
    is_live: bool = True


class Figures:
    """What this process and the others of its server counted; ``folder`` is where they leave it for each other."""

    def __init__(self, gauges: Callable[[], dict[str, float]], folder: Path | None = None) -> None:
        self._gauges = gauges
        self._file = None if folder is None else folder / f"{os.getpid()}-{time.time_ns()}.json"

    def leave(self) -> Left:
        """Return the figures of this process, and leave them for the others."""
        PROCESSOR.series[()] = [time.process_time()]
        counted = {
            one.name: [(list(labels), list(values)) for labels, values in list(one.series.items())] for one in COUNTED
        }
        left = Left(counted, {**self._gauges(), **_of_process()})
        if self._file is not None:
            try:
                written = self._file.with_suffix(".new")
                written.write_bytes(msgspec.json.encode(left))
                written.replace(self._file)
            except OSError:  # no room: the others know less of this process for a while, and it goes on
                _log.warning("figures not left", exc_info=True)
        return left

    def all(self) -> list[Left]:
        """Return the figures of all processes, this one's first; what was told of another once never falls later."""
        own = self.leave()
        if self._file is None:
            return [own]
        found = [own]
        for file in sorted(self._file.parent.glob("*.json")):
            if file != self._file:
                left = msgspec.json.decode(file.read_bytes(), type=Left)
                left.is_live = time.time() - file.stat().st_mtime < GONE_AFTER_S
                found.append(left)
        return found


def summed(lefts: list[Left], name: str) -> dict[tuple[str, ...], list[float]]:
    """Return the values of one thing that is counted, of all processes together."""
    sums: dict[tuple[str, ...], list[float]] = {}
    for left in lefts:
        for labels, values in left.counted.get(name, ()):
            known = sums.get(tuple(labels))
            sums[tuple(labels)] = values if known is None else [a + b for a, b in zip(known, values, strict=True)]
    return sums


def _of_process() -> dict[str, float]:
    """Return the memory and open files of this process, as Linux tells them; nothing elsewhere."""
    if not Path("/proc/self/statm").exists():
        return {}
    pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    return {
        "regie_process_resident_memory_bytes": float(pages * os.sysconf("SC_PAGE_SIZE")),
        "regie_process_open_files": float(sum(1 for _ in Path("/proc/self/fd").iterdir())),
    }
