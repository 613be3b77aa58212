"""What changed in a record after a number, of both releases, without bodies: enough to say what is new.

A change of a resource that is now outside the scope is left out, as in ``$delta``.
"""

from dataclasses import dataclass

from sqlalchemy import bindparam, select

from app.access.categories import Category
from app.access.scope import RecordAccess
from app.db.database import Reader
from app.db.statements import Statement, hot
from app.store.resources import WITH_NEWEST, scoped
from app.store.tables import change, current
from app.store.visible import parameters, visible


@dataclass(frozen=True, slots=True)
class ChangedResource:
    """One change: its number, of which resource, in which parts of the record, by whom."""

    seq: int
    resource_type: str
    resource_id: str
    categories: Category
    actor: str


@scoped
def _changed(limited_types: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    return hot(
        select(change.c.seq, change.c.type, change.c.id, change.c.categories, change.c.actor)
        .select_from(WITH_NEWEST)
        .where(visible(change, limited_types=limited_types), visible(current, limited_types=limited_types))
        .where(change.c.seq > bindparam("after"))
        .order_by(change.c.seq.desc())
        .limit(bindparam("limit"))
    )


async def read_changed(reader: Reader, access: RecordAccess, after: int, most: int) -> list[ChangedResource]:
    """Return at most ``most`` changes numbered above ``after``, the newest first, deletes included."""
    values = {**parameters(access), "after": after, "limit": most}
    rows = await reader.all(_changed(access.types is not None), values)
    return [ChangedResource(row[0], row[1], row[2], Category(row[3]), row[4]) for row in rows]
