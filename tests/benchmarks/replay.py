"""The limit: recorded SQL, run by the bare driver on a database that is in the state from before the recording.

SQLite: what is read on a read-only connection, what is written in the recorded commits, ``synchronous=FULL``, one after the
other in one thread. PostgreSQL: prepared statements on held connections, as many as the server has; the next group reads
while the one before commits.
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app.db.postgres_connections import OPTIONS, READERS
from app.db.sqlite import CACHED_STATEMENTS, CHECKPOINT_PAGES
from tests.benchmarks.recording import Commit, Step
from tests.benchmarks.server import serving_time


@dataclass(frozen=True, slots=True)
class Limit:
    """What the bare driver does: requests per second, and the processor's time for one, of driver and database's processes."""

    rate: float
    cpu_ms: float
    database_cpu_ms: float = 0.0


@dataclass(slots=True)
class _Watch:
    """Time since ``start``: of the clock, of this process's processor, and of the database's processes."""

    database_process: int | None
    began: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def start(self) -> None:
        self.began = self._now()

    def limit(self, commits: list[Commit]) -> Limit:
        """Return the limit, if what was committed since the start is ``commits``."""
        seconds, cpu, database_cpu = (now - before for now, before in zip(self._now(), self.began, strict=True))
        count = sum(commit.requests for commit in commits)
        return Limit(count / seconds, 1000 * cpu / count, 1000 * database_cpu / count)

    def _now(self) -> tuple[float, float, float]:
        return time.perf_counter(), time.process_time(), serving_time(self.database_process)


def replay(url: str, commits: list[Commit], database_process: int | None = None) -> Limit:
    """Return how fast the bare driver does what was recorded; the first group does not count, as it prepares the statements.

    ``database_process`` is that of PostgreSQL, None for SQLite.
    """
    watch = _Watch(database_process)
    warm = next(number for number, commit in enumerate(commits, 1) if commit.requests)
    if database_process is None:
        return _on_sqlite(Path(url.removeprefix("sqlite:///")), commits, warm, watch)
    return asyncio.run(_on_postgresql(url, commits, warm, watch))


def _on_sqlite(path: Path, commits: list[Commit], warm: int, watch: _Watch) -> Limit:
    reader, writer = _connect(path, "ro"), _connect(path, "rw")
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        writer.execute(f"PRAGMA {pragma}")
    for number, commit in enumerate(commits):
        if number == warm:
            watch.start()
        for steps in commit.reads.values():
            _run(reader, steps)
        if commit.writes:
            writer.execute("BEGIN IMMEDIATE")
            _run(writer, commit.writes)
            writer.execute("COMMIT")
    limit = watch.limit(commits[warm:])
    reader.close()
    writer.close()
    return limit


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    """Return a connection with the settings that the server's have."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, cached_statements=CACHED_STATEMENTS
    )
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    connection.execute("PRAGMA mmap_size=268435456")
    connection.execute("PRAGMA cache_size=-65536")
    return connection


def _run(connection: sqlite3.Connection, steps: Iterable[Step]) -> None:
    for step in steps:
        getattr(connection, step.method)(step.text, *step.values).fetchall()


async def _on_postgresql(url: str, commits: list[Commit], warm: int, watch: _Watch) -> Limit:
    at_once = min(READERS, max(len(commit.reads) for commit in commits))
    readers = [await asyncpg.connect(url, **OPTIONS) for _ in range(at_once)]
    writer = await asyncpg.connect(url, **OPTIONS)
    for connection in readers:
        await _ask(connection, next(iter(commits[0].reads.values()), []))
    for commit in commits[:warm]:
        await _commit(writer, commit.writes)
    watch.start()
    committing: asyncio.Task[None] | None = None
    for commit in commits[warm:]:
        left = iter(commit.reads.values())
        await asyncio.gather(*(_read(connection, left) for connection in readers))
        if committing is not None:
            await committing
        committing = asyncio.create_task(_commit(writer, commit.writes))
        if len(commit.reads) <= 1:  # a single client does not ask on before it has its answer
            await committing
    if committing is not None:
        await committing
    limit = watch.limit(commits[warm:])
    for connection in (*readers, writer):
        await connection.close()
    return limit


async def _read(connection: asyncpg.Connection, left: Iterable[list[Step]]) -> None:
    """Do what requests read, one request after the other, as long as any are left."""
    for steps in left:
        await _ask(connection, steps)


async def _commit(writer: asyncpg.Connection, steps: list[Step]) -> None:
    if not steps:
        return
    await writer.execute("BEGIN")
    await _ask(writer, steps)
    await writer.execute("COMMIT")


async def _ask(connection: asyncpg.Connection, steps: Iterable[Step]) -> None:
    for step in steps:
        await getattr(connection, step.method)(step.text, *step.values)
