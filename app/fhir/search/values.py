r"""The values of a query string, read by the kind of their parameter.

Commas, bars, dollars and backslashes that belong to a value are written ``\,`` ``\|`` ``\$`` ``\\``.

Spec: https://hl7.org/fhir/R4/search.html#escaping, https://hl7.org/fhir/STU3/search.html#escaping,
https://hl7.org/fhir/R4/search.html#number, https://hl7.org/fhir/STU3/search.html#number
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import cast
from zoneinfo import ZoneInfo

from app.errors import BadRequestError
from app.fhir.dates import interval, microseconds, with_plus
from app.fhir.reference import FragmentReference, LiteralReference, localize
from app.fhir.search.definitions import SearchParameter
from app.fhir.search.expression import (
    Criterion,
    DateValue,
    IdentifierValue,
    LocalDate,
    MissingValue,
    NumberValue,
    Prefix,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
    Value,
)
from app.fhir.search.strings import fold
from app.fhir.units import UCUM, canonical_unit, is_comparable

_PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_ZONE = re.compile(r"(Z|[+-]\d\d:\d\d)\Z")
_APPROXIMATELY = Decimal("0.1")
_TO_A_TENTH = Decimal("1.0")
"""A factor that changes no number, and makes its last digit one that is ten times finer."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What values depend on besides themselves: the person's time zone, this server's names, the present."""

    time_zone: ZoneInfo
    base_urls: tuple[str, ...]
    now: datetime


def split(text: str, separator: str) -> list[str]:
    """Return the parts of ``text`` between separators that aren't escaped; the parts stay escaped."""
    if "\\" not in text:
        return text.split(separator)
    parts, start, position = [], 0, 0
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif text[position] == separator:
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [*parts, text[start:]]


def unescape(text: str) -> str:
    r"""Return ``text`` with ``\,`` ``\|`` ``\$`` ``\\`` as the characters meant; any other backslash is itself."""
    return re.sub(r"\\([,|$\\])", r"\1", text) if "\\" in text else text


def escape(text: str) -> str:
    """Return ``text`` so that ``unescape`` gives it back and no ``split`` divides it."""
    return re.sub(r"([,|$\\])", r"\\\1", text)


def read_value(parameter: SearchParameter, modifier: str | None, text: str, around: Surroundings) -> Value:
    """Return one value (after the commas are split), as ``parameter`` and ``modifier`` want it.

    ``modifier`` may also be the resource type that a reference must have.
    Raises: BadRequestError, naming the parameter and never the value.
    """
    if modifier == "missing":
        return _missing(parameter, text)
    if modifier == "identifier":
        return _identifier(parameter, text)
    if parameter.kind == "reference":
        return _reference(parameter, modifier, text, around)
    return _READERS[parameter.kind](parameter, text, around)


def malformed(parameter: SearchParameter, wanted: str) -> BadRequestError:
    """Return the error that says what ``parameter`` wants."""
    return BadRequestError(
        f"The search parameter {parameter.name} wants {wanted}.", expression=f"http.{parameter.name}"
    )


def _missing(parameter: SearchParameter, text: str) -> MissingValue:
    if text not in ("true", "false"):
        raise malformed(parameter, "true or false after :missing")
    return MissingValue(text == "true")


def _token(parameter: SearchParameter, text: str, _: Surroundings) -> TokenValue:
    parts = [unescape(part) for part in split(text, "|")]
    system, code = (None, parts[0]) if len(parts) == 1 else (parts[0], parts[1] or None)
    if len(parts) > 2 or not (system or code):
        raise malformed(parameter, "code, system|code, system| or |code, with \\| for a bar inside")
    if system is not None and not parameter.has_system:
        if code is None:
            raise malformed(parameter, "a code")
        # What is kept has no system: with one in the value it is not found.
        if not system or not parameter.implied or code in parameter.implied.get(system, ()):
            system = None
    return TokenValue(system, code.casefold() if code and parameter.ignores_case else code)


def _identifier(parameter: SearchParameter, text: str) -> IdentifierValue:
    parts = [unescape(part) for part in split(text, "|")]
    if len(parts) > 2 or not any(parts):
        raise malformed(parameter, "value, system|value, system| or |value after :identifier")
    return IdentifierValue(parts[0] if len(parts) == 2 else None, parts[-1] or None)


def _reference(
    parameter: SearchParameter, resource_type: str | None, text: str, around: Surroundings
) -> ReferenceValue:
    text = unescape(text)
    target = localize(text, around.base_urls)
    if isinstance(target, LiteralReference):
        if resource_type is not None and target.resource_type != resource_type:
            raise malformed(parameter, f"a reference to a {resource_type}")
        return (
            ReferenceValue(target.resource_type, target.id) if target.base is None else ReferenceValue(url=str(target))
        )
    if isinstance(target, FragmentReference):
        raise malformed(parameter, "an id, Type/id or a URL")
    if "Reference" in parameter.types and _ID.fullmatch(text):
        only = next(iter(parameter.targets)) if len(parameter.targets) == 1 else None
        return ReferenceValue(resource_type or only, text)
    return ReferenceValue(url=str(target))


