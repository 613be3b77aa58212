"""A person checks their own entries alone, with the script in examples/: what was done to them is noticed there too."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text as spelled

from app.audit.events import Event, unpack
from app.audit.keys import AuditKeys, published
from app.audit.links import extent_of, links_until
from app.audit.log import CHECKPOINT_EVERY_US, AuditLog, chained
from app.audit.retention import cut
from app.audit.seal import Seal, sealed
from app.audit.verify import faults, faults_of
from app.db.database import Database, Transaction
from app.db.statements import hot
from app.errors import UnavailableError
from app.interactions.transfer import EntryLine, SealLine
from tests.support.database import file_of, opened

SECRET = bytes(range(32))
HER, HIM = 5, 6
HOUR_US = 3_600_000_000
_script = Path(__file__).parents[3] / "examples" / "verify_log.py"
_spec = spec_from_file_location("verify_log", _script)
assert _spec is not None
assert _spec.loader is not None
script = module_from_spec(_spec)
__import__("sys").modules["verify_log"] = script
_spec.loader.exec_module(script)


class Place:
    """A log about two people that goes on by ``go_on``."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = 1_000_000
        self.log = AuditLog(SECRET, self._tick)

    def _tick(self) -> int:
        self.now += 1000
        return self.now

    async def write(self, *events: Event) -> None:
        """Write events, in one transaction."""

        async def job(transaction: Transaction) -> None:
            transaction.at_commit(self.log, events)

        await self.database.write(job)

    async def go_on(self, mark: str, count: int = 3) -> None:
        """Write entries about both, ``count`` times, as time goes on."""
        for n in range(count):
            await self.write(
                Event("read", record_id=HIM),
                Event("read", record_id=HER, kind="practice", detail=f"{mark} {n}"),
                Event("read", record_id=HIM),
            )
            self.now += CHECKPOINT_EVERY_US // 2 + 1

    async def rotate(self) -> None:
        """Let another key sign."""

        async def job(transaction: Transaction) -> None:
            await self.log.keys.rotate(transaction, self._tick())

        await self.database.write(job)

    async def cut(self, before: int) -> int:
        """Return how many entries from before an instant were taken out."""

        async def job(transaction: Transaction) -> int:
            return await cut(transaction, self.log.keys, before, self._tick())

        return await self.database.write(job)

    async def seal(self) -> Seal:
        """Return the seal of her entries."""
        last = (await extent_of(self.database.reader, HER))[1]
        found = await sealed(self.database.reader, self.log.keys, HER, last, self._tick())
        assert found is not None
        return found

    async def export(self) -> list[bytes]:
        """Return the lines of her export that are about the log."""
        last = (await extent_of(self.database.reader, HER))[1]
        lines = [
            msgspec.json.encode(
                EntryLine(link.stream, link.n, link.previous.hex(), link.hash.hex(), msgspec.Raw(link.body))
            )
            async for link in links_until(self.database.reader, HER, last)
        ]
        return [*lines, msgspec.json.encode(SealLine(await self.seal()))]

    def tamper(self, *statements: str, values: Iterable[tuple[object, ...]] = ((),)) -> None:
        """Change the file behind the server's back."""
        connection = sqlite3.connect(file_of(self.database))
        with connection:
            for statement in statements:
                connection.executemany(statement, values)
        connection.close()

    async def server_faults(self, *seals: Seal) -> list[str]:
        """Return what the server's own check finds."""
        return [fault async for fault in faults(self.database.reader, self.log.keys, seals)]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with opened(tmp_path) as found:
        yield Place(found)


def told(lines: list[bytes], key: str | None = None) -> list[str]:
    found: list[str] = script.read(iter(lines), key).faults
    return found


def follows(lines: list[bytes], earlier: list[bytes]) -> list[str]:
    log = script.read(iter(lines))
    log.follows(script.read(iter(earlier)))
    found: list[str] = log.faults
    return found


def rechained(lines: list[bytes], change: Callable[[list[dict[str, Any]]], object]) -> list[bytes]:
    """Return an export of which the entries were changed and all hashes made anew: only the seal is not theirs to make."""
    entries = [json.loads(line) for line in lines[:-1]]
    change(entries)
    n, digest = 0, ""
    for number, entry in enumerate(entries, 1):
        entry["event"].update({"own_number": number, "own_previous": n, "own_hash": digest})
        body = msgspec.json.encode(entry["event"])
        n, digest = entry["n"], chained(bytes.fromhex(entry["previous"]), body).hex()
        entry["hash"] = digest
        entry["event"] = msgspec.Raw(body)
    return [*map(msgspec.json.encode, entries), lines[-1]]


