"""What both kinds of database share of writing: jobs that wait for the writer, and what is gathered until it commits."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from app.db.database import Gatherer, Reader, Transaction, conditioned
from app.db.remembered import Remembered, View
from app.errors import UnavailableError

T = TypeVar("T")


@dataclass(slots=True)
class Waiting:
    """A job that waits for the writer, and whom to tell: ``loop`` is that of an asyncio future, None for a thread's future.

    ``lane`` is the record that the job keeps to, None if it does not keep to one.
    """

    job: Callable[[Transaction], Awaitable[Any]]
    loop: asyncio.AbstractEventLoop | None
    future: Any
    lane: int | None = None
    result: Any = None
    error: BaseException | None = None

    def tell(self) -> None:
        """Set the future's outcome; for an asyncio future, call it in the loop's thread."""
        if self.future.done():  # the caller went away (a cancelled request); the change stays
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


def tell(group: Iterable[Waiting]) -> None:
    """Tell all who wait what became of their jobs, each in their own thread."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Waiting]] = {}
    for waiting in group:
        if waiting.loop is None:
            waiting.tell()
        else:
            by_loop.setdefault(waiting.loop, []).append(waiting)
    for loop, theirs in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_tell_all, theirs)


def _tell_all(group: list[Waiting]) -> None:
    for waiting in group:
        waiting.tell()


class Writes(ABC):
    """Hands jobs to a writer, whichever database it is of."""

    def __init__(self) -> None:
        self._closed = False
        self._together: dict[asyncio.AbstractEventLoop, list[Waiting]] = {}
        self.remembered = Remembered()

    @abstractmethod
    def _put(self, group: Iterable[Waiting]) -> None:
        """Put jobs where the writer takes them from, all at once."""

    @property
    @abstractmethod
    def reader(self) -> Reader:
        """The reader of the caller."""

    async def access(self) -> View:
        """Return what is remembered of what decides about access; who decides with it looks at the version again when writing."""
        return await self.remembered.beside(self.reader)

    async def write(self, job: Callable[[Transaction], Awaitable[T]], *, lane: int | None = None) -> T:
        """Return what ``job`` returned, after its changes are durable."""
        self._check_open()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        together = self._together.get(loop)
        if together is None:
            # To wake the writer costs as much as a statement: who comes in one turn of the loop is handed in together.
            together = self._together[loop] = []
            loop.call_soon(self._hand_in, loop)
        together.append(Waiting(conditioned(job), loop, future, lane))
        # A request that is cancelled must not look undone to those who wait with it: the job runs to its end.
        return await future

    def write_blocking(self, job: Callable[[Transaction], Awaitable[T]]) -> T:
        """Return what ``job`` returned, after its changes are durable; for worker threads."""
        self._check_open()
        future: Future[T] = Future()
        self._put([Waiting(conditioned(job), None, future)])
        return future.result()

    def _check_open(self) -> None:
        if self._closed:
            message = "The server is stopping."
            raise UnavailableError(message)

    def _hand_in(self, loop: asyncio.AbstractEventLoop) -> None:
        group = self._together.pop(loop)
        try:
            self._check_open()
            self._put(group)
        except UnavailableError as error:
            for waiting in group:
                waiting.error = error
                waiting.tell()


class Gathered:
    """What the jobs of one commit left for gatherers, in the order that it came."""

    __slots__ = ("_items",)

    def __init__(self, others: "Iterable[Gathered]" = ()) -> None:
        self._items: list[tuple[Gatherer, Iterable[Any]]] = [one for other in others for one in other]

    @property
    def count(self) -> int:
        """How often something was taken."""
        return len(self._items)

    def add(self, gatherer: Gatherer, items: Iterable[Any]) -> None:
        """Take ``items`` for ``gatherer``."""
        self._items.append((gatherer, items))

    def __iter__(self) -> "Iterator[tuple[Gatherer, Iterable[Any]]]":
        """Give what was taken, with its gatherer."""
        return iter(self._items)

    def cut(self, count: int) -> None:
        """Forget all but what was taken the first ``count`` times."""
        del self._items[count:]

    async def flush(self, transaction: Transaction) -> None:
        """Let every gatherer write what it was handed."""
        by_gatherer: dict[int, tuple[Gatherer, list[Any]]] = {}
        for gatherer, some in self._items:
            by_gatherer.setdefault(id(gatherer), (gatherer, []))[1].extend(some)
        self._items = []
        for gatherer, items in by_gatherer.values():
            if items:
                await gatherer.flush(transaction, items)
