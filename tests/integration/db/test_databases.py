"""The one writer and its readers, on both kinds of database."""

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text, bindparam, insert, select

from app.db.access_version import access_version
from app.db.database import Database, Transaction
from app.db.rows import adding, adding_new, removing, replacing, setting
from app.db.schema import in_transaction
from app.db.statements import hot
from app.errors import UnavailableError
from app.wiring import open_database
from tests.support.database import new_url, taken_away

metadata = MetaData()
access_version.to_metadata(metadata)
number = Table("number", metadata, Column("n", BigInteger, primary_key=True, autoincrement=False))
thing = Table(
    "thing",
    metadata,
    Column("record_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("size", Integer),
)
ADD = hot(insert(number))
THINGS = hot(select(thing).order_by(thing.c.record_id, thing.c.key))
ALL = hot(select(number.c.n).order_by(number.c.n))
ONE = hot(select(number.c.n).where(number.c.n == bindparam("n")))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    url = new_url(tmp_path)
    in_transaction(url, metadata.create_all)
    opened = open_database(url)
    yield opened
    opened.close()
    taken_away(url)


async def add(transaction: Transaction, n: int) -> int:
    await transaction.run(ADD, {"n": n})
    return n


async def numbers(database: Database) -> list[int]:
    return [row[0] for row in await database.reader.all(ALL, {})]


async def test_what_was_answered_can_be_read_at_once(database: Database) -> None:
    assert await database.write(partial(add, n=7)) == 7
    assert await database.reader.one(ONE, {"n": 7}) == (7,)


async def test_a_job_that_fails_takes_nothing_of_those_along_that_commit_with_it(database: Database) -> None:
    async def failing(transaction: Transaction) -> None:
        await add(transaction, 1000)
        raise KeyError("on purpose")

    jobs: list[Any] = [database.write(partial(add, n=n)) for n in range(50)]
    jobs.insert(25, database.write(failing))
    outcomes = await asyncio.gather(*jobs, return_exceptions=True)
    assert isinstance(outcomes[25], KeyError)
    assert await numbers(database) == list(range(50))


async def test_a_job_does_not_see_what_one_along_had_changed_that_failed(database: Database) -> None:
    async def failing(transaction: Transaction) -> None:
        await add(transaction, 1)
        raise KeyError("on purpose")

    async def counting(transaction: Transaction) -> int:
        return len(await transaction.all(ALL, {}))

    outcomes = await asyncio.gather(
        database.write(partial(add, n=7)),
        database.write(failing),
        database.write(partial(add, n=1)),
        database.write(counting),
        return_exceptions=True,
    )
    assert outcomes[0] == 7
    assert isinstance(outcomes[1], KeyError)
    assert outcomes[2] == 1
    assert outcomes[3] == 2
    assert await numbers(database) == [1, 7]


async def test_a_job_that_fails_after_a_change_on_its_own_leaves_nothing_and_the_next_goes_on(
    database: Database,
) -> None:
    class Gathered:
        async def flush(self, _: Transaction, items: list[int]) -> None:
            raise AssertionError(items)

    async def failing(transaction: Transaction) -> None:
        transaction.at_commit(Gathered(), [1])
        await add(transaction, 1)
        raise KeyError("on purpose")

    with pytest.raises(KeyError):
        await database.write(failing)
    assert await database.write(partial(add, n=1)) == 1
    assert await numbers(database) == [1]


async def test_what_is_gathered_is_written_once_for_all_who_commit_together(database: Database) -> None:
    class Totals:
        def __init__(self) -> None:
            self.groups: list[list[int]] = []

        async def flush(self, transaction: Transaction, items: list[int]) -> None:
            self.groups.append(list(items))
            await transaction.run(ADD, {"n": -len(self.groups)})

    totals = Totals()

    async def job(transaction: Transaction, n: int) -> None:
        transaction.at_commit(totals, [n])
        await add(transaction, n)
        if n == 3:
            raise KeyError("on purpose")

    outcomes = await asyncio.gather(*(database.write(partial(job, n=n)) for n in range(20)), return_exceptions=True)
    assert [n for n, outcome in enumerate(outcomes) if outcome is not None] == [3]
    assert sorted(n for group in totals.groups for n in group) == [n for n in range(20) if n != 3]
    assert len(totals.groups) < 20


async def test_who_gathered_nothing_has_nothing_to_write(database: Database) -> None:
    class Never:
        async def flush(self, _: Transaction, items: list[int]) -> None:
            raise AssertionError(items)

    async def job(transaction: Transaction) -> None:
        transaction.at_commit(Never(), [])
        await add(transaction, 1)

    await database.write(job)
    assert await numbers(database) == [1]


async def test_a_reader_is_not_held_up_by_a_writer_and_sees_only_what_is_committed(database: Database) -> None:
    inside, go_on = threading.Event(), threading.Event()

    async def slow(transaction: Transaction) -> None:
        await add(transaction, 1)
        inside.set()
        assert go_on.wait(60)

    writing = asyncio.create_task(database.write(slow))
    await asyncio.to_thread(inside.wait, 60)
    assert await numbers(database) == []
    go_on.set()
    await writing
    assert await numbers(database) == [1]


async def test_a_request_that_goes_away_does_not_undo_what_it_asked(database: Database) -> None:
    go_on = threading.Event()

    async def slow(transaction: Transaction) -> None:
        assert go_on.wait(60)
        await add(transaction, 1)

    task = asyncio.create_task(database.write(slow))
    await asyncio.sleep(0)
    task.cancel()
    go_on.set()
    await database.write(partial(add, n=2))
    assert await numbers(database) == [1, 2]


def test_worker_threads_write_and_read_too(database: Database) -> None:
    threads = [
        threading.Thread(target=lambda n=n: database.write_blocking(lambda transaction: add(transaction, n)))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row[0] for row in database.read_blocking(ALL, {})] == list(range(8))


async def test_a_database_that_is_closing_takes_no_more(database: Database) -> None:
    database.close()
    with pytest.raises(UnavailableError):
        await database.write(partial(add, n=1))


async def test_many_rows_are_changed_at_once_and_what_is_set_and_removed_is_counted(database: Database) -> None:
    async def first(transaction: Transaction) -> list[int]:
        return await transaction.change_rows((adding(thing), [(1, "a", 1), (1, "b", 2), (2, "a", 3)]))

    async def then(transaction: Transaction) -> list[int]:
        return await transaction.change_rows(
            (removing(thing), [(1, "b"), (1, "c")]),
            (setting(thing, "size"), [(2, "a", 30)]),
            (replacing(thing), [(1, "a", 10), (3, "a", 4)]),
            (adding_new(thing), []),
        )

    async def of_one(transaction: Transaction) -> list[int]:
        return await transaction.change_rows((adding_new(thing), [(3, "a", 5), (3, "b", 6)]))

    assert await database.write(first) == [3]
    assert await database.write(then) == [1, 1, 2, 0]
    assert await database.write(of_one) == [2]
    rows = [tuple(row) for row in await database.reader.all(THINGS, {})]
    assert rows == [(1, "a", 10), (2, "a", 30), (3, "a", 4), (3, "b", 6)]
