"""One run on one kind of database: the people, the limits, and the server under load, one workload and number of clients at a time."""

import itertools
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from app.wiring import wire
from tests.benchmarks.growth import Growth, growth
from tests.benchmarks.importing import Imported, imports
from tests.benchmarks.kept import People, people, program_on, served
from tests.benchmarks.load import load, prepare
from tests.benchmarks.places import Place, place
from tests.benchmarks.population import Population
from tests.benchmarks.recording import Commit, recorder
from tests.benchmarks.replay import Limit, replay
from tests.benchmarks.server import NO_MEMORY, Memory, memory, move, on_cores, processor_time, serving_time, until_idle
from tests.benchmarks.workloads import WORKLOADS, Call, Workload
from tests.support.running import Program

ONE_CORE = "-one-core"
"""What is added to the name of the database for figures of one worker on a core of its own."""

WORKER_CORE, OTHER_CORE = frozenset({0}), frozenset({1})
_ON_ONE_CORE = (("W1", 64), ("W3-date", 64), ("W4b", 64))
_READS_PREPARED = 6000


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    ``people`` are the populations, smallest first, the last of which is that of all workloads; ``imported`` is how many people
    are imported; ``seconds`` of load for each figure, half of that for a single client; ``part`` of the requests is recorded;
    ``rounds`` of W6, of ``round_seconds`` each;
    ``clients`` are the numbers of them; ``observations`` is how many the one person has in whose record searches are measured
    inside the process, 0 for none.
    """

    people: tuple[int, ...]
    imported: int
    seconds: int
    part: float
    rounds: int
    round_seconds: int
    observations: int
    clients: tuple[int, ...] = (1, 16, 64)

    def seconds_with(self, clients: int) -> int:
        """Return for how long so many clients ask."""
        return (self.seconds + 1) // 2 if clients == 1 else self.seconds


FULL = Size((16, 128, 1024), 1024, 5, 1.0, 5, 4, 10_000)
QUICK = Size((8, 64), 24, 1, 0.25, 2, 1, 0, clients=(16, 64))


@dataclass(frozen=True, slots=True)
class Figures:
    """One workload with one number of clients.

    Rates are requests per second; ``cpu_ms`` is the processor's time for one, of the server and of the limit, and
    ``database_cpu_ms`` that of PostgreSQL's processes that serve connections; ``cpu_ratio`` is the limit's part of all of it.
    """

    rate: float
    limit: float
    ratio: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_ms: float
    errors: int
    limit_cpu_ms: float
    database_cpu_ms: float
    limit_database_cpu_ms: float
    cpu_ratio: float


@dataclass(slots=True)
class Measured:
    """Everything that a run found out; ``figures`` by workload, database (or that on one core) and clients."""

    kind: str
    version: str
    people: int
    resources: int
    bytes_on_disk: int
    table_bytes: dict[str, int]
    start_seconds: float = 0.0
    memory_at_rest: Memory = NO_MEMORY
    memory_after: Memory = NO_MEMORY
    figures: dict[str, dict[str, dict[int, Figures]]] = field(default_factory=dict)
    growth: Growth | None = None
    imports: dict[str, Imported] = field(default_factory=dict)
    seconds: float = 0.0
    """How long the run took."""

    def add(self, workload: str, kind: str, clients: int, figures: Figures) -> None:
        """Keep figures."""
        self.figures.setdefault(workload, {}).setdefault(kind, {})[clients] = figures


@dataclass(slots=True)
class Calls:
    """Requests of each workload, never the same one twice; ``workloads`` are those that are measured."""

    population: Population
    workloads: list[Workload]
    numbers: dict[str, Iterator[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.numbers = {
            workload.name: itertools.count(number * 20_000_000) for number, workload in enumerate(WORKLOADS)
        }

    def next(self, workload: Workload, count: int) -> Iterator[Call]:
        """Yield the next ``count`` requests."""
        return workload.calls(self.population, itertools.islice(self.numbers[workload.name], count))


@dataclass(frozen=True, slots=True)
class Run:
    """A server under load: its ``program`` and ``process``, and the name of its database in the place."""

    place: Place
    database: str
    program: Program
    process: int

    def figures(self, workload: Workload, calls: Calls, clients: int, seconds: int, limit: Limit) -> Figures:
        """Return what comes of so many seconds of load."""
        requests = self.program.folder / "requests"
        count = workload.rate_max * seconds + clients if workload.writes else _READS_PREPARED
        prepare(requests, f"127.0.0.1:{self.program.port}", calls.next(workload, count))
        changes, cpu, database_cpu = (
            self.place.changes(self.database),
            processor_time(self.process),
            serving_time(self.place.process),
        )
        found = load(self.program.url, requests, clients, seconds)
        until_idle(self.process)
        done = max(found.requests, 1)
        cpu_ms = 1000 * (processor_time(self.process) - cpu) / done
        database_cpu_ms = 1000 * (serving_time(self.place.process) - database_cpu) / done
        # When time is up, each client may have one request on its way that is done but not counted.
        extra = self.place.changes(self.database) - changes - workload.writes * found.requests
        wrong = 0 if 0 <= extra <= workload.writes * clients else abs(extra)
        rate = found.requests / found.seconds
        return Figures(
            rate=rate,
            limit=limit.rate,
            ratio=rate / limit.rate,
            p50_ms=found.p50_ms,
            p95_ms=found.p95_ms,
            p99_ms=found.p99_ms,
            cpu_ms=cpu_ms,
            errors=found.errors + wrong,
            limit_cpu_ms=limit.cpu_ms,
            database_cpu_ms=database_cpu_ms,
            limit_database_cpu_ms=limit.database_cpu_ms,
            cpu_ratio=(limit.cpu_ms + limit.database_cpu_ms) / (cpu_ms + database_cpu_ms),
        )


def measure(kind: str, folder: Path, size: Size, wanted: frozenset[str]) -> Measured:
    """Return what a run in a new ``folder`` found out about the ``wanted`` workloads, none for all."""
    began = time.perf_counter()
    folder.mkdir()
    with place(kind, folder / "place") as where:
        known = people(where, size.people, say)
        largest = People.name(size.people[-1])
        measured = Measured(
            kind,
            where.version,
            size.people[-1],
            known.population.resources,
            where.size(largest),
            where.sizes(largest),
        )
        calls = Calls(known.population, [one for one in WORKLOADS if not wanted or one.name in wanted])
        if calls.workloads:
            _workloads(measured, where, known, calls, folder, size)
        if not wanted or "W5" in wanted:
            say("W5")
            _imports(measured, where, folder, size)
        if not wanted or "W6" in wanted:
            measured.growth = growth(where, known, folder, size.people, size.rounds, size.round_seconds, say)
    measured.seconds = time.perf_counter() - began
    say("")
    return measured


def _workloads(measured: Measured, where: Place, known: People, calls: Calls, folder: Path, size: Size) -> None:
    largest = People.name(size.people[-1])
    before, url = where.copy(largest, "before"), where.copy(largest, "served")
    program = program_on(url, known.secret, folder / "served")
    say("Recording")
    recorded = _record(known, program, calls, size)
    began = time.perf_counter()
    limits = {}
    with served(program) as process:
        measured.start_seconds = time.perf_counter() - began
        run = Run(where, "served", program, process.pid)
        _check(program, calls)
        measured.memory_at_rest = memory(process.pid)
        for workload, clients in itertools.product(calls.workloads, size.clients):
            say(f"{workload.name} with {clients}")
            limit = replay(before, recorded.pop((workload.name, clients)), where.process)
            limits[workload.name, clients] = limit
            found = run.figures(workload, calls, clients, size.seconds_with(clients), limit)
            measured.add(workload.name, where.kind, clients, found)
        measured.memory_after = memory(process.pid)
    _one_core(measured, run, calls, limits, size)


def _one_core(measured: Measured, run: Run, calls: Calls, limits: dict[tuple[str, int], Limit], size: Size) -> None:
    """Measure with the worker on one core, and everything else on the other; the limit is that of both cores."""
    chosen = [
        (workload, clients)
        for workload in calls.workloads
        for name, clients in _ON_ONE_CORE
        if name == workload.name and clients in size.clients
    ]
    if not chosen:
        return
    with _moved(run.place), served(run.program, WORKER_CORE) as process, on_cores(OTHER_CORE):
        for workload, clients in chosen:
            say(f"{workload.name} on one core")
            found = Run(run.place, run.database, run.program, process.pid).figures(
                workload, calls, clients, size.seconds, limits[workload.name, clients]
            )
            measured.add(workload.name, run.place.kind + ONE_CORE, clients, found)


def _imports(measured: Measured, where: Place, folder: Path, size: Size) -> None:
    importing = imports(where, folder / "import")
    measured.imports[where.kind] = importing.imported("imported", size.imported)
    with _moved(where):
        found = importing.imported("importedonecore", size.imported // 4, WORKER_CORE)
    measured.imports[where.kind + ONE_CORE] = found


@contextmanager
def _moved(where: Place) -> Iterator[None]:
    """Let the database's processes run on the other core within."""
    if where.process is None:
        yield
        return
    move(where.process, OTHER_CORE)
    try:
        yield
    finally:
        move(where.process, os.sched_getaffinity(0))


