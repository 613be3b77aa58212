"""A process that is killed while it erases a record, or just after: all of it is there, or nothing and the rest is done later."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.interactions.erased import listed
from tests.support.filled import MAIL, counted, fill, of_person, traces
from tests.support.in_process import Inside, inside

ERASES = """
import asyncio, os, signal, sys
from app.db.postgres import PostgresTransaction
from app.db.sqlite import SqliteTransaction
from app.interactions.erase import erase_record
from app.settings import Settings
from app.wiring import wire
from tests.support.importing import OPERATOR, TRACE

record_id, statements = int(sys.argv[1]), int(sys.argv[2])
is_sqlite = os.environ["REGIE_DATABASE_URL"].startswith("sqlite")
kind = SqliteTransaction if is_sqlite else PostgresTransaction
run, done = kind.run, 0

async def counting(self, statement, parameters):
    global done
    done += 1
    if done == statements:
        os.kill(os.getpid(), signal.SIGKILL)
    return await run(self, statement, parameters)

kind.run = counting
asyncio.run(erase_record(wire(Settings()).context, OPERATOR, TRACE, record_id))
os.kill(os.getpid(), signal.SIGKILL)
"""
NEVER = 10_000


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Inside]:
    """A person of whom there is something in every table."""
    async with inside(tmp_path) as person:
        await fill(person)
        yield person


def killed(person: Inside, statements: int) -> None:
    """Erase the record in a process that is killed at this statement of the transaction, or right after its commit."""
    settings = person.parts.settings
    environment = {
        **os.environ,
        "REGIE_DATABASE_URL": settings.database_url,
        "REGIE_SECRET_FILE": str(settings.secret_file),
        "REGIE_BASE_URL": settings.base_url,
        "REGIE_ERASED_LIST": str(settings.erased_list),
    }
    ended = subprocess.run(
        [sys.executable, "-c", ERASES, str(person.record_id), str(statements)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.parametrize("statements", [1, 12, 30])
async def test_killed_in_the_middle_everything_is_there(person: Inside, statements: int) -> None:
    before = counted(person)
    await asyncio.to_thread(killed, person, statements)
    assert counted(person) == before
    await asyncio.to_thread(person.soundness.check)
    assert (await person.http.get("/Observation", headers=person.headers)).status_code == 200


async def test_killed_after_the_commit_the_next_server_does_the_rest(person: Inside) -> None:
    own = of_person(person)
    await asyncio.to_thread(killed, person, NEVER)
    assert (await person.http.get("/Observation", headers=person.headers)).status_code == 401
    person.clock.move(days=30_000)  # the process that was killed had the clock of the machine
    for _ in range(3):
        while await person.parts.deliverer.deliver_due():
            pass
        person.clock.move(seconds=6)
    assert [record_id for record_id, _ in listed(person.parts.settings.erased_list)] == [person.record_id]
    mails = list((person.parts.settings.erased_list.parent / "mail").glob("*.eml"))
    assert any("gewist" in path.read_text() for path in mails)
    assert traces(person.parts.database.url, *own, MAIL) == {}
