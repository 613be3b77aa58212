"""Jobs of several records side by side: what they ask at a time is asked once, and each has its own answer."""

import asyncio
import re
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest
from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text, bindparam, func, insert, select

from app.db.access_version import access_version
from app.db.database import Database, Timed, Transaction
from app.db.lockstep import Lockstep
from app.db.postgres import GROUP_LIMIT, PostgresDatabase
from app.db.rows import adding, removing
from app.db.schema import in_transaction
from app.db.statements import hot
from app.errors import TooCostlyError
from app.interactions.beside import can_wait
from app.wiring import open_database
from tests.support import postgres

pytestmark = pytest.mark.own_database

RECORDS = range(1, 9)
metadata = MetaData()
access_version.to_metadata(metadata)
thing = Table(
    "thing",
    metadata,
    Column("record_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("size", Integer),
)
ADD, REMOVE = adding(thing), removing(thing)
ADD_ONE = hot(insert(thing))
OF_RECORD = hot(
    select(thing.c.key, thing.c.size).where(thing.c.record_id == bindparam("record_id")).order_by(thing.c.size.desc())
)
FIRST = hot(
    select(thing.c.size)
    .where(thing.c.record_id == bindparam("record_id"), thing.c.key == bindparam("key"))
    .limit(bindparam("limit"))
)
ALL = hot(select(thing).order_by(thing.c.record_id, thing.c.key))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'things.sqlite3'}" if is_sqlite else postgres.server().new()
    in_transaction(url, metadata.create_all)
    opened = open_database(url)
    yield opened
    opened.close()
    if not is_sqlite:
        postgres.server().drop(url)


async def together(database: Database, *jobs: tuple[Callable[[Transaction], Any], int | None]) -> list[Any]:
    """Return what jobs return that wait for the writer together, each with its lane."""
    waits: list[Any] = [database.write(job, lane=lane) for job, lane in jobs]
    return await asyncio.gather(*waits, return_exceptions=True)


class Elsewhere:
    """Something to wait for that is no statement."""

    def __await__(self) -> Generator[str, None, None]:
        yield "elsewhere"


async def fill(transaction: Transaction, record: int, count: int) -> int:
    await transaction.change_rows((ADD, [(record, f"k{n}", 10 * record + n) for n in range(count)]))
    return count


async def look(transaction: Transaction, record: int) -> tuple[list[Any], Any, list[Any]]:
    rows = await transaction.all(OF_RECORD, {"record_id": record})
    one = await transaction.one(FIRST, {"record_id": record, "key": "k0", "limit": 1})
    each = await transaction.each(
        FIRST, [{"record_id": record, "key": key, "limit": 1} for key in ("k1", "none", "k0")]
    )
    return [tuple(row) for row in rows], one, [[tuple(row) for row in rows] for rows in each]


async def test_each_job_reads_what_is_of_its_own_record_in_the_order_that_it_asked_for(database: Database) -> None:
    counts = await together(database, *((partial(fill, record=n, count=n % 3), n) for n in RECORDS))
    assert counts == [n % 3 for n in RECORDS]
    found = await together(database, *((partial(look, record=n), n) for n in (*RECORDS, 3, 3)))
    for record, (rows, one, each) in zip((*RECORDS, 3, 3), found, strict=True):
        sizes = [10 * record + n for n in range(record % 3)]
        assert rows == [(f"k{n}", size) for n, size in reversed(list(enumerate(sizes)))]
        assert one == ((sizes[0],) if sizes else None)
        assert each == [[(size,) for size in sizes[1:2]], [], [(size,) for size in sizes[:1]]]


async def test_jobs_of_one_record_see_what_those_before_them_did(database: Database) -> None:
    async def count_on(transaction: Transaction, record: int) -> int:
        known = len(await transaction.all(OF_RECORD, {"record_id": record}))
        await transaction.change_rows((ADD, [(record, f"k{known}", known)]))
        return known

    found = await together(database, *((partial(count_on, record=n % 2), n % 2) for n in range(20)))
    assert sorted(found) == sorted([*range(10), *range(10)])