def _date(parameter: SearchParameter, text: str, around: Surroundings) -> DateValue:
    prefix, rest = _prefix(text)
    rest = with_plus(rest)
    try:
        low, high = interval(rest, around.time_zone)
    except ValueError as error:
        raise malformed(parameter, "a date such as 2024, 2024-01-31 or 2024-01-31T10:00:00Z") from error
    now = microseconds(around.now)
    local = None if _ZONE.search(rest) else LocalDate(rest, around.time_zone.key, now)
    return DateValue(prefix, *_widened(prefix, low, high, now), local)


def _widened(prefix: Prefix, low: int, high: int, now: int) -> tuple[int, int]:
    """Return the interval that a prefix compares with: of ``ap`` with a tenth of the way to the present around it."""
    if prefix != "ap":
        return low, high
    gap = 0 if low <= now <= high else min(abs(now - low), abs(now - high))
    return low - gap // 10, high + gap // 10


def is_local(criterion: Criterion) -> bool:
    """Return whether a criterion depends on the zone of the record that is searched."""
    return any(isinstance(value, DateValue) and value.local for value in criterion.values)


def zone_of(criterion: Criterion) -> str:
    """Return the zone that the dates of a criterion were read in, one of which names none itself."""
    return next(value.local.time_zone for value in criterion.values if isinstance(value, DateValue) and value.local)


def in_zone(criterion: Criterion, zone: ZoneInfo) -> Criterion:
    """Return a criterion as it is for a record in a zone."""
    return replace(criterion, values=tuple(_in_zone(value, zone) for value in criterion.values))


def _in_zone(value: Value, zone: ZoneInfo) -> Value:
    if not isinstance(value, DateValue) or value.local is None or value.local.time_zone == zone.key:
        return value
    low, high = _widened(value.prefix, *interval(value.local.text, zone), value.local.now)
    return replace(value, low=low, high=high, local=replace(value.local, time_zone=zone.key))


def _number(parameter: SearchParameter, text: str, _: Surroundings) -> NumberValue:
    prefix, rest = _prefix(text)
    low, high = _rounded(prefix, _decimal(parameter, rest))
    return NumberValue(prefix, float(low), _below(float(high)) if prefix in ("eq", "ne") else float(high))


def _quantity(parameter: SearchParameter, text: str, _: Surroundings) -> QuantityValue:
    parts = [unescape(part) for part in split(text, "|")]
    if parts[1:] == ["", ""]:
        parts = parts[:1]  # HAPI writes "any unit" so
    if len(parts) not in (1, 3) or (len(parts) == 3 and not parts[2]):
        raise malformed(parameter, "number, number|system|code or number||code")
    prefix, rest = _prefix(parts[0])
    low, high = _rounded(prefix, _decimal(parameter, rest))
    system, code = (parts[1] or None, parts[2]) if len(parts) == 3 else (None, None)
    unit = canonical_unit(code) if system == UCUM and code is not None else None
    from_, to = (float(low), float(high)) if unit is None else (unit.convert(low), unit.convert(high))
    if prefix in ("eq", "ne"):
        to = _below(to)
    if unit is None:
        return QuantityValue(prefix, from_, to, system, code)
    return QuantityValue(prefix, from_, to, system, unit.code, canonical=True)


def _string(parameter: SearchParameter, text: str, _: Surroundings) -> StringValue:
    text = unescape(text)
    folded = fold(text)
    if not folded:
        raise malformed(parameter, "a text")
    return StringValue(folded, text)


def _uri(_: SearchParameter, text: str, __: Surroundings) -> UriValue:
    return UriValue(unescape(text))


def _prefix(text: str) -> tuple[Prefix, str]:
    found = _PREFIXED.fullmatch(text)
    if found is None:
        raise AssertionError
    return cast("Prefix", found[1] or "eq"), found[2]


def _decimal(parameter: SearchParameter, text: str) -> Decimal:
    if not _NUMBER.fullmatch(text) or not is_comparable(number := Decimal(text)):
        raise malformed(parameter, "a number such as 72.5")
    # The specification's example: 1e2 is what rounds to 1.0e2, 95 up to 105, though it has one digit.
    has_one_digit = len(number.as_tuple().digits) == 1 and "e" in text.casefold()
    return number * _TO_A_TENTH if has_one_digit else number


def _rounded(prefix: Prefix, number: Decimal) -> tuple[Decimal, Decimal]:
    """Return the interval that ``prefix`` compares with; after eq and ne what rounds to the digits given, end excluded."""
    if prefix in ("eq", "ne"):
        exponent = number.as_tuple().exponent
        half = Decimal(5).scaleb(int(exponent) - 1)
        return number - half, number + half
    if prefix == "ap":
        margin = abs(number) * _APPROXIMATELY
        return number - margin, number + margin
    return number, number


def _below(high: float) -> float:
    return math.nextafter(high, -math.inf)


_READERS: Mapping[str, Callable[[SearchParameter, str, Surroundings], Value]] = MappingProxyType(
    {
        "token": _token,
        "date": _date,
        "number": _number,
        "quantity": _quantity,
        "string": _string,
        "uri": _uri,
    }
)
