"""Measurements of a period for a chart: all values from the index, and whole only those that are chosen of them; one look.

Of 20,000 measurements the index takes a twentieth of the time that their bodies do.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import compress

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import AccessScope, RecordAccess
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.db.database import Reader
from app.fhir.release import Release
from app.fhir.search.definitions import definitions
from app.fhir.search.expression import TokenValue
from app.interactions.context import Context
from app.interactions.gate import Deed, Touched
from app.store.everything import every_numbered
from app.store.resources import Stored
from app.store.rules import check_rules
from app.store.series import Period, Span, Tokens, dates_in, having, seen_of, values_of

OBSERVATION = "Observation"
_ASKED = ("code", "status", "date", "value-quantity")


@dataclass(frozen=True, slots=True)
class Values:
    """Values, oldest first: when each was (microseconds UTC), the value, and the number of the change that it is of."""

    at: Sequence[int] = ()
    value: Sequence[float] = ()
    seq: Sequence[int] = ()


Choose = Callable[[Sequence[Values]], set[int]]
"""Returns the changes to read whole, by the values of each series."""


@dataclass(frozen=True, slots=True)
class Series:
    """What is looked for: the codes of each series, without what has a status of ``wrong``, in these units.

    Of ``starts``, the earliest first, that counts since which at most ``many`` were measured, else the last; at most ``few`` are
    read whole. ``told`` returns a value of the unit at a place in that of the series. ``starts`` and ``end`` are in microseconds UTC,
    included.
    """

    release: Release
    codes: Sequence[Sequence[TokenValue]]
    wrong: Sequence[str]
    units: Sequence[str]
    told: Callable[[float, int], float]
    starts: Sequence[int]
    end: int
    many: int
    few: int


@dataclass(frozen=True, slots=True)
class Sampled:
    """The values since ``start`` of each series, and the bodies of those that were chosen; ``is_whole``: there are bodies only, of all."""

    start: int
    values: Sequence[Values]
    chosen: Sequence[Stored]
    is_whole: bool


async def series(context: Context, requester: Requester, trace: Trace, wanted: Series, choose: Choose) -> Sampled:
    """Return the values, and whole what ``choose`` says, by the numbers of the changes; or whole all, if these are few.

    A value that is not in the index in these units is left out, of more than few; so are all but the newest ``VALUES_MAX``.
    Raises: AccessDeniedError, UnavailableError.
    """
    reader = context.database.reader

    async def action(scope: AccessScope) -> tuple[Sampled, Sequence[Touched]]:
        record_id = requester.only_record if requester.record_id is None else requester.record_id
        access = None if record_id is None else scope.of(record_id)
        if access is None or (access.types is not None and OBSERVATION not in access.types):
            return Sampled(wanted.starts[0], (), (), is_whole=True), ()
        found = await _sampled(reader, access, context.index_key, wanted, choose)
        return found, [Touched(access.record_id, access.reason, _count(found))]

    deed = Deed("search-type", wanted.release, OBSERVATION)
    return await context.gate.look(requester, trace, Wish(Action.SEARCH, OBSERVATION), deed, action)


def _count(found: Sampled) -> int:
    return len(found.chosen) if found.is_whole else sum(len(values.seq) for values in found.values)


async def _sampled(reader: Reader, access: RecordAccess, key: bytes, wanted: Series, choose: Choose) -> Sampled:
    record_id, known = access.record_id, definitions(wanted.release).of(OBSERVATION)
    await check_rules(reader, record_id, [known[name].number for name in _ASKED])
    numbers, instants = await dates_in(reader, record_id, known["date"], Period(wanted.starts[0], wanted.end))
    if not numbers:
        return Sampled(wanted.starts[0], (), (), is_whole=True)
    wrong = Tokens(known["status"], [TokenValue(None, status) for status in wanted.wrong])
    tokens = [*(Tokens(known["code"], one) for one in wanted.codes), wrong]
    await asyncio.sleep(0)  # of hundreds of thousands each statement takes a while: others get their turn in between
    *coded, mistaken = await having(reader, record_id, key, tokens, Span.of(numbers))
    await asyncio.sleep(0)
    every = set().union(*coded) - mistaken
    if len(every) > wanted.few:  # before they are counted: how many there are tells something too
        every = await seen_of(reader, access, wanted.release, OBSERVATION, every)
    # From here on, lists beside each other are cut alike: of twenty thousand each look-up costs a millisecond.
    is_one = list(map(every.__contains__, numbers))
    numbers, instants = list(compress(numbers, is_one)), list(compress(instants, is_one))
    start = next(
        (one for one in wanted.starts if len(instants) - bisect_left(instants, one) <= wanted.many), wanted.starts[-1]
    )
    begin = bisect_left(instants, start)
    numbers, instants = numbers[begin:], instants[begin:]
    if len(numbers) <= wanted.few:
        return Sampled(start, (), await _whole(reader, access, numbers), is_whole=True)
    await asyncio.sleep(0)
    value_of: dict[int, float] = {}
    span = Span.of(numbers)
    for place, unit in enumerate(wanted.units):
        for value, several in await values_of(reader, record_id, known["value-quantity"], unit, key, span):
            value_of.update(dict.fromkeys(several, wanted.told(value, place)))
        is_told = list(map(value_of.__contains__, numbers))
        if all(is_told):
            break
    else:
        numbers, instants = list(compress(numbers, is_told)), list(compress(instants, is_told))
    await asyncio.sleep(0)
    found = []
    for place, of_series in enumerate(coded):
        of_series.difference_update(*coded[:place])
        is_of = list(map(of_series.__contains__, numbers)) if of_series else []
        own = list(compress(numbers, is_of))
        found.append(Values(list(compress(instants, is_of)), list(map(value_of.__getitem__, own)), own))
    return Sampled(start, found, await _whole(reader, access, choose(found) & every), is_whole=False)


async def _whole(reader: Reader, access: RecordAccess, numbers: Iterable[int]) -> list[Stored]:
    return [version async for version in every_numbered(reader, access, sorted(numbers))]