def _record(known: People, program: Program, calls: Calls, size: Size) -> dict[tuple[str, int], list[Commit]]:
    """Return the statements behind each workload, for each number of clients."""
    parts = wire(known.settings(program.environment["REGIE_DATABASE_URL"], program))
    found = {}
    with recorder(parts) as recording:
        for workload, clients in itertools.product(calls.workloads, size.clients):
            count = max(int(workload.recorded * size.part * (0.3 if clients == 1 else 1)), 3 * clients)
            found[workload.name, clients] = recording.record(calls.next(workload, count), workload.status, clients)
    parts.close()
    return found


def _check(program: Program, calls: Calls) -> None:
    """Ask each request once and look at the answer. Raises: RuntimeError, if it isn't what is expected."""
    with httpx.Client(base_url=program.url, timeout=30) as client:
        for workload in calls.workloads:
            (call,) = calls.next(workload, 1)
            answer = client.request(call.method, call.path, content=call.body or None, headers=call.headers())
            entries = answer.json().get("entry", [])
            statuses = [entry["response"]["status"] for entry in entries if "response" in entry]
            is_right = answer.status_code == workload.status and workload.entries in (None, len(entries))
            if not is_right or any(not status.startswith("201") for status in statuses):
                message = f"{workload.name} was answered with {answer.status_code}: {answer.text[:500]}"
                raise RuntimeError(message)


def say(what: str) -> None:
    """Say what is being done, on one line that is written over, where somebody watches."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{what}")
        sys.stderr.flush()
