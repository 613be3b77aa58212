"""What is wrong with the database, as the operator is told it."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app.db.database import Database, Transaction
from app.db.health import Health
from app.db.migrate import migrate
from app.db.schema import revisions
from app.db.statements import hot
from app.wiring import open_database
from tests.support.database import new_url, on_sqlite, taken_away


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    url = new_url(tmp_path)
    migrate(url)
    opened = open_database(url)
    yield opened
    opened.close()
    taken_away(url)


def put_revision(database: Database, revision: str) -> None:
    async def job(transaction: Transaction) -> None:
        await transaction.run(hot(text(f"UPDATE alembic_version SET version_num = '{revision}'")), {})  # noqa: S608

    database.write_blocking(job)


async def test_nothing_is_wrong_with_a_database_that_is_up_to_date(database: Database) -> None:
    health = Health(database)
    assert [await health.faults() for _ in range(3)] == [[], [], []]


async def test_an_older_schema_is_named_and_a_newer_one_serves(database: Database) -> None:
    *_, before, head = revisions()
    put_revision(database, before)
    assert await Health(database).faults() == [f"schema: is at {before} and has to be at {head}, run regie migrate"]
    put_revision(database, "9999")
    assert await Health(database).faults() == []


async def test_a_writer_that_hangs_is_told_of_in_time_and_asked_once(database: Database) -> None:
    go_on, hangs = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    async def hang(_: Transaction) -> None:
        hangs.set()
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(60)

    assert await Health(database).faults() == []  # what the first look reads of disk is remembered: the next is short
    hung = asyncio.create_task(database.write(hang))
    assert await asyncio.to_thread(hangs.wait, 60)
    health = Health(database, within=timedelta(seconds=2))
    for _ in range(2):
        assert await health.faults() == ["writer: no answer within 2 seconds"]
    go_on.set()
    await hung
    health = Health(database)
    assert await health.faults() == []


async def test_a_database_that_is_closed_can_not_be_written(database: Database) -> None:
    database.close()
    faults = await Health(database).faults()
    assert "writer: nothing can be written (UnavailableError)" in faults


async def test_a_disk_that_is_nearly_full_is_told_of(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = on_sqlite(database)
    assert opened.free_bytes() > 0
    monkeypatch.setattr(type(opened), "free_bytes", lambda _: 10 << 20)
    assert await Health(opened).faults() == ["disk: 10 MiB are free, 64 are needed"]
