"""The values of many resources from the index, without their bodies: what a chart of a year draws its line through.

Rows come as arrays of JSON, one for many: twenty thousand rows take Python longer to be handed than the database to find. Each
statement goes along its index in order, so that nothing is sorted. What is found here is of all the record: what may be seen of it,
``seen_of`` says. A parameter here is one that has rows of its own.
"""

import functools
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import SelectBase, bindparam, literal_column, select, union_all

from app.access.scope import RecordAccess
from app.db.database import Reader
from app.db.dialects import in_one
from app.db.statements import Statement, hot
from app.fhir.release import Release
from app.fhir.search.definitions import SearchParameter
from app.fhir.search.expression import TokenValue
from app.store.hashes import exact_hash, wanted_hashes
from app.store.resources import scoped
from app.store.tables import current, date_index, exact_index, quantity_index
from app.store.visible import parameters, visible

VALUES_MAX = 300_000
"""Values of a period that are told, the newest: nearly three years of a sensor that measures every five minutes."""

_whole_numbers = msgspec.json.Decoder(list[int]).decode

_dated = (
    select(date_index.c.seq, date_index.c.low)
    .where(date_index.c.record_id == bindparam("record_id"), date_index.c.param == bindparam("param"))
    .where(date_index.c.low.between(bindparam("start"), bindparam("end")))
    .order_by(date_index.c.low.desc())
    .limit(bindparam("limit"))
    .subquery()
)
_DATES = hot(select(in_one(_dated.c.seq), in_one(_dated.c.low)))

_QUANTITIES = hot(
    select(quantity_index.c.low, in_one(quantity_index.c.seq))
    .where(quantity_index.c.record_id == bindparam("record_id"), quantity_index.c.param == bindparam("param"))
    .where(
        quantity_index.c.code_hash == bindparam("unit"), quantity_index.c.system_code_hash != 0
    )  # not by another name of it
    .where(quantity_index.c.seq.between(bindparam("first"), bindparam("last")))
    .group_by(quantity_index.c.low)
)


@functools.lru_cache(maxsize=64)
def _tokens(with_system: tuple[bool, ...]) -> Statement:
    """Return the statement for so many tokens; ``with_system`` says which of them name a system."""
    row = exact_index.c
    found: list[SelectBase] = []
    for place, has_system in enumerate(with_system):
        meets = [row.param == bindparam(f"param_{place}"), row.hash == bindparam(f"hash_{place}")]
        if has_system:
            meets.append(row.system_hash == bindparam(f"system_{place}"))
        within = row.seq.between(bindparam("first"), bindparam("last"))
        found.append(
            select(literal_column(str(place)), in_one(row.seq)).where(
                row.record_id == bindparam("record_id"), *meets, within
            )
        )
    return hot(union_all(*found))


@scoped
def _seen(limited_types: bool) -> Statement:  # noqa: FBT001 - a form that is kept
    return hot(
        select(in_one(current.c.seq))
        .where(visible(current, limited_types=limited_types))
        .where(current.c.release == bindparam("release"), current.c.type == bindparam("type"))
        .where(current.c.deleted.is_(False), current.c.seq.between(bindparam("first"), bindparam("last")))
    )


class Period(NamedTuple):
    """From when to when, both included, in microseconds UTC."""

    start: int
    end: int


class Tokens(NamedTuple):
    """What has one of some tokens by a parameter; a system of None is any."""

    parameter: SearchParameter
    tokens: Sequence[TokenValue]


class Span(NamedTuple):
    """The first and the last of some numbers of changes."""

    first: int
    last: int

    @classmethod
    def of(cls, numbers: Collection[int]) -> "Span":
        """Return that of these numbers, one at least."""
        return cls(min(numbers), max(numbers))


async def dates_in(
    reader: Reader, record_id: int, parameter: SearchParameter, period: Period
) -> tuple[list[int], list[int]]:
    """Return the changes of a record that are dated in a period, by their numbers, and when, oldest first: the newest ``VALUES_MAX``."""
    asked = {"record_id": record_id, "param": parameter.number, "limit": VALUES_MAX, **period._asdict()}
    ((numbers, instants),) = await reader.all(_DATES, asked)
    return _whole_numbers(numbers)[::-1], _whole_numbers(instants)[::-1]


async def having(reader: Reader, record_id: int, key: bytes, wanted: Sequence[Tokens], span: Span) -> list[set[int]]:
    """Return the numbers of the changes in a span that have one of the tokens, for each of ``wanted``."""
    found: list[set[int]] = [set() for _ in wanted]
    hashed = [
        (several, one.parameter.number, token)
        for several, one in zip(found, wanted, strict=True)
        for value in one.tokens
        for token in wanted_hashes(key, one.parameter, value)
    ]
    asked: dict[str, int | None] = {"record_id": record_id, **span._asdict()}
    for place, (_, parameter, token) in enumerate(hashed):
        asked |= {f"param_{place}": parameter, f"hash_{place}": token.value, f"system_{place}": token.system}
    statement = _tokens(tuple(token.system is not None for _, _, token in hashed))
    for place, numbers in await reader.all(statement, asked):
        hashed[place][0].update(_whole_numbers(numbers))
    return found


async def seen_of(
    reader: Reader, access: RecordAccess, release: Release, resource_type: str, numbers: set[int]
) -> set[int]:
    """Return which of the current changes with these ``numbers``, one at least, are inside ``access``."""
    asked = {**parameters(access), "release": release.value, "type": resource_type, **Span.of(numbers)._asdict()}
    ((found,),) = await reader.all(_seen(access.types is not None), asked)
    return numbers.intersection(_whole_numbers(found))


async def values_of(
    reader: Reader, record_id: int, parameter: SearchParameter, unit: str, key: bytes, span: Span
) -> Iterable[tuple[float, list[int]]]:
    """Return each value in a unit with the numbers of the changes in a span that have it."""
    asked = {"record_id": record_id, "param": parameter.number, "unit": exact_hash(key, "q", unit), **span._asdict()}
    rows = await reader.all(_QUANTITIES, asked)
    return [(value, _whole_numbers(numbers)) for value, numbers in rows]
