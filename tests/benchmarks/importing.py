"""W5: people written into an empty database, beside the same SQL by the bare driver in a commit for each person."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.interactions.context import Context
from app.settings import Settings
from app.wiring import wire
from tests.benchmarks.kept import program_on
from tests.benchmarks.places import Place
from tests.benchmarks.population import record_of, write_record
from tests.benchmarks.recording import recorder
from tests.benchmarks.replay import Limit, replay
from tests.benchmarks.routine import Invented, invented
from tests.benchmarks.server import on_cores, processor_time

_RECORDED = 24
"""People whose SQL is recorded: one of them long, as one in 64 is, is left out."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Resources per second, and milliseconds of processor time for one, of this process and of PostgreSQL's."""

    people: int
    resources: int
    rate: float
    limit: float
    ratio: float
    cpu_ms: float
    limit_cpu_ms: float
    database_cpu_ms: float
    limit_database_cpu_ms: float
    cpu_ratio: float
    bytes_per_resource: float
    errors: int


@dataclass(frozen=True, slots=True)
class Imports:
    """Imports into new databases of a place; ``limit`` is that of a resource."""

    where: Place
    settings: Settings
    limit: Limit

    def imported(self, name: str, count: int, cores: frozenset[int] | None = None) -> Imported:
        """Return what came of the import of ``count`` people into a new database, by a process on ``cores``."""
        where = self.where
        people = [invented(number) for number in range(count)]
        resources = sum(person.count for person in people)
        with on_cores(cores):
            parts = wire(self.settings.model_copy(update={"database_url": where.copy(EMPTY, name)}))
            database_cpu = processor_time(where.process) if where.process else 0.0
            began, cpu = time.perf_counter(), time.process_time()
            asyncio.run(_import(parts.context, people))
            took, cpu = time.perf_counter() - began, time.process_time() - cpu
            database_cpu = processor_time(where.process) - database_cpu if where.process else 0.0
            parts.close()
        cpu_ms, database_cpu_ms = 1000 * cpu / resources, 1000 * database_cpu / resources
        return Imported(
            people=count,
            resources=resources,
            rate=resources / took,
            limit=self.limit.rate,
            ratio=resources / took / self.limit.rate,
            cpu_ms=cpu_ms,
            limit_cpu_ms=self.limit.cpu_ms,
            database_cpu_ms=database_cpu_ms,
            limit_database_cpu_ms=self.limit.database_cpu_ms,
            cpu_ratio=(self.limit.cpu_ms + self.limit.database_cpu_ms) / (cpu_ms + database_cpu_ms),
            bytes_per_resource=where.size(name) / resources,
            errors=abs(where.changes(name) - resources),
        )


EMPTY = "empty"
"""The name of the database that has nothing but its tables."""


def imports(where: Place, folder: Path) -> Imports:
    """Return what imports people, with their limit; ``folder`` is made."""
    url = where.make(EMPTY)
    program = program_on(url, folder / "secret", folder)
    program.run("migrate")
    settings = Settings(database_url=url, secret_file=folder / "secret", port=program.port, base_url=program.url)
    people = [invented(number) for number in range(1, _RECORDED + 1)]
    parts = wire(settings.model_copy(update={"database_url": where.copy(EMPTY, "recorded")}))
    with recorder(parts) as recording:
        work: list[Callable[[], Awaitable[None]]] = [partial(_import, recording.context, [person]) for person in people]
        commits = recording.record_work(work, 1)
    parts.close()
    found = replay(where.copy(EMPTY, "replayed"), commits, where.process)
    each = sum(person.count for person in people) / len(people)
    return Imports(where, settings, Limit(found.rate * each, found.cpu_ms / each, found.database_cpu_ms / each))


async def _import(context: Context, people: list[Invented]) -> None:
    for person in people:
        await write_record(context, record_of(person), person)
