"""SQLite: one writer thread that commits in groups, readers that it never blocks.

WAL with ``synchronous=FULL``: a commit is on disk before anyone is told of it. What waits for the writer when it gets to
work is committed together; if a job of it fails after it changed something, the group is begun again with a savepoint for each,
so that it takes nothing of the others along. The pages go from the log to the file beside it (``checkpoints.py``).
Short statements run in the event loop's own thread on a read-only connection (a hop to a thread costs eight times the
statement), which is why ``Reader`` is for bounded statements only.

Sources: https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html#pragma_synchronous
"""

import asyncio
import queue
import shutil
import sqlite3
import threading
import time
from collections.abc import Awaitable, Coroutine, Iterable
from pathlib import Path
from typing import Any, TypeVar, cast

from app.db.checkpoints import Checkpoints
from app.db.database import Gatherer, Row
from app.db.remembered import Remembered, Seen, View
from app.db.rows import Change
from app.db.statements import Statement
from app.db.turns import ASKS_AGAIN_S, Turns
from app.db.waiting import Gathered, Waiting, Writes, tell
from app.errors import UnavailableError
from app.metrics import committing

T = TypeVar("T")
GROUP_LIMIT = 256
BUSY_TIMEOUT_MS = 10_000
OVERWRITE_TIMEOUT_MS = 1_000
REWRITE_MAX_BYTES = 1 << 30
"""The largest file that is rewritten while the server runs; 200 MB took a second."""
CACHED_STATEMENTS = 512
READER_CACHE_KIB = 16_384
"""Pages that each thread that reads keeps of its own, at most: those that it looked at since the last commit."""

WRITER_CACHE_KIB = 16_384
"""Pages that the writer keeps, at most: it fills, as one of twice that size did after 31,000 creates, and a create took no less time."""

CHECKPOINT_PAGES = 4000
"""Pages in the log before the commit itself takes them to the file, where the checkpoints beside it were too slow."""

_NOT_NOW = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
"""Errors of the disk or of another process; the low byte of a code says which kind it is."""


def run_now(coroutine: Awaitable[T]) -> T:
    """Return the result of a coroutine that never waits for anything outside.

    That it lets others have their turn (``asyncio.sleep(0)``) is no waiting: there are no others here.
    """
    try:
        while cast("Coroutine[Any, Any, T]", coroutine).send(None) is None:
            pass
    except StopIteration as stop:
        return cast("T", stop.value)
    message = "A database job waited for something other than its transaction."
    raise RuntimeError(message)


