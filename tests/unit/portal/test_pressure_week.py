"""A week of blood pressures as a GP uses it."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from app.portal.kinds import Measurement
from app.portal.pressure_week import Mean, pressure_week

FIRST = date(2026, 3, 2)
HOME = ZoneInfo("Europe/Amsterdam")


def at(day: int, hour: int, upper: int, lower: int = 80) -> Measurement:
    when = datetime(FIRST.year, FIRST.month, FIRST.day, hour, tzinfo=HOME) + timedelta(days=day)
    return Measurement(when, (Decimal(upper), Decimal(lower)))


def whole(days: range, morning: int = 130, evening: int = 140) -> list[Measurement]:
    return [
        at(day, hour, value)
        for day in days
        for hour, value in ((7, morning), (7, morning), (20, evening), (20, evening))
    ]


def test_the_first_day_is_left_out_of_the_mean() -> None:
    measured = [*whole(range(1), 200, 200), *whole(range(1, 7))]
    week = pressure_week(measured, FIRST + timedelta(days=6))
    assert week is not None
    assert week.both is not None
    assert week.both == Mean(Decimal(135), Decimal(80), 24)
    assert week.morning is not None
    assert week.morning == Mean(Decimal(130), Decimal(80), 12)
    assert week.is_enough
    assert week.missing == 0
    assert [one.counts for one in week.days] == [False] + [True] * 6


def test_a_third_measurement_of_a_morning_does_not_count() -> None:
    measured = [*whole(range(5)), at(1, 9, 250)]
    week = pressure_week(measured, FIRST + timedelta(days=4))
    assert week is not None
    assert week.both is not None
    assert week.both.upper == 135


def test_days_that_are_not_over_lack_nothing_yet() -> None:
    week = pressure_week([*whole(range(2)), at(2, 7, 130)], FIRST + timedelta(days=3))
    assert week is not None
    assert week.missing == 3
    assert [one.is_over for one in week.days] == [True] * 3 + [False] * 4


def test_what_is_missing_is_told_and_two_days_are_not_enough() -> None:
    measured = [*whole(range(3)), at(3, 7, 130)]
    week = pressure_week(measured, FIRST + timedelta(days=7))
    assert week is not None
    assert not week.is_enough
    assert [(one.morning, one.evening) for one in week.days][:4] == [(2, 2), (2, 2), (2, 2), (1, 0)]
    assert week.missing == 3 + 12


def test_an_afternoon_is_neither_a_morning_nor_an_evening() -> None:
    assert pressure_week([at(0, 13, 130), at(1, 14, 130)], FIRST + timedelta(days=2)) is None
    assert pressure_week([], FIRST) is None


def test_a_mean_is_rounded_as_people_do() -> None:
    measured = [*whole(range(1)), at(1, 7, 130), at(1, 20, 131)]
    week = pressure_week(measured, FIRST + timedelta(days=1))
    assert week is not None
    assert week.both is not None
    assert week.both.upper == 131
