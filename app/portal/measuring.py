"""What a form asks for each kind of measurement, and what was typed read as numbers and a moment; pure.

A value that nobody can have is refused. One that is rare is asked about first: most are typing errors, some are true and matter.
The limits are ours and say nothing about what is healthy.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from app.fhir.self_measured import MOMENTS, Measured
from app.portal import formats
from app.portal.language import Language, marked

NOTE_LENGTH_MAX = 500
FIRST_DAY = date(1940, 1, 1)
"""Before it, the clocks of Amsterdam were seconds off from a minute of universal time, which FHIR does not write."""

AHEAD_MAX = timedelta(minutes=10)
"""How far a phone's clock may be ahead of ours."""

_NUMBER = re.compile(r"([0-9]{1,6})(?:[.,]([0-9]{1,2}))?")
_INSIDE = re.compile(r"[0-9]+(?:[.,][0-9]+)?")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:[. ][0-9]{3})+")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DUTCH_DAY = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})")
_NOT_IN_FHIR = re.compile("[\\x00-\\x1f\\ufffe\\uffff]")
_CLOCK = re.compile(r"([0-9]{1,2})[:.]([0-9]{2})(?::[0-9]{2})?")


@dataclass(frozen=True, slots=True)
class Asked:
    """One number of a form: the field's name, its label, and the UCUM code of its unit.

    Outside ``possible`` it is refused, outside ``usual`` it is asked about. ``kind`` is the measurement that it is (part) of.
    """

    kind: str
    name: str
    label: str
    unit: str
    possible: tuple[int, int]
    usual: tuple[int, int]
    digits: int = 0
    is_needed: bool = True


FORMS: dict[str, tuple[Asked, ...]] = {
    "blood-pressure": (
        Asked("blood-pressure", "upper", marked("Upper pressure"), "mm[Hg]", (30, 300), (80, 200)),
        Asked("blood-pressure", "lower", marked("Lower pressure"), "mm[Hg]", (10, 200), (40, 120)),
        Asked("pulse-rate", "pulse", marked("Pulse"), "/min", (20, 300), (40, 130), is_needed=False),
    ),
    "weight": (Asked("body-weight", "value", marked("Weight"), "kg", (1, 500), (30, 200), 2),),
    "glucose": (Asked("blood-glucose", "value", marked("Blood glucose"), "mmol/L", (0, 60), (3, 20), 2),),
    "oxygen-saturation": (
        Asked("oxygen-saturation", "value", marked("Oxygen saturation"), "%", (30, 100), (88, 100), 1),
    ),
    "heart-rate": (Asked("heart-rate", "value", marked("Heart rate"), "/min", (20, 300), (40, 130)),),
    "temperature": (Asked("body-temperature", "value", marked("Temperature"), "Cel", (25, 45), (35, 40), 2),),
    "respiration": (Asked("respiratory-rate", "value", marked("Breathing rate"), "/min", (3, 100), (8, 30)),),
    "height": (Asked("body-height", "value", marked("Height"), "cm", (30, 260), (120, 210), 1),),
    "steps": (Asked("step-count", "value", marked("Steps"), "{steps}/d", (0, 200_000), (0, 40_000)),),
    "peak-flow": (Asked("peak-flow", "value", marked("Peak flow"), "L/min", (20, 1200), (80, 800)),),
    "waist": (Asked("waist-circumference", "value", marked("Waist"), "cm", (20, 300), (50, 160), 1),),
    "pain": (Asked("pain-score", "value", marked("Pain, from 0 to 10"), "{score}", (0, 10), (0, 10)),),
}
"""The numbers of each kind that has a page, in the order of the form."""


@dataclass(slots=True)
class Checked:
    """What was typed: the measurements that it makes, what is wrong with each field, and what is asked about.

    ``mark`` stands for the values: who says that they are right says it of these.
    """

    measured: tuple[Measured, ...] = ()
    errors: dict[str, str] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    mark: str = ""


def number_of(text: str, digits: int) -> Decimal | None:
    """Return a number as the Dutch or the English write it, None if it is none or has more than ``digits`` decimals.

    Of a number without decimals ``10.000`` is ten thousand; of another it has too many decimals.
    """
    plain = text.strip().replace("\N{NO-BREAK SPACE}", " ")
    if digits == 0 and _THOUSANDS.fullmatch(plain):
        plain = re.sub("[. ]", "", plain)
    found = _NUMBER.fullmatch(plain)
    if found is None or len(found[2] or "") > digits:
        return None
    return Decimal(plain.replace(",", "."))


def number_fault(text: str, *, is_whole: bool, language: Language) -> str:
    """Return what is wrong with a text that is no number: what else stands beside the number, or how one is written."""
    inside = _INSIDE.findall(text)
    if len(inside) > 1:
        return language.gettext("Write one number here.")
    if inside and inside[0] != text.strip():
        return language.gettext("Write the number only: %(number)s.") % {"number": inside[0]}
    if is_whole:
        return language.gettext("Write a whole number, such as 72.")
    return language.gettext("Write a number, such as 7.2.")


