"""W5: people imported into an empty database, as ``regie record import`` does it, beside the same SQL by the bare driver."""

import asyncio
import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.audit.events import Trace
from app.cli_import import usual_processes
from app.cli_record import OPERATOR
from app.db.migrate import migrate
from app.fhir.release import Release
from app.interactions.context import Context
from app.interactions.import_lines import lines_of_files
from app.interactions.record_import import Rejected, import_resources
from app.settings import Settings
from app.wiring import wire
from tests.benchmarks.lines import write_lines
from tests.benchmarks.places import Place
from tests.benchmarks.recording import recorder
from tests.benchmarks.replay import Limit, replay
from tests.benchmarks.routine import invented
from tests.benchmarks.server import on_cores, serving_time

_WARM, _RECORDED = range(1, 2), range(2, 26)
"""People whose SQL is recorded: one with whom the driver gets going, and those that count."""

EMPTY = "empty"
"""The name of the database that has nothing but its tables."""


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
class Files:
    """People as lines in files, one for each release that they have resources of."""

    paths: dict[Release, Path]
    resources: int

    async def into(self, context: Context, processes: int = 1) -> int:
        """Return how many resources were refused while all others were imported."""
        refused: list[Rejected] = []
        for release, path in self.paths.items():
            lines = lines_of_files(release, [path])
            await import_resources(
                context, OPERATOR, Trace("benchmark"), release, lines, refused.append, processes=processes
            )
        return len(refused)


def files(folder: Path, name: str, numbers: range) -> Files:
    """Return these people, written to files."""
    paths, resources = {}, 0
    for release in Release:
        path = folder / f"{name}-{release.path}.ndjson"
        if count := write_lines(path, release, (invented(number) for number in numbers)):
            paths[release] = path
            resources += count
    return Files(paths, resources)


@dataclass(frozen=True, slots=True)
class Imports:
    """Imports into new databases of a place; ``limit`` is that of a resource."""

    where: Place
    settings: Settings
    folder: Path
    limit: Limit

    def imported(self, name: str, count: int, cores: frozenset[int] | None = None) -> Imported:
        """Return what came of the import of ``count`` people into a new database, by a process on ``cores``."""
        where, process = self.where, self.where.process
        people = files(self.folder, name, range(count))
        with on_cores(cores):
            parts = wire(self.settings.model_copy(update={"database_url": where.copy(EMPTY, name)}))
            database_cpu = serving_time(process)
            began, cpu = time.perf_counter(), _cpu()
            refused, served = asyncio.run(_timed(people, parts.context, process))
            took, cpu = time.perf_counter() - began, _cpu() - cpu
            database_cpu = served - database_cpu
            parts.close()
        cpu_ms, database_cpu_ms = 1000 * cpu / people.resources, 1000 * database_cpu / people.resources
        return Imported(
            people=count,
            resources=people.resources,
            rate=people.resources / took,
            limit=self.limit.rate,
            ratio=people.resources / took / self.limit.rate,
            cpu_ms=cpu_ms,
            limit_cpu_ms=self.limit.cpu_ms,
            database_cpu_ms=database_cpu_ms,
            limit_database_cpu_ms=self.limit.database_cpu_ms,
            cpu_ratio=(self.limit.cpu_ms + self.limit.database_cpu_ms) / (cpu_ms + database_cpu_ms),
            bytes_per_resource=where.size(name) / people.resources,
            errors=refused + abs(where.changes(name) - people.resources),
        )


def _cpu() -> float:
    """Return the seconds of processor time of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


async def _timed(people: Files, context: Context, process: int | None) -> tuple[int, float]:
    """Return how many were refused, and the time of PostgreSQL so far: connections are closed with the loop, and their time gone."""
    return await people.into(context, usual_processes()), serving_time(process)


def imports(where: Place, folder: Path, recorded: range = _RECORDED) -> Imports:
    """Return what imports people, with the limit by those that are ``recorded``; ``folder`` is made."""
    folder.mkdir()
    url = where.make(EMPTY)
    migrate(url)
    settings = Settings(database_url=url, secret_file=folder / "secret")
    warm, counted = files(folder, "warm", _WARM), files(folder, "counted", recorded)
    parts = wire(settings.model_copy(update={"database_url": where.copy(EMPTY, "recorded")}))
    with recorder(parts) as recording:

        async def one(people: Files) -> None:
            await people.into(recording.context)

        commits = recording.record_work([partial(one, warm), partial(one, counted)], 1)
    parts.close()
    found = replay(where.copy(EMPTY, "replayed"), commits, where.process)
    count = counted.resources
    return Imports(
        where, settings, folder, Limit(found.rate * count, found.cpu_ms / count, found.database_cpu_ms / count)
    )
