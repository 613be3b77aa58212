"""Jobs side by side in one transaction of PostgreSQL: what several of them ask at a time is asked once, for all of them.

Jobs that keep to one person's record each don't see what the others do, and are much alike: they read the same of their own
record, and write the same of it. So they go step by step: each goes on until it asks the database something, and what is asked
with the same words becomes one statement (``LATERAL`` for what is read, one statement for all rows that are changed). A group of
creates has as many round trips as one of them. Jobs of one record come one after the other.

As on SQLite a job awaits nothing but its transaction, and finds no event loop.

Sources: https://www.postgresql.org/docs/current/queries-table-expressions.html#QUERIES-LATERAL
"""

import asyncio
import re
import time
from asyncio import _set_running_loop
from collections import deque
from collections.abc import Coroutine, Generator, Iterable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any, cast

import asyncpg

from app.db.access_version import RAISE
from app.db.citus import spread_tables
from app.db.database import Gatherer, Row
from app.db.remembered import Seen, View
from app.db.rows import Change, by_record, counted, together
from app.db.statements import Statement
from app.db.waiting import Gathered, Waiting

TEXTS_MAX = 512
"""Statements that are kept as they are asked for several at once."""

_PARAMETER = re.compile(r"\$(\d+)")


class ApartError(Exception):
    """What jobs asked together can't be answered to each of them: they have to be run one by one."""


@dataclass(slots=True)
class Asked:
    """What a job waits for: the answer to a statement, for each of some sets of parameters, or what ``changes`` changed."""

    statement: Statement | None = None
    parameters: list[dict[str, Any]] = field(default_factory=list)
    changes: tuple[Change, ...] = ()
    is_run: bool = False
    answer: Any = None
    seconds: float = 0.0
    """Its share of how long the answer took."""

    def __await__(self) -> Generator["Asked", None, Any]:
        """Give itself to who drives the job, and return the answer."""
        yield self
        return self.answer


