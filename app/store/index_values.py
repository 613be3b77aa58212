"""The values inside FHIR data types that index rows are made of: strings, intervals of time, amounts with units.

Spec: https://hl7.org/fhir/R4/search.html#string, https://hl7.org/fhir/R4/search.html#quantity
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn
from zoneinfo import ZoneInfo

from app.errors import UnprocessableError
from app.fhir.dates import Interval, interval, period, timing
from app.fhir.reference import KEPT_LENGTH_MAX
from app.fhir.search.strings import fold
from app.fhir.units import UCUM, CanonicalUnit, canonical_unit, is_comparable

CURRENCIES = "urn:iso:std:iso:4217"
_LARGEST = sys.float_info.max  # not infinity: JSON and some drivers have none

_NAME_PARTS = ("text", "family", "given", "prefix", "suffix")
_ADDRESS_PARTS = ("text", "line", "city", "district", "state", "postalCode", "country")


ROWS_MAX = 5000
"""Rows of one kind that a resource may have: while they are written nobody else writes, and real ones have some tens."""


class Unit(NamedTuple):
    """The unit of one row; ``canonical`` None if it isn't known, ``as_written`` False for the row of a converted value.

    ``is_name``: ``code`` is how people read a unit that has another code.
    """

    system: str
    code: str
    canonical: str | None
    as_written: bool
    is_name: bool = False


Amount = tuple[float, float, Unit]


def strings(fhir_type: str, value: Any) -> list[tuple[str, str]]:
    """Return the (original, folded) strings of a string, HumanName or Address; none that is empty.

    Raises: UnprocessableError, when there are more than ``ROWS_MAX``.
    """
    if fhir_type == "HumanName":
        texts = _parts(value, _NAME_PARTS)
    elif fhir_type == "Address":
        texts = _parts(value, _ADDRESS_PARTS)
    else:
        texts = [value]
    if len(texts) > ROWS_MAX:
        refuse_many()
    return [(text, folded) for text in texts if (folded := fold(text))]


def refuse_many() -> NoReturn:
    """Raise UnprocessableError for a resource with too many values."""
    raise UnprocessableError(f"A resource may have {ROWS_MAX} values of one kind that it can be found by, no more.")


def date_intervals(fhir_type: str, value: Any, zone: ZoneInfo) -> list[Interval]:
    """Return the interval of a date, dateTime, instant, Period or Timing; none for a Timing or Period without any date."""
    if fhir_type == "Period":
        found = period(value, zone)
    elif fhir_type == "Timing":
        found = timing(value, zone)
    else:
        found = interval(value, zone)
    return [] if found is None else [found]


def quantities(fhir_type: str, value: Any) -> Iterator[Amount]:
    """Yield (low, high, unit) of a number, Quantity or Range: as written, and if different in the canonical unit.

    A unit that people read as something else than its code, such as mmHg for mm[Hg], is a unit of its own.
    A value is the point that was written: 72.50 lies in what a search for 72.5 rounds to, and is not greater than 72.5.
    A comparator opens one end, as a Range without low or high does.
    """
    if fhir_type in ("decimal", "integer", "positiveInt", "unsignedInt"):
        yield from _converted(Decimal(value), Decimal(value), "", "")
    elif fhir_type == "Range":
        low, high = value.get("low", {}), value.get("high", {})
        if "value" in low or "value" in high:
            unit = low if "value" in low else high
            yield from _converted(low.get("value"), high.get("value"), *_unit(unit))
    elif "value" in value:
        number = value["value"]
        comparator = value.get("comparator", "")
        low_end = None if comparator.startswith("<") else number
        high_end = None if comparator.startswith(">") else number
        if fhir_type == "Money" and "currency" in value:
            yield from _converted(low_end, high_end, CURRENCIES, value["currency"])
        else:
            yield from _converted(low_end, high_end, *_unit(value))


def _parts(value: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for name in names:
        part = value.get(name)
        if isinstance(part, str):
            found.append(part)
        elif part:
            found += [item for item in part if item is not None]
    return found


def _unit(quantity: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the system and code of a unit, and how it is called besides, empty for no other name."""
    code, name = quantity.get("code"), quantity.get("unit", "")
    return ("", name, "") if code is None else (quantity.get("system", ""), code, "" if name == code else name)


def _converted(low: Any, high: Any, system: str, code: str, name: str = "") -> Iterator[Amount]:
    """Yield the row or rows of one interval; None is an open end."""
    first = _decimal(low)
    last = first if high is low else _decimal(high)
    if not ((first is None or is_comparable(first)) and (last is first or last is None or is_comparable(last))):
        return
    found = _kept if len(system) + len(code) <= KEPT_LENGTH_MAX else _units
    as_written, converted, conversion = found(system, code)
    yield *_interval(first, last, float), as_written
    if name:
        yield *_interval(first, last, float), Unit("", name, None, as_written=True, is_name=True)
    if converted is not None and conversion is not None:
        yield *_interval(first, last, conversion.convert), converted


def _decimal(end: Any) -> Decimal | None:
    return end if end is None or type(end) is Decimal else Decimal(end)


def _interval(first: Decimal | None, last: Decimal | None, number: Callable[[Decimal], float]) -> tuple[float, float]:
    """Return both ends; most often they are one value, which is worked out once."""
    low = -_LARGEST if first is None else number(first)
    return low, low if last is first and last is not None else _LARGEST if last is None else number(last)


def _units(system: str, code: str) -> tuple[Unit, Unit | None, CanonicalUnit | None]:
    """Return the unit of the row as written, and of the converted row if there is one."""
    conversion = canonical_unit(code) if system == UCUM else None
    if conversion is None:
        return Unit(system, code, None, as_written=True), None, None
    if conversion.is_identity:
        return Unit(system, code, conversion.code, as_written=True), None, None
    converted = Unit(system, conversion.code, conversion.code, as_written=False)
    return Unit(system, code, None, as_written=True), converted, conversion


_kept = lru_cache(maxsize=4096)(_units)
