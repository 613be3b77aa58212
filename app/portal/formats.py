"""Dates, numbers and units as people read them; pure."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from babel.dates import format_date
from babel.numbers import format_decimal

from app.fhir.elements import day_of
from app.portal.language import Language, marked

KEPT_MAX = 4096
"""Written numbers and days that are kept: a chart writes hundreds, most of them again and again."""

UNITS = {
    "mm[Hg]": "mmHg",
    "Cel": "°C",
    "/min": marked("per minute"),
    "{breaths}/min": marked("per minute"),
    "mL/min/{1.73_m2}": "ml/min/1,73 m²",
    "mL/min/1.73m2": "ml/min/1,73 m²",
    "umol/L": "µmol/l",
    "mmol/L": "mmol/l",
    "mmol/mol": "mmol/mol",
    "pmol/L": "pmol/l",
    "ng/L": "ng/l",
    "{steps}/d": marked("steps"),
    "{score}": "",
    "L/min": "l/min",
    "mL": "ml",
    "L": "l",
    "d": marked("days"),
    "wk": marked("weeks"),
    "h": marked("hours"),
    "1": "",
}
"""UCUM codes that read differently on a page."""


def number(value: Decimal, language: Language) -> str:
    """Return ``value`` with the digits it was measured with: 72.50 is ``72,50`` in Dutch."""
    return _number(str(value), language)


@lru_cache(KEPT_MAX)
def _number(text: str, language: Language) -> str:
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    return str(format_decimal(value, "#,##0" + ("." + "0" * digits if digits else ""), locale=language.locale))


def unit(code: str, language: Language) -> str:
    """Return how people write the UCUM unit ``code``; unknown ones as they are."""
    known = UNITS.get(code, code)
    return language.gettext(known) if known else ""


def quantity(value: Decimal, code: str, language: Language) -> str:
    """Return a value with its unit, kept on one line: ``82,5 kg``, ``96%``."""
    if code == "%":
        return f"{number(value, language)}%"
    return f"{number(value, language)}\N{NO-BREAK SPACE}{unit(code, language)}".strip()


def day(value: date, language: Language) -> str:
    """Return a date in full: ``25 november 2026``."""
    return _day(value, "d MMMM y", language)


def day_as_written(text: str, language: Language) -> str:
    """Return a FHIR date as exact as it is: in full, or ``november 2026``, or its year; any other text as it is."""
    found = day_of(text)
    if found is None or len(text) == len("2026"):
        return text
    return day(found, language) if len(text) > len("2026-11") else _day(found, "MMMM y", language)


def short_day(value: date, language: Language) -> str:
    """Return a date without its year: ``25 nov``."""
    return _day(value, "d MMM", language).replace(".", "")


def month(value: date, language: Language) -> str:
    """Return the short name of a month: ``nov``."""
    return str(format_date(value, "MMM", locale=language.locale)).replace(".", "")[:3]


def clock(value: datetime) -> str:
    """Return the time of day of a local instant, alike in both languages: ``07:15``."""
    return f"{value:%H:%M}"


def near_day(value: date, today: date, language: Language) -> str:
    """Return ``today``, ``yesterday``, ``tomorrow``, or the date; the year only if it is another one."""
    if value == today:
        return language.gettext("today")
    if value == today + timedelta(days=1):
        return language.gettext("tomorrow")
    if value == today - timedelta(days=1):
        return language.gettext("yesterday")
    return _day(value, "d MMMM" if value.year == today.year else "d MMMM y", language)


@lru_cache(KEPT_MAX)
def _day(value: date, pattern: str, language: Language) -> str:
    # A day stays on its line: what begins with its number is read at once.
    return str(format_date(value, pattern, locale=language.locale)).replace(" ", "\N{NO-BREAK SPACE}")


def near_moment(value: datetime, today: date, language: Language) -> str:
    """Return a local instant by its distance: ``vandaag om 07:15``, ``3 november om 07:15``."""
    return language.gettext("%(day)s at %(time)s") % {
        "day": near_day(value.date(), today, language),
        "time": clock(value),
    }


def short_moment(value: datetime, today: date, language: Language) -> str:
    """Return a local instant for a table: ``gisteren 07:15``, ``3 nov 07:15``; the year only if it is another one."""
    if today - timedelta(days=1) <= value.date() <= today:
        shown = near_day(value.date(), today, language)
    else:
        year = "" if value.year == today.year else f"\N{NO-BREAK SPACE}{value.year}"
        shown = short_day(value.date(), language) + year
    return f"{shown} {clock(value)}"


def span(start: date | None, end: date | None, language: Language) -> str:
    """Return a period in words; None is an open end. Both None gives an empty text."""
    if start and end:
        return language.gettext("from %(start)s to %(end)s") % {
            "start": day(start, language),
            "end": day(end, language),
        }
    if start:
        return language.gettext("since %(start)s") % {"start": day(start, language)}
    if end:
        return language.gettext("until %(end)s") % {"end": day(end, language)}
    return ""


def capital(text: str) -> str:
    """Return ``text`` with its first letter large, for the start of a sentence."""
    return text[:1].upper() + text[1:]


def joined(parts: list[str], language: Language) -> str:
    """Return a list as people say it: ``ma, wo en vr``."""
    if len(parts) < 2:
        return "".join(parts)
    return language.gettext("%(first)s and %(last)s") % {"first": ", ".join(parts[:-1]), "last": parts[-1]}
