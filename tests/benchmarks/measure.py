"""One run: a database of people, the limits, and the server under load, one workload and number of clients at a time."""

import itertools
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from app.settings import Settings
from app.wiring import wire
from tests.benchmarks.load import load, prepare
from tests.benchmarks.population import Population, populated
from tests.benchmarks.recording import Limit, Operation, Recorder, replay
from tests.benchmarks.server import NO_MEMORY, Memory, memory, processor_time, until_idle
from tests.benchmarks.workloads import WORKLOADS, Call, Workload
from tests.support.running import Program, free_port

CLIENTS = (1, 16, 64)
_READS_PREPARED = 6000
_TO_BE_SURE = 1.5  # prepared writes do not run out: no server does much more than its limit


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: people, seconds of load per figure, the part of the recorded requests that is replayed.

    ``observations`` is how many the one person has in whose record searches are measured inside the process.
    """

    people: int
    seconds: int
    part: float
    observations: int


FULL = Size(200, 5, 1.0, 10_000)
QUICK = Size(30, 2, 0.5, 2000)


@dataclass(frozen=True, slots=True)
class Figures:
    """One workload with one number of clients.

    Rates are requests per second; ``cpu_ms`` is the processor's time for one, of the server and of the limit.
    """

    rate: float
    limit: float
    ratio: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    errors: int
    limit_cpu_ms: float


@dataclass(slots=True)
class Measured:
    """Everything that a run found out."""

    people: int
    resources: int
    load_seconds: float
    bytes_per_resource: float
    start_seconds: float = 0.0
    memory_at_rest: Memory = NO_MEMORY
    memory_after: Memory = NO_MEMORY
    figures: dict[str, dict[int, Figures]] = field(default_factory=dict)


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


def measure(folder: Path, size: Size, wanted: frozenset[str]) -> Measured:
    """Return what a run in an empty ``folder`` found out about the ``wanted`` workloads, none for all."""
    program = Program(folder, free_port(), {"REGIE_MAIL_URL": f"file:{folder / 'mail'}"})
    program.run("migrate")
    database, before = folder / "regie.sqlite3", folder / "before.sqlite3"
    settings = Settings(
        database_url=f"sqlite:///{database}", secret_file=folder / "secret", port=program.port, base_url=program.url
    )
    say(f"Writing {size.people} people")
    began = time.perf_counter()
    population = populated(wire(settings), size.people)
    took = time.perf_counter() - began
    measured = Measured(size.people, population.resources, took, _at_rest(database) / population.resources)
    shutil.copyfile(database, before)
    calls = Calls(population, [workload for workload in WORKLOADS if not wanted or workload.name in wanted])
    say("Recording")
    recorded = _record(settings, database, calls, size.part)
    began = time.perf_counter()
    process = program.start()
    measured.start_seconds = time.perf_counter() - began
    try:
        _check(program, calls)
        measured.memory_at_rest = memory(process.pid)
        for workload, clients in itertools.product(calls.workloads, CLIENTS):
            say(f"{workload.name} with {clients}")
            limit = replay(before, recorded.pop((workload.name, clients)), clients)
            figures = _loaded(program, process.pid, workload, calls, clients, size.seconds, limit)
            measured.figures.setdefault(workload.name, {})[clients] = figures
        measured.memory_after = memory(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=20)
    say("")
    return measured


def _record(settings: Settings, database: Path, calls: Calls, part: float) -> dict[tuple[str, int], list[Operation]]:
    """Return the statements behind each workload, for each number of clients."""
    parts = wire(settings)
    recorder = Recorder(parts, database)
    found = {}
    for workload, clients in itertools.product(calls.workloads, CLIENTS):
        count = int(workload.recorded * part * (0.3 if clients == 1 else 1))
        found[workload.name, clients] = recorder.record(calls.next(workload, count), workload.status)
    recorder.database.connection.close()
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


def _loaded(
    program: Program, process: int, workload: Workload, calls: Calls, clients: int, seconds: int, limit: Limit
) -> Figures:
    requests = program.folder / "requests"
    count = int(limit.rate * seconds * _TO_BE_SURE) + clients if workload.writes else _READS_PREPARED
    prepare(requests, f"127.0.0.1:{program.port}", calls.next(workload, count))
    changes, cpu = _changes(program), processor_time(process)
    found = load(program.url, requests, clients, seconds)
    until_idle(process)
    cpu = processor_time(process) - cpu
    # When time is up, each client may have one request on its way that is done but not counted.
    extra = _changes(program) - changes - workload.writes * found.requests
    wrong = 0 if 0 <= extra <= workload.writes * clients else abs(extra)
    rate = found.requests / found.seconds
    cpu_ms = 1000 * cpu / max(found.requests, 1)
    return Figures(
        rate=rate,
        limit=limit.rate,
        ratio=rate / limit.rate,
        p50_ms=found.p50_ms,
        p99_ms=found.p99_ms,
        cpu_ms=cpu_ms,
        errors=found.errors + wrong,
        limit_cpu_ms=limit.cpu_ms,
    )


def _changes(program: Program) -> int:
    """Return the number of changes in all records."""
    connection = sqlite3.connect(f"{(program.folder / 'regie.sqlite3').as_uri()}?mode=ro", uri=True)
    (found,) = connection.execute("SELECT sum(seq) FROM record").fetchone()
    connection.close()
    return int(found)


def _at_rest(database: Path) -> int:
    """Return the size of a database that nobody has open, with its log written back."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return database.stat().st_size


def say(what: str) -> None:
    """Say what is being done, on one line that is written over, where somebody watches."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{what}")
        sys.stderr.flush()
