"""Glucose over the hours of the day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from app.portal.chart import Point, Range
from app.portal.day_profile import DOTS_MAX, Shares, profile_chart, stretches

START = datetime(2026, 3, 2, tzinfo=UTC)
AXIS = {Decimal(0): "0", Decimal(20): "20"}


def at(hours: float, value: str, day: int = 0) -> Point:
    return Point(START + timedelta(days=day, hours=hours), Decimal(value))


def test_a_part_of_the_day_is_told_by_its_middle_and_its_tenths() -> None:
    points = [at(7, str(value), day) for day, value in enumerate(range(1, 12))]
    (one,) = stretches(points)
    assert (one.begin, one.end, one.count) == (6, 9, 11)
    assert (one.low, one.middle, one.high) == (Decimal("2.0"), Decimal("6.0"), Decimal("10.0"))


def test_a_part_of_the_day_with_few_values_says_nothing() -> None:
    assert stretches([at(7, "6"), at(7.5, "7"), at(13, "8")]) == []


def test_hours_are_told_one_by_one_where_there_are_many_values() -> None:
    points = [at(hour, "6", day) for day in range(12) for hour in range(24)]
    assert [(one.begin, one.end) for one in stretches(points)] == [(hour, hour + 1) for hour in range(24)]


def test_the_drawing_has_a_gap_where_nobody_measured() -> None:
    points = [at(hour, "10", day) for day in range(3) for hour in (1, 4, 13, 16)]
    chart = profile_chart(points, stretches(points), [Range(Decimal(5), Decimal(15))], AXIS, [""] * 4)
    assert len(chart.areas) == len(chart.lines[0].pieces) == 2
    assert chart.bands[0].y == 25.0
    assert chart.lines[0].pieces[0] == "62.5,500.0 187.5,500.0"


def test_a_thousand_values_are_few_dots_and_the_highest_is_among_them() -> None:
    points = [at(minute / 60, "10") for minute in range(1440)]
    points[700] = at(700 / 60, "20")
    of_day = stretches(points)
    dots = profile_chart(points, of_day, [], AXIS, ["said"] * len(of_day)).lines[0].dots
    assert sum(1 for dot in dots if not dot.label) <= DOTS_MAX
    assert sum(1 for dot in dots if dot.label == "said") == 24
    assert min(dot.y for dot in dots) == 0.0


def test_shares_are_of_the_values_that_have_a_target() -> None:
    shares = Shares(below=1, inside=6, above=1)
    assert [shares.percent(one) for one in (1, 6, 1)] == [12, 75, 12]
    assert Shares(0, 0, 0).percent(0) == 0
