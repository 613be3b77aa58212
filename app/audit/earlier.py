"""Logs about a record from before it came here: sealed lines of JSON, kept as they were, for the person to take along again.

They are no part of the chain of this server, which tells only what happened here. Each log was checked when it was brought in.
"""

from collections.abc import AsyncIterator, Iterable

from sqlalchemy import bindparam, func, insert, select

from app.audit.tables import audit_earlier
from app.db.database import Reader, Transaction
from app.db.statements import hot

PART_BYTES = 256 * 1024

_columns = audit_earlier.c
_KEEP = hot(insert(audit_earlier))
_COUNT = hot(select(func.coalesce(func.max(_columns.log), 0)).where(_columns.record_id == bindparam("record_id")))
_PART = hot(
    select(_columns.lines).where(
        _columns.record_id == bindparam("record_id"),
        _columns.log == bindparam("log"),
        _columns.part == bindparam("part"),
    )
)


async def keep(transaction: Transaction, record_id: int, lines: Iterable[bytes]) -> None:
    """Keep one log, as the last of those of the record; nothing if it has no lines."""
    log = await count(transaction, record_id) + 1
    gathered, size, part = list[bytes](), 0, 0
    for line in lines:
        gathered.append(line)
        size += len(line)
        if size >= PART_BYTES:
            await _keep_part(transaction, record_id, log, part, gathered)
            gathered, size, part = [], 0, part + 1
    if gathered:
        await _keep_part(transaction, record_id, log, part, gathered)


async def _keep_part(transaction: Transaction, record_id: int, log: int, part: int, lines: list[bytes]) -> None:
    await transaction.run(_KEEP, {"record_id": record_id, "log": log, "part": part, "lines": b"".join(lines)})


async def count(reader: Reader, record_id: int) -> int:
    """Return how many logs there are from before; they are numbered from 1, the oldest first."""
    row = await reader.one(_COUNT, {"record_id": record_id})
    assert row is not None  # an aggregate without GROUP BY is one row
    return int(row[0])


async def parts_of(reader: Reader, record_id: int, log: int) -> AsyncIterator[bytes]:
    """Yield one log, whole lines at a time."""
    part = 0
    while row := await reader.one(_PART, {"record_id": record_id, "log": log, "part": part}):
        yield row[0]
        part += 1
