"""The record as it stood at an instant: for each resource the version that was current then."""

import functools
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select

from app.access.scope import RecordAccess
from app.db.database import Reader
from app.db.statements import Statement, hot
from app.fhir.release import Release
from app.store.pages import page_columns, read_page
from app.store.resources import Stored
from app.store.tables import change
from app.store.visible import parameters, visible


@dataclass(frozen=True, slots=True)
class Counted:
    """How many resources of one type there were that are in the same categories."""

    categories: int
    resource_type: str
    count: int


def stood() -> tuple[ColumnElement[bool], ...]:
    """Return the condition that a version, or a deletion, was the newest of its resource at the instant ``at``."""
    later = change.alias("later")
    replaced = select(later.c.previous).where(
        later.c.record_id == bindparam("record_id"), later.c.instant <= bindparam("at")
    )
    return change.c.instant <= bindparam("at"), change.c.seq.not_in(replaced)


def _current(*, limited_types: bool) -> tuple[ColumnElement[bool], ...]:
    """Return the condition that a version was current at the instant and inside the scope by what it said then."""
    return visible(change, limited_types=limited_types), change.c.operation != "delete", *stood()


@functools.cache
def _standing(limited_types: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    return hot(
        select(*page_columns(change))
        .where(*_current(limited_types=limited_types))
        .where(change.c.release == bindparam("release"), change.c.seq > bindparam("after"))
        .order_by(change.c.seq)
        .limit(bindparam("limit"))
    )


@functools.cache
def _counts(limited_types: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    return hot(
        select(change.c.categories, change.c.type, func.count())
        .where(*_current(limited_types=limited_types))
        .group_by(change.c.categories, change.c.type)
        .order_by(change.c.categories, change.c.type)
    )


async def read_standing(
    reader: Reader, access: RecordAccess, release: Release, *, at: int, after: int, size: int
) -> tuple[list[Stored], bool]:
    """Return the versions that were current at ``at``, microseconds UTC, numbered above ``after``, in that order; and whether there are more."""
    values: dict[str, Any] = {**parameters(access), "release": release.value, "at": at, "after": after}
    return await read_page(reader, access, _standing(access.types is not None), values, size)


async def count_standing(reader: Reader, access: RecordAccess, *, at: int) -> list[Counted]:
    """Return how much of what there was at ``at``, microseconds UTC, in both releases."""
    rows = await reader.all(_counts(access.types is not None), {**parameters(access), "at": at})
    return [Counted(*row) for row in rows]
