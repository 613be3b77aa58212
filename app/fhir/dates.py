"""FHIR dates and times as intervals of microseconds since 1970 UTC, both ends included.

A value of FHIR says how precise it is, and means the whole of it: ``2024-01`` is all of January. A value without a time zone
(FHIR has none on a date) is in the zone that the caller gives, the person's own.

Spec: https://hl7.org/fhir/R4/datatypes.html#dateTime, https://hl7.org/fhir/R4/search.html#date
"""

import calendar
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

MIN_US = -(2**62)
"""The start of a period that has none: before any date."""
MAX_US = 2**62
"""The end of a period that has none: after any date."""

_DATE_TIME = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,18}))?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
# What nearly all times are: to the second, with a zone.
_TO_THE_SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)", re.ASCII)
_LOST_PLUS = re.compile(r"(T[\d:.]+) (\d\d:\d\d)", re.ASCII)
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()

Interval = tuple[int, int]


def interval(text: str, zone: ZoneInfo) -> Interval:
    """Return the first and the last microsecond of a FHIR date, dateTime or instant, such as ``2024-01-10``.

    A time without seconds is understood too, as searches may leave them out.
    Raises: ValueError, with a message that doesn't repeat ``text``.
    """
    if _TO_THE_SECOND.fullmatch(text):
        try:
            since = datetime.fromisoformat(text) - _EPOCH
        except ValueError:  # a leap second, or no day of the calendar, of which the rest tells
            pass
        else:
            low = (since.days * 86_400 + since.seconds) * _SECOND
            return low, low + _SECOND - 1
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        raise ValueError("not a FHIR date or time")
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    if hour is None:
        return _days(int(year), _number(month), _number(day), zone)
    low = _midnight(int(year), int(month), int(day)) + _time_of_day(int(hour), int(minute), int(second or 0))
    low -= _offset(offset) if offset else _zone_offset(low, zone)
    if second is None:
        return low, low + 60 * _SECOND - 1
    if fraction is None:
        return low, low + _SECOND - 1
    low += int(fraction[:6].ljust(6, "0"))
    return low, low + 10 ** max(6 - len(fraction), 0) - 1


def with_plus(text: str) -> str:
    """Return a date or time from a query string: a plus sign that was not escaped there came as a space."""
    return _LOST_PLUS.sub(r"\1+\2", text)


def period(value: Mapping[str, Any], zone: ZoneInfo) -> Interval | None:
    """Return the interval of a Period, open ends as ``MIN_US`` and ``MAX_US``; None if it has neither start nor end.

    Raises: ValueError.
    """
    start, end = value.get("start"), value.get("end")
    if start is None and end is None:
        return None
    low = MIN_US if start is None else interval(start, zone)[0]
    high = MAX_US if end is None else interval(end, zone)[1]
    return low, max(low, high)


def timing(value: Mapping[str, Any], zone: ZoneInfo) -> Interval | None:
    """Return the outer limits of a Timing, of its events and bounds; None if it has neither.

    Raises: ValueError.
    """
    limits = [interval(event, zone) for event in value.get("event", ()) if event is not None]
    bounds = value.get("repeat", {}).get("boundsPeriod")
    if bounds is not None and (found := period(bounds, zone)):
        limits.append(found)
    if not limits:
        return None
    return min(low for low, _ in limits), max(high for _, high in limits)


def microseconds(moment: datetime) -> int:
    """Return an aware datetime as microseconds since 1970 UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(us: int) -> datetime:
    """Return microseconds since 1970 UTC as a datetime in UTC."""
    return _EPOCH + timedelta(microseconds=us)


def instant(us: int) -> str:
    """Return microseconds since 1970 UTC as a FHIR instant in UTC, with six digits of a second."""
    moment = _EPOCH + timedelta(microseconds=us)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def later(text: str, amount: Decimal, ucum_code: str) -> str | None:
    """Return a date or dateTime ``amount`` after ``text`` (before, if negative), as precise as ``text``.

    None where that makes no sense: a unit that is not of time, a ``text`` of a year or a month, or beyond the calendar.
    """
    if len(text) < len("2024-01-10"):
        return None
    moment = datetime.fromisoformat(text)
    try:
        if ucum_code in ("mo", "a"):
            moved = _months_later(moment, int(amount * (12 if ucum_code == "a" else 1)))
        elif ucum_code in _SECONDS:
            moved = moment + timedelta(seconds=float(amount * _SECONDS[ucum_code]))
        else:
            return None
    except (OverflowError, ValueError):
        return None
    return moved.date().isoformat() if "T" not in text else moved.isoformat()


_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "wk": 604_800}


def _months_later(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _days(year: int, month: int | None, day: int | None, zone: ZoneInfo) -> Interval:
    """Return the interval of a day, a month (``day`` None) or a year (``month`` None too) in ``zone``."""
    first = _midnight(year, 1 if month is None else month, 1 if day is None else day)
    if day is not None:
        after = first + _DAY
    elif month is not None:
        after = first + calendar.monthrange(year, month)[1] * _DAY
    else:
        after = first + (366 if calendar.isleap(year) else 365) * _DAY
    return first - _zone_offset(first, zone), after - _zone_offset(after, zone) - 1


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _midnight(year: int, month: int, day: int) -> int:
    return (date(year, month, day).toordinal() - _EPOCH_DAY) * _DAY


def _time_of_day(hour: int, minute: int, second: int) -> int:
    if hour > 23 or minute > 59 or second > 60:  # 60: a leap second, which FHIR allows
        raise ValueError("not a time of the day")
    return ((hour * 60 + minute) * 60 + second) * _SECOND


def _offset(text: str) -> int:
    if text == "Z":
        return 0
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError("not a time zone")
    return (hours * 60 + minutes) * 60 * _SECOND * (-1 if text[0] == "-" else 1)


def _zone_offset(local_us: int, zone: ZoneInfo) -> int:
    """Return what ``zone`` is ahead of UTC at a local moment; outside the calendar, what it was at the calendar's edge."""
    bounded = min(max(local_us, _FIRST_US), _LAST_US)
    moment = (_EPOCH + timedelta(microseconds=bounded)).replace(tzinfo=zone)
    ahead = moment.utcoffset()
    return 0 if ahead is None else ahead // timedelta(microseconds=1)


_FIRST_US = (date.min.toordinal() - _EPOCH_DAY) * _DAY
_LAST_US = (date.max.toordinal() - _EPOCH_DAY) * _DAY
