"""The values of many resources from the index, without their bodies: what a chart of a year draws its line through."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, select

from app.access.scope import RecordAccess
from app.db.database import Reader
from app.db.statements import hot
from app.fhir.search.definitions import SearchParameter
from app.store.hashes import exact_hash
from app.store.rules import check_rules
from app.store.tables import date_index, quantity_index

ROWS_MAX = 50_000
"""Rows of the index that one series goes over."""

_DATES = hot(
    select(date_index.c.seq, date_index.c.low)
    .where(
        date_index.c.record_id == bindparam("record_id"),
        date_index.c.param == bindparam("param"),
        date_index.c.low.between(bindparam("start"), bindparam("end")),
    )
    .order_by(date_index.c.low.desc())
    .limit(bindparam("limit"))
)
_QUANTITIES = hot(
    select(quantity_index.c.seq, quantity_index.c.low, quantity_index.c.code_hash)
    .where(
        quantity_index.c.record_id == bindparam("record_id"),
        quantity_index.c.param == bindparam("param"),
        quantity_index.c.code_hash != 0,  # that is the same quantity again, in its canonical unit
    )
    .limit(bindparam("limit"))
)


Value = tuple[int, float, int, int]
"""When (microseconds UTC), the value, its unit by the place among those asked for, and the number of the change."""


class Period(NamedTuple):
    """From when to when, both included, in microseconds UTC."""

    start: int
    end: int


async def dates_in(reader: Reader, access: RecordAccess, parameter: SearchParameter, period: Period) -> dict[int, int]:
    """Return when each change of a record was dated that was so in a period: the newest ``ROWS_MAX``."""
    numbers = [one.number for one in parameter.stored_in]
    await check_rules(reader, access.record_id, numbers)
    values = {"record_id": access.record_id, "start": period.start, "end": period.end, "limit": ROWS_MAX}
    found: dict[int, int] = {}
    for number in numbers:
        rows = await reader.all(_DATES, {**values, "param": number})
        found.update((seq, low) for seq, low in rows)
    return found


async def values_of(
    reader: Reader,
    access: RecordAccess,
    parameter: SearchParameter,
    dated: Mapping[int, int],
    units: Sequence[str],
    key: bytes,
) -> dict[int, Value]:
    """Return the quantities of changes that ``dated`` has, in one of these units, by the number of the change.

    What is dated has to be in ``access``. Of a record with more than ``ROWS_MAX`` quantities some are left out: none is returned then.
    """
    numbers = [one.number for one in parameter.stored_in]
    await check_rules(reader, access.record_id, numbers)
    places = {exact_hash(key, "q", unit): place for place, unit in enumerate(units)}
    found: dict[int, Value] = {}
    for number in numbers:
        asked = {"record_id": access.record_id, "param": number, "limit": ROWS_MAX + 1}
        rows = await reader.all(_QUANTITIES, asked)
        if len(rows) > ROWS_MAX:
            return {}
        for seq, value, unit in rows:
            at = dated.get(seq)
            if at is not None and unit in places:
                found[seq] = (at, value, places[unit], seq)
    return found
