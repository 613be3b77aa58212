"""What the rest of the code may ask of the database, whichever it is."""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from app.db.rows import Change
from app.db.statements import Statement
from app.errors import TooCostlyError

T = TypeVar("T")
Row = tuple[Any, ...]


_condition: "ContextVar[Callable[[Transaction], Awaitable[None]] | None]" = ContextVar("condition", default=None)


def write_only_if(condition: "Callable[[Transaction], Awaitable[None]]") -> None:
    """Have each transaction that is begun from here on in this request look first whether ``condition`` holds.

    What a request found out when it began (that somebody is signed in) may be over when it writes. The condition raises what
    the caller is told.
    """
    _condition.set(condition)


@contextmanager
def request_of_its_own() -> Iterator[None]:
    """Let what was said by ``write_only_if`` end with the request that is answered within."""
    before = _condition.set(None)
    try:
        yield
    finally:
        _condition.reset(before)


def conditioned(job: "Callable[[Transaction], Awaitable[T]]") -> "Callable[[Transaction], Awaitable[T]]":
    """Return ``job`` behind the condition of the request; for databases, which call it where the job is handed in."""
    condition = _condition.get()
    if condition is None:
        return job

    async def after(transaction: Transaction) -> T:
        await condition(transaction)
        return await job(transaction)

    return after


class Reader(Protocol):
    """Statements that change nothing; each sees what was committed before it began."""

    async def all(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        """Return all rows. For statements that a key and a LIMIT bound: it may run in the event loop's own thread."""
        ...

    async def one(self, statement: Statement, parameters: dict[str, Any]) -> Row | None:
        """Return the first row, or None."""
        ...


class Transaction(Reader, Protocol):
    """Statements that commit together, or not at all; reads see the transaction's own writes."""

    async def run(self, statement: Statement, parameters: dict[str, Any]) -> int:
        """Return how many rows the statement changed."""
        ...

    async def change_rows(self, *changes: Change) -> list[int]:
        """Do ``changes``, no two about one row, and return how many rows each set or removed; if it adds: how many it was given."""
        ...

    async def each(self, statement: Statement, parameters: Iterable[dict[str, Any]]) -> list[list[Row]]:
        """Return all rows for each set of parameters."""
        ...

    def clock(self) -> float:
        """Return seconds: of two moments the difference is how long this took, without what others took that are run beside it."""
        ...

    async def access(self) -> "Recalled":
        """Return what is remembered of what decides about access, as far as it holds here."""
        ...

    def at_commit(self, gatherer: "Gatherer", items: Iterable[Any]) -> None:
        """Hand ``items`` to ``gatherer`` just before the commit, together with those of all who commit along."""
        ...


class Recalled(Protocol):
    """What is remembered of what decides about access; see ``remembered.py``."""

    reader: Reader
    """Where what is not remembered is read."""

    @property
    def version(self) -> int | None:
        """The version that holds for what it gives, if it is still that afterwards; None where nothing is remembered."""
        ...

    async def of(self, key: Hashable, read: Callable[[Reader], Awaitable[T]]) -> T:
        """Return what is remembered under ``key``, else what ``read`` returns."""
        ...

    async def is_over(self) -> bool:
        """Return whether something was changed since what it gave was read."""
        ...


class Gatherer(Protocol):
    """Something that writes what was gathered in a group of transactions in one go, such as the audit chain."""

    async def flush(self, transaction: Transaction, items: list[Any]) -> None:
        """Write ``items`` inside the transaction that is about to commit."""
        ...


class Connection(Protocol):
    """What an interaction reads and writes through."""

    @property
    def reader(self) -> Reader:
        """The reader of the calling event loop."""
        ...

    async def access(self) -> Recalled:
        """Return what is remembered of what decides about access; who decides with it looks at the version again when writing."""
        ...

    async def write(self, job: Callable[[Transaction], Awaitable[T]], *, lane: int | None = None) -> T:
        """Return what ``job`` returned, after its changes are durable on disk.

        An exception in ``job`` undoes all that it did and is raised here. ``job`` awaits nothing but its transaction,
        and may be run again from the start: it changes nothing but the database. ``lane`` is the record that it keeps to: it
        changes nothing else but what is gathered, and reads nothing else that such a job changes. None may do anything.
        Raises: UnavailableError, when the database did not take the commit.
        """
        ...


class Database(Connection, Protocol):
    """One database, opened."""

    @property
    def url(self) -> str:
        """What opens it again, password included: not for logs."""
        ...

    def write_blocking(self, job: Callable[[Transaction], Awaitable[T]]) -> T:
        """Do what ``write`` does, for code that runs in a worker thread (never call it in an event loop's thread)."""
        ...

    def read_blocking(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        """Return all rows, for code that runs in a worker thread."""
        ...

    async def overwrite(self, size_max_bytes: int | None = ...) -> bool:
        """Return whether what was removed is overwritten, as far as the database sees to it; with None however long that takes."""
        ...

    def free_bytes(self) -> int | None:
        """Return how much room is left where this process writes the data; None where another machine sees to that."""
        ...

    def gauges(self) -> dict[str, float]:
        """Return what there is to say of this moment, by the names of docs/metrics.md; for an event loop's own thread."""
        ...

    def close(self) -> None:
        """Finish what was handed in, then close all connections."""
        ...


class Timed:
    """A transaction as a reader for so many seconds of its own, after which it gives up: others wait for it to end."""

    __slots__ = ("_began", "_reader", "_seconds")

    def __init__(self, transaction: Transaction, seconds: float) -> None:
        self._reader, self._seconds, self._began = transaction, seconds, transaction.clock()

    @property
    def spent(self) -> float:
        """Seconds that it took since it was made."""
        return self._reader.clock() - self._began

    def check(self) -> None:
        """Raise TooCostlyError, once the time is over."""
        if self.spent > self._seconds:
            message = "This looks at too much while others wait to write: ask less of it, or look at it before."
            raise TooCostlyError(message)

    async def all(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        """Return all rows. Raises: TooCostlyError."""
        self.check()
        return await self._reader.all(statement, parameters)

    async def one(self, statement: Statement, parameters: dict[str, Any]) -> Row | None:
        """Return the first row, or None. Raises: TooCostlyError."""
        self.check()
        return await self._reader.one(statement, parameters)


class Inside:
    """A transaction as ``Connection``: what is read sees its changes, what is written becomes part of it."""

    __slots__ = ("_transaction", "reader")

    def __init__(self, transaction: Transaction, reader: Reader | None = None) -> None:
        self._transaction = transaction
        self.reader: Reader = reader or transaction

    async def access(self) -> Recalled:
        """Return what is remembered of what decides about access, as far as it holds in the transaction."""
        return await self._transaction.access()

    async def write(self, job: Callable[[Transaction], Awaitable[T]], *, lane: int | None = None) -> T:
        """Return what ``job`` returned; its changes are durable once those of the transaction are."""
        del lane
        return await job(self._transaction)
