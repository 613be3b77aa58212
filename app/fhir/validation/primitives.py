"""The forms of FHIR's primitive values.

The date patterns are those of R4; STU3 differs only in negative years, which R4 withdrew and no record needs.

Spec: https://hl7.org/fhir/R4/datatypes.html#primitive, https://hl7.org/fhir/STU3/datatypes.html#primitive
"""

import binascii
import re
import sys
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

STRING_LENGTH_MAX = 1024 * 1024
LARGEST_INTEGER = 2**31 - 1
# Beyond these, arithmetic on a stored decimal could cost any amount of time and memory.
DECIMAL_DIGITS_MAX = 60
DECIMAL_EXPONENT_MAX = 300

_YEAR = r"(?!0000)[0-9]{4}"
_DAY = r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
# The days that exist in every year. 29 February and days that exist in no year are left to is_date.
_COMMON_DAY = r"(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
_ZONE = r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"


def _dates(day: str) -> dict[str, str]:
    return {
        "date": rf"{_YEAR}(-(0[1-9]|1[0-2])|-({day}))?",
        "dateTime": rf"{_YEAR}(-(0[1-9]|1[0-2])|-({day})(T{_TIME}{_ZONE})?)?",
        "instant": rf"{_YEAR}-({day})T{_TIME}{_ZONE}",
    }


PATTERNS: Mapping[str, str] = {
    **_dates(_DAY),
    "time": _TIME,
    "code": r"\S+(\s\S+)*",
    "id": r"[A-Za-z0-9\-.]{1,64}",
    "uri": r"\S+",
    "url": r"\S+",
    "canonical": r"\S+",
    "oid": r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+",
    "uuid": r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
}
COMMON_PATTERNS: Mapping[str, str] = {**PATTERNS, **_dates(_COMMON_DAY)}
"""As PATTERNS, but a date has one of the days that exist in every year, so that a match alone means validity."""

RANGES: Mapping[str, tuple[int, int]] = {
    "integer": (-LARGEST_INTEGER - 1, LARGEST_INTEGER),
    "unsignedInt": (0, LARGEST_INTEGER),
    "positiveInt": (1, LARGEST_INTEGER),
}
FORMS: Mapping[str, str] = {
    "base64Binary": "base64 text",
    "boolean": "true or false",
    "canonical": "a URL without spaces",
    "code": "a code without spaces at its ends or double spaces",
    "date": "a date such as 2026, 2026-03 or 2026-03-31 that exists",
    "dateTime": "a date such as 2026, 2026-03 or 2026-03-31, or a time such as 2026-03-31T09:30:00+02:00",
    "decimal": f"a number of at most {DECIMAL_DIGITS_MAX} digits with an exponent of at most {DECIMAL_EXPONENT_MAX}",
    "id": "1 to 64 letters, digits, hyphens and dots",
    "instant": "a time with seconds and zone such as 2026-03-31T09:30:00+02:00",
    "integer": "a whole number of at most 32 bits",
    "markdown": "text that is not blank, without control characters, of at most 1,048,576 characters",
    "oid": "an OID such as urn:oid:1.2.3",
    "positiveInt": "a whole number from 1 to 2147483647",
    "string": "text that is not blank, without control characters, of at most 1,048,576 characters",
    "time": "a time of day such as 09:30:00",
    "unsignedInt": "a whole number from 0 to 2147483647",
    "uri": "a URI without spaces",
    "url": "a URL without spaces",
    "uuid": "a UUID in lower case such as urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
    "xhtml": "XHTML text",
}
"""What a value of each type looks like, for a sentence such as "... must be a date such as 2026"."""

_COMPILED = {name: re.compile(pattern) for name, pattern in PATTERNS.items()}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # what XML can't say, not even by number
_BASE64 = re.compile(r"[0-9A-Za-z+/=\s]+")


def is_valid(kind: str, value: Any) -> bool:
    """Return whether ``value``, as decoded from JSON, is a valid value of the primitive type ``kind``."""
    return _CHECKS[kind](value)


def json_type(kind: str) -> str:
    """Return the JSON type that values of the primitive type ``kind`` are written in: string, number or boolean."""
    if kind == "boolean":
        return kind
    return "number" if kind in RANGES or kind == "decimal" else "string"


def is_of_json_type(kind: str, value: Any) -> bool:
    """Return whether ``value`` has the JSON type that ``kind`` is written in."""
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, {"boolean": bool, "number": int | Decimal, "string": str}[json_type(kind)])


def is_number(value: Any) -> bool:
    """Return whether ``value`` is a decimal of bounded size."""
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) <= sys.float_info.max
    if not isinstance(value, Decimal):
        return False
    return len(value.as_tuple().digits) <= DECIMAL_DIGITS_MAX and abs(value.adjusted()) <= DECIMAL_EXPONENT_MAX


def is_text(value: Any) -> bool:
    """Return whether ``value`` is a string that is not blank, not too long, and can be written in XML."""
    if not isinstance(value, str) or not 0 < len(value) <= STRING_LENGTH_MAX:
        return False
    return bool(value.strip(" \t\r\n")) and not _CONTROL.search(value)


def is_base64(value: Any) -> bool:
    """Return whether ``value`` is base64 with padding; white space is allowed anywhere."""
    if not isinstance(value, str) or not _BASE64.fullmatch(value):
        return False
    dense = "".join(value.split())
    try:
        return len(dense) % 4 == 0 and bool(binascii.a2b_base64(dense, strict_mode=True))
    except binascii.Error:
        return False


def _matches(kind: str) -> Callable[[Any], bool]:
    pattern = _COMPILED[kind]
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None and not _CONTROL.search(value)


def _is_date(kind: str) -> Callable[[Any], bool]:
    matches = _matches(kind)

    def exists(value: Any) -> bool:
        """Return whether the form is right and the calendar has the day."""
        if not matches(value):
            return False
        day = value.partition("T")[0]
        if len(day) < len("2026-03-31"):
            return True
        try:
            date.fromisoformat(day)
        except ValueError:
            return False
        return True

    return exists


def _is_integer(kind: str) -> Callable[[Any], bool]:
    low, high = RANGES[kind]
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    **{kind: _matches(kind) for kind in ("time", "code", "id", "uri", "url", "canonical", "oid", "uuid")},
    **{kind: _is_date(kind) for kind in ("date", "dateTime", "instant")},
    **{kind: _is_integer(kind) for kind in RANGES},
    "base64Binary": is_base64,
    "boolean": lambda value: isinstance(value, bool),
    "decimal": is_number,
    "markdown": is_text,
    "string": is_text,
    "xhtml": is_text,
}
