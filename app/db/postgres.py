"""PostgreSQL: one writer for all processes that commits in groups; its connections, and those to read with, are in ``postgres_connections.py``.

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
from collections.abc import Iterable
from typing import Any, TypeVar

import asyncpg
import uvloop

from app.db.citus import adapt
from app.db.database import Row
from app.db.lockstep import ApartError, Lockstep, PostgresTransaction
from app.db.postgres_connections import (
    CONNECT_TIMEOUT_S,
    LOST,
    NOT_NOW,
    OPTIONS,
    UNFIT,
    Connection,
    PostgresReader,
    is_lost,
)
from app.db.remembered import VERSION, Seen
from app.db.statements import Statement
from app.db.waiting import Gathered, Waiting, Writes, tell
from app.errors import NO_NUL, BadRequestError, UnavailableError
from app.metrics import committing

T = TypeVar("T")
GROUP_LIMIT = 256
WRITER_LOCK = 0x5265676966
"""The number of the advisory lock that who writes holds."""

OVERWRITING_LOCK = 0x5265676967
"""The number of the advisory lock that who overwrites holds."""

_RESTS_S = (0.2, 0.5, 1.0, 2.0)
"""Seconds between tries while the database is away."""

_BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock({WRITER_LOCK})"
_BEGUN = f"SELECT pg_current_xact_id()::text, ({VERSION.postgresql.text})"
_STATUS = "SELECT pg_xact_status($1::text::xid8)"


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
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
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
        """Return that what was removed is freed, and overwritten as pages are used again; with None all tables are rewritten at once.

        One after the other: of two at once, one wants the end of a table that the other waits for, and gives it up after 5 s.
        """
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(f"SELECT pg_advisory_lock({OVERWRITING_LOCK})")
            await connection.execute("VACUUM (FULL)" if size_max_bytes is None else "VACUUM")
        finally:
            await connection.close(timeout=CONNECT_TIMEOUT_S)
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
                if is_lost(error) and rests:
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
        except NOT_NOW:
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
            except NOT_NOW:
                raise
            except asyncpg.PostgresError as error:
                # It is the caller's, who gets it raised.
                waiting.error = BadRequestError(NO_NUL) if isinstance(error, UNFIT) else error
            if waiting.error:
                await connection.execute("ROLLBACK TO job")
            else:
                left += of_job.values()
        await self._end(number, lockstep, left)
        return []

    async def _begun(self) -> tuple[asyncpg.Connection, str, Lockstep]:
        """Return the connection with a transaction whose turn it is, the number of that, and what drives jobs in it."""
        connection = await self._connected()
        await connection.execute(_BEGIN)
        # A statement of its own: what it reads has to be what was committed before the turn came.
        number, version = await connection.fetchrow(_BEGUN)
        seen = Seen(self.remembered, read=(version,))
        return connection, number, self.drives(connection, self._texts, seen, spread=self._spread)

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
        except LOST as error:
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
                status = await (await self._connected()).fetchval(_STATUS, number, timeout=CONNECT_TIMEOUT_S)
            except LOST:
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
                self._connection = await asyncpg.connect(self.url, connection_class=Connection, **OPTIONS)
                self._spread = await adapt(self._connection)
            except asyncpg.TooManyConnectionsError:
                for loop, reader in list(self._readers.items()):
                    if not loop.is_closed():
                        loop.call_soon_threadsafe(reader.spare_one)
                raise
            except OSError as error:
                message = "The database can't be reached."
                raise ConnectionError(message) from error
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
