"""Connections to PostgreSQL: how each is opened, what it means when one fails, and those of an event loop that reads.

Source: https://magicstack.github.io/asyncpg/
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, cast

import asyncpg

from app.db.citus import adapt
from app.db.database import Row
from app.db.statements import Statement
from app.errors import NO_NUL, BadRequestError, UnavailableError

READERS = 8
"""Connections of one process that read; the writer has one of its own."""

FULL_S = 1.0
"""How long no further connection is asked of a database that has no more: those that there are go round."""

CONNECT_TIMEOUT_S = 5.0
_COMMAND_TIMEOUT_S = 65.0
"""When a statement is given up: a database that works gives it up itself before (``statement_timeout``)."""

# A statement is planned once for a connection: to plan a search for each record that it is run for takes longer than to run it,
# and plans by what a usual record has (see ``dialects.gathered``).
_SESSION = {
    "application_name": "regie",
    "default_transaction_isolation": "read committed",
    # What a whole record has of a code is looked up in a hashed list. One that is thought too large for the memory would be gone
    # through for each candidate: for 250,000 values a minute, and then none.
    "hash_mem_multiplier": "16",
    "idle_in_transaction_session_timeout": "60s",
    "jit": "off",
    "lock_timeout": "10s",
    "max_parallel_workers_per_gather": "0",
    "plan_cache_mode": "force_generic_plan",
    "statement_timeout": "60s",
    "synchronous_commit": "on",
    "timezone": "UTC",
}
OPTIONS: dict[str, Any] = {
    "server_settings": _SESSION,
    "timeout": CONNECT_TIMEOUT_S,
    "command_timeout": _COMMAND_TIMEOUT_S,
    "statement_cache_size": 256,
    "max_cached_statement_lifetime": 0,
    "max_cacheable_statement_size": 0,
}
LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    ConnectionError,
    TimeoutError,
)
"""The database is away, came back, or is being migrated or copied: what has not been committed did not happen."""

NOT_NOW = (
    *LOST,
    asyncpg.DiskFullError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.LockNotAvailableError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresSystemError,
)
"""No fault of the job that meets it, and the next would meet it too."""

UNFIT = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)
"""Somebody sent U+0000 in a text, which PostgreSQL does not take; SQLite looks for it, and does not find it."""


def is_lost(error: BaseException) -> bool:
    """Return whether another connection may do; a database that hangs would hang again."""
    return isinstance(error, (*LOST, OSError)) and not isinstance(error, TimeoutError)


class Connection(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no types
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
        self._full_until = 0.0
        self._owes_one = False
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
                    if isinstance(error, LOST):  # it is told so before it is closed
                        connection.terminate()
                    raise
                except BaseException:  # cancelled, or lost: what state it is in is not known
                    connection.terminate()
                    raise
                finally:
                    self._put_back(connection)
            except UNFIT as error:
                raise BadRequestError(NO_NUL) from error
            except (*NOT_NOW, OSError) as error:
                if is_last or not is_lost(error):
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
        is_full = bool(self._opened) and time.monotonic() < self._full_until
        if len(self._opened) + self._opening < READERS and not is_full:
            try:
                return await self._open()
            except asyncpg.TooManyConnectionsError:
                if not self._opened:
                    raise
                self._full_until = time.monotonic() + FULL_S
        waiting: asyncio.Future[asyncpg.Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return await waiting or await self._take()
        except BaseException:
            if waiting.done() and not waiting.cancelled() and (handed := waiting.result()) is not None:
                self._put_back(handed)
            raise

    async def _open(self) -> asyncpg.Connection:
        self._opening += 1
        try:
            connection = await asyncpg.connect(self._url, connection_class=Connection, **OPTIONS)
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

    def spare_one(self) -> None:
        """Close the next connection that nobody uses, if it is not the only one; for the event loop's own thread.

        The writer gets none: without it nobody is answered, as each look has its entry in the log.
        """
        self._full_until = time.monotonic() + FULL_S
        self._owes_one = len(self._opened) > 1
        if self._idle:
            self._put_back(self._idle.pop())

    def _put_back(self, connection: asyncpg.Connection) -> None:
        if self._owes_one:
            self._owes_one = False
            connection.terminate()
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
