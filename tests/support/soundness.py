"""Whether a database is sound in itself: the log of every record, what it says is current, its index and its audit.

Reads the database beside the server, with a connection that can't write. Nothing is taken from the server's own answers.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import select

from app.audit.events import unpack
from app.audit.keys import AuditKeys
from app.audit.verify import faults as audit_faults
from app.db.statements import hot
from app.fhir.release import Release
from app.fhir.tree import decode_tree
from app.settings import Settings
from app.store.bodies import decode
from app.store.ids import record_in
from app.store.indexing import index_rows
from app.store.tables import record
from app.store.verify import faults as record_faults
from app.wiring import open_database
from tests.support.database import beside

Key = tuple[int, int, str, str]
"""Record, release, resource type, id."""

IndexRow = tuple[int, str, tuple[Any, ...], int]
"""Record, table, key columns, number of the change."""

_INDEXES = {
    "exact_index": ("exact", "param, hash, system_hash"),
    "date_index": ("dates", "param, low, high"),
    "quantity_index": ("quantities", "param, low, high, code_hash, system_code_hash"),
    "text_index": ("texts", "param, value"),
}
_WRITES = frozenset({"create", "update", "patch", "delete"})
_RECORDS = hot(select(record.c.record_id))
_decode_event = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Change:
    """One row of a record's log."""

    record_id: int
    seq: int
    release: int
    resource_type: str
    id: str
    version: int
    previous: int
    operation: str
    instant: int
    body: bytes

    @property
    def key(self) -> Key:
        """What the change is of."""
        return (self.record_id, self.release, self.resource_type, self.id)


@dataclass
class Soundness:
    """The database at ``url`` of a server at ``base_url``; what was worked out once is remembered between checks."""

    url: str
    secret_file: Path
    base_url: str
    _index: dict[tuple[int, int], set[IndexRow]] = field(default_factory=dict)

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that reads one state of the database."""
        connection = beside(self.url)
        try:
            yield connection
        finally:
            connection.close()

    def changes(self, record_id: int) -> list[Change]:
        """Return a record's log."""
        with self.opened() as connection:
            return [change for change in _changes(connection) if change.record_id == record_id]

    def requests(self) -> set[str]:
        """Return the ids of all requests of whose success the audit log tells."""
        with self.opened() as connection:
            events = (_decode_event(unpack(body)) for (body,) in connection.execute("SELECT body FROM audit"))
            return {event.get("request_id", "") for event in events if event.get("outcome", "success") == "success"}

    def check(self) -> None:
        """Assert that everything in the database agrees."""
        settings = Settings(secret_file=self.secret_file, base_url=self.base_url)
        with self.opened() as connection:
            if self.url.startswith("sqlite"):
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            changes = _changes(connection)
            _check_numbers(connection, changes)
            newest = _check_versions(changes)
            _check_current(connection, newest)
            _check_chosen_ids(connection, newest)
            self._check_index(connection, newest, settings)
            _check_audit(connection, changes)
            assert asyncio.run(_faults(self.url, settings)) == []

    def _check_index(self, connection: sqlite3.Connection, newest: dict[Key, Change], settings: Settings) -> None:
        """Assert that the index has the rows of all that is current, and no others."""
        zone, key = ZoneInfo(settings.time_zone), settings.key("index")
        expected: set[IndexRow] = set()
        for change in newest.values():
            if change.operation == "delete":
                continue
            known = self._index.get((change.record_id, change.seq))
            if known is None:
                release = Release(change.release)
                rows = index_rows(
                    release,
                    change.resource_type,
                    decode_tree(change.body),
                    time_zone=zone,
                    key=key,
                    base_urls=(f"{self.base_url}/fhir/{release.path}",),
                )
                known = {
                    (change.record_id, table, tuple(row), change.seq)
                    for table, (name, _) in _INDEXES.items()
                    for row in getattr(rows, name)
                }
                self._index[change.record_id, change.seq] = known
            expected |= known
        found = {
            (record_id, table, tuple(row), seq)
            for table, (_, columns) in _INDEXES.items()
            for record_id, seq, *row in connection.execute(f"SELECT record_id, seq, {columns} FROM {table}")  # noqa: S608
        }
        assert not found - expected, f"stale index rows: {sorted(found - expected, key=str)[:5]}"
        assert not expected - found, f"index rows that are missing: {sorted(expected - found, key=str)[:5]}"


