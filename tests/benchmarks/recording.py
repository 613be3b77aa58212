"""The limit: the very SQL that requests cause, without the server around it.

``Recorder`` puts requests through the application in this process and keeps every statement with its values. ``replay``
runs those on a copy of the database that is in the state from before the recording, with the bare driver: what is read on
a read-only connection, what is written in commits of as many requests as there are clients, ``synchronous=FULL``, the
audit log appended once per commit.
"""

import asyncio
import dataclasses
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from app.db.database import Database, Row, Transaction
from app.db.sqlite import CHECKPOINT_PAGES, SqliteDatabase, SqliteTransaction, run_now
from app.db.statements import Statement
from app.interactions.gate import Gate
from app.rest.application import FhirApplication
from app.wiring import Parts
from tests.benchmarks.population import RELEASE
from tests.benchmarks.workloads import Call

T = TypeVar("T")
Message = MutableMapping[str, Any]


@dataclass(slots=True)
class Step:
    """A statement with its values: one set, or with ``many`` a list of them; ``fetch`` says that it has an answer."""

    text: str
    values: Any
    many: bool = False
    fetch: bool = False


@dataclass(slots=True)
class Operation:
    """What one request did: reads, then statements in a transaction, then the log's at the commit."""

    reads: list[Step] = field(default_factory=list)
    writes: list[Step] = field(default_factory=list)
    log: list[Step] = field(default_factory=list)


class _Recording(SqliteTransaction):
    """A transaction, or a reader, that keeps what it is asked."""

    __slots__ = ("steps",)

    def __init__(self, connection: sqlite3.Connection, steps: list[Step]) -> None:
        super().__init__(connection)
        self.steps = steps

    async def all(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        self.steps.append(Step(statement.sqlite.text, dict(statement.sqlite.parameters(parameters)), fetch=True))
        return await super().all(statement, parameters)

    async def one(self, statement: Statement, parameters: dict[str, Any]) -> Row | None:
        self.steps.append(Step(statement.sqlite.text, dict(statement.sqlite.parameters(parameters)), fetch=True))
        return await super().one(statement, parameters)

    async def run(self, statement: Statement, parameters: dict[str, Any]) -> int:
        self.steps.append(Step(statement.sqlite.text, dict(statement.sqlite.parameters(parameters))))
        return await super().run(statement, parameters)

    async def run_many(self, statement: Statement, rows: Sequence[dict[str, Any]]) -> int:
        if rows:
            self.steps.append(
                Step(statement.sqlite.text, [dict(statement.sqlite.parameters(row)) for row in rows], many=True)
            )
        return await super().run_many(statement, rows)


class _RecordingDatabase:
    """The database of a recording: one connection, one transaction around all of it."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.operation = Operation()

    @property
    def reader(self) -> _Recording:
        return _Recording(self.connection, self.operation.reads)

    async def write(self, job: Callable[[Transaction], Awaitable[T]]) -> T:
        transaction = _Recording(self.connection, self.operation.writes)
        result = run_now(job(transaction))
        transaction.steps = self.operation.log
        run_now(transaction.flush())
        return result


class Recorder:
    """Puts requests through the application, on the database in ``path``."""

    def __init__(self, parts: Parts, path: Path) -> None:
        self.database = _RecordingDatabase(path)
        database = cast("Database", self.database)
        gate = Gate(
            cast("SqliteDatabase", self.database),
            parts.audit,
            parts.clock,
            parts.context.now_us,
            parts.context.index_key,
        )
        context = dataclasses.replace(parts.context, database=database, gate=gate)
        self.application = FhirApplication(
            context, RELEASE, body_size_max=parts.settings.body_size_max, trust_forwarded=False
        )

    def record(self, calls: Iterable[Call], expected: int) -> list[Operation]:
        """Return what each request did. Raises: RuntimeError, if one is not answered with ``expected``."""
        return asyncio.run(self._record(calls, expected))

    async def _record(self, calls: Iterable[Call], expected: int) -> list[Operation]:
        operations = []
        self.database.connection.execute("BEGIN IMMEDIATE")
        for call in calls:
            self.database.operation = Operation()
            status, body = await answer(self.application, call)
            if status != expected:
                message = f"{call.method} {call.path} was answered with {status}: {body[:500]!r}"
                raise RuntimeError(message)
            operations.append(self.database.operation)
        self.database.connection.execute("COMMIT")
        return operations


async def answer(application: FhirApplication, call: Call) -> tuple[int, bytes]:
    """Return status and body of the answer to one request, in this process."""
    url = urlsplit(call.path)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": call.body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": call.method,
        "path": url.path,
        "query_string": url.query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in call.headers().items()],
        "client": ("127.0.0.1", 40_000),
    }
    await application(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@dataclass(frozen=True, slots=True)
class Limit:
    """What the bare driver does: requests per second, and the processor's time for the SQL of one."""

    rate: float
    cpu_ms: float


def replay(path: Path, operations: list[Operation], group: int) -> Limit:
    """Return how fast the bare driver does the SQL of the requests, ``group`` of them in each commit."""
    reader, writer = _connect(path, "ro"), _connect(path, "rw")
    writer.execute("PRAGMA synchronous=FULL")
    began, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(operations), group):
        together = operations[start : start + group]
        for operation in together:
            for step in operation.reads:
                reader.execute(step.text, step.values).fetchall()
        writer.execute("BEGIN IMMEDIATE")
        for operation in together:
            _run(writer, operation.writes)
        _run(writer, _log_at_once([step for operation in together for step in operation.log]))
        writer.execute("COMMIT")
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    reader.close()
    writer.close()
    return Limit(len(operations) / took, 1000 * cpu / len(operations))


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    """Return a connection with the settings that the server's have."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, cached_statements=512
    )
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    connection.execute("PRAGMA mmap_size=268435456")
    connection.execute("PRAGMA cache_size=-65536")
    return connection


def _run(connection: sqlite3.Connection, steps: Iterable[Step]) -> None:
    for step in steps:
        if step.many:
            connection.executemany(step.text, step.values)
        elif step.fetch:
            connection.execute(step.text, step.values).fetchall()
        else:
            connection.execute(step.text, step.values)


def _log_at_once(steps: list[Step]) -> list[Step]:
    """Return the log's statements of several requests as those of one commit: rows together, its head moved once."""
    merged: dict[str, Step] = {}
    for step in steps:
        known = merged.get(step.text)
        if known is None:
            merged[step.text] = Step(step.text, list(step.values) if step.many else step.values, step.many, step.fetch)
        elif step.many:
            known.values += step.values
        elif not step.fetch:
            known.values = step.values
    return list(merged.values())
