"""PostgreSQL: one writer for all processes that commits in groups, and a pool of connections to read with.

What a person is owed in order stays in order: a group of jobs runs in one transaction, which holds an advisory lock from its
beginning, so that everything that one process decides while it writes still holds when it commits, as on SQLite. Jobs of a
group share the commit; if one fails after it changed something, the group is begun again, one by one, with savepoints.

A connection that is lost before the commit was sent is replaced and the group done again: nothing had happened. If it is lost
during the commit, the database is asked by the transaction's number what became of it.

Sources: https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS,
https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT, https://magicstack.github.io/asyncpg/
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Any, TypeVar, cast

import asyncpg

from app.db.citus import adapt
from app.db.database import Row
from app.db.lockstep import ApartError, Lockstep, PostgresTransaction
from app.db.remembered import Seen
from app.db.statements import Statement
from app.db.waiting import Gathered, Waiting, Writes, tell
from app.errors import NO_NUL, BadRequestError, UnavailableError
from app.metrics import committing

T = TypeVar("T")
GROUP_LIMIT = 256
READERS = 8
"""Connections of one process that read; the writer has one of its own."""

WRITER_LOCK = 0x5265676966
"""The number of the advisory lock that who writes holds."""

_CONNECT_TIMEOUT_S = 5.0
_COMMAND_TIMEOUT_S = 65.0
"""When a statement is given up: a database that works gives it up itself before (``statement_timeout``)."""

_RESTS_S = (0.2, 0.5, 1.0, 2.0)
"""Seconds between tries while the database is away."""

_BEGIN = "SELECT pg_current_xact_id()::text FROM (SELECT pg_advisory_xact_lock($1)) AS held"
_STATUS = "SELECT pg_xact_status($1::text::xid8)"
# A statement is planned once for a connection: to plan a search for each record that it is run for takes longer than to run it,
# and plans by what a usual record has (see ``dialects.gathered``).
_SESSION = {
    "application_name": "regie",
    "default_transaction_isolation": "read committed",
    "idle_in_transaction_session_timeout": "60s",
    "jit": "off",
    "lock_timeout": "10s",
    "max_parallel_workers_per_gather": "0",
    "plan_cache_mode": "force_generic_plan",
    "statement_timeout": "60s",
    "synchronous_commit": "on",
    "timezone": "UTC",
}
_OPTIONS: dict[str, Any] = {
    "server_settings": _SESSION,
    "timeout": _CONNECT_TIMEOUT_S,
    "command_timeout": _COMMAND_TIMEOUT_S,
    "statement_cache_size": 256,
    "max_cached_statement_lifetime": 0,
    "max_cacheable_statement_size": 0,
}
_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,
    asyncpg.InvalidCachedStatementError,
    ConnectionError,
    TimeoutError,
)
"""The database is away, came back, or has been migrated: what has not been committed did not happen."""

_NOT_NOW = (
    *_LOST,
    asyncpg.DiskFullError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresSystemError,
)
"""No fault of the job that meets it, and the next would meet it too."""

_UNFIT = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)
"""Somebody sent U+0000 in a text, which PostgreSQL does not take; SQLite looks for it, and does not find it."""


def _is_lost(error: BaseException) -> bool:
    """Return whether another connection may do; a database that hangs would hang again."""
    return isinstance(error, (*_LOST, OSError)) and not isinstance(error, TimeoutError)


class _Connection(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no types
    """A connection that keeps nothing between two uses, so that it needs no reset: no cursors, listeners or settings."""

    def get_reset_query(self) -> str:
        """Return no query."""
        return ""


class PostgresReader:
    """The connections of one event loop as ``Reader``; made when they are needed, and held.

    Not asyncpg's pool: to take a connection from it and to put it back takes longer than a short statement (25 of 44 us).
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._idle: list[asyncpg.Connection] = []
        self._opened: set[asyncpg.Connection] = set()
        self._opening = 0
        self._waiting: deque[asyncio.Future[asyncpg.Connection | None]] = deque()
        self._keeper: AsyncIterator[None] | None = None

    async def all(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        """Return all rows. Raises: UnavailableError, when the database can't be reached."""
        form = statement.postgresql
        return cast("list[Row]", await self._read("fetch", form.text, form.parameters(parameters)))

    async def one(self, statement: Statement, parameters: dict[str, Any]) -> Row | None:
        """Return the first row, or None. Raises: UnavailableError, when the database can't be reached."""
        form = statement.postgresql
        return cast("Row | None", await self._read("fetchrow", form.text, form.parameters(parameters)))

    async def _read(self, method: str, text: str, values: list[Any]) -> Any:
        for is_last in (False, True):  # a connection from before a restart of the database is found out by its use
            try:
                connection = self._idle.pop() if self._idle else await self._take()
                try:
                    return await getattr(connection, method)(text, *values)
                except asyncpg.PostgresError as error:
                    if isinstance(error, _LOST):  # it is told so before it is closed
                        connection.terminate()
                    raise
                except BaseException:  # cancelled, or lost: what state it is in is not known
                    connection.terminate()
                    raise
                finally:
                    self._put_back(connection)
            except _UNFIT as error:
                raise BadRequestError(NO_NUL) from error
            except (*_NOT_NOW, OSError) as error:
                if is_last or not _is_lost(error):
                    message = "The record can't be read now. Try again later."
                    raise UnavailableError(message) from error
                while self._idle:
                    self._drop(self._idle.pop())
        return None

    def connections(self) -> tuple[int, int]:
        """Return how many connections are open, and how many of them nobody uses."""
        return len(self._opened), len(self._idle)

    async def _take(self) -> asyncpg.Connection:
        """Return a connection that nobody uses; where there are enough of them, the next that is put back."""
        if len(self._opened) + self._opening < READERS:
            return await self._open()
        waiting: asyncio.Future[asyncpg.Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                return await waiting or await self._take()
        except BaseException:
            if waiting.done() and not waiting.cancelled() and (handed := waiting.result()) is not None:
                self._put_back(handed)
            raise

    async def _open(self) -> asyncpg.Connection:
        self._opening += 1
        try:
            connection = await asyncpg.connect(self._url, connection_class=_Connection, **_OPTIONS)
            try:
                await adapt(connection)
            except BaseException:
                connection.terminate()
                raise
        except BaseException:
            self._hand(None)
            raise
        finally:
            self._opening -= 1
        if self._keeper is None:
            self._keeper = self._until_the_end()
            await anext(self._keeper)
        self._opened.add(connection)
        return connection

    def _put_back(self, connection: asyncpg.Connection) -> None:
        if connection.is_closed():
            self._drop(connection)
            self._hand(None)
        elif not self._hand(connection):
            self._idle.append(connection)

    def _hand(self, connection: asyncpg.Connection | None) -> bool:
        """Return whether somebody waited for a connection and has it now; with None they may open one."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(connection)
                return True
        return False

    def _drop(self, connection: asyncpg.Connection) -> None:
        self._opened.discard(connection)
        connection.terminate()

    async def _until_the_end(self) -> AsyncIterator[None]:
        """Close the connections when the event loop ends, which closes the generators that it ran."""
        try:
            yield
        finally:
            self.close()
            await asyncio.sleep(0)

    def close(self) -> None:
        """Close the connections; for the event loop's own thread."""
        for connection in self._opened:
            connection.terminate()


class PostgresDatabase(Writes):
    """One database, opened by this process: a thread that writes, and a reader for each event loop."""

    reads = PostgresReader
    drives = Lockstep

    def __init__(self, url: str) -> None:
        self.url = url
        self._readers: dict[asyncio.AbstractEventLoop, PostgresReader] = {}
        super().__init__()
        self._connection: asyncpg.Connection | None = None
        self._spread = False
        self._texts: dict[Statement, str] = {}
        self._runner = asyncio.Runner()
        self._loop = self._runner.get_loop()
        self._waiting: asyncio.Queue[Waiting | None] = asyncio.Queue()
        self._thread = threading.Thread(target=self._run, name="postgres-writer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._runner as runner:
            runner.run(self._write_forever())

    @property
    def reader(self) -> PostgresReader:
        """The reader of the calling event loop."""
        loop = asyncio.get_running_loop()
        reader = self._readers.get(loop)
        if reader is None:
            for known in [one for one in self._readers if one.is_closed()]:
                del self._readers[known]
            reader = self._readers[loop] = self.reads(self.url)
        return reader

    def read_blocking(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        """Return all rows, for worker threads."""
        return asyncio.run_coroutine_threadsafe(self._read(statement, parameters), self._loop).result()

    async def _read(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        return await self.reader.all(statement, parameters)

    async def overwrite(self, size_max_bytes: int | None = 0) -> bool:
        """Return that what was removed is freed, and overwritten as pages are used again; with None all tables are rewritten at once."""
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute("VACUUM (FULL)" if size_max_bytes is None else "VACUUM")
        finally:
            await connection.close()
        return True

    def free_bytes(self) -> int | None:
        """Return None: the database sees to its own disk."""
        return None

    def gauges(self) -> dict[str, float]:
        """Return how many jobs wait, and how many connections of this event loop are there to read with and in use."""
        size, idle = self.reader.connections()
        return {
            "regie_writer_waiting_jobs": self._waiting.qsize(),
            "regie_database_connections": size,
            "regie_database_connections_in_use": size - idle,
        }

    def close(self) -> None:
        """Finish what was handed in, then close all connections."""
        if self._closed:
            return
        self._closed = True
        self._loop.call_soon_threadsafe(self._waiting.put_nowait, None)
        self._thread.join()
        for loop, reader in self._readers.items():
            if not loop.is_closed():
                reader.close()

    def _put(self, group: Iterable[Waiting]) -> None:
        self._loop.call_soon_threadsafe(self._put_all, group)

    def _put_all(self, group: Iterable[Waiting]) -> None:
        for waiting in group:
            self._waiting.put_nowait(waiting)

    async def _write_forever(self) -> None:
        following: Waiting | None = None
        while True:
            following = await self._waiting.get()
            group: list[Waiting] = []
            while following is not None:
                group.append(following)
                if len(group) == GROUP_LIMIT or self._waiting.empty():
                    break
                following = self._waiting.get_nowait()
            if group:
                with committing(len(group)):
                    await self._commit_group(group)
                tell(group)
            if following is None:
                if self._connection is not None:
                    await self._connection.close()
                return

    async def _commit_group(self, group: list[Waiting]) -> None:
        """Run and commit all jobs of ``group``; every one ends with a result or an error."""
        left, apart = list(group), False
        rests = [*_RESTS_S]
        while left:
            try:
                left = await (self._try_apart(left) if apart else self._try(left))
                apart = True
            except BaseException as error:  # noqa: BLE001 - whoever waits is told; the thread has to go on for the next
                self._drop()
                if _is_lost(error) and rests:
                    await asyncio.sleep(rests.pop(0))
                    continue
                failure = UnavailableError("The record could not be written now. Try again later.")
                failure.__cause__ = error
                if isinstance(error, UnavailableError):  # nobody can tell whether it was committed
                    failure = error
                for waiting in left:
                    waiting.error = failure
                return

    async def _try(self, group: list[Waiting]) -> list[Waiting]:
        """Return ``group`` if it is to be done again, one by one, as one of it failed that had changed something; else nothing.

        Then none is done. Who failed does so anew: it may have been for what another had changed that failed too, and it is not
        known whose fault it was when the database refused what several asked for.
        """
        connection, number, lockstep = await self._begun()
        try:
            left = await lockstep.run(group)
        except _NOT_NOW:
            raise
        except (asyncpg.PostgresError, ApartError):
            await connection.execute("ROLLBACK")
            return group
        if any(waiting.error and left[id(waiting)].changed for waiting in group):
            await connection.execute("ROLLBACK")
            return group
        failed = {id(waiting) for waiting in group if waiting.error}
        # What they left comes in the order in which they were begun, which is not that in which they came.
        await self._end(number, lockstep, [of_job for one, of_job in left.items() if one not in failed])
        return []

    async def _try_apart(self, group: list[Waiting]) -> list[Waiting]:
        """Return none of ``group``: each is done behind a savepoint, to which it is rolled back if it fails."""
        connection, number, lockstep = await self._begun()
        left: list[PostgresTransaction] = []
        for waiting in group:
            await connection.execute("SAVEPOINT job")
            try:
                of_job = await lockstep.run([waiting])
            except _NOT_NOW:
                raise
            except asyncpg.PostgresError as error:
                # It is the caller's, who gets it raised.
                waiting.error = BadRequestError(NO_NUL) if isinstance(error, _UNFIT) else error
            if waiting.error:
                await connection.execute("ROLLBACK TO job")
            else:
                left += of_job.values()
        await self._end(number, lockstep, left)
        return []

    async def _begun(self) -> tuple[asyncpg.Connection, str, Lockstep]:
        """Return the connection with a transaction whose turn it is, the number of that, and what drives jobs in it."""
        connection = await self._connected()
        await connection.execute("BEGIN")
        number = await connection.fetchval(_BEGIN, WRITER_LOCK)
        return connection, number, self.drives(connection, self._texts, Seen(self.remembered), spread=self._spread)

    async def _end(self, number: str, lockstep: Lockstep, left: Iterable[PostgresTransaction]) -> None:
        """Write what jobs left for the end, and commit."""
        await lockstep.flush(Gathered(transaction.gathered for transaction in left))
        await self._commit(lockstep.connection, number)
        if lockstep.seen.is_over:
            self.remembered.forget()

    async def _commit(self, connection: asyncpg.Connection, number: str) -> None:
        """Commit transaction ``number``. Raises: ConnectionError, when it is known that it was not."""
        try:
            told = await connection.execute("COMMIT")
        except _LOST as error:
            self._drop()
            if await self._was_committed(number):
                return
            message = "The connection was lost before the commit."
            raise ConnectionError(message) from error
        if told != "COMMIT":
            message = f"The transaction ended with {told}."
            raise RuntimeError(message)

    async def _was_committed(self, number: str) -> bool:
        """Return whether transaction ``number`` was committed. Raises: UnavailableError, when nobody can tell."""
        for rest in (0.0, *_RESTS_S, 0.0):
            await asyncio.sleep(rest)
            try:
                status = await (await self._connected()).fetchval(_STATUS, number, timeout=_CONNECT_TIMEOUT_S)
            except _LOST:
                self._drop()
                continue
            if status in ("committed", "aborted"):
                return bool(status == "committed")
        message = (
            "The database went away while it was writing: look whether the change is there before you send it again."
        )
        raise UnavailableError(message)

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            try:
                self._connection = await asyncpg.connect(self.url, connection_class=_Connection, **_OPTIONS)
                self._spread = await adapt(self._connection)
            except OSError as error:
                message = "The database can't be reached."
                raise ConnectionError(message) from error
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
