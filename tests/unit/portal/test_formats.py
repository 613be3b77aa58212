"""Dates, numbers and units as people read them."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from app.portal import formats
from app.portal.language import language

DUTCH, ENGLISH = language("nl"), language("en")
TODAY = date(2026, 11, 25)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("72.50", "72,50"), ("7", "7"), ("1250", "1.250"), ("0.42", "0,42"), ("-1.5", "-1,5"), ("1E+2", "100")],
)
def test_a_number_keeps_its_digits_and_gets_a_comma(value: str, expected: str) -> None:
    assert formats.number(Decimal(value), DUTCH) == expected


def test_english_pages_have_a_point() -> None:
    assert formats.number(Decimal("72.50"), ENGLISH) == "72.50"


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("128", "mm[Hg]", "128\u00a0mmHg"),
        ("37.2", "Cel", "37,2\u00a0°C"),
        ("96", "%", "96%"),
        ("71", "/min", "71\u00a0per minuut"),
        ("3", "1", "3"),
        ("3", "furlong", "3\u00a0furlong"),
    ],
)
def test_a_quantity_has_the_unit_that_people_write(value: str, unit: str, expected: str) -> None:
    assert formats.quantity(Decimal(value), unit, DUTCH) == expected


def test_near_days_have_a_name() -> None:
    assert formats.near_day(TODAY, TODAY, DUTCH) == "vandaag"
    assert formats.near_day(date(2026, 11, 24), TODAY, DUTCH) == "gisteren"
    assert formats.near_day(date(2026, 11, 26), TODAY, DUTCH) == "morgen"
    assert formats.near_day(date(2026, 11, 3), TODAY, DUTCH) == "3\u00a0november"
    assert formats.near_day(date(2025, 11, 3), TODAY, DUTCH) == "3\u00a0november\u00a02025"


def test_a_moment_is_said_in_full_and_short() -> None:
    moment = datetime(2026, 11, 3, 7, 5)  # noqa: DTZ001 - local already
    assert formats.near_moment(moment, TODAY, DUTCH) == "3\u00a0november om 07:05"
    assert formats.short_moment(moment, TODAY, DUTCH).replace("\u00a0", " ") == "3 nov 07:05"


@pytest.mark.parametrize(
    ("parts", "expected"), [([], ""), (["a"], "a"), (["a", "b"], "a en b"), (["a", "b", "c"], "a, b en c")]
)
def test_a_list_is_said_as_people_do(parts: list[str], expected: str) -> None:
    assert formats.joined(parts, DUTCH) == expected
