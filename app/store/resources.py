"""Reading versions: the current one, one by number, a resource's history, everything, and all changes after a number."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Integer, bindparam, literal, or_, select
from sqlalchemy.sql import Select

from app.access.scope import RecordAccess
from app.db.database import Reader
from app.db.dialects import listed
from app.db.statements import Statement, hot
from app.fhir.release import Release
from app.fhir.tree import decode_tree
from app.store.bodies import decode
from app.store.rules import check_rules
from app.store.tables import change, current, date_index, locator, record
from app.store.visible import parameters, visible

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SEQ_MAX = 2**62
"""Above every number of a change, and after every instant."""


class Stored(msgspec.Struct, frozen=True):
    """One version as it was written; ``body`` is ready to send, empty for a delete. ``instant`` in microseconds UTC.

    A Struct, since a page makes hundreds: it takes a sixth of the time that a frozen dataclass does.
    """

    record_id: int
    release: Release
    resource_type: str
    id: str
    version: int
    seq: int
    instant: int
    operation: str
    body: bytes

    @property
    def deleted(self) -> bool:
        """Whether this version is a delete."""
        return self.operation == "delete"

    @property
    def standing(self) -> int | None:
        """The number of the version, None where it is a delete."""
        return None if self.deleted else self.version

    @property
    def last_updated(self) -> datetime:
        """When it was written, UTC."""
        return datetime.fromtimestamp(self.instant / 1_000_000, UTC)

    @property
    def reference(self) -> str:
        """Return ``Type/id``."""
        return f"{self.resource_type}/{self.id}"

    def tree(self) -> dict[str, Any]:
        """Return the resource as a JSON tree, decimals with their digits."""
        return decode_tree(self.body)


def columns(row: Any) -> tuple[Any, ...]:
    """Return the columns that ``stored`` reads, in its order."""
    return (
        row.c.record_id,
        row.c.release,
        row.c.type,
        row.c.id,
        row.c.version,
        row.c.seq,
        row.c.instant,
        row.c.operation,
        row.c.body,
    )


RELEASES = {release.value: release for release in Release}


def stored(row: tuple[Any, ...]) -> Stored:
    """Return a row of ``columns`` as a value."""
    record_id, release, resource_type, resource_id, version, seq, instant, operation, body = row[:9]
    return Stored(
        record_id, RELEASES[release], resource_type, resource_id, version, seq, instant, operation, decode(body)
    )


def scoped(build: "functools._lru_cache_wrapper[Statement] | Any") -> Any:
    """Return ``build`` remembered; it takes ``limited_types`` and makes the statement of that form."""
    return functools.lru_cache(maxsize=None)(build)


_KEY = (
    current.c.record_id == bindparam("record_id"),
    current.c.release == bindparam("release"),
    current.c.type == bindparam("type"),
    current.c.id == bindparam("id"),
)


@scoped
def _current(limited_types: bool) -> Statement:  # noqa: FBT001
    joined = current.join(change, (change.c.record_id == current.c.record_id) & (change.c.seq == current.c.seq))
    return hot(select(*columns(change)).select_from(joined).where(*_KEY, visible(change, limited_types=limited_types)))


async def read_current(
    reader: Reader, access: RecordAccess, release: Release, resource_type: str, resource_id: str
) -> Stored | None:
    """Return the newest version inside the scope, also when it is a delete; None if there is none."""
    values = {**parameters(access), "release": release.value, "type": resource_type, "id": resource_id}
    row = await reader.one(_current(access.types is not None), values)
    return stored(row) if row else None


@scoped
def _versions(limited_types: bool) -> Statement:  # noqa: FBT001
    """Walk from the current version to those before it; all are hidden when the current one is."""
    newest = (
        select(change.c.seq, change.c.previous, change.c.instant, literal(SEQ_MAX).label("until"))
        .join(current, (change.c.record_id == current.c.record_id) & (change.c.seq == current.c.seq))
        .where(*_KEY, visible(current, limited_types=limited_types))
        .cte("walk", recursive=True)
    )
    older = change.alias("older")
    walk = newest.union_all(
        select(older.c.seq, older.c.previous, older.c.instant, newest.c.instant)
        .join(newest, older.c.seq == newest.c.previous)
        .where(older.c.record_id == bindparam("record_id"))
    )
    statement: Select[Any] = (
        select(*columns(change))
        .join(walk, change.c.seq == walk.c.seq)
        .where(visible(change, limited_types=limited_types), *_window(), walk.c.until > bindparam("at_low"))
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


def _window() -> tuple[ColumnElement[bool], ...]:
    """Return the part of a ``HistoryWindow`` that a version by itself tells."""
    return (
        change.c.seq < bindparam("before"),
        change.c.instant >= bindparam("since"),
        change.c.instant <= bindparam("at_high"),
        or_(bindparam("version") < 0, change.c.version == bindparam("version")),
    )


async def read_versions(
    reader: Reader,
    access: RecordAccess,
    release: Release,
    resource_type: str,
    resource_id: str,
    *,
    window: HistoryWindow,
    limit: int,
) -> list[Stored]:
    """Return the versions of one resource in the window, newest first, deletions included."""
    values = {
        **parameters(access),
        **window.parameters,
        "release": release.value,
        "type": resource_type,
        "id": resource_id,
        "limit": limit,
    }
    return [stored(row) for row in await reader.all(_versions(access.types is not None), values)]


@functools.cache
def _history(limited_types: bool, one_type: bool, at: bool) -> Statement:  # noqa: FBT001
    """Walk a record's changes; those of a resource that is now outside the scope are left out.

    When a version stopped being current takes a look at the next one, hidden or not: only who asks for that pays for it.
    """
    joined = change.join(
        current,
        (current.c.record_id == change.c.record_id)
        & (current.c.release == change.c.release)
        & (current.c.type == change.c.type)
        & (current.c.id == change.c.id),
    )
    statement = (
        select(*columns(change))
        .select_from(joined)
        .where(visible(change, limited_types=limited_types), visible(current, limited_types=limited_types))
        .where(change.c.release == bindparam("release"), *_window())
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
    limit: int,
) -> list[Stored]:
    """Return the versions of all resources of a type (None: of every type) in the window, newest first."""
    values = {**parameters(access), **window.parameters, "release": release.value, "limit": limit}
    if resource_type is not None:
        values["type"] = resource_type
    form = _history(access.types is not None, resource_type is not None, window.at_low is not None)
    return [stored(row) for row in await reader.all(form, values)]


@functools.cache
def _standing(limited_types: bool, since: bool, dated: bool) -> Statement:  # noqa: FBT001
    statement = (
        select(current.c.seq)
        .where(visible(current, limited_types=limited_types))
        .where(current.c.release == bindparam("release"), current.c.deleted.is_(False))
        .where(current.c.seq > bindparam("after"))
        .order_by(current.c.seq)
        .limit(bindparam("limit"))
    )
    if since:
        late = select(change.c.seq).where(
            change.c.record_id == bindparam("record_id"), change.c.instant >= bindparam("since")
        )
        statement = statement.where(current.c.seq.in_(late))
    if dated:
        dates = select(date_index.c.seq).where(
            date_index.c.record_id == bindparam("record_id"),
            date_index.c.param.in_(listed("date_parameters", Integer())),
        )
        inside = dates.where(date_index.c.low <= bindparam("end"), date_index.c.high >= bindparam("start"))
        statement = statement.where(or_(current.c.seq.in_(inside), current.c.seq.not_in(dates)))
    return hot(statement)


async def numbers_of_everything(
    reader: Reader,
    access: RecordAccess,
    release: Release,
    *,
    after: int,
    limit: int,
    since: int = 0,
    dates: tuple[tuple[int, ...], int, int] | None = None,
) -> list[int]:
    """Return the numbers of the current resources that were last changed after number ``after`` and from instant ``since`` on, in order.

    ``dates`` has the numbers of date parameters, and the start and end of a period: what has a value of one of these then
    has to have one in it. Instants in microseconds UTC.
    Raises: UnavailableError, when the index of the record does not answer for these parameters yet.
    """
    values = {**parameters(access), "release": release.value, "after": after, "limit": limit, "since": since}
    if dates is not None:
        numbers, start, end = dates
        await check_rules(reader, access.record_id, numbers)
        values |= {"date_parameters": f"[{','.join(map(str, numbers))}]", "start": start, "end": end}
    form = _standing(access.types is not None, since > 0, dates is not None)
    return [row[0] for row in await reader.all(form, values)]


@scoped
def _numbered(limited_types: bool) -> Statement:  # noqa: FBT001
    wanted = change.c.seq.in_(listed("seqs", BigInteger()))
    return hot(
        select(*columns(change)).where(visible(change, limited_types=limited_types), wanted).order_by(change.c.seq)
    )


async def read_numbered(reader: Reader, access: RecordAccess, numbers: Sequence[int]) -> list[Stored]:
    """Return the versions that these changes made, in order: what was current once is there as long as its record is."""
    values = {**parameters(access), "seqs": f"[{','.join(map(str, numbers))}]"}
    return [stored(row) for row in await reader.all(_numbered(access.types is not None), values)]


async def read_everything(
    reader: Reader, access: RecordAccess, release: Release, *, after: int, limit: int
) -> list[Stored]:
    """Return the current resources that were last changed after number ``after``, in that order."""
    numbers = await numbers_of_everything(reader, access, release, after=after, limit=limit)
    return await read_numbered(reader, access, numbers)


@scoped
def _changes(limited_types: bool) -> Statement:  # noqa: FBT001
    """All changes after a number; those of a resource that is now outside the scope are left out."""
    joined = change.join(
        current,
        (current.c.record_id == change.c.record_id)
        & (current.c.release == change.c.release)
        & (current.c.type == change.c.type)
        & (current.c.id == change.c.id),
    )
    return hot(
        select(*columns(change))
        .select_from(joined)
        .where(visible(change, limited_types=limited_types), visible(current, limited_types=limited_types))
        .where(change.c.release == bindparam("release"), change.c.seq > bindparam("after"))
        .order_by(change.c.seq)
        .limit(bindparam("limit"))
    )


async def read_changes(
    reader: Reader, access: RecordAccess, release: Release, *, after: int, limit: int
) -> list[Stored]:
    """Return the changes numbered above ``after``, in order, deletes included."""
    values = {**parameters(access), "release": release.value, "after": after, "limit": limit}
    return [stored(row) for row in await reader.all(_changes(access.types is not None), values)]


_LOCATE = hot(
    select(locator.c.record_id)
    .where(
        locator.c.release == bindparam("release"), locator.c.type == bindparam("type"), locator.c.id == bindparam("id")
    )
    .order_by(locator.c.record_id)
)


_LAST = hot(select(record.c.seq).where(record.c.record_id == bindparam("record_id")))


async def last_seq(reader: Reader, record_id: int) -> int:
    """Return the number of a record's last change, 0 if there is no such record."""
    row = await reader.one(_LAST, {"record_id": record_id})
    return 0 if row is None else int(row[0])


async def records_with(reader: Reader, release: Release, resource_type: str, resource_id: str) -> list[int]:
    """Return the records in which somebody chose this id."""
    rows = await reader.all(_LOCATE, {"release": release.value, "type": resource_type, "id": resource_id})
    return [row[0] for row in rows]
