"""Looking for many resources of one type at once, by their ids: what an import asks before it writes."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Text, bindparam, select

from app.access.scope import RecordAccess
from app.db.database import Reader
from app.db.dialects import listed
from app.db.statements import Statement, hot
from app.fhir.release import Release
from app.store.resources import Stored, columns, scoped, stored
from app.store.tables import change, current, locator
from app.store.visible import parameters, visible

_LOCATED = hot(
    select(locator.c.id, locator.c.record_id).where(
        locator.c.release == bindparam("release"),
        locator.c.type == bindparam("type"),
        locator.c.id.in_(listed("ids", Text())),
    )
)
_encode = msgspec.json.Encoder().encode


@scoped
def _current(limited_types: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    joined = current.join(change, (change.c.record_id == current.c.record_id) & (change.c.seq == current.c.seq))
    statement = select(*columns(change)).select_from(joined)
    return hot(
        statement.where(
            current.c.record_id == bindparam("record_id"),
            current.c.release == bindparam("release"),
            current.c.type == bindparam("type"),
            current.c.id.in_(listed("ids", Text())),
            visible(change, limited_types=limited_types),
        )
    )


async def located(
    reader: Reader, release: Release, resource_type: str, ids: Iterable[str]
) -> Sequence[tuple[str, int]]:
    """Return (id, record) for each record in which somebody chose one of these ids."""
    values = {"release": release.value, "type": resource_type, "ids": _encode(list(ids)).decode()}
    return [(row[0], row[1]) for row in await reader.all(_LOCATED, values)]


async def read_many(
    reader: Reader, access: RecordAccess, release: Release, resource_type: str, ids: Iterable[str]
) -> list[Stored]:
    """Return the newest versions inside the scope that have one of these ids, deletions too."""
    values = {"release": release.value, "type": resource_type, "ids": _encode(list(ids)).decode()}
    rows = await reader.all(_current(access.types is not None), {**parameters(access), **values})
    return [stored(row) for row in rows]
