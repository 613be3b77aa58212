"""The chain of the audit log: what is done to it behind its back is found."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.audit.events import Event
from app.audit.keys import AuditKeys
from app.audit.log import CHECKPOINT_EVERY_US, AuditLog, entries_of, entry_of, firsts
from app.audit.verify import faults, faults_of
from app.db.database import Database, Transaction
from tests.support.database import opened, tamper

KEY, OTHER_KEY = bytes(range(32)), bytes(32)
HER, HIM = 5, 6


class Clock:
    """A clock that goes on by a millisecond each time it is read."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        """Return microseconds."""
        self.now += 1000
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with opened(tmp_path) as found:
        yield found


async def write(database: Database, log: AuditLog, *events: Event) -> None:
    async def job(transaction: Transaction) -> None:
        for event in events:
            await log.record(transaction, event)

    await database.write(job)


async def written(database: Database) -> AuditLog:
    """Return a log of six entries with two checkpoints."""
    clock = Clock()
    log = AuditLog(KEY, clock)
    for n in range(3):
        await write(database, log, Event("read", record_id=HER, detail=f"her {n}"), Event("read", record_id=HIM))
        clock.now += CHECKPOINT_EVERY_US // 2 + 1
    return log


async def found(database: Database, key: bytes = KEY) -> list[str]:
    return [fault async for fault in faults(database.reader, AuditKeys(key))]


async def test_a_log_that_nobody_touched_is_sound(database: Database) -> None:
    await written(database)
    assert await found(database) == []
    assert [fault async for fault in faults_of(database.reader, HER)] == []


async def test_a_person_finds_their_own_entries_newest_first_and_no_others(database: Database) -> None:
    await written(database)
    mine = await entries_of(database.reader, HER, (2**62, 2**62), 10)
    assert [entry.event.detail for entry in mine] == ["her 2", "her 1", "her 0"]
    after = await entries_of(database.reader, HER, (mine[0].event.instant, mine[0].n), 1)
    assert after == mine[1:2]
    assert await entry_of(database.reader, HER, mine[0].n) == mine[0]
    assert await entry_of(database.reader, HIM, mine[0].n) is None


@pytest.mark.parametrize(
    "statements",
    [
        ("UPDATE audit SET body = (SELECT body FROM audit AS other WHERE other.n = 1) WHERE n = 3",),
        ("UPDATE audit SET record_id = 6 WHERE n = 3",),
        ("UPDATE audit SET instant = instant + 1 WHERE n = 3",),
        ("DELETE FROM audit WHERE n = 3",),
        ("DELETE FROM audit WHERE n = 6",),
        ("DELETE FROM audit WHERE n = 6", "UPDATE audit_head SET n = 5, hash = (SELECT hash FROM audit WHERE n = 5)"),
        ("DELETE FROM audit", "DELETE FROM audit_head"),
        (
            "UPDATE audit SET n = 99 WHERE n = 3",
            "UPDATE audit SET n = 3 WHERE n = 4",
            "UPDATE audit SET n = 4 WHERE n = 99",
        ),
        ("UPDATE audit_checkpoint SET n = n + 1 WHERE n = (SELECT max(n) FROM audit_checkpoint)",),
    ],
    ids=[
        *("altered", "moved to another person", "moved in time", "missing", "cut off", "cut off with its head mended"),
        *("all gone", "two changed places", "checkpoint moved"),
    ],
)
async def test_what_was_done_to_the_log_is_found(database: Database, statements: tuple[str, ...]) -> None:
    await written(database)
    tamper(database, *statements)
    assert await found(database) != []


async def test_a_checkpoint_that_somebody_else_signed_is_found(database: Database) -> None:
    await written(database)
    assert any("signature" in fault for fault in await found(database, OTHER_KEY))


async def test_a_person_is_told_of_an_own_entry_that_was_altered(database: Database) -> None:
    await written(database)
    tamper(database, "UPDATE audit SET body = (SELECT body FROM audit AS other WHERE other.n = 1) WHERE n = 3")
    assert len([fault async for fault in faults_of(database.reader, HER)]) == 1
    assert [fault async for fault in faults_of(database.reader, HIM)] == []


async def test_an_event_of_a_transaction_that_failed_is_not_there(database: Database) -> None:
    log = AuditLog(KEY, Clock())

    async def job(transaction: Transaction) -> None:
        await log.record(transaction, Event("create", record_id=HER))
        raise KeyError("on purpose")

    with pytest.raises(KeyError):
        await database.write(job)
    await write(database, log, Event("read", record_id=HER))
    assert [entry.event.action for entry in await entries_of(database.reader, HER, (2**62, 2**62), 10)] == ["read"]
    assert await found(database) == []


async def test_the_first_entry_of_a_practice_is_known_also_when_its_name_is_within_that_of_another(
    database: Database,
) -> None:
    log = AuditLog(KEY, Clock())
    looks = [Event("read", record_id=HER, kind="practice", actor=f"practice:{name}") for name in ("p", "pp", "p", "q")]
    quoted = Event("read", record_id=HER, kind="practice", actor="practice:r", display='"actor":"practice:q"')
    await write(database, log, quoted, *looks)
    entries = await entries_of(database.reader, HER, (2**62, 2**62), 10)
    assert await firsts(database.reader, HER, entries) == {1, 2, 3, 5}
    assert await firsts(database.reader, HER, entries[:2]) == {5}
    assert await firsts(database.reader, HIM, entries[:1]) == {5}
