"""Reading a record whole, for a copy: nothing is left out, or its chain could not be checked.

It takes no access scope: the caller has made sure that the whole record is open to whoever asks.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import bindparam, case, func, select

from app.db.database import Reader, Row
from app.db.statements import hot
from app.store.bodies import decode
from app.store.pages import inline
from app.store.tables import change, misfit, record

CHUNK = 16
"""Changes that are read at once; a long body is read when its change has its turn, so that there is one in memory."""

_STANDING = hot(
    select(record.c.seq, record.c.hash, record.c.time_zone).where(record.c.record_id == bindparam("record_id"))
)
_length = func.length(change.c.body)
_CHUNK = hot(
    select(
        *(column for column in change.columns if column is not change.c.body),
        case((_length <= inline(CHUNK), change.c.body)),
        misfit.c.issues,
    )
    .select_from(change.outerjoin(misfit, (misfit.c.record_id == change.c.record_id) & (misfit.c.seq == change.c.seq)))
    .where(change.c.record_id == bindparam("record_id"))
    .where(change.c.seq > bindparam("after"), change.c.seq <= bindparam("last"))
    .order_by(change.c.seq)
    .limit(CHUNK)
)
_BODY = hot(select(change.c.body).where(change.c.record_id == bindparam("record_id"), change.c.seq == bindparam("seq")))


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a record is: the number and the hash of its last change, and its time zone."""

    seq: int
    hash: bytes
    time_zone: str


async def standing_of(reader: Reader, record_id: int) -> Standing | None:
    """Return where a record is now, None if there is no such record."""
    row = await reader.one(_STANDING, {"record_id": record_id})
    return Standing(*row) if row else None


async def changes_until(reader: Reader, record_id: int, last: int) -> AsyncIterator[Row]:
    """Yield the changes numbered 1 to ``last`` in order, each with the columns of the table in their order and what it breaks.

    What it breaks is None where it breaks nothing, or was replaced.
    """
    after = 0
    while rows := await reader.all(_CHUNK, {"record_id": record_id, "after": after, "last": last}):
        for *fields, body, issues in rows:
            kept = body
            if kept is None:
                row = await reader.one(_BODY, {"record_id": record_id, "seq": fields[1]})
                if row is None:  # the record was erased
                    return
                kept = row[0]
            yield (*fields, decode(kept), issues)
        after = rows[-1][1]
