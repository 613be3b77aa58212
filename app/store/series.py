"""The values of many resources from the index, without their bodies: what a chart of a year draws its line through.

Rows come as arrays of JSON, one for many: twenty thousand rows take Python longer to be handed than the database to find. What is
found here is of all the record: what may be seen of it, ``seen_of`` says.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import BigInteger, Integer, bindparam, select

from app.access.scope import RecordAccess
from app.db.database import Reader
from app.db.dialects import in_one, listed
from app.db.statements import Statement, hot
from app.errors import BadRequestError
from app.fhir.release import Release
from app.fhir.search.definitions import SearchParameter
from app.fhir.search.expression import TokenValue
from app.store.hashes import exact_hash, wanted_hashes
from app.store.resources import scoped
from app.store.tables import current, date_index, exact_index, quantity_index
from app.store.visible import parameters, visible

ROWS_MAX = 200_000
"""Rows of an index that are gone through: two years of a sensor that measures every five minutes."""

_TOO_MUCH = "There is too much to go through for these values."
_whole_numbers = msgspec.json.Decoder(list[int]).decode

_dated = (
    select(date_index.c.seq, date_index.c.low)
    .where(
        date_index.c.record_id == bindparam("record_id"),
        date_index.c.param.in_(listed("params", Integer())),
        date_index.c.low.between(bindparam("start"), bindparam("end")),
    )
    .order_by(date_index.c.low.desc())
    .limit(bindparam("limit"))
    .subquery()
)
_DATES = hot(select(in_one(_dated.c.seq), in_one(_dated.c.low)))

_coded = (
    select(exact_index.c.param, exact_index.c.hash, exact_index.c.system_hash, exact_index.c.seq)
    .where(
        exact_index.c.record_id == bindparam("record_id"),
        exact_index.c.param.in_(listed("params", Integer())),
        exact_index.c.hash.in_(listed("hashes", BigInteger())),
    )
    .limit(bindparam("limit"))
    .subquery()
)
_of_token = (_coded.c.param, _coded.c.hash, _coded.c.system_hash)
_TOKENS = hot(select(*_of_token, in_one(_coded.c.seq)).group_by(*_of_token))

_measured = (
    select(quantity_index.c.low, quantity_index.c.code_hash, quantity_index.c.seq)
    .where(
        quantity_index.c.record_id == bindparam("record_id"),
        quantity_index.c.param.in_(listed("params", Integer())),
        quantity_index.c.code_hash != 0,  # that is the same quantity again, in its canonical unit
        quantity_index.c.system_code_hash != 0,  # and that again, by another name of its unit
    )
    .limit(bindparam("limit"))
    .subquery()
)
_of_value = (_measured.c.low, _measured.c.code_hash)
_QUANTITIES = hot(select(*_of_value, in_one(_measured.c.seq)).group_by(*_of_value))


@scoped
def _seen(limited_types: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    seen = (
        select(current.c.seq)
        .where(visible(current, limited_types=limited_types))
        .where(current.c.release == bindparam("release"), current.c.type == bindparam("type"))
        .where(current.c.deleted.is_(False), current.c.seq.between(bindparam("first"), bindparam("last")))
        .limit(bindparam("limit"))
        .subquery()
    )
    return hot(select(in_one(seen.c.seq)))


class Period(NamedTuple):
    """From when to when, both included, in microseconds UTC."""

    start: int
    end: int


class Tokens(NamedTuple):
    """What has one of some tokens by a parameter; a system of None is any."""

    parameter: SearchParameter
    tokens: Sequence[TokenValue]


def _array(numbers: Iterable[int]) -> str:
    return f"[{','.join(map(str, numbers))}]"


def _numbers(several: Iterable[SearchParameter]) -> list[int]:
    return [one.number for parameter in several for one in parameter.stored_in]


async def dates_in(reader: Reader, record_id: int, parameter: SearchParameter, period: Period) -> dict[int, int]:
    """Return when each change of a record was dated that was so in a period: the newest ``ROWS_MAX``."""
    asked = {"record_id": record_id, "params": _array(_numbers([parameter])), "limit": ROWS_MAX, **period._asdict()}
    ((numbers, instants),) = await reader.all(_DATES, asked)
    return dict(zip(_whole_numbers(numbers), _whole_numbers(instants), strict=True))


async def having(reader: Reader, record_id: int, key: bytes, wanted: Sequence[Tokens]) -> list[set[int]]:
    """Return the numbers of the changes that have one of the tokens, for each of ``wanted``. Raises: BadRequestError, for too many."""
    hashes = [[wanted_hashes(key, one.parameter, token)[0] for token in one.tokens] for one in wanted]
    asked = {
        "record_id": record_id,
        "params": _array(dict.fromkeys(_numbers(one.parameter for one in wanted))),
        "hashes": _array({one.value for several in hashes for one in several if one.value is not None}),
        "limit": ROWS_MAX,
    }
    rows = [(*row[:3], _whole_numbers(row[3])) for row in await reader.all(_TOKENS, asked)]
    if sum(len(row[3]) for row in rows) >= ROWS_MAX:
        raise BadRequestError(_TOO_MUCH)
    found: list[set[int]] = []
    for one, several in zip(wanted, hashes, strict=True):
        numbers = _numbers([one.parameter])
        pairs = {(hashed.value, hashed.system) for hashed in several}
        met = [row for row in rows if row[0] in numbers and not pairs.isdisjoint({row[1:3], (row[1], None)})]
        found.append(set().union(*(row[3] for row in met)))
    return found


async def seen_of(
    reader: Reader, access: RecordAccess, release: Release, resource_type: str, numbers: Collection[int]
) -> set[int]:
    """Return which of the current changes with these ``numbers``, one at least, are inside ``access``. Raises: BadRequestError, for too many."""
    asked = {**parameters(access), "release": release.value, "type": resource_type, "limit": ROWS_MAX}
    asked |= {"first": min(numbers), "last": max(numbers)}
    ((found,),) = await reader.all(_seen(access.types is not None), asked)
    seen = _whole_numbers(found)
    if len(seen) >= ROWS_MAX:
        raise BadRequestError(_TOO_MUCH)
    return set(seen).intersection(numbers)


async def values_of(
    reader: Reader, record_id: int, parameter: SearchParameter, units: Sequence[str], key: bytes
) -> Mapping[tuple[float, int], list[int]] | None:
    """Return the numbers of the changes that have each value in one of these units, by the value and the place of its unit.

    None for a record with so many quantities (``ROWS_MAX``) that some are left out.
    """
    places = {exact_hash(key, "q", unit): place for place, unit in enumerate(units)}
    asked = {"record_id": record_id, "params": _array(_numbers([parameter])), "limit": ROWS_MAX}
    rows = [(low, unit, _whole_numbers(numbers)) for low, unit, numbers in await reader.all(_QUANTITIES, asked)]
    if sum(len(numbers) for _, _, numbers in rows) >= ROWS_MAX:
        return None
    return {(low, places[unit]): numbers for low, unit, numbers in rows if unit in places}
