"""Looking for many resources at once, by their types and ids: what an import asks before it writes."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Text, bindparam, select, true

from app.access.scope import RecordAccess
from app.db.database import Transaction
from app.db.dialects import items, listed, looked_up_for, member
from app.db.statements import Statement, hot
from app.fhir.release import Release
from app.store.pages import every_row, inline, page_columns
from app.store.resources import Stored, scoped
from app.store.tables import change, current, locator
from app.store.visible import parameters, visible

_of_type = locator.c.release == bindparam("release"), locator.c.type == bindparam("type")
_wanted = items("ids")
_one_located = looked_up_for(
    _wanted,
    select(locator.c.id, locator.c.record_id).where(*_of_type, locator.c.id == member(_wanted.c.value, None, Text())),
)
_LOCATED = hot(
    select(locator.c.id, locator.c.record_id).where(*_of_type, locator.c.id.in_(listed("ids", Text()))),
    # Planned while nobody has counted the table, a list is looked up in all that there is of the type.
    select(_one_located.c.id, _one_located.c.record_id).select_from(_wanted.join(_one_located, true())),
)
_encode = msgspec.json.Encoder().encode


@scoped
def _current(limited_types: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    joined = current.join(change, (change.c.record_id == current.c.record_id) & (change.c.seq == current.c.seq))
    statement = select(*page_columns(change)).select_from(joined)
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
    transaction: Transaction, release: Release, names: Mapping[str, Iterable[str]]
) -> list[tuple[str, str, int]]:
    """Return (type, id, record) for each record in which somebody chose an id; ``names`` are ids by type."""
    asked = [_named(release, resource_type, ids) for resource_type, ids in names.items()]
    found = await transaction.each(_LOCATED, asked)
    return [(of_type, *row) for of_type, rows in zip(names, found, strict=True) for row in rows]


async def read_many(
    transaction: Transaction, release: Release, wanted: Sequence[tuple[RecordAccess, str, Sequence[str]]]
) -> AsyncIterator[Stored]:
    """Yield the newest versions that have one of these ids of a type, inside that scope, deletions too.

    A page of them is in memory at once.
    """
    size = inline(sum(len(ids) for _, _, ids in wanted))
    for limited in (False, True):
        of_form = [one for one in wanted if (one[0].types is not None) is limited]
        asked = [
            {**parameters(access), **_named(release, resource_type, ids), "inline": size}
            for access, resource_type, ids in of_form
        ]
        found = await transaction.each(_current(limited), asked)
        for (access, _, _), rows in zip(of_form, found, strict=True):
            async for version in every_row(transaction, access, rows):
                yield version


def _named(release: Release, resource_type: str, ids: Iterable[str]) -> dict[str, Any]:
    return {"release": release.value, "type": resource_type, "ids": _encode(list(ids)).decode()}
