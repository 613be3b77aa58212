"""The very SQL that requests cause: what a driver is asked while requests go through the application in this process.

Requests are put through in groups, as many at once as there are clients, and what they write is committed together, so that
what is kept is what the server does in a commit of so many. ``replay`` runs it again without the application.
"""

import asyncio
import dataclasses
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import asyncpg

from app.db.database import Database, Reader, Row, Transaction, conditioned
from app.db.lockstep import Lockstep
from app.db.postgres_connections import OPTIONS
from app.db.remembered import Remembered, Seen, View
from app.db.sqlite import SqliteTransaction
from app.db.statements import Statement
from app.db.waiting import Gathered, Waiting
from app.interactions.context import Context
from app.interactions.gate import Gate
from app.oauth import tokens
from app.rest.application import FhirApplication
from app.wiring import Parts
from tests.benchmarks.routine import RELEASE
from tests.benchmarks.workloads import Call

T = TypeVar("T")
Message = MutableMapping[str, Any]


@dataclass(slots=True)
class Step:
    """What the driver was asked: the name of its method, the text, and what came after the text."""

    method: str
    text: str
    values: tuple[Any, ...]


@dataclass(slots=True)
class Commit:
    """What a group of requests read, each by itself, and then had committed together; ``requests`` ended with it."""

    reads: dict[int, list[Step]] = field(default_factory=dict)
    writes: list[Step] = field(default_factory=list)
    requests: int = 0


_request: ContextVar[int] = ContextVar("request")
"""The number of the request in its group."""


class _SqliteDriver:
    """A connection of ``sqlite3`` that keeps what it is asked."""

    def __init__(self, connection: sqlite3.Connection, keep: Callable[[Step], None]) -> None:
        self._connection = connection
        self._keep = keep

    def execute(self, text: str, values: Any = ()) -> sqlite3.Cursor:
        self._keep(Step("execute", text, (values,)))
        return self._connection.execute(text, values)

    def executemany(self, text: str, values: Iterable[Any]) -> sqlite3.Cursor:
        rows = list(values)
        self._keep(Step("executemany", text, (rows,)))
        return self._connection.executemany(text, rows)


class _PostgresDriver:
    """A connection of ``asyncpg`` that keeps what it is asked; one statement at a time."""

    def __init__(self, connection: asyncpg.Connection, keep: Callable[[Step], None], turn: asyncio.Lock) -> None:
        self._connection = connection
        self._keep = keep
        self._turn = turn

    async def prepare(self, text: str) -> Any:
        async with self._turn:
            return await self._connection.prepare(text)

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        if method not in ("execute", "executemany", "fetch", "fetchmany", "fetchrow", "fetchval"):
            raise AttributeError(method)

        async def ask(text: str, *values: Any) -> Any:
            self._keep(Step(method, text, values))
            async with self._turn:
                return await getattr(self._connection, method)(text, *values)

        return ask


