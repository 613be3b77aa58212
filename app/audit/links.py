"""The entries about one record as links of the chain: each with the hash of the entry before it, to check elsewhere."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy import tuple_ as row_of

from app.audit.events import unpack
from app.audit.log import GENESIS, STREAM
from app.audit.tables import audit, audit_cut
from app.db.database import Reader
from app.db.statements import hot

_before = audit.alias("before")
_LINKS = (
    select(
        audit.c.instant, audit.c.stream, audit.c.n, func.coalesce(_before.c.hash, audit_cut.c.hash), audit.c.hash,
        audit.c.body,
    )
    .select_from(
        audit.outerjoin(_before, (_before.c.stream == audit.c.stream) & (_before.c.n == audit.c.n - 1)).outerjoin(
            audit_cut, (audit_cut.c.stream == audit.c.stream) & (audit_cut.c.n == audit.c.n - 1)
        )
    )
    .where(audit.c.record_id == bindparam("record_id"))
)  # fmt: skip
_CHUNK = hot(
    _LINKS.where(audit.c.n <= bindparam("last"))
    .where(row_of(audit.c.instant, audit.c.n) > row_of(bindparam("instant"), bindparam("after")))
    .order_by(audit.c.instant, audit.c.n)
    .limit(1000)
)
_ONE = hot(_LINKS.where(audit.c.stream == STREAM, audit.c.n == bindparam("n")))
_EXTENT = hot(
    select(func.count(), func.coalesce(func.max(audit.c.n), 0)).where(audit.c.record_id == bindparam("record_id"))
)
_HASH = hot(
    select(audit.c.hash)
    .where(audit.c.record_id == bindparam("record_id"))
    .where(audit.c.stream == bindparam("stream"), audit.c.n == bindparam("n"))
)


class Link(NamedTuple):
    """An entry as it is kept: ``hash`` is that of ``previous`` and ``body`` together."""

    instant: int
    stream: int
    n: int
    previous: bytes
    hash: bytes
    body: bytes


async def extent_of(reader: Reader, record_id: int) -> tuple[int, int]:
    """Return how many entries there are about a record, and the number of the last one, 0 if there is none."""
    row = await reader.one(_EXTENT, {"record_id": record_id})
    assert row is not None  # an aggregate without GROUP BY is one row
    return row[0], row[1]


async def links_until(reader: Reader, record_id: int, last: int) -> AsyncIterator[Link]:
    """Yield the entries about a record up to number ``last``, the oldest first."""
    place = (-1, -1)
    wanted = {"record_id": record_id, "last": last}
    while rows := await reader.all(_CHUNK, {**wanted, "instant": place[0], "after": place[1]}):
        for instant, stream, n, previous, digest, body in rows:
            yield Link(instant, stream, n, previous or GENESIS, digest, unpack(body))
        place = (rows[-1][0], rows[-1][2])


async def link_of(reader: Reader, record_id: int, n: int) -> Link | None:
    """Return entry ``n`` if it is about this record."""
    row = await reader.one(_ONE, {"record_id": record_id, "n": n})
    if row is None:
        return None
    instant, stream, _, previous, digest, body = row
    return Link(instant, stream, n, previous or GENESIS, digest, unpack(body))


async def hash_of(reader: Reader, record_id: int, stream: int, n: int) -> bytes | None:
    """Return the hash of an entry about a record, None if there is no such entry."""
    row = await reader.one(_HASH, {"record_id": record_id, "stream": stream, "n": n})
    return row[0] if row else None