class PostgresTransaction:
    """One job's part of the transaction of a group."""

    __slots__ = ("changed", "gathered", "goes_since", "seen", "took")

    def __init__(self, seen: Seen) -> None:
        self.took = self.goes_since = 0.0
        self.gathered = Gathered()
        self.seen = seen
        self.changed = False

    async def all(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        """Return all rows."""
        return cast("list[Row]", (await Asked(statement, [parameters]))[0])

    async def one(self, statement: Statement, parameters: dict[str, Any]) -> Row | None:
        """Return the first row, or None."""
        rows = (await Asked(statement, [parameters]))[0]
        return rows[0] if rows else None

    async def each(self, statement: Statement, parameters: Iterable[dict[str, Any]]) -> list[list[Row]]:
        """Return all rows for each set of parameters."""
        asked = list(parameters)
        return cast("list[list[Row]]", await Asked(statement, asked)) if asked else []

    async def run(self, statement: Statement, parameters: dict[str, Any]) -> int:
        """Return how many rows the statement changed."""
        self.changed = True
        self.seen.is_over |= statement.postgresql.raises
        return cast("int", await Asked(statement, [parameters], is_run=True))

    async def change_rows(self, *changes: Change) -> list[int]:
        """Do ``changes`` as one statement and return how many rows each changed."""
        filled = tuple(change for change in changes if change[1])
        if not filled:
            return [0] * len(changes)
        self.changed = True
        self.seen.is_over |= any(statement.raises for statement, _ in filled)
        counts = iter(await Asked(changes=filled))
        return [next(counts) if rows else 0 for _, rows in changes]

    def clock(self) -> float:
        """Return the seconds that this job took: what it did, and its share of each answer."""
        return self.took + time.monotonic() - self.goes_since

    async def access(self) -> View:
        """Return what is remembered of what decides about access, as far as it holds here."""
        return await self.seen.view(self)

    def at_commit(self, gatherer: Gatherer, items: Iterable[Any]) -> None:
        """Hand ``items`` to ``gatherer`` just before the commit."""
        self.gathered.add(gatherer, items)


@dataclass(slots=True)
class _Running:
    waiting: Waiting
    transaction: PostgresTransaction
    job: Coroutine[Any, Any, Any]
    context: Context = field(default_factory=copy_context)


class Lockstep:
    """What drives jobs in one transaction; ``texts`` are what statements became that are asked for several at once.

    Where records are ``spread`` over machines, a statement is about one of them: nothing is asked for several at once.
    """

    def __init__(
        self, connection: asyncpg.Connection, texts: dict[Statement, str], seen: Seen, *, spread: bool = False
    ) -> None:
        self.connection = connection
        self.seen = seen
        self._texts = texts
        self._spread = spread

    async def run(self, group: Iterable[Waiting]) -> dict[int, PostgresTransaction]:
        """Run the jobs of a group: first those that keep to no lane, one after the other, then all lanes side by side.

        Each has its result or its error then; what is returned is what each left, by its ``id``, in the order in which they were
        begun. An error of the database is no job's: it is raised.
        Raises: ApartError.
        """
        left: dict[int, PostgresTransaction] = {}
        lanes: dict[int, list[Waiting]] = {}
        for waiting in group:
            if waiting.lane is None:
                left |= await self._side_by_side([[waiting]])
            else:
                lanes.setdefault(waiting.lane, []).append(waiting)
        return left | await self._side_by_side(lanes.values())

    async def _side_by_side(self, lanes: Iterable[Iterable[Waiting]]) -> dict[int, PostgresTransaction]:
        done: dict[int, PostgresTransaction] = {}
        waiting = [deque(lane) for lane in lanes]
        running: list[tuple[_Running, Asked]] = []
        try:
            going: list[_Running | None] = [None] * len(waiting)
            while True:
                running = []
                for number, lane in enumerate(waiting):
                    while (going[number] is not None) or lane:
                        one = going[number] or self._started(lane.popleft(), done)
                        asked = _go_on(one)
                        going[number] = one if asked is not None else None
                        if asked is not None:
                            running.append((one, asked))
                            break
                if not running:
                    return done
                await self._answer([asked for _, asked in running])
                for one, asked in running:
                    one.transaction.took += asked.seconds
        finally:
            for one, _ in running:
                one.job.close()

    async def flush(self, gathered: Gathered) -> None:
        """Write what was gathered."""
        last = Waiting(gathered.flush, None, None)
        await self.run([last])
        if last.error is not None:
            raise last.error

    def _started(self, waiting: Waiting, done: dict[int, PostgresTransaction]) -> _Running:
        transaction = done[id(waiting)] = PostgresTransaction(self.seen)
        waiting.error = None
        return _Running(waiting, transaction, cast("Coroutine[Any, Any, Any]", waiting.job(transaction)))

    async def _answer(self, asked: list[Asked]) -> None:
        reads: dict[Statement, list[Asked]] = {}
        changing = []
        for one in asked:
            if one.statement is None:
                changing.append(one)
            elif one.is_run:
                began = time.monotonic()
                one.answer = await self._run(one.statement, one.parameters[0])
                _share([one], began)
            else:
                reads.setdefault(one.statement, []).append(one)
        for statement, of_one in reads.items():
            began = time.monotonic()
            await self._read(statement, of_one)
            _share(of_one, began)
        if changing:
            began = time.monotonic()
            await self._change(changing)
            _share(changing, began)

    async def _run(self, statement: Statement, parameters: dict[str, Any]) -> int:
        form = statement.postgresql
        told = await self.connection.execute(form.text, *form.parameters(parameters))
        if self._spread and form.raises:
            await self.connection.execute(RAISE)
        return int(told.rsplit(" ", 1)[-1])

    async def _read(self, statement: Statement, asked: list[Asked]) -> None:
        """Answer all who ask ``statement``, those alike with the same rows."""
        form = statement.postgresql
        places: dict[tuple[Any, ...], int] = {}
        wanted = [
            [places.setdefault(tuple(form.parameters(values)), len(places)) for values in one.parameters]
            for one in asked
        ]
        if len(places) == 1:
            found: list[list[Row]] = [await self.connection.fetch(form.text, *next(iter(places)))]
        elif self._spread:
            found = [await self.connection.fetch(form.text, *values) for values in places]
        else:
            text = self._texts.get(statement) or await self._for_several(statement)
            found = [[] for _ in places]
            for place, _turn, *row in await self.connection.fetch(text, *zip(*places, strict=True)):
                found[place - 1].append(tuple(row))
        for one, of_one in zip(asked, wanted, strict=True):
            one.answer = [found[place] for place in of_one]

    async def _for_several(self, statement: Statement) -> str:
        """Return ``statement`` as one that is asked for lists of parameters.

        The first column tells for which, from 1, and the second the place of the row in the order that the statement gives for
        those; in this order they come.
        """
        prepared = await self.connection.prepare(statement.postgresql.text)
        kinds = [parameter.name for parameter in prepared.get_parameters()]
        lists = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds, 1))
        names = "".join(f"given{number}, " for number in range(1, len(kinds) + 1))
        asked = _PARAMETER.sub(r"given.given\1", statement.postgresql.text)
        given = f"unnest({lists}) WITH ORDINALITY AS given ({names}place)"
        if len(self._texts) >= TEXTS_MAX:  # conditions of writes may have any form
            self._texts.clear()
        numbered = f"SELECT row_number() OVER () AS turn, asked.* FROM ({asked}) AS asked"
        text = (
            f"SELECT given.place, found.* FROM {given}, LATERAL ({numbered}) AS found ORDER BY given.place, found.turn"
        )
        self._texts[statement] = text
        return text

    async def _change_apart(self, one: Asked) -> None:
        """Do what one of them changes, with a statement for each table, and for each record where that is on its machine."""
        one.answer = []
        for change in one.changes:
            count = 0
            for of_record in by_record(change) if change[0].table in spread_tables() else [change]:
                text, values = together([of_record])
                count += counted([of_record], await self.connection.fetchrow(text, *values))[0]
            one.answer.append(count)
        if any(statement.raises for statement, _ in one.changes):
            await self.connection.execute(RAISE)

    async def _change(self, asked: list[Asked]) -> None:
        """Do what all of them change as one statement."""
        if self._spread:
            for one in asked:
                await self._change_apart(one)
            return
        if len(asked) == 1:
            changes: list[Change] = list(asked[0].changes)
        else:
            rows: dict[Any, list[Any]] = {}
            for one in asked:
                for statement, of_one in one.changes:
                    rows.setdefault(statement, []).extend(of_one)
            changes = list(rows.items())
        text, values = together(changes)
        counts = counted(changes, await self.connection.fetchrow(text, *values))
        if len(asked) == 1:
            asked[0].answer = counts
        elif counts != [len(rows) for _, rows in changes]:
            raise ApartError
        else:
            for one in asked:
                one.answer = [len(rows) for _, rows in one.changes]


def _share(asked: list[Asked], began: float) -> None:
    """Share out among those who asked how long the answer took."""
    seconds = (time.monotonic() - began) / len(asked)
    for one in asked:
        one.seconds = seconds


def _go_on(one: _Running) -> Asked | None:
    """Return what a job asks next, None when it has ended."""
    loop = asyncio.get_running_loop()
    one.transaction.goes_since = time.monotonic()
    _set_running_loop(None)  # what would wait in a loop, if there were one, does not
    try:
        while (asked := one.context.run(one.job.send, None)) is None:
            pass  # it lets others have their turn, who are not here
    except StopIteration as stop:
        one.waiting.result = stop.value
        return None
    except Exception as error:  # noqa: BLE001 - it is the caller's, who gets it raised
        one.waiting.error = error
        return None
    finally:
        _set_running_loop(loop)
        one.transaction.took = one.transaction.clock()
    if not isinstance(asked, Asked):
        one.job.close()
        message = "A database job waited for something other than its transaction."
        one.waiting.error = RuntimeError(message)
        return None
    return asked