def _changes(connection: sqlite3.Connection) -> list[Change]:
    columns = "record_id, seq, release, type, id, version, previous, operation, instant, body"
    rows = connection.execute(f"SELECT {columns} FROM change ORDER BY record_id, seq")  # noqa: S608
    return [Change(*(*row[:-1], decode(row[-1]))) for row in rows]


def _check_numbers(connection: sqlite3.Connection, changes: list[Change]) -> None:
    """Assert that every record counts from 1 without a gap, that its head is its last change, and that time goes on."""
    by_record: dict[int, list[Change]] = {}
    for change in changes:
        by_record.setdefault(change.record_id, []).append(change)
    for record_id, seq, instant in connection.execute("SELECT record_id, seq, instant FROM record"):
        own = by_record.pop(record_id, [])
        assert [change.seq for change in own] == list(range(1, seq + 1)), f"record {record_id}"
        instants = [change.instant for change in own]
        assert instants == sorted(instants), f"the time of record {record_id} went back"
        assert instant == (instants[-1] if instants else 0)
    assert not by_record, "changes without a record"


def _check_versions(changes: list[Change]) -> dict[Key, Change]:
    """Return the newest change of every resource; assert that versions count from 1 and each names the one before."""
    newest: dict[Key, Change] = {}
    for change in changes:
        before = newest.get(change.key)
        assert (change.version, change.previous) == ((before.version + 1, before.seq) if before else (1, 0)), change
        was_there = before is not None and before.operation != "delete"
        assert (change.operation == "create") != was_there, change
        newest[change.key] = change
    return newest


def _check_current(connection: sqlite3.Connection, newest: dict[Key, Change]) -> None:
    rows = connection.execute("SELECT record_id, release, type, id, seq, deleted FROM current")
    current = {
        (record_id, release, kind, id_): (seq, bool(deleted)) for record_id, release, kind, id_, seq, deleted in rows
    }
    assert current == {key: (change.seq, change.operation == "delete") for key, change in newest.items()}


def _check_chosen_ids(connection: sqlite3.Connection, newest: dict[Key, Change]) -> None:
    """Assert that whatever has an id that a sender chose can be found by it."""
    located = set(connection.execute("SELECT record_id, release, type, id FROM locator"))
    assert {key for key in newest if record_in(key[3]) is None} <= located


def _check_audit(connection: sqlite3.Connection, changes: list[Change]) -> None:
    """Assert that every change of a record that is there has exactly one entry in the log, or in one that it brought along.

    The entries stand in the order of time.
    """
    told: Counter[tuple[int, int]] = Counter()
    last = 0
    for record_id, instant, body in connection.execute("SELECT record_id, instant, body FROM audit ORDER BY stream, n"):
        event = _decode_event(unpack(body))
        if event["action"] in _WRITES and event.get("outcome", "success") == "success":
            told[record_id, event["seq"]] += 1
        if event["action"] == "import-resources" and "seq" in event:
            told.update((record_id, event["seq"] - back) for back in range(event["count"]))
        assert instant >= last, "the time of the audit log went back"
        last = instant
    brought = b"".join(lines for (lines,) in connection.execute("SELECT lines FROM audit_earlier ORDER BY log, part"))
    for line in map(_decode_event, brought.splitlines()):
        event = line.get("event", {})
        if event.get("action") in _WRITES and event.get("outcome", "success") == "success":
            told[event["record_id"], event["seq"]] += 1
    there = {record_id for (record_id,) in connection.execute("SELECT record_id FROM record")}
    found = Counter({key: count for key, count in told.items() if key[0] in there})
    assert found == Counter((change.record_id, change.seq) for change in changes)


async def _faults(url: str, settings: Settings) -> list[str]:
    database = open_database(url)
    try:
        keys = AuditKeys(settings.key("audit checkpoints"))
        found = [fault async for fault in audit_faults(database.reader, keys)]
        for (record_id,) in await database.reader.all(_RECORDS, {}):
            found += [fault async for fault in record_faults(database.reader, record_id)]
        return found
    finally:
        database.close()