async def test_an_export_that_nobody_touched_is_sound(place: Place) -> None:
    await place.go_on("a")
    lines = await place.export()
    assert len(lines) == 4
    assert told(lines) == []
    assert told(lines, json.loads(lines[-1])["seal"]["kid"]) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[0], lines[1].replace(b"a 1", b"a X"), *lines[2:]],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: lines[1:],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines[:2], lines[-1]],
        lambda lines: lines[:-1],
        lambda lines: [lines[0], lines[0], *lines[1:]],
        lambda lines: [*lines[:-1], lines[-1].replace(b'"number":3', b'"number":2')],
        lambda lines: [b"{", *lines],
        lambda lines: rechained(lines, lambda entries: entries[1]["event"].update(detail="X")),
        lambda lines: rechained(lines, lambda entries: entries.pop(1)),
        lambda lines: rechained(lines, lambda entries: entries.pop()),
    ],
    ids=[
        *("altered", "removed", "removed at the beginning", "reordered", "cut off", "without its seal", "twice"),
        *("another seal", "not JSON", "altered and chained anew", "removed and chained anew", "cut off, chained anew"),
    ],
)
async def test_what_was_done_to_an_export_is_noticed(
    place: Place, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    await place.go_on("a")
    assert told(change(await place.export())) != []


async def test_who_signs_with_another_key_is_noticed_by_who_knows_the_right_one(place: Place, tmp_path: Path) -> None:
    await place.go_on("a")
    kid = json.loads((await place.export())[-1])["seal"]["kid"]
    (tmp_path / "other").mkdir()
    with opened(tmp_path / "other") as database:
        other = Place(database)
        other.log = AuditLog(bytes(32), other._tick)
        await other.go_on("a")
        lines = await other.export()
    assert told(lines) == []
    assert told(lines, kid) != []


async def test_a_log_that_was_told_differently_since_is_noticed_by_both(place: Place) -> None:
    await place.go_on("a", 1)
    fork = Place(place.database)
    await place.go_on("b", 2)
    earlier, seal = await place.export(), await place.seal()
    assert await place.server_faults(seal) == []
    # Back to how it was, with all keys at hand, and another history from there on.
    place.tamper(
        "DELETE FROM audit WHERE n > 3",
        "DELETE FROM audit_checkpoint WHERE n > 3",
        "UPDATE audit_head SET n = 3, hash = (SELECT hash FROM audit WHERE n = 3)",
    )
    await fork.go_on("c", 2)
    later = await fork.export()
    assert told(later) == []
    assert await fork.server_faults() == []
    assert follows(later, earlier) != []
    assert await fork.server_faults(seal) != []


async def test_a_log_that_was_cut_off_since_is_noticed_by_both(place: Place) -> None:
    await place.go_on("a")
    earlier, seal = await place.export(), await place.seal()
    place.tamper(
        "DELETE FROM audit WHERE n > 6",
        "DELETE FROM audit_checkpoint WHERE n > 6",
        "UPDATE audit_head SET n = 6, hash = (SELECT hash FROM audit WHERE n = 6)",
    )
    later = await place.export()
    assert await place.server_faults() == []
    assert follows(later, earlier) != []
    assert await place.server_faults(seal) != []


async def test_a_log_that_went_on_has_all_that_was_exported_before(place: Place) -> None:
    await place.go_on("a")
    earlier, seal = await place.export(), await place.seal()
    await place.rotate()
    await place.go_on("b")
    assert follows(await place.export(), earlier) == []
    assert await place.server_faults(seal) == []


async def test_who_knows_the_old_key_can_follow_to_the_new_one(place: Place) -> None:
    await place.go_on("a")
    old = json.loads((await place.export())[-1])["seal"]["kid"]
    await place.rotate()
    await place.go_on("b")
    lines = await place.export()
    assert json.loads(lines[-1])["seal"]["kid"] != old
    assert told(lines, old) == []
    assert await place.server_faults() == []


async def test_a_key_that_comes_after_a_clock_was_ahead_is_not_that_of_what_was_signed_before(place: Place) -> None:
    await place.go_on("a")
    place.now += 2 * HOUR_US
    await place.go_on("b")
    assert await place.cut(place.now - 2 * HOUR_US)
    place.now -= 2 * HOUR_US
    await place.rotate()
    await place.go_on("c")
    assert await place.server_faults() == []
    place.now += 3 * HOUR_US
    kid = json.loads((await place.export())[-1])["seal"]["kid"]
    await place.go_on("d")
    assert kid == (await published(place.database.reader))[1].thumbprint
    assert await place.server_faults() == []


async def test_a_key_that_was_put_in_is_found(place: Place) -> None:
    await place.go_on("a")
    kid = (await published(place.database.reader))[0].thumbprint
    stranger = AuditKeys(bytes(32)).private(2).public_key().public_bytes_raw()
    place.tamper("INSERT INTO audit_key VALUES (2, ?, ?, ?)", values=[(stranger, place.now, bytes(64))])
    assert any("key 2 is not ours" in fault for fault in await place.server_faults())
    assert any("not vouched for" in fault for fault in told(await place.export(), kid))


async def test_what_is_older_than_it_is_kept_goes_and_the_rest_can_be_checked(place: Place) -> None:
    await place.go_on("a")
    earlier = await place.export()
    removed = await place.cut(place.now - CHECKPOINT_EVERY_US)
    assert removed == 3
    assert await place.cut(place.now - CHECKPOINT_EVERY_US) == 0
    await place.go_on("b", 1)
    lines = await place.export()
    assert [json.loads(line)["event"]["own_number"] for line in lines[:-1]] == [2, 3, 4]
    assert told(lines) == []
    assert follows(lines, earlier) == []
    assert await place.server_faults() == []
    assert [fault async for fault in faults_of(place.database.reader, HER)] == []
    assert told(lines[1:]) != [], "a cut is no excuse for what it did not take out"


async def test_the_numbers_of_a_person_go_on_when_all_of_theirs_was_too_old(place: Place) -> None:
    await place.go_on("a")
    place.now += 10 * CHECKPOINT_EVERY_US
    await place.write(Event("read", record_id=HIM))
    assert await place.cut(place.now) > 0
    assert await extent_of(place.database.reader, HER) == (0, 0)
    await place.go_on("b", 1)
    lines = await place.export()
    assert [json.loads(line)["event"]["own_number"] for line in lines[:-1]] == [4]
    assert told(lines) == []


async def test_a_cut_that_nobody_signed_is_found(place: Place) -> None:
    await place.go_on("a")
    await place.cut(place.now - CHECKPOINT_EVERY_US)
    place.tamper("DELETE FROM audit WHERE n <= 6", "UPDATE audit_cut SET n = 6")
    assert any("cut" in fault for fault in await place.server_faults())
    assert told(await place.export()) != []


async def test_entries_from_before_they_had_numbers_are_counted_by_the_first_that_has(place: Place) -> None:
    await place.go_on("a")
    old: list[tuple[object, ...]] = []
    digest = bytes(32)
    for n, text in (await rows(place))[:6]:
        event = {name: value for name, value in json.loads(text).items() if not name.startswith("own_")}
        body = msgspec.json.encode(event)
        digest = chained(digest, body)
        old.append((body, digest, n))
    place.tamper("DELETE FROM audit WHERE n > 6", "DELETE FROM audit_checkpoint")
    place.tamper("UPDATE audit SET body = ?, hash = ? WHERE n = ?", values=old)
    place.tamper("UPDATE audit_head SET n = 6, hash = ?", values=[(digest,)])
    await place.go_on("b", 1)
    lines = await place.export()
    assert [json.loads(line)["event"].get("own_number") for line in lines[:-1]] == [None, None, 3]
    assert told(lines) == []
    assert told(lines[1:]) != []
    assert await place.server_faults() == []


ALL = hot(spelled("SELECT n, body FROM audit ORDER BY n"))


async def rows(place: Place) -> list[tuple[int, bytes]]:
    return [(n, unpack(body)) for n, body in await place.database.reader.all(ALL, {})]


async def test_two_processes_go_on_with_what_the_other_wrote(place: Place) -> None:
    other = Place(place.database)
    for turn in range(4):
        await (place, other)[turn % 2].go_on(f"turn {turn}", 2)
    assert await place.server_faults() == []
    assert told(await place.export()) == []
    assert (await extent_of(place.database.reader, HER))[0] == 8


async def test_what_was_not_committed_is_nothing_to_go_on_with(place: Place) -> None:
    class Full:
        async def flush(self, transaction: Transaction, items: list[object]) -> None:
            del transaction, items
            raise OSError("no room, on purpose")

    async def job(transaction: Transaction) -> None:
        transaction.at_commit(place.log, [Event("read", record_id=HER)])
        transaction.at_commit(Full(), [None])

    await place.go_on("before", 2)
    with pytest.raises(UnavailableError):
        await place.database.write(job)
    await place.go_on("after", 2)
    assert await place.server_faults() == []
    assert told(await place.export()) == []


async def test_no_more_records_are_remembered_than_there_is_room_for(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.audit.log.REMEMBERED_MAX", 2)
    for record_id in (HER, HIM, 7, 8, HER, 7, HIM, HER):
        await place.write(Event("read", record_id=record_id))
    assert await place.server_faults() == []
    assert told(await place.export()) == []