async def test_the_time_of_those_beside_it_is_not_that_of_a_job(database: Database) -> None:
    """Many who sync at once take long together, and none of them for itself."""
    slow_s, may_take_s = 1.0, 0.6

    async def slow(transaction: Transaction) -> float:
        began = transaction.clock()
        time.sleep(slow_s)  # noqa: ASYNC251 - as who works that long, in no event loop
        await transaction.all(OF_RECORD, {"record_id": 1})
        return transaction.clock() - began

    async def quick(transaction: Transaction) -> int:
        timed = Timed(transaction, may_take_s)
        return len([await timed.all(OF_RECORD, {"record_id": 2}) for _ in range(3)])

    async def patient(transaction: Transaction) -> None:
        timed = Timed(transaction, may_take_s)
        time.sleep(slow_s)  # noqa: ASYNC251 - as above
        await timed.all(OF_RECORD, {"record_id": 3})

    took, done, refused = await together(database, (slow, 1), (quick, 2), (patient, 3))
    assert took >= slow_s
    assert done == 3
    assert isinstance(refused, TooCostlyError)


async def test_an_answer_takes_the_time_of_those_who_asked_for_it(database: Database) -> None:
    if not isinstance(database, PostgresDatabase):
        pytest.skip("SQLite's jobs come one after the other")
    rest, seconds = hot(select(func.pg_sleep(bindparam("seconds")))), 0.6

    async def rested(transaction: Transaction, turn: int) -> float:
        began = transaction.clock()
        await transaction.all(rest, {"seconds": seconds + turn / 1000})
        return transaction.clock() - began

    async def looked(transaction: Transaction) -> float:
        began = transaction.clock()
        await transaction.all(OF_RECORD, {"record_id": 9})
        return transaction.clock() - began

    first, second, beside = await together(
        database, (partial(rested, turn=1), 1), (partial(rested, turn=2), 2), (looked, 9)
    )
    assert first >= seconds
    assert second >= seconds
    assert beside < seconds


async def test_one_that_fails_takes_nothing_of_the_others_along(database: Database) -> None:
    async def twice(transaction: Transaction, record: int) -> None:
        await fill(transaction, record, 2)
        await fill(transaction, record, 1)  # the database refuses a second row with this key

    async def breaks(transaction: Transaction, record: int) -> None:
        await transaction.run(ADD_ONE, {"record_id": record, "key": "x", "size": 0})
        raise KeyError("on purpose")

    async def refuses(transaction: Transaction, record: int) -> None:
        await transaction.all(OF_RECORD, {"record_id": record})
        raise ValueError("on purpose")

    jobs: list[tuple[Callable[[Transaction], Any], int | None]] = [
        (partial(fill, record=n, count=2), n) for n in RECORDS
    ]
    jobs[2:2] = [(partial(twice, record=20), 20), (partial(breaks, record=21), 21), (partial(refuses, record=22), 22)]
    jobs.append((partial(breaks, record=23), None))
    outcomes = await together(database, *jobs)
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Exception)] == [2, 3, 4, len(jobs) - 1]
    assert isinstance(outcomes[3], KeyError)
    assert isinstance(outcomes[4], ValueError)
    rows = await database.reader.all(ALL, {})
    assert [tuple(row) for row in rows] == [(n, f"k{one}", 10 * n + one) for n in RECORDS for one in range(2)]


async def test_nobody_fails_for_what_another_had_changed_that_failed(database: Database) -> None:
    async def breaks(transaction: Transaction) -> None:
        await fill(transaction, 1, 1)
        raise KeyError("on purpose")

    async def alone(transaction: Transaction) -> int:
        await transaction.change_rows((ADD, [(1, "k9", 9)]))
        if len(await transaction.all(OF_RECORD, {"record_id": 1})) > 1:
            raise ValueError("another was there")
        return 9

    for lane in (1, None):
        (broken, found) = await together(database, (breaks, lane), (alone, lane))
        assert isinstance(broken, KeyError)
        assert found == 9
        await database.write(remove_all)
        assert await database.reader.all(ALL, {}) == []


