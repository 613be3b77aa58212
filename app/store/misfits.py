"""What kept resources break of the profiles that they should keep: of each version that stands, for who may see it.

The findings are about one version of a resource, and go when it is replaced or deleted.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from sqlalchemy import and_, bindparam, select, update

from app.access.scope import RecordAccess
from app.db.database import Reader, Transaction
from app.db.rows import adding, removing
from app.db.statements import Statement, hot
from app.fhir.issues import Issue
from app.store.resources import Stored, columns, scoped, stored
from app.store.tables import change, current, misfit
from app.store.visible import parameters, visible

_KEEP = adding(misfit)
_FORGET = removing(misfit)
_CARRY = hot(
    update(misfit)
    .where(misfit.c.record_id == bindparam("of_record"), misfit.c.seq == bindparam("before"))
    .values(seq=bindparam("to"))
)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Issue]).decode


class Replaced(msgspec.Struct, frozen=True):
    """A version that was written, the ``seq`` of the one before it (None if it is new), and what it breaks."""

    record_id: int
    seq: int
    before: int | None
    issues: tuple[Issue, ...] = ()


@dataclass(frozen=True, slots=True)
class Misfit:
    """A version that stands and what it breaks; expressions begin with its type."""

    version: Stored
    issues: tuple[Issue, ...]


async def keep_misfits(transaction: Transaction, written: Iterable[Replaced]) -> None:
    """Keep what new versions break, and forget what those before them broke."""
    rows = list(written)
    gone = [(one.record_id, one.before) for one in rows if one.before is not None]
    kept = [(one.record_id, one.seq, _encode(one.issues)) for one in rows if one.issues]
    if gone or kept:
        await transaction.change_rows((_FORGET, gone), (_KEEP, kept))


async def carry_misfits(transaction: Transaction, before: Stored, after: Stored) -> None:
    """Say of a version that says the same as the one before it that it breaks the same."""
    await transaction.run(_CARRY, {"of_record": before.record_id, "before": before.seq, "to": after.seq})


@scoped
def _standing(limited_types: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    # It begins at what breaks something, which is little of a record, and looks up what stands by its whole key.
    joined = misfit.join(change, (change.c.record_id == misfit.c.record_id) & (change.c.seq == misfit.c.seq)).join(
        current,
        and_(*(current.c[name] == change.c[name] for name in ("record_id", "release", "type", "id", "seq"))),
    )
    return hot(
        select(*columns(change), misfit.c.issues)
        .select_from(joined)
        .where(visible(current, limited_types=limited_types))
        .order_by(misfit.c.seq.desc())
        .limit(bindparam("limit"))
    )


async def misfits(reader: Reader, access: RecordAccess, limit: int) -> list[Misfit]:
    """Return the newest ``limit`` versions inside the scope that stand and break something, newest first."""
    rows = await reader.all(_standing(access.types is not None), {**parameters(access), "limit": limit})
    return [Misfit(stored(row), tuple(_decode(row[-1]))) for row in rows]