def line_typed(text: str) -> str:
    """Return a text on one line, without what FHIR does not write."""
    return " ".join(_NOT_IN_FHIR.sub(" ", text).split())


def lines_typed(text: str) -> str:
    """Return a text with its lines as they are, without what FHIR does not write."""
    return "\n".join(_NOT_IN_FHIR.sub(" ", line) for line in text.replace("\r\n", "\n").split("\n"))


def day_typed(text: str) -> date | None:
    """Return a day as browsers send it or as the Dutch type it, None if it is none."""
    dutch = _DUTCH_DAY.fullmatch(text.strip())
    try:
        if dutch:
            return date(int(dutch[3]), int(dutch[2]), int(dutch[1]))
        return date.fromisoformat(text.strip()) if _DAY.fullmatch(text.strip()) else None
    except ValueError:
        return None


def clock_typed(text: str) -> time | None:
    """Return a time of day, None if it is none."""
    found = _CLOCK.fullmatch(text.strip())
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        return None
    return time(int(found[1]), int(found[2]))


def checked(key: str, texts: Mapping[str, str], now: datetime, language: Language) -> Checked:
    """Return what the form of a kind makes of what was typed. ``now`` is local, and so is the moment that was typed."""
    found = Checked()
    values = _values(key, texts, found, language)
    at = at_typed(key, texts, now, found, language)
    note = line_typed(texts.get("note", ""))
    if len(note) > NOTE_LENGTH_MAX:
        found.errors["note"] = language.gettext("This is too long. Say it in fewer words.")
    moment = texts.get("moment", "")
    if moment and (key != "glucose" or moment not in MOMENTS):
        found.errors["moment"] = language.gettext("Choose a moment from the list.")
    upper, lower = values.get("upper"), values.get("lower")
    if upper is not None and lower is not None and upper <= lower:
        found.errors["lower"] = language.gettext("The upper pressure is the higher of the two. Did you swap them?")
    if found.errors or at is None:
        return found
    kinds = dict.fromkeys(asked.kind for asked in FORMS[key] if asked.name in values)
    found.measured = tuple(
        Measured(
            kind,
            tuple(values[asked.name] for asked in FORMS[key] if asked.kind == kind),
            at,
            moment,
            note if place == 0 else "",
            "sensitive" in texts,
        )
        for place, kind in enumerate(kinds)
    )
    found.mark = " ".join(str(value) for value in values.values())
    return found


def _values(key: str, texts: Mapping[str, str], found: Checked, language: Language) -> dict[str, Decimal]:
    values = {}
    for asked in FORMS[key]:
        text = texts.get(asked.name, "")
        if not text.strip():
            if asked.is_needed:
                found.errors[asked.name] = language.gettext("Fill in this number.")
            continue
        value = number_of(text, asked.digits)
        if value is None:
            found.errors[asked.name] = number_fault(text, is_whole=not asked.digits, language=language)
        elif not asked.possible[0] <= value <= asked.possible[1]:
            low, high = (formats.quantity(Decimal(end), asked.unit, language) for end in asked.possible)
            found.errors[asked.name] = language.gettext(
                "This can't be right. It lies between %(low)s and %(high)s."
            ) % {
                "low": low,
                "high": high,
            }
        else:
            values[asked.name] = value
            if doubt := _doubt(asked, value, language):
                found.doubts.append(doubt)
    return values


def _doubt(asked: Asked, value: Decimal, language: Language) -> str:
    said = {
        "name": language.gettext(asked.label),
        "value": formats.quantity(value, asked.unit, language),
    }
    if value < asked.usual[0]:
        return language.gettext("%(name)s: %(value)s is very low.") % said
    return language.gettext("%(name)s: %(value)s is very high.") % said if value > asked.usual[1] else ""


def at_typed(key: str, texts: Mapping[str, str], now: datetime, found: Checked, language: Language) -> datetime | None:
    """Return the local instant that a form says, None if it says none; what is wrong with it is among the errors then."""
    day, clock = day_typed(texts.get("day", "")), clock_typed(texts.get("clock", ""))
    if key == "steps":
        clock = time()
    if day is None or day < FIRST_DAY:
        found.errors["day"] = language.gettext("Choose a day.")
    if clock is None:
        found.errors["clock"] = language.gettext("Write a time, such as 08:30.")
    if day is None or clock is None or found.errors.keys() & {"day", "clock"}:
        return None
    # A time that the clocks skip is the one an hour on: as it is read again, so that a form that comes twice says the same.
    at = datetime.combine(day, clock, now.tzinfo).astimezone(UTC).astimezone(now.tzinfo)
    if at > now + AHEAD_MAX:
        found.errors["day"] = language.gettext("This moment is still to come.")
        return None
    return at