async def test_what_jobs_leave_for_the_commit_is_in_the_order_in_which_they_were_done(database: Database) -> None:
    class Log:
        told: ClassVar[list[str]] = []

        async def flush(self, _: Transaction, items: list[str]) -> None:
            self.told[:] = items

    log, done = Log(), list[str]()

    async def job(transaction: Transaction, name: str) -> None:
        done.append(name)
        await fill(transaction, len(done), 1)
        transaction.at_commit(log, (name,))

    lanes = (1, None, 2, 1, None)
    await together(database, *((partial(job, name=f"{n} in {lane}"), lane) for n, lane in enumerate(lanes)))
    assert log.told == done


async def remove_all(transaction: Transaction) -> None:
    await transaction.change_rows((REMOVE, [(1, "k9")]))


async def test_a_job_is_told_how_many_of_its_own_rows_were_there(database: Database) -> None:
    async def remove(transaction: Transaction, record: int) -> list[int]:
        return await transaction.change_rows((REMOVE, [(record, "k0"), (record, "k1")]))

    await together(database, *((partial(fill, record=n, count=n % 3), n) for n in RECORDS))
    found = await together(database, *((partial(remove, record=n), n) for n in RECORDS))
    assert found == [[n % 3] for n in RECORDS]
    assert await database.reader.all(ALL, {}) == []


async def test_what_waits_for_anything_else_than_its_transaction_is_an_error(database: Database) -> None:
    async def waits(transaction: Transaction) -> None:
        await fill(transaction, 1, 1)
        await Elsewhere()

    (outcome, other) = await together(database, (waits, 1), (partial(fill, record=2, count=1), 2))
    assert isinstance(outcome, RuntimeError)
    assert other == 1
    assert [row[0] for row in await database.reader.all(ALL, {})] == [2]


async def test_nobody_is_forgotten_of_whom_there_are_more_than_go_together(database: Database) -> None:
    async def job(_: Transaction, number: int) -> int:
        return number

    async with asyncio.timeout(30):
        found = await together(database, *((partial(job, number=n), n % 3) for n in range(2 * GROUP_LIMIT + 9)))
    assert found == list(range(2 * GROUP_LIMIT + 9))


async def test_there_is_no_event_loop_to_wait_in(database: Database) -> None:
    async def wait(_: Transaction) -> bool:
        return can_wait()

    assert await together(database, (wait, 1), (wait, None)) == [False, False]


async def test_a_group_of_jobs_alike_asks_as_much_as_one_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    answer = Lockstep._answer

    async def counting(self: Lockstep, of_round: list[Any]) -> None:
        asked.append(len(of_round))
        await answer(self, of_round)

    monkeypatch.setattr(Lockstep, "_answer", counting)
    url = postgres.server().new()
    in_transaction(url, metadata.create_all)
    opened = open_database(url)
    try:
        await opened.write(partial(fill, record=99, count=1))
        asked.clear()
        await together(opened, *((partial(look, record=n), n) for n in RECORDS))
    finally:
        opened.close()
        postgres.server().drop(url)
    assert sum(asked) == 3 * len(RECORDS)
    assert len(asked) <= 6, "at most two groups of three rounds"


async def test_rows_of_several_are_put_in_order_and_not_taken_as_the_database_went_through_them() -> None:
    url = postgres.server().new()
    in_transaction(url, metadata.create_all)
    opened = PostgresDatabase(url)
    try:
        await together(opened, *((partial(look, record=n), n) for n in RECORDS))
        text = opened._texts[OF_RECORD]
        with psycopg.connect(url) as connection:
            (plan, keys, *_) = connection.execute(f"EXPLAIN {re.sub(r'[$][0-9]+', 'NULL', text)}".encode()).fetchall()
        assert plan[0].startswith("Sort")
        assert "Sort Key: given.place, (row_number() OVER " in keys[0]  # of what, PostgreSQL 18 says otherwise
    finally:
        opened.close()
        postgres.server().drop(url)
