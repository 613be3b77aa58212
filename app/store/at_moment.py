"""What a record held at one moment, and what had been deleted from it: the versions that were current then, inside the scope now."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, bindparam, func, select

from app.access.scope import RecordAccess
from app.db.database import Reader
from app.db.dialects import listed
from app.db.statements import Statement, hot
from app.fhir.release import Release
from app.store.changes import ACTIVE
from app.store.pages import page_columns, read_page
from app.store.resources import WITH_NEWEST, Stored, scoped
from app.store.standing import stood
from app.store.tables import change, current, record
from app.store.visible import parameters, visible

_RECORDS = hot(
    select(record.c.record_id)
    .where(record.c.record_id > bindparam("after"), record.c.status == ACTIVE)
    .order_by(record.c.record_id)
    .limit(bindparam("limit"))
)


@dataclass(frozen=True, slots=True)
class Window:
    """When what is told was deleted: from ``since`` on and before ``before``, and still so at ``instant``; microseconds UTC."""

    since: int
    before: int
    instant: int


def _stood(*, limited_types: bool) -> tuple[ColumnElement[bool], ...]:
    """Return the condition: a version of then, from some moment on, inside the scope by what it and what came of it say."""
    return (
        visible(change, limited_types=limited_types),
        visible(current, limited_types=limited_types),
        change.c.release == bindparam("release"),
        change.c.instant >= bindparam("since"),
        *stood(),
    )


_IS_DELETION = change.c.operation == "delete"


@scoped
def _counts(limited_types: bool, is_chosen: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    statement = select(change.c.type, func.count()).select_from(WITH_NEWEST)
    statement = statement.where(*_versions_of(limited_types, is_chosen))
    return hot(statement.group_by(change.c.type).order_by(change.c.type))


@scoped
def _versions(limited_types: bool, is_chosen: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    return _page(*_versions_of(limited_types, is_chosen))


@scoped
def _replaced(limited_types: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    return _page(*_versions_of(limited_types, False), change.c.seq != current.c.seq)  # noqa: FBT003 - all


def _versions_of(limited_types: bool, is_chosen: bool) -> tuple[ColumnElement[bool], ...]:  # noqa: FBT001 - a form that is kept
    """Return the condition: no deletion; and, if some are chosen, one of the changes ``chosen``."""
    chosen = (change.c.seq.in_(listed("chosen", BigInteger())),) if is_chosen else ()
    return (*_stood(limited_types=limited_types), ~_IS_DELETION, *chosen)


@scoped
def _deletions(limited_types: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    return _page(*_deleted(limited_types=limited_types))


@scoped
def _count_of_deletions(limited_types: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    return hot(select(func.count()).select_from(WITH_NEWEST).where(*_deleted(limited_types=limited_types)))


def _deleted(*, limited_types: bool) -> tuple[ColumnElement[bool], ...]:
    """Return the condition: a deletion in a window. It has the categories of what was deleted, and is inside as that would be."""
    return (*_stood(limited_types=limited_types), _IS_DELETION, change.c.instant < bindparam("before"))


def _page(*conditions: ColumnElement[bool]) -> Statement:
    statement = select(*page_columns(change)).select_from(WITH_NEWEST).where(*conditions)
    return hot(statement.where(change.c.seq > bindparam("after")).order_by(change.c.seq).limit(bindparam("limit")))


def _values(
    access: RecordAccess, release: Release, instant: int, since: int, chosen: Collection[int] | None = None
) -> dict[str, Any]:
    values = {**parameters(access), "release": release.value, "at": instant, "since": since}
    return values if chosen is None else values | {"chosen": f"[{','.join(map(str, sorted(chosen)))}]"}


async def counts_at(
    reader: Reader,
    access: RecordAccess,
    release: Release,
    *,
    instant: int,
    since: int,
    chosen: Collection[int] | None = None,
) -> Sequence[tuple[str, int]]:
    """Return how many resources of each type there were at ``instant`` that had been changed from ``since`` on.

    Of all, or of those that one of the changes numbered ``chosen`` had made.
    """
    values = _values(access, release, instant, since, chosen)
    rows = await reader.all(_counts(access.types is not None, chosen is not None), values)
    return [(row[0], row[1]) for row in rows]


async def read_at(
    reader: Reader,
    access: RecordAccess,
    release: Release,
    *,
    instant: int,
    since: int,
    after: int,
    size: int,
    chosen: Collection[int] | None = None,
) -> tuple[list[Stored], bool]:
    """Return the resources as they were at ``instant``, those of changes above ``after``, in the order of change; and whether there are more.

    ``chosen`` is as in ``counts_at``.
    """
    values = _values(access, release, instant, since, chosen) | {"after": after}
    return await read_page(reader, access, _versions(access.types is not None, chosen is not None), values, size)


async def read_replaced(
    reader: Reader, access: RecordAccess, release: Release, *, instant: int, since: int, after: int, size: int
) -> tuple[list[Stored], bool]:
    """Return those of ``read_at`` that something newer has replaced since."""
    values = _values(access, release, instant, since) | {"after": after}
    return await read_page(reader, access, _replaced(access.types is not None), values, size)


async def count_of_deletions_at(reader: Reader, access: RecordAccess, release: Release, window: Window) -> int:
    """Return how many resources had been deleted in the window."""
    row = await reader.one(_count_of_deletions(access.types is not None), _in_window(access, release, window))
    return 0 if row is None else int(row[0])


async def deletions_at(
    reader: Reader, access: RecordAccess, release: Release, window: Window, *, after: int, size: int
) -> tuple[list[Stored], bool]:
    """Return the deletions in the window, in pages as ``read_at`` does versions."""
    values = {**_in_window(access, release, window), "after": after}
    return await read_page(reader, access, _deletions(access.types is not None), values, size)


def _in_window(access: RecordAccess, release: Release, window: Window) -> dict[str, Any]:
    return {**_values(access, release, window.instant, window.since), "before": window.before}


async def records_after(reader: Reader, after: int, limit: int) -> list[int]:
    """Return the next records by number, the directory (0) too; empty at the end."""
    return [row[0] for row in await reader.all(_RECORDS, {"after": after, "limit": limit})]