def _log_emptied(connection: sqlite3.Connection) -> bool:
    """Return whether the write-ahead log is empty now; not while others use it, or write their own pages to the file."""
    (is_busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not is_busy


def _is_not_now(error: BaseException) -> bool:
    """Return whether an error is of the disk or of another process: no fault of what was asked."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _NOT_NOW


def _check_reading(error: sqlite3.Error) -> None:
    """Raise UnavailableError, if what was to be read can be read later."""
    if _is_not_now(error):
        raise UnavailableError("The record can't be read now. Try again later.") from error


class SqliteReader:
    """A connection as ``Reader``; used by one thread."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def all(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        """Return all rows. Raises: UnavailableError, when the disk or another process is in the way."""
        form = statement.sqlite
        try:
            return self._connection.execute(form.text, form.parameters(parameters)).fetchall()
        except sqlite3.Error as error:
            self._failed(error)
            raise

    async def one(self, statement: Statement, parameters: dict[str, Any]) -> Row | None:
        """Return the first row, or None. Raises: UnavailableError, when the disk or another process is in the way."""
        form = statement.sqlite
        try:
            row: Row | None = self._connection.execute(form.text, form.parameters(parameters)).fetchone()
        except sqlite3.Error as error:
            self._failed(error)
            raise
        return row

    def _failed(self, error: sqlite3.Error) -> None:
        _check_reading(error)


class SqliteTransaction(SqliteReader):
    """The writer's connection as ``Transaction``.

    The savepoint of a job that needs one is set when the job first changes something: most only leave an entry for the log.
    """

    __slots__ = ("gathered", "has_changed", "needs_savepoint", "seen")

    def __init__(self, connection: sqlite3.Connection, remembered: Remembered) -> None:
        super().__init__(connection)
        self.gathered = Gathered()
        self.seen = Seen(remembered)
        self.has_changed = False
        self.needs_savepoint = False

    async def run(self, statement: Statement, parameters: dict[str, Any]) -> int:
        """Return how many rows the statement changed."""
        self._change_begins()
        form = statement.sqlite
        self.seen.is_over |= form.raises
        return self._connection.execute(form.text, form.parameters(parameters)).rowcount

    async def change_rows(self, *changes: Change) -> list[int]:
        """Do ``changes`` and return how many rows each set or removed, or was given to add."""
        self._change_begins()
        self.seen.is_over |= any(statement.raises for statement, _ in changes)
        many = self._connection.executemany
        counts = [many(statement.sqlite, rows).rowcount if rows else 0 for statement, rows in changes]
        return [
            len(rows) if statement.adds else count for (statement, rows), count in zip(changes, counts, strict=True)
        ]

    async def each(self, statement: Statement, parameters: Iterable[dict[str, Any]]) -> list[list[Row]]:
        """Return all rows for each set of parameters."""
        return [await self.all(statement, one) for one in parameters]

    def _failed(self, _: sqlite3.Error) -> None:
        """Leave the error as it is: the writer undoes all of the group, and tells those who wait."""

    def _change_begins(self) -> None:
        self.has_changed = True
        if self.needs_savepoint:
            self._connection.execute("SAVEPOINT job")
            self.needs_savepoint = False

    def clock(self) -> float:
        """Return seconds: nothing is run beside it."""
        return time.monotonic()

    async def access(self) -> View:
        """Return what is remembered of what decides about access, as far as it holds here."""
        return await self.seen.view(self)

    def at_commit(self, gatherer: Gatherer, items: Iterable[Any]) -> None:
        """Hand ``items`` to ``gatherer`` just before the commit."""
        self.gathered.add(gatherer, items)

    async def flush(self) -> None:
        """Let every gatherer write what it was handed."""
        await self.gathered.flush(self)


class SqliteDatabase(Writes):
    """One SQLite file, opened by this process."""

    reads = SqliteReader
    writes = SqliteTransaction

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._opening = threading.Lock()
        self.turn_within_s = BUSY_TIMEOUT_MS / 1000
        self._waiting: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        super().__init__()
        self._writer_connection = self._connect(read_only=False)
        self._turns = Turns(path)
        self._checkpoints = Checkpoints(path)
        self._writer = threading.Thread(target=self._write_forever, name="sqlite-writer", daemon=True)
        self._writer.start()

    def _connect(self, *, read_only: bool) -> sqlite3.Connection:
        mode = "ro" if read_only else "rwc"
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=CACHED_STATEMENTS,
        )
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        if not read_only:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            # What is erased is overwritten; on creates and updates the cost is too small to measure.
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("PRAGMA busy_timeout=0")  # ``_begin`` waits
            # Whoever reads has no use for it: each commit takes the mapping away, and it costs more than the pages of a read.
            connection.execute("PRAGMA mmap_size=268435456")
        connection.execute(f"PRAGMA cache_size=-{READER_CACHE_KIB if read_only else WRITER_CACHE_KIB}")
        with self._opening:
            self._opened.append(connection)
        return connection

    @property
    def url(self) -> str:
        """What opens it again."""
        return f"sqlite:///{self.path}"

    @property
    def reader(self) -> SqliteReader:
        """The reader of the calling thread. Raises: UnavailableError, when the file can't be opened now."""
        reader: SqliteReader | None = getattr(self._local, "reader", None)
        if reader is None:
            try:
                reader = self._local.reader = self.reads(self._connect(read_only=True))
            except sqlite3.Error as error:
                _check_reading(error)
                raise
        return reader

    def read_blocking(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        """Return all rows, on the calling thread's own connection."""
        return run_now(self.reader.all(statement, parameters))

    async def overwrite(self, size_max_bytes: int | None = REWRITE_MAX_BYTES) -> bool:
        """Return whether nothing that was removed is left in the file, and the write-ahead log beside it is empty.

        Not so while others write or read on: try again. A file that is larger than ``size_max_bytes`` is not rewritten (None: any
        is), as writing waits for that; then parts of rows that once lay elsewhere in a page may be left.
        """
        return await asyncio.to_thread(self._overwrite, size_max_bytes)

    def _overwrite(self, size_max_bytes: int | None) -> bool:
        connection = sqlite3.connect(self.path, isolation_level=None)
        try:
            connection.execute(f"PRAGMA busy_timeout={OVERWRITE_TIMEOUT_MS}")
            if size_max_bytes is None or self.path.stat().st_size <= size_max_bytes:
                # secure_delete overwrites rows where they are removed, not where SQLite had moved them from before.
                connection.execute("VACUUM")
            until = time.monotonic() + OVERWRITE_TIMEOUT_MS / 1000
            while not (is_emptied := _log_emptied(connection)) and time.monotonic() < until:
                time.sleep(ASKS_AGAIN_S)  # SQLite itself does not wait for a checkpoint to end
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _NOT_NOW:
                raise
            return False
        finally:
            connection.close()
        return is_emptied

    def free_bytes(self) -> int:
        """Return how many bytes are free on the disk of the file."""
        return shutil.disk_usage(self.path.parent).free

    def gauges(self) -> dict[str, float]:
        """Return how many jobs wait, and how many connections there are to read with; each reads when it is asked."""
        return {
            "regie_writer_waiting_jobs": self._waiting.qsize(),
            "regie_database_connections": len(self._opened) - 1,
        }

    def close(self) -> None:
        """Finish what was handed in, then close all connections."""
        if self._closed:
            return
        self._closed = True
        self._waiting.put(None)
        self._writer.join()
        self._checkpoints.close()
        # The writer's connection, opened first, goes last: only it may fold the write-ahead log into the file.
        for connection in reversed(self._opened):
            connection.close()
        self._turns.close()

    def _put(self, group: Iterable[Waiting]) -> None:
        for waiting in group:
            self._waiting.put(waiting)

    def _write_forever(self) -> None:
        while True:
            first = self._waiting.get()
            group: list[Waiting] = []
            following = first
            while following is not None:
                group.append(following)
                if len(group) == GROUP_LIMIT:
                    break
                try:
                    following = self._waiting.get_nowait()
                except queue.Empty:
                    break
            if group:
                with committing(len(group)):
                    self._commit_group(group)
                tell(group)
                self._checkpoints.due()
            if following is None:
                return

    def _commit_group(self, group: list[Waiting]) -> None:
        """Run and commit all jobs of ``group``; every one ends with a result or an error."""
        connection = self._writer_connection
        try:
            # Behind a savepoint SQLite copies each page before a job changes it; jobs that fail once they changed something are few.
            if not self._is_done(group, apart=False):
                self._is_done(group, apart=True)
        except BaseException as error:  # noqa: BLE001 - whoever waits is told; the thread has to go on for the next
            failure = UnavailableError("The record could not be written now; nothing was changed. Try again later.")
            failure.__cause__ = error
            for waiting in group:
                waiting.error = failure
            if connection.in_transaction:
                try:
                    connection.execute("ROLLBACK")
                except sqlite3.Error as also:
                    # The transaction stays open and uncommitted; the next group can't begin, and comes here to try again.
                    failure.add_note(f"Rolling back failed too: {type(also).__name__}.")

    def _is_done(self, group: list[Waiting], *, apart: bool) -> bool:
        """Return whether all jobs of ``group`` came to their end; if one of several failed that had changed something, none did.

        With ``apart`` all do: each is run behind a savepoint, to which it is rolled back if it fails.
        """
        connection = self._writer_connection
        self._begin()
        transaction = self.writes(connection, self.remembered)
        for waiting in group:
            self._run(transaction, waiting, apart=apart)
            if waiting.error and transaction.has_changed and not apart:
                connection.execute("ROLLBACK")
                return len(group) == 1
        run_now(transaction.flush())
        connection.execute("COMMIT")
        if transaction.seen.is_over:
            self.remembered.forget()
        return True

    def _begin(self) -> None:
        """Begin to write when no other process does. Raises: sqlite3.OperationalError, when that takes too long.

        SQLite's own way to wait asks ever more seldom, up to each tenth of a second: it would miss most of the turns that an
        import leaves to others.
        """
        if not self._turns.begin(self._has_begun, time.monotonic() + self.turn_within_s):
            self._writer_connection.execute("BEGIN IMMEDIATE")  # says in SQLite's words what is in the way

    def _has_begun(self) -> bool:
        try:
            self._writer_connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return False
        return True

    def _run(self, transaction: SqliteTransaction, waiting: Waiting, *, apart: bool) -> None:
        connection = self._writer_connection
        gathered_before = transaction.gathered.count
        transaction.has_changed, transaction.needs_savepoint = False, apart
        try:
            waiting.result = run_now(waiting.job(transaction))
            waiting.error = None
        except Exception as error:
            if _is_not_now(error):
                raise  # no fault of the job, and the next would meet it too: nothing of the group is committed
            if apart and transaction.has_changed:
                connection.execute("ROLLBACK TO job")
            transaction.gathered.cut(gathered_before)
            waiting.error = error  # it is the caller's, who gets it raised
        if apart and transaction.has_changed:
            connection.execute("RELEASE job")
        transaction.needs_savepoint = False
