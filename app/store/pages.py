"""Pages that are bounded by bytes too: what is read at once fits the memory, however large single resources are.

A statement gives the bodies of small versions with their rows, and of the others only how long they are. Those are read
afterwards, as many as there is room for. A page ends before the body that would make it too large, and has one at least.
"""

import functools
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Literal

from sqlalchemy import BigInteger, ColumnElement, bindparam, case, func, select

from app.access.scope import RecordAccess
from app.db.database import Reader, Row
from app.db.dialects import gathered, listed
from app.db.statements import Statement, hot
from app.store.bodies import decode_all
from app.store.resources import Stored, columns, stored
from app.store.tables import change
from app.store.visible import parameters, visible

PAGE_BYTES = 4 * 1024 * 1024
"""Most bytes of bodies that are read at once, a single larger one apart: 1,000 usual resources have a third of it."""

SEQ, BODY = 5, 8
"""Where the number of the change and the body are in a row."""

_LENGTH = 9
_SPARSE = 4
"""How many changes are walked over for each that is wanted, before each is looked up instead."""

_UNPACKED = 50
"""How many bodies are unpacked at once, each of which is at most what is ever packed: as much as a page has room for."""

_WHOLE = 2**30
Where = Literal["all", "most", "some"]
PAGE_COLUMNS = 10
"""How many columns ``page_columns`` are."""


def page_columns(row: Any) -> tuple[Any, ...]:
    """Return the columns of a row of a page: those of a stored version, its body only if it is short, and the length that is kept."""
    *others, body = columns(row)
    return (*others, _short(body), func.length(body).label("length"))


def _short(body: Any) -> Any:
    """Return the column of a body that is there only if it is short."""
    return case((func.length(body) <= bindparam("inline"), body)).label("body")


def inline(limit: int) -> int:
    """Return how long a body may be that comes with its row, where so many rows are read at once."""
    return PAGE_BYTES // max(limit, 1)


async def read_page(
    reader: Reader, access: RecordAccess, statement: Statement, values: dict[str, Any], size: int
) -> tuple[list[Stored], bool]:
    """Return what a statement of ``page_columns`` finds, at most ``size`` versions, and whether there are more."""
    rows = await reader.all(statement, values | {"limit": size + 1, "inline": inline(size + 1)})
    place = reader, access
    found, read = await read_rows(rows[:size], lambda _: place)
    return found, len(rows) > read and (bool(found) or size == 0)


async def read_rows(
    rows: Sequence[Row], place: Callable[[int], tuple[Reader, RecordAccess]]
) -> tuple[list[Stored], int]:
    """Return the versions of the first rows, as many as fit ``PAGE_BYTES``, and how many rows those are.

    ``place`` says of the row of a number where its body is read if it is not there, and within which access. What has gone since
    is left out.
    """
    found: list[Stored] = []
    left = PAGE_BYTES
    late: dict[tuple[int, int], Row] = {}
    for begin in range(0, len(rows), _UNPACKED):
        some = rows[begin : begin + _UNPACKED]
        kept = [row[BODY] for row in some]
        bodies = decode_all(kept) if all(kept) else []
        size = sum(map(len, bodies))
        if bodies and size <= left:
            found += map(stored, some, bodies)
            left -= size
            continue
        del bodies
        for number, row in enumerate(some, begin):
            whole = row
            if row[BODY] is None:
                if found and row[_LENGTH] > left:
                    return found, number
                key = row[0], row[SEQ]
                if key not in late:
                    late = await _late(rows[number:], number, place, left)
                if key not in late:
                    continue
                whole = late[key]
            version = stored(whole)
            left -= len(version.body)
            if left < 0 and found:
                return found, number
            found.append(version)
    return found, len(rows)


async def every_row(reader: Reader, access: RecordAccess, rows: Sequence[Row]) -> AsyncIterator[Stored]:
    """Yield the versions of all rows of one record, in order, of which a page is in memory; what has gone since is left out."""
    done = 0
    while done < len(rows):
        found, read = await read_rows(rows[done:], lambda _: (reader, access))
        done += read
        for version in found:
            yield version


async def _late(
    rows: Sequence[Row], begin: int, place: Callable[[int], tuple[Reader, RecordAccess]], left: int
) -> dict[tuple[int, int], Row]:
    """Return the first row whole, and with it others of the same place that have no body, as many as there is room for."""
    here = place(begin)
    wanted: list[int] = []
    for number, row in enumerate(rows, begin):
        left -= row[_LENGTH]
        if wanted and (left < 0 or place(number) != here):
            break
        if row[BODY] is None:
            wanted.append(row[SEQ])
    reader, access = here
    found = await read_of(reader, access, sorted(wanted), _WHOLE)
    return {(row[0], row[SEQ]): row for row in found}


async def read_of(
    reader: Reader, access: RecordAccess, numbers: Sequence[int], inline_max: int, *, shown: bool = False
) -> list[Row]:
    """Return the rows of the versions that these changes made, whose ``numbers`` rise, with bodies of at most ``inline_max`` bytes.

    They are of ``page_columns``; if only what is ``shown`` matters, of type, id and body.
    """
    first, last = numbers[0], numbers[-1]
    span = last - first + 1
    where: Where = "all" if span == len(numbers) else "most" if span <= _SPARSE * len(numbers) else "some"
    values = {
        **parameters(access),
        "first": first,
        "last": last,
        "seqs": "" if where == "all" else f"[{','.join(map(str, numbers))}]",
        "inline": inline_max,
    }
    return await reader.all(_numbered(access.types is not None, where, shown), values)


@functools.cache
def _numbered(limited_types: bool, where: Where, shown: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    """Return the statement for the versions that changes made, in order.

    Those that stand together are walked over, ``all`` or the ``most`` of which are wanted; where only ``some`` are, each is looked up.
    """
    together = change.c.seq.between(bindparam("first"), bindparam("last"))
    wanted = change.c.seq.in_(listed("seqs", BigInteger()))
    conditions: dict[Where, list[ColumnElement[bool]]] = {
        "all": [together],
        "most": [together, gathered(wanted)],
        "some": [wanted],
    }
    seen = visible(change, limited_types=limited_types)
    read = (change.c.type, change.c.id, _short(change.c.body)) if shown else page_columns(change)
    return hot(select(*read).where(seen, *conditions[where]).order_by(change.c.seq))