class _Recording(ABC):
    """The database of a recording: one connection, one transaction around all of it."""

    def __init__(self) -> None:
        self.commits = [Commit()]
        self.remembered = Remembered()
        self.running = 0
        self.waiting: list[Waiting] = []

    @property
    @abstractmethod
    def reader(self) -> Reader:
        """The reader of everybody; what it is asked is kept for the request that asks."""

    async def access(self) -> View:
        """Return what was remembered of what decides about access."""
        return await self.remembered.beside(self.reader)

    @abstractmethod
    async def _commit(self, waiting: list[Waiting]) -> None:
        """Run jobs, and write what they gathered for the commit."""

    def keep_read(self, step: Step) -> None:
        """Keep what a request read."""
        self.commits[-1].reads.setdefault(_request.get(), []).append(step)

    def keep_write(self, step: Step) -> None:
        """Keep what is committed."""
        self.commits[-1].writes.append(step)

    async def write(self, job: Callable[[Transaction], Awaitable[T]], *, lane: int | None = None) -> T:
        """Return what ``job`` returned, once all requests of the group have come so far, or have ended."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.waiting.append(Waiting(conditioned(job), None, future, lane))
        await self.is_less()
        return await future

    async def is_less(self) -> None:
        """Take note that one request less is running; when none is left, run and commit what waits."""
        self.running -= 1
        if self.running or not self.waiting:
            return
        waiting, self.waiting = self.waiting, []
        await self._commit(waiting)
        for one in waiting:
            one.tell()
        self.commits.append(Commit())
        self.running = len(waiting)


class _SqliteRecording(_Recording):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("BEGIN IMMEDIATE")

    @property
    def reader(self) -> Reader:
        return SqliteTransaction(cast("Any", _SqliteDriver(self.connection, self.keep_read)), self.remembered)

    async def _commit(self, waiting: list[Waiting]) -> None:
        driver = cast("Any", _SqliteDriver(self.connection, self.keep_write))
        transaction = SqliteTransaction(driver, self.remembered)
        for one in waiting:
            try:
                one.result = await one.job(transaction)
            except Exception as error:  # noqa: BLE001 - it is the request's, whose answer shows it
                one.error = error
        await transaction.flush()

    def end(self) -> None:
        self.connection.execute("COMMIT")
        self.connection.close()


class _PostgresRecording(_Recording):
    def __init__(self, connection: asyncpg.Connection) -> None:
        super().__init__()
        self.connection = connection
        self._turn = asyncio.Lock()
        self._texts: dict[Statement, str] = {}

    @property
    def reader(self) -> Reader:
        return _PostgresReads(_PostgresDriver(self.connection, self.keep_read, self._turn))

    async def _commit(self, waiting: list[Waiting]) -> None:
        driver = _PostgresDriver(self.connection, self.keep_write, self._turn)
        lockstep = Lockstep(cast("Any", driver), self._texts, Seen(self.remembered))
        left = await lockstep.run(waiting)
        await lockstep.flush(Gathered(left[id(one)].gathered for one in waiting if one.error is None))


class _PostgresReads:
    """What is read beside the writer."""

    def __init__(self, driver: _PostgresDriver) -> None:
        self._driver = driver

    async def all(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        form = statement.postgresql
        return cast("list[Row]", await self._driver.fetch(form.text, *form.parameters(parameters)))

    async def one(self, statement: Statement, parameters: dict[str, Any]) -> Row | None:
        form = statement.postgresql
        return cast("Row | None", await self._driver.fetchrow(form.text, *form.parameters(parameters)))


class Recorder:
    """Puts requests through the application, on a database of which ``recording`` holds the one transaction."""

    def __init__(self, parts: Parts, recording: _Recording, runner: asyncio.Runner) -> None:
        self._recording = recording
        self._runner = runner
        database = cast("Database", recording)
        gate = Gate(database, parts.audit, parts.clock, parts.context.now_us, parts.context.index_key, tokens.of_hash)
        self.context: Context = dataclasses.replace(parts.context, database=database, gate=gate)
        self._application = FhirApplication(
            self.context, RELEASE, body_size_max=parts.settings.body_size_max, trust_forwarded=False
        )

    def record(self, calls: Iterable[Call], expected: int, group: int) -> list[Commit]:
        """Return what requests did, ``group`` of them at once. Raises: RuntimeError, if one is not answered with ``expected``."""

        async def ask(call: Call) -> None:
            status, body = await answer(self._application, call)
            if status != expected:
                message = f"{call.method} {call.path} was answered with {status}: {body[:500]!r}"
                raise RuntimeError(message)

        return self.record_work((partial(ask, call) for call in calls), group)

    def record_work(self, work: Iterable[Callable[[], Awaitable[None]]], group: int) -> list[Commit]:
        """Return what ``work`` did, ``group`` pieces of it at once, as commits of which the last of each group ends its requests."""
        return self._runner.run(self._record(iter(work), group))

    async def _record(self, work: Iterator[Callable[[], Awaitable[None]]], group: int) -> list[Commit]:
        recording = self._recording
        recording.commits = [Commit()]
        while together := list(islice(work, group)):
            recording.running = len(together)
            await asyncio.gather(*(self._one(number, piece) for number, piece in enumerate(together)))
            if not recording.commits[-1].reads:  # the last commit was the end of the group
                recording.commits.pop()
            recording.commits[-1].requests = len(together)
            recording.commits.append(Commit())
        return recording.commits[:-1]

    async def _one(self, number: int, piece: Callable[[], Awaitable[None]]) -> None:
        _request.set(number)
        await piece()
        await self._recording.is_less()


@contextmanager
def recorder(parts: Parts) -> Iterator[Recorder]:
    """Give a recorder on the database of ``parts``; what was done is committed at the end."""
    url = parts.settings.database_url
    with asyncio.Runner() as runner:
        if url.startswith("sqlite"):
            on_file = _SqliteRecording(url.removeprefix("sqlite:///"))
            yield Recorder(parts, on_file, runner)
            on_file.end()
            return
        connection = runner.run(asyncpg.connect(url, **OPTIONS))
        runner.run(connection.execute("BEGIN"))
        yield Recorder(parts, _PostgresRecording(connection), runner)
        runner.run(connection.execute("COMMIT"))
        runner.run(connection.close())


async def answer(application: FhirApplication, call: Call) -> tuple[int, bytes]:
    """Return status and body of the answer to one request, in this process."""
    url = urlsplit(call.path)
    sent: list[Message] = []

    coming: list[Message] = [{"type": "http.request", "body": call.body, "more_body": False}]

    async def receive() -> Message:
        if not coming:
            await asyncio.Event().wait()  # nobody goes away
        return coming.pop()

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
