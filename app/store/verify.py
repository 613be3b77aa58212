"""Checking the chain of a record's changes: finds altered, missing and cut-off ones."""

import asyncio
from collections.abc import AsyncIterator

from sqlalchemy import bindparam, select

from app.db.database import Reader, Row
from app.db.packed import UNREADABLE
from app.db.statements import hot
from app.store.bodies import decode
from app.store.changes import GENESIS, chained
from app.store.tables import change, record

_HEAD = hot(select(record.c.seq, record.c.hash).where(record.c.record_id == bindparam("record_id")))
_HEADS = hot(select(record.c.record_id).order_by(record.c.record_id))
_CHUNK = hot(
    select(*change.columns)
    .where(change.c.record_id == bindparam("record_id"), change.c.seq > bindparam("after"))
    .order_by(change.c.seq)
    .limit(1000)
)


async def records(reader: Reader) -> list[int]:
    """Return every record, the directory included."""
    return [row[0] for row in await reader.all(_HEADS, {})]


async def faults(reader: Reader, record_id: int) -> AsyncIterator[str]:
    """Yield one sentence per fault in the changes of a record, nothing when they are sound."""
    last, digest = 0, GENESIS
    while chunk := await reader.all(_CHUNK, {"record_id": record_id, "after": last}):
        for *fields, stored, body in chunk:
            seq = fields[1]
            if seq != last + 1:
                yield f"Changes {last + 1} to {seq - 1} of the record are missing."
            elif not _follows(digest, tuple(fields), body, stored):
                yield f"Change {seq} of the record was altered."
            last, digest = seq, stored
        await asyncio.sleep(0)  # others get their turn
    head = await reader.one(_HEAD, {"record_id": record_id})
    if head is not None and (head[0] != last or head[1] != digest):
        yield f"The record ends at change {last}, but says that it has {head[0]}."


def _follows(digest: bytes, fields: Row, kept: object, stored: bytes) -> bool:
    """Return whether a change has the hash that follows ``digest``."""
    try:
        return isinstance(kept, bytes) and chained(digest, fields, decode(kept)) == stored
    except UNREADABLE:
        return False
