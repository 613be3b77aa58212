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

from app.db.postgres import _OPTIONS, READERS
from app.db.sqlite import CACHED_STATEMENTS, CHECKPOINT_PAGES
from tests.benchmarks.recording import Commit, Step
from tests.benchmarks.server import processor_time


@dataclass(frozen=True, slots=True)
class Limit:
    """What the bare driver does: requests per second, and the processor's time for one, of driver and database's processes."""

    rate: float
    cpu_ms: float
    database_cpu_ms: float = 0.0


def replay(url: str, commits: list[Commit], database_process: int | None = None) -> Limit:
    """Return how fast the bare driver does what was recorded. ``database_process`` is that of PostgreSQL."""
    count = sum(commit.requests for commit in commits)
    if database_process is None:
        seconds, cpu = _on_sqlite(Path(url.removeprefix("sqlite:///")), commits)
        return Limit(count / seconds, 1000 * cpu / count)
    before = processor_time(database_process)
    seconds, cpu = asyncio.run(_on_postgresql(url, commits))
    database_cpu = processor_time(database_process) - before
    return Limit(count / seconds, 1000 * cpu / count, 1000 * database_cpu / count)


def _on_sqlite(path: Path, commits: list[Commit]) -> tuple[float, float]:
    """Return the seconds that it took, and of processor time."""
    reader, writer = _connect(path, "ro"), _connect(path, "rw")
    writer.execute("PRAGMA synchronous=FULL")
    writer.execute("PRAGMA foreign_keys=ON")
    writer.execute("PRAGMA secure_delete=ON")
    began, cpu = time.perf_counter(), time.process_time()
    for commit in commits:
        for steps in commit.reads:
            _run(reader, steps)
        if commit.writes:
            writer.execute("BEGIN IMMEDIATE")
            _run(writer, commit.writes)
            writer.execute("COMMIT")
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    reader.close()
    writer.close()
    return took, cpu


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


async def _on_postgresql(url: str, commits: list[Commit]) -> tuple[float, float]:
    """Return the seconds that it took, and of this process's processor time."""
    at_once = min(READERS, max(commit.requests for commit in commits))
    readers = [await asyncpg.connect(url, **_OPTIONS) for _ in range(at_once)]
    writer = await asyncpg.connect(url, **_OPTIONS)
    for connection in readers:
        await _ask(connection, (step for steps in commits[0].reads for step in steps))  # prepared before it counts
    began, cpu = time.perf_counter(), time.process_time()
    committing: asyncio.Task[None] | None = None
    for commit in commits:
        left = iter(commit.reads)
        await asyncio.gather(*(_read(connection, left) for connection in readers))
        if committing is not None:
            await committing
            committing = None
        if commit.writes:
            committing = asyncio.create_task(_commit(writer, commit.writes))
            if commit.requests == 1:  # a single client does not ask on before it has its answer
                await committing
    if committing is not None:
        await committing
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    for connection in (*readers, writer):
        await connection.close()
    return took, cpu


async def _read(connection: asyncpg.Connection, left: Iterable[list[Step]]) -> None:
    """Do what requests read, one request after the other, as long as any are left."""
    for steps in left:
        await _ask(connection, steps)


async def _commit(writer: asyncpg.Connection, steps: list[Step]) -> None:
    await writer.execute("BEGIN")
    await _ask(writer, steps)
    await writer.execute("COMMIT")


async def _ask(connection: asyncpg.Connection, steps: Iterable[Step]) -> None:
    for step in steps:
        await getattr(connection, step.method)(step.text, *step.values)
