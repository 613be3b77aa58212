"""FHIR Timing in words, and what of it is due on a day; pure.

Spec: https://hl7.org/fhir/R4/datatypes.html#Timing, https://hl7.org/fhir/STU3/datatypes.html#Timing
"""

from datetime import date
from decimal import Decimal

from app.fhir.elements import LARGEST, Tree, day_of, listed, rounded, words
from app.portal.formats import joined, number, span
from app.portal.language import Language, marked

DAYS = {
    "mon": marked("Monday"),
    "tue": marked("Tuesday"),
    "wed": marked("Wednesday"),
    "thu": marked("Thursday"),
    "fri": marked("Friday"),
    "sat": marked("Saturday"),
    "sun": marked("Sunday"),
}
EVENTS = {
    "MORN": marked("in the morning"),
    "MORN.early": marked("early in the morning"),
    "MORN.late": marked("late in the morning"),
    "NOON": marked("at noon"),
    "AFT": marked("in the afternoon"),
    "EVE": marked("in the evening"),
    "NIGHT": marked("in the night"),
    "HS": marked("before the night"),
    "WAKE": marked("on getting up"),
    "AC": marked("before a meal"),
    "ACM": marked("before breakfast"),
    "ACD": marked("before lunch"),
    "ACV": marked("before dinner"),
    "PC": marked("after a meal"),
    "PCM": marked("after breakfast"),
    "PCD": marked("after lunch"),
    "PCV": marked("after dinner"),
    "C": marked("with a meal"),
    "CM": marked("with breakfast"),
    "CD": marked("with lunch"),
    "CV": marked("with dinner"),
}
CODES = {
    "BID": marked("twice a day"),
    "TID": marked("three times a day"),
    "QID": marked("four times a day"),
    "QD": marked("every day"),
    "QOD": marked("every other day"),
    "AM": marked("every morning"),
    "PM": marked("every afternoon"),
}


def _often(repeat: Tree, language: Language) -> str:
    """Return how often: ``twice a day``, ``3 times a week``, ``once every 2 weeks``; empty when it is not said."""
    if "period" not in repeat and "frequency" not in repeat:
        return ""
    many = int(repeat.get("frequency", 1))
    most = int(repeat.get("frequencyMax", many))
    period, unit = rounded(Decimal(repeat.get("period", 1))), repeat.get("periodUnit", "d")
    if not 0 < period < LARGEST:
        return ""
    if most > many:
        times = language.gettext("%(low)s to %(high)s times") % {"low": many, "high": most}
    else:
        times = language.ngettext("once", "%(count)s times", many) % {"count": many}
    if period == 1:
        each = {
            "h": language.gettext("an hour"),
            "d": language.gettext("a day"),
            "wk": language.gettext("a week"),
            "mo": language.gettext("a month"),
            "a": language.gettext("a year"),
        }
        if unit == "d" and many == most == 1:
            return language.gettext("every day")
        return f"{times} {each[unit]}" if unit in each else times
    every = {
        "h": language.gettext("every %(count)s hours"),
        "d": language.gettext("every %(count)s days"),
        "wk": language.gettext("every %(count)s weeks"),
        "mo": language.gettext("every %(count)s months"),
        "a": language.gettext("every %(count)s years"),
    }
    if unit not in every:
        return times
    return f"{times} {every[unit] % {'count': number(period, language)}}"


def timing_in_words(timing: Tree | None, language: Language) -> str:
    """Return a Timing as a phrase: ``twice a day, in the morning and in the evening``; empty if it says nothing.

    A text that somebody wrote counts before the details: it is what was agreed.
    """
    if not timing:
        return ""
    repeat = timing.get("repeat") or {}
    code = timing.get("code") or {}
    if code.get("text"):
        return str(code["text"])
    known = next((CODES[one["code"]] for one in code.get("coding", []) if one.get("code") in CODES), "")
    parts = [_often(repeat, language) or (language.gettext(known) if known else words(code))]
    if days := [language.gettext(DAYS[one]) for one in listed(repeat.get("dayOfWeek")) if one in DAYS]:
        parts.append(language.gettext("on %(days)s") % {"days": joined(days, language)})
    if moments := [language.gettext(EVENTS[one]) for one in listed(repeat.get("when")) if one in EVENTS]:
        parts.append(joined(moments, language))
    if times := [one[:5] for one in listed(repeat.get("timeOfDay"))]:
        parts.append(language.gettext("at %(times)s") % {"times": joined(times, language)})
    return ", ".join(part for part in parts if part)


def bounds_in_words(timing: Tree | None, language: Language) -> str:
    """Return the period in which a Timing holds, in words; empty if it says none."""
    first, last = bounds_of(timing)
    return span(first, last, language)


def bounds_of(timing: Tree | None) -> tuple[date | None, date | None]:
    """Return the first and last day of a Timing, None for an open end."""
    period = ((timing or {}).get("repeat") or {}).get("boundsPeriod") or {}
    return day_of(period.get("start")), day_of(period.get("end"))


def due_on(timing: Tree | None, today: date) -> int:
    """Return how often something is asked on ``today``: 0 for not at all, or for less than once a day without a weekday.

    What is asked so many times a week without naming days is due on no particular day, so it is not nagged about.
    """
    repeat = (timing or {}).get("repeat") or {}
    first, last = bounds_of(timing)
    if (first and today < first) or (last and today > last):
        return 0
    days = listed(repeat.get("dayOfWeek"))
    if days:
        if list(DAYS)[today.weekday()] not in days:
            return 0
        return max(len(listed(repeat.get("timeOfDay"))), len(listed(repeat.get("when"))), 1)
    code = next((one.get("code") for one in ((timing or {}).get("code") or {}).get("coding", [])), None)
    if not repeat.get("period"):
        return {"BID": 2, "TID": 3, "QID": 4, "QD": 1, "AM": 1, "PM": 1}.get(str(code), 0)
    if repeat.get("periodUnit") != "d" or Decimal(repeat["period"]) != 1:
        return 0
    return int(repeat.get("frequency", 1))


def due_in_week(timing: Tree | None, today: date) -> int:
    """Return how often something is asked in the week of ``today`` without saying on which days; 0 if it is not so."""
    repeat = (timing or {}).get("repeat") or {}
    first, last = bounds_of(timing)
    if (first and today < first) or (last and today > last) or listed(repeat.get("dayOfWeek")):
        return 0
    if repeat.get("periodUnit") != "wk" or Decimal(repeat.get("period", 0)) != 1:
        return 0
    return int(repeat.get("frequency", 1))
