"""Numbers, days and times as people type them, and what is asked before it is kept."""

from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from app.fhir.self_measured import KINDS as WRITTEN
from app.portal.kinds import KINDS
from app.portal.language import language
from app.portal.measuring import FORMS, checked, clock_typed, day_typed, number_fault, number_of

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=ZoneInfo("Europe/Amsterdam"))
TODAY = {"day": "2026-11-26", "clock": "08:30"}


def test_every_kind_with_a_page_has_a_form_and_is_written() -> None:
    assert list(FORMS) == [kind.key for kind in KINDS]
    assert {asked.kind for form in FORMS.values() for asked in form} == set(WRITTEN)
    assert len({asked.name for asked in FORMS["blood-pressure"]}) == 3


@pytest.mark.parametrize(
    ("text", "digits", "expected"),
    [
        ("7,2", 1, "7.2"),
        ("7.2", 1, "7.2"),
        (" 7 ", 1, "7"),
        ("72.50", 2, "72.50"),
        ("10.000", 0, "10000"),
        ("10 000", 0, "10000"),
        ("10.000", 2, None),
        ("7,25", 1, None),
        ("7,", 1, None),
        (",5", 1, None),
        ("1.234,5", 2, None),
        ("1e3", 0, None),
        ("-1", 0, None),
        ("²", 0, None),
        ("", 0, None),
        ("9" * 40, 0, None),
    ],
)
def test_a_number_is_read_with_comma_or_point(text: str, digits: int, expected: str | None) -> None:
    assert number_of(text, digits) == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    ("text", "is_whole", "said"),
    [
        ("82 kg", False, "Schrijf alleen het getal: 82."),
        ("82,5kg", False, "Schrijf alleen het getal: 82,5."),
        ("ongeveer 7.2", False, "Schrijf alleen het getal: 7.2."),
        ("-1", True, "Schrijf alleen het getal: 1."),
        ("128/76", True, "Schrijf hier één getal."),
        ("7,2,1", False, "Schrijf hier één getal."),
        ("veel", True, "Schrijf een heel getal, zoals 72."),
        ("veel", False, "Schrijf een getal, zoals 7,2."),
        ("7,255", False, "Schrijf een getal, zoals 7,2."),
    ],
)
def test_what_is_no_number_is_told_what_to_write(text: str, is_whole: bool, said: str) -> None:
    assert number_fault(text, is_whole=is_whole, language=language("nl")) == said


def test_days_and_times_are_read_as_browsers_and_people_write_them() -> None:
    assert day_typed("2026-11-26") == day_typed(" 26-11-2026") == day_typed("26/11/2026") == date(2026, 11, 26)
    odd = ("", "26-13-2026", "gisteren", "2026-11-26T08:00", "9" * 99, "20261126", "2026-W48-4", "2026-11-31")
    assert [day_typed(text) for text in odd] == [None] * len(odd)
    assert clock_typed("08:30") == clock_typed("8.30") == clock_typed("08:30:15") == time(8, 30)
    assert [clock_typed(text) for text in ("", "24:00", "8:60", "half negen")] == [None] * 4


def test_a_pressure_of_which_the_numbers_are_swapped_is_said_so() -> None:
    found = checked("blood-pressure", {"upper": "76", "lower": "128", **TODAY}, NOW, language("nl"))
    assert "omgewisseld" in found.errors["lower"]
    assert found.measured == ()


@pytest.mark.parametrize(("value", "doubts"), [("2,9", 1), ("3", 0), ("20", 0), ("20,1", 1)])
def test_only_what_is_unusual_is_asked_about(value: str, doubts: int) -> None:
    found = checked("glucose", {"value": value, "moment": "ACM", **TODAY}, NOW, language("nl"))
    assert len(found.doubts) == doubts
    assert found.mark == value.replace(",", ".")
    assert found.measured[0].moment == "ACM"


def test_a_phone_may_be_some_minutes_ahead_and_no_more() -> None:
    fields = {"value": "72", "day": "2026-11-26"}
    assert not checked("weight", {**fields, "clock": "09:08"}, NOW, language("nl")).errors
    assert checked("weight", {**fields, "clock": "09:11"}, NOW, language("nl")).errors.keys() == {"day"}


def test_a_time_that_the_clocks_skip_is_an_hour_on() -> None:
    now = datetime(2027, 3, 28, 9, 0, tzinfo=NOW.tzinfo)
    fields = {"value": "72", "day": "2027-03-28", "clock": "02:20"}
    (weight,) = checked("weight", fields, now, language("nl")).measured
    assert weight.at.isoformat() == "2027-03-28T03:20:00+02:00"


def test_steps_are_of_a_day() -> None:
    (steps,) = checked("steps", {"value": "10.432", "day": "2026-11-25"}, NOW, language("nl")).measured
    assert (steps.values, steps.at.date()) == ((Decimal(10432),), date(2026, 11, 25))
