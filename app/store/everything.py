"""Reading all that stands in a record, in parts: first the numbers of its changes, then the bodies."""

import functools
from collections.abc import AsyncIterator, Sequence

import msgspec
from sqlalchemy import Integer, bindparam, or_, select

from app.access.scope import RecordAccess
from app.db.database import Reader
from app.db.dialects import in_one, listed
from app.db.statements import Statement, hot
from app.fhir.release import Release
from app.store.bodies import decode_together
from app.store.pages import PAGE_BYTES, SEQ, inline, read_of, read_rows
from app.store.resources import Stored
from app.store.rules import check_rules
from app.store.tables import change, current, date_index
from app.store.visible import parameters, visible

_numbers = msgspec.json.Decoder(list[int]).decode
PART = 200
"""Resources that are read at once: half a millisecond, in which nobody else has their turn."""

Shown = tuple[str, str, bytes | memoryview]
"""What is shown of a resource in a Bundle: its type, its id, and its body, to be copied from."""


@functools.cache
def _standing(limited_types: bool, since: bool, dated: bool) -> Statement:  # noqa: FBT001 - a form that is kept
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
    # In one row: a row for each of a thousand takes longer than to find it.
    return hot(select(in_one(statement.subquery().c.seq)))


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
    row = await reader.one(form, values)
    return sorted(_numbers(row[0])) if row else []


async def read_numbered(reader: Reader, access: RecordAccess, numbers: Sequence[int]) -> tuple[list[Stored], int]:
    """Return the versions that the first of these changes made, in order, as many as a page has room for, and how many changes those are.

    What was current once is there as long as its record is.
    """
    rows = await read_of(reader, access, numbers, inline(len(numbers)))
    place = reader, access
    found, read = await read_rows(rows, lambda _: place)
    return found, len(numbers) if read == len(rows) else numbers.index(rows[read][SEQ])


async def read_shown(reader: Reader, access: RecordAccess, numbers: Sequence[int]) -> tuple[list[Shown], int]:
    """Return what ``read_numbered`` does, as it is shown.

    For small resources that takes two thirds of the time: no more columns are read, and all are unpacked together.
    """
    rows = await read_of(reader, access, numbers, inline(len(numbers)), shown=True)
    kept = [row[2] for row in rows]
    bodies = decode_together(kept, PAGE_BYTES) if all(kept) else None
    if bodies is None:
        found, read = await read_numbered(reader, access, numbers)
        return [as_shown(one) for one in found], read
    return [(name, key, body) for (name, key, _), body in zip(rows, bodies, strict=True)], len(numbers)


def as_shown(version: Stored) -> Shown:
    """Return a version as it is shown."""
    return version.resource_type, version.id, version.body


async def read_everything(
    reader: Reader, access: RecordAccess, release: Release, *, after: int, limit: int
) -> AsyncIterator[Stored]:
    """Yield the current resources that were last changed after number ``after``, in that order."""
    numbers = await numbers_of_everything(reader, access, release, after=after, limit=limit)
    async for version in every_numbered(reader, access, numbers):
        yield version


async def every_numbered(reader: Reader, access: RecordAccess, numbers: Sequence[int]) -> AsyncIterator[Stored]:
    """Yield the versions that these changes made, in order, as far as they are there; a page of them is read at once."""
    begin = 0
    while begin < len(numbers):
        found, read = await read_numbered(reader, access, numbers[begin : begin + PART])
        begin += read
        for version in found:
            yield version
