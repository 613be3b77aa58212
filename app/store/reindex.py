"""Making the index rows of a record again, where they were made by other rules than this program's; see ``rules.py``.

It goes on while others read and write. Each step is a short transaction that leaves the record right for whoever looks:

1. the record keeps the rules that the old and the new have in common, and this program's version as its target;
2. rows of parameters without such a rule are taken out;
3. resources get the rows that they lack, a batch at a time, worked out before the lock is taken; where more has become sensitive
   since, it is closed before;
4. the record is of the new version, unless somebody wrote by other rules meanwhile: then it begins again.

What is interrupted is begun again for the record that it was at; records that are done are not touched.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import BigInteger, Integer, Table, bindparam, delete, select, update
from sqlalchemy import tuple_ as row_of

from app.access.categories import ALL_PARTS
from app.access.scope import RecordAccess
from app.db.database import Connection, Transaction
from app.db.dialects import listed
from app.db.rows import Values, adding_new
from app.db.statements import Statement, hot
from app.errors import UnavailableError
from app.store.changes import Indexer
from app.store.pages import page_columns, read_page
from app.store.resources import Stored
from app.store.rules import SENSITIVITY, Rules, current_rules, mark, register, spelled_out
from app.store.tables import change, current, date_index, exact_index, quantity_index, record, text_index
from app.store.time_zone import time_zone_of

REMOVED_AT_ONCE = 2000
_TRIES = 5
_TABLES = {"exact": exact_index, "dates": date_index, "quantities": quantity_index, "texts": text_index}


def _remove(table: Table) -> Statement:
    key = [column for column in table.primary_key.columns if column.name != "record_id"]
    left_over = (
        select(*key)
        .where(table.c.record_id == bindparam("record_id"), table.c.param.not_in(listed("kept", Integer())))
        .limit(REMOVED_AT_ONCE)
    )
    return hot(delete(table).where(table.c.record_id == bindparam("record_id"), row_of(*key).in_(left_over)))


_REMOVE = {name: _remove(table) for name, table in _TABLES.items()}
_ADD = {name: adding_new(table) for name, table in _TABLES.items()}
_STATE = hot(select(record.c.index_version).where(record.c.record_id == bindparam("record_id")))
_STALE = hot(
    select(record.c.record_id)
    .where(record.c.index_version != bindparam("version"), record.c.record_id > bindparam("after"))
    .order_by(record.c.record_id)
    .limit(bindparam("limit"))
)
_ALL = hot(
    select(record.c.record_id)
    .where(record.c.record_id > bindparam("after"))
    .order_by(record.c.record_id)
    .limit(bindparam("limit"))
)
_newest = select(current.c.seq).where(current.c.record_id == bindparam("record_id"), current.c.deleted.is_(False))
_BATCH = hot(
    select(*page_columns(change))
    .where(change.c.record_id == bindparam("record_id"), change.c.seq > bindparam("after"), change.c.seq.in_(_newest))
    .order_by(change.c.seq)
    .limit(bindparam("limit"))
)
_STILL = hot(
    select(current.c.seq).where(
        current.c.record_id == bindparam("record_id"),
        current.c.deleted.is_(False),
        current.c.seq.in_(listed("seqs", BigInteger())),
    )
)
_DONE = hot(
    update(record)
    .where(record.c.record_id == bindparam("of_record"), record.c.index_target == bindparam("version"))
    .values(index_version=bindparam("version"), index_target=0)
)


Closer = Callable[[Sequence[Stored]], Awaitable[None]]
"""Closes those of some versions of one record that are sensitive and were not when they were written, with their files."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How many resources are written in one transaction, and seconds of rest between two, in which others get to write."""

    batch: int
    rest: float


GENTLE = Pace(50, 0.03)
"""For a database that others write to: they wait for one batch, some milliseconds, and try again within the rest."""

SWIFT = Pace(200, 0.01)
"""For a record that somebody waits for, beside others who write."""

ALONE = Pace(1000, 0.0)
"""For a database that nobody else uses."""


async def to_reindex(database: Connection, *, after: int, limit: int, everything: bool = False) -> list[int]:
    """Return records numbered above ``after`` whose index is of other rules, or with ``everything`` all of them, in order."""
    values = {"after": after, "limit": limit}
    statement = _ALL if everything else _STALE
    rows = await database.reader.all(
        statement, values if everything else {**values, "version": current_rules().version}
    )
    return [row[0] for row in rows]


