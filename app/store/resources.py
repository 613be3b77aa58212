"""Versions as they are kept, and the current one of a resource; many of them are read by ``pages.py``, ``history.py``, ``everything.py``."""

import functools
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from app.access.scope import RecordAccess
from app.db.database import Reader
from app.db.statements import Statement, hot
from app.fhir.release import Release
from app.fhir.tree import decode_tree
from app.store.bodies import decode
from app.store.tables import change, current, locator, record
from app.store.visible import parameters, visible

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SEQ_MAX = 2**62
"""Above every number of a change, and after every instant."""


class Stored(msgspec.Struct, frozen=True, gc=False):
    """One version as it was written; ``body`` is ready to send, empty for a delete. ``instant`` in microseconds UTC.

    A Struct, since a page makes hundreds: it takes a sixth of the time that a frozen dataclass does, half of that where no
    search for garbage has to know of it, as nothing in it can refer to it.
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


def stored(row: tuple[Any, ...], body: bytes | None = None) -> Stored:
    """Return a row of ``columns`` as a value; ``body`` is what the row has packed, None if it is still to be unpacked."""
    if body is None:
        body = decode(row[8])
    # By number: to unpack a row that has more columns behind these takes longer.
    return Stored(row[0], RELEASES[row[1]], row[2], row[3], row[4], row[5], row[6], row[7], body)


def scoped(build: "functools._lru_cache_wrapper[Statement] | Any") -> Any:
    """Return ``build`` remembered; it takes ``limited_types`` and makes the statement of that form."""
    return functools.lru_cache(maxsize=None)(build)


KEY = (
    current.c.record_id == bindparam("record_id"),
    current.c.release == bindparam("release"),
    current.c.type == bindparam("type"),
    current.c.id == bindparam("id"),
)
"""The condition on ``current``: this one resource."""


WITH_NEWEST = change.join(
    current,
    (current.c.record_id == change.c.record_id)
    & (current.c.release == change.c.release)
    & (current.c.type == change.c.type)
    & (current.c.id == change.c.id),
)
"""Every version, with the row of its resource's newest: what is now outside the scope shows none of those before it."""


@scoped
def _current(limited_types: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    joined = current.join(change, (change.c.record_id == current.c.record_id) & (change.c.seq == current.c.seq))
    return hot(select(*columns(change)).select_from(joined).where(*KEY, visible(change, limited_types=limited_types)))


async def read_current(
    reader: Reader, access: RecordAccess, release: Release, resource_type: str, resource_id: str
) -> Stored | None:
    """Return the newest version inside the scope, also when it is a delete; None if there is none."""
    values = {**parameters(access), "release": release.value, "type": resource_type, "id": resource_id}
    row = await reader.one(_current(access.types is not None), values)
    return stored(row) if row else None


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
