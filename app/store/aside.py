"""A record in memory, made for one answer: what is generated is read and searched by the same statements as what is kept.

Its changes are numbered far above those of the record that it belongs to, so that the two can be merged into one order.
All that is written into one is in a transaction that is never committed: when nothing refers to the record any more that is rolled
back, and its tables and prepared statements serve another answer. To make them took half of the time.
"""

import sqlite3
from collections.abc import Iterable
from functools import cache

import msgspec
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.schema import CreateTable

from app.db.database import Transaction
from app.db.remembered import Remembered
from app.db.sqlite import SqliteTransaction
from app.store.changes import Author, Draft, Indexer, RecordWriter, open_record
from app.store.resources import Stored
from app.store.tables import (
    change,
    current,
    date_index,
    exact_index,
    index_rules,
    locator,
    quantity_index,
    record,
    text_index,
)

SEQ_FIRST = 1 << 52
"""Above the number of every change that is kept, and still a whole number to a program that knows doubles only."""

SPARE_MAX = 4
"""Empty databases that are kept, of some hundred kilobytes each: one is in use for a millisecond at a time."""

_TABLES = (record, index_rules, change, current, exact_index, date_index, quantity_index, text_index, locator)


class Generated(msgspec.Struct, frozen=True):
    """One version of a generated resource: what it says, and when it came to say so, in microseconds UTC."""

    draft: Draft
    instant: int


class _Aside(SqliteTransaction):
    """The open transaction of one record in memory, which leaves nothing of it behind."""

    __slots__ = ()

    def __del__(self) -> None:
        """Empty the database, and keep it for another record."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
            if len(_spare) < SPARE_MAX:
                _spare.append(self._connection)


_spare: list[sqlite3.Connection] = []
"""Databases with all tables and no rows, in no transaction."""


@cache
def _schema() -> str:
    made = (str(CreateTable(table).compile(dialect=dialect())) for table in _TABLES)
    return ";".join(("BEGIN", *made, "COMMIT"))


def _empty() -> _Aside:
    try:
        connection = _spare.pop()
    except IndexError:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        connection.executescript(_schema())
    connection.execute("BEGIN")
    return _Aside(connection, Remembered())


async def aside(record_id: int, time_zone: str, index: Indexer, versions: Iterable[Generated]) -> Transaction:
    """Return a database in memory with a record that has these versions and nothing else; of one resource they come oldest first."""
    transaction = _empty()
    await open_record(transaction, record_id, time_zone)
    writer = await RecordWriter.begin(transaction, record_id, 0, index)
    writer.seq = SEQ_FIRST
    newest: dict[tuple[str, str], Stored] = {}
    for version in versions:
        writer.instant = version.instant
        key = version.draft.resource_type, version.draft.id
        if key in newest:
            await writer.flush()  # what is taken out of the index has to be in it
        newest[key] = writer.write(version.draft, newest.get(key), Author("regie", ""))
    await writer.flush()
    return transaction