async def reindex(
    database: Connection,
    record_id: int,
    index: Indexer,
    close: Closer,
    pace: Pace = GENTLE,
    *,
    everything: bool = False,
) -> int:
    """Return how many resources were gone over to make the index of a record by this program's rules.

    With ``everything`` no row is taken for right: for when rows depend on what no rule tells, such as the base URL.
    Raises: UnavailableError, if another program goes on writing to the record by rules of its own.
    """
    for _ in range(_TRIES):
        kept = await _begin(database, record_id, everything=everything)
        if kept is None:
            return 0
        numbers = msgspec.json.encode(sorted(kept.numbers)).decode()
        for statement in _REMOVE.values():
            await _take_out(database, statement, record_id, numbers, pace)
        count = await _fill(database, record_id, index, close, pace, kept)
        if await _end(database, record_id):
            return count
    message = "Another program goes on writing by other definitions. Start it again, and then this."
    raise UnavailableError(message)


async def _begin(database: Connection, record_id: int, *, everything: bool) -> Rules | None:
    """Return the rules whose rows are right and stay, None if nothing is to be done."""
    ours = current_rules()

    async def job(transaction: Transaction) -> Rules | None:
        row = await transaction.one(_STATE, {"record_id": record_id})
        if row is None or (row[0] == ours.version and not everything):
            return None
        before = Rules.made_of(()) if everything else await spelled_out(transaction, row[0])
        kept = Rules.made_of(before.of & ours.of)
        await mark(transaction, record_id, kept, ours.version)
        return kept

    return await database.write(job)


async def _take_out(database: Connection, statement: Statement, record_id: int, kept: str, pace: Pace) -> None:
    async def job(transaction: Transaction) -> int:
        return await transaction.run(statement, {"record_id": record_id, "kept": kept})

    removed = REMOVED_AT_ONCE
    while removed == REMOVED_AT_ONCE:
        removed = await database.write(job)
        await asyncio.sleep(pace.rest if removed else 0)


async def _fill(database: Connection, record_id: int, index: Indexer, close: Closer, pace: Pace, kept: Rules) -> int:
    """Return how many resources got their rows. What is written meanwhile comes by too, as its number is higher."""
    count = after = 0
    lacking = current_rules().of - kept.of
    zone = await time_zone_of(database.reader, record_id) or ZoneInfo("UTC")
    whole = RecordAccess(record_id, ALL_PARTS, ALL_PARTS, None, "reindex")
    more = True
    while more:
        values = {"record_id": record_id, "after": after}
        versions, more = await read_page(database.reader, whole, _BATCH, values, pace.batch)
        if not versions:
            break
        if SENSITIVITY in lacking:
            await close(versions)
        if lacking - {SENSITIVITY}:
            await _add(database, record_id, _made(versions, index, zone, kept.numbers))
        count, after = count + len(versions), versions[-1].seq
        await asyncio.sleep(pace.rest)
    return count


def _made(
    versions: Iterable[Stored], index: Indexer, zone: ZoneInfo, kept: frozenset[int]
) -> list[tuple[int, dict[str, list[Values]]]]:
    """Return the number of each version, and its rows in each table."""
    found = []
    for version in versions:
        rows = index(version.release, version.resource_type, version.tree(), zone).lacking(kept)
        found.append((version.seq, rows.of(version.record_id, version.seq)))
    return found


async def _add(database: Connection, record_id: int, made: list[tuple[int, dict[str, list[Values]]]]) -> None:
    seqs = msgspec.json.encode([seq for seq, _ in made]).decode()

    async def job(transaction: Transaction) -> None:
        # Some may have been changed or deleted since they were read: their rows would be of nothing that is current.
        still = {row[0] for row in await transaction.all(_STILL, {"record_id": record_id, "seqs": seqs})}
        standing = [rows for seq, rows in made if seq in still]
        await transaction.change_rows(
            *((added, [row for rows in standing for row in rows[name]]) for name, added in _ADD.items())
        )

    await database.write(job)


async def _end(database: Connection, record_id: int) -> bool:
    """Return whether the record is done: nobody else wrote to it by other rules."""
    ours = current_rules()

    async def job(transaction: Transaction) -> bool:
        await register(transaction, ours)  # where nobody made a record since, no other program could tell what is right
        return await transaction.run(_DONE, {"of_record": record_id, "version": ours.version}) == 1

    return await database.write(job)
