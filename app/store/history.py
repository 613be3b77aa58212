"""Reading versions in pages: those of one resource, of a record newest first, and all changes after a number."""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, bindparam, literal, or_, select
from sqlalchemy.sql import Select

from app.access.scope import RecordAccess
from app.db.database import Reader
from app.db.dialects import listed
from app.db.statements import Statement, hot
from app.fhir.release import Release
from app.store.pages import page_columns, read_page
from app.store.resources import KEY, SEQ_MAX, WITH_NEWEST, Stored, scoped
from app.store.tables import change, current
from app.store.visible import parameters, visible

_WINDOW = (
    change.c.instant >= bindparam("since"),
    change.c.instant <= bindparam("at_high"),
    or_(bindparam("version") < 0, change.c.version == bindparam("version")),
)
"""The part of a ``HistoryWindow`` that a version by itself tells, but for its number."""


@functools.cache
def _versions(limited_types: bool, one_id: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    """Walk from the current version to those before it; all are hidden when the current one is."""
    newest = (
        select(change.c.seq, change.c.previous, change.c.instant, literal(SEQ_MAX).label("until"))
        .join(current, (change.c.record_id == current.c.record_id) & (change.c.seq == current.c.seq))
        .where(*(KEY if one_id else KEY[:-1]), visible(current, limited_types=limited_types))
        .cte("walk", recursive=True)
    )
    older = change.alias("older")
    walk = newest.union_all(
        select(older.c.seq, older.c.previous, older.c.instant, newest.c.instant)
        .join(newest, older.c.seq == newest.c.previous)
        .where(older.c.record_id == bindparam("record_id"))
    )
    statement: Select[Any] = (
        select(*page_columns(change))
        # With a join, or a range of numbers here, SQLite would go through all changes of the record, to have them in order.
        .where(
            change.c.seq.in_(
                select(walk.c.seq).where(walk.c.seq < bindparam("before"), walk.c.until > bindparam("at_low"))
            )
        )
        .where(visible(change, limited_types=limited_types), *_WINDOW)
        .order_by(change.c.seq.desc())
        .limit(bindparam("limit"))
    )
    return hot(statement)


@dataclass(frozen=True, slots=True)
class HistoryWindow:
    """Which versions a history shows; instants in microseconds UTC.

    Those of changes below ``before``, written from ``since`` on, and current at some moment from ``at_low`` to ``at_high``;
    only the one with the number ``version``, if that is given.
    """

    before: int = SEQ_MAX
    since: int = 0
    at_low: int | None = None
    at_high: int | None = None
    version: int | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """Return the values of the parameters; what is open reaches over everything."""
        return {
            "before": self.before,
            "since": self.since,
            "at_low": -1 if self.at_low is None else self.at_low,
            "at_high": SEQ_MAX if self.at_high is None else self.at_high,
            "version": -1 if self.version is None else self.version,
        }


async def read_versions(
    reader: Reader,
    access: RecordAccess,
    release: Release,
    resource_type: str,
    resource_id: str | None,
    *,
    window: HistoryWindow,
    size: int,
) -> tuple[list[Stored], bool]:
    """Return the versions of one resource in the window, newest first, deletions included.

    With None those of all resources of the type: for a type of which a record has few, however many others it has. ``read_history``
    goes through the changes of all types instead, newest first.
    """
    values = {
        **parameters(access),
        **window.parameters,
        "release": release.value,
        "type": resource_type,
        "id": resource_id,
    }
    form = _versions(access.types is not None, resource_id is not None)
    return await read_page(reader, access, form, values, size)


@functools.cache
def _history(limited_types: bool, one_type: bool, at: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    """Walk a record's changes; those of a resource that is now outside the scope are left out.

    When a version stopped being current takes a look at the next one, hidden or not: only who asks for that pays for it.
    """
    statement = (
        select(*page_columns(change))
        .select_from(WITH_NEWEST)
        .where(visible(change, limited_types=limited_types), visible(current, limited_types=limited_types))
        .where(change.c.release == bindparam("release"), change.c.seq < bindparam("before"), *_WINDOW)
        .order_by(change.c.seq.desc())
        .limit(bindparam("limit"))
    )
    if one_type:
        statement = statement.where(change.c.type == bindparam("type"))
    if at:
        later = change.alias("later")
        replaced = select(later.c.previous).where(
            later.c.record_id == bindparam("record_id"), later.c.instant <= bindparam("at_low")
        )
        statement = statement.where(change.c.seq.not_in(replaced))
    return hot(statement)


async def read_history(
    reader: Reader,
    access: RecordAccess,
    release: Release,
    resource_type: str | None,
    *,
    window: HistoryWindow,
    size: int,
) -> tuple[list[Stored], bool]:
    """Return the versions of all resources of a type (None: of every type) in the window, newest first."""
    values = {**parameters(access), **window.parameters, "release": release.value}
    if resource_type is not None:
        values["type"] = resource_type
    form = _history(access.types is not None, resource_type is not None, window.at_low is not None)
    return await read_page(reader, access, form, values, size)


@scoped
def _changes(limited_types: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    """All changes after a number; those of a resource that is now outside the scope are left out."""
    return hot(
        select(*page_columns(change))
        .select_from(WITH_NEWEST)
        .where(visible(change, limited_types=limited_types), visible(current, limited_types=limited_types))
        .where(change.c.release == bindparam("release"), change.c.seq > bindparam("after"))
        .order_by(change.c.seq)
        .limit(bindparam("limit"))
    )


async def read_changes(
    reader: Reader, access: RecordAccess, release: Release, *, after: int, size: int
) -> tuple[list[Stored], bool]:
    """Return the changes numbered above ``after``, in order, deletes included."""
    values = {**parameters(access), "release": release.value, "after": after}
    return await read_page(reader, access, _changes(access.types is not None), values, size)


@scoped
def _actors(limited_types: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    """Who wrote changes, by their numbers; only those inside the scope."""
    numbers = change.c.seq.in_(listed("seqs", BigInteger()))
    return hot(select(change.c.seq, change.c.actor).where(visible(change, limited_types=limited_types), numbers))


async def read_actors(reader: Reader, access: RecordAccess, seqs: Sequence[int]) -> dict[int, str]:
    """Return who made each of these changes, by its number: ``person``, ``practice:`` and its number, and the like."""
    asked = {**parameters(access), "seqs": json.dumps(seqs)}
    rows = await reader.all(_actors(access.types is not None), asked)
    return dict(rows)
