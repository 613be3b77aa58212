"""The arithmetic of the charts."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from app.portal.chart import (
    Band,
    Point,
    Range,
    Scale,
    Values,
    averages,
    bands,
    day_ticks,
    peaks,
    pieces,
    spark,
    steps,
    time_chart,
    value_axis,
)

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def points(*days_and_values: tuple[float, float]) -> list[Point]:
    return [Point(START + timedelta(days=day), Decimal(str(value))) for day, value in days_and_values]


def decimals(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ("0", "10", decimals("0", "2", "4", "6", "8", "10")),
        ("118", "152", decimals("110", "120", "130", "140", "150", "160")),
        (
            "69.8",
            "74.1",
            decimals("69", "70", "71", "72", "73", "74", "75"),
        ),
        ("36.4", "37.1", decimals("36.4", "36.6", "36.8", "37.0", "37.2")),
    ],
)
def test_an_axis_has_round_numbers_around_its_values(low: str, high: str, expected: list[Decimal]) -> None:
    assert steps(Decimal(low), Decimal(high)) == expected


def test_an_axis_of_one_number_is_that_number() -> None:
    assert steps(Decimal(7), Decimal(7)) == [Decimal(7)]


def test_small_changes_do_not_fill_the_chart() -> None:
    axis = value_axis(decimals("70.1", "70.4"), [], Decimal(6))
    assert axis[-1] - axis[0] >= 6


def test_an_axis_takes_in_the_target_too() -> None:
    axis = value_axis(decimals("150"), [Range(Decimal(110), Decimal(135))], Decimal(60))
    assert axis[0] <= 110
    assert axis[-1] >= 150


def test_an_axis_of_one_value_has_room_around_it() -> None:
    axis = value_axis(decimals("5"), [], Decimal(6))
    assert axis[0] < 5 < axis[-1]


def test_an_axis_goes_below_zero_only_if_a_value_does() -> None:
    assert value_axis(decimals("1"), [], Decimal(8))[0] == 0
    assert value_axis(decimals("-1"), [], Decimal(8))[0] < 0


def test_percentages_end_at_a_hundred() -> None:
    assert value_axis(decimals("97", "99"), [], Decimal(8), Decimal(100))[-1] == 100


def test_a_scale_of_one_value_puts_it_in_the_middle() -> None:
    assert Scale(3, 3).place(3) == 50


def test_the_line_goes_through_the_mean_of_each_day() -> None:
    means = averages(points((0, 120), (0.5, 130), (1, 140)), 1)
    assert [point.value for point in means] == [125, 140]
    assert means[0].at == START + timedelta(hours=6)


def test_the_line_of_a_year_goes_through_the_mean_of_each_week() -> None:
    assert [point.value for point in averages(points((0, 1), (6, 3), (7, 5)), 7)] == [2, 5]


def test_no_points_have_no_averages_and_no_line() -> None:
    assert averages([], 1) == []
    assert pieces([]) == []


def test_one_point_is_a_piece_that_draws_no_line() -> None:
    chart = time_chart(
        [Values("Weight", points((1, 70)), points((1, 70)))],
        [],
        START.date(),
        START.date() + timedelta(days=29),
        labels={day: "" for day, _ in day_ticks(START.date(), START.date() + timedelta(days=29))},
        written={Decimal(60): "60", Decimal(80): "80"},
    )
    assert len(chart.lines[0].dots) == 1
    assert chart.lines[0].pieces == ()
    assert chart.lines[0].dots[0].y == 50


def test_a_long_silence_breaks_the_line() -> None:
    cut = pieces(points((0, 1), (1, 1), (2, 1), (20, 1), (21, 1)))
    assert [len(piece) for piece in cut] == [3, 2]


def test_a_usual_distance_does_not_break_the_line() -> None:
    assert len(pieces(points((0, 1), (14, 1), (28, 1), (60, 1)))) == 1


def test_a_target_is_a_strip_between_its_ends() -> None:
    assert bands([Range(Decimal(120), Decimal(140))], Scale(160, 60)) == (Band(20.0, 20.0),)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Range(None, Decimal(140)), Band(20.0, 80.0)),
        (Range(Decimal(120), None), Band(0.0, 40.0)),
        (Range(Decimal(110), Decimal(110)), Band(50.0, 0.6)),
    ],
)
def test_an_open_target_reaches_the_edge_and_a_single_value_is_a_thin_strip(target: Range, expected: Band) -> None:
    assert bands([target], Scale(160, 60)) == (expected,)


def test_equal_targets_are_one_strip() -> None:
    assert len(bands([Range(Decimal(1), Decimal(2))] * 2, Scale(3, 0))) == 1


def test_what_lies_outside_the_period_is_not_drawn() -> None:
    start, around = START.date(), points((-1, 60), (0, 70), (10, 80), (11, 60))
    chart = time_chart(
        [Values("Weight", around, around)],
        [],
        start,
        start + timedelta(days=10),
        labels={day: "" for day, _ in day_ticks(start, start + timedelta(days=10))},
        written={Decimal(60): "60", Decimal(80): "80"},
    )
    assert [dot.y for dot in chart.lines[0].dots] == [50.0, 0.0]
    assert 0 < chart.lines[0].dots[0].x < chart.lines[0].dots[1].x < 100


def test_a_year_names_every_month_and_lets_every_other_go_where_it_is_narrow() -> None:
    ticks = day_ticks(date(2025, 11, 26), date(2026, 11, 25))
    assert [day.day for day, _ in ticks] == [1] * 12
    assert sum(minor for _, minor in ticks) == 6


def test_a_month_names_every_fifth_day_back_from_today() -> None:
    ticks = day_ticks(date(2026, 11, 1), date(2026, 11, 30))
    assert [day.day for day, _ in ticks] == [5, 10, 15, 20, 25, 30]
    assert not ticks[-1][1]


def test_a_quarter_names_every_other_monday() -> None:
    days = [day for day, _ in day_ticks(date(2026, 8, 26), date(2026, 11, 25))]
    assert {day.weekday() for day in days} == {0}
    assert days[1] - days[0] == timedelta(days=14)


@pytest.mark.parametrize("days", [30, 92, 365])
def test_where_it_is_narrow_every_other_name_goes_and_the_last_stays(days: int) -> None:
    minor = [minor for _, minor in day_ticks(date(2026, 11, 25) - timedelta(days=days - 1), date(2026, 11, 25))]
    assert not minor[-1]
    assert all(before != after for before, after in pairwise(minor))


def test_small_lines_of_a_pair_share_a_scale() -> None:
    upper, lower = spark([decimals("120", "130"), decimals("70", "80")], [], Decimal(60)).lines
    assert upper == "0.0,166.7 1000.0,0.0"
    assert lower == "0.0,1000.0 1000.0,833.3"


def test_a_small_line_needs_two_values() -> None:
    assert spark([decimals("1"), []], [], Decimal(2)).lines == ("", "")
    assert spark([[]], [], Decimal(2)).lines == ("",)


def test_a_small_drawing_has_what_of_a_target_lies_in_it() -> None:
    def drawn(low: str | None, high: str | None) -> tuple[Band, ...]:
        ends = (None if end is None else Decimal(end) for end in (low, high))
        return spark([decimals("10", "20")], [Range(*ends)], Decimal(2)).bands

    assert drawn("15", "30") == (Band(0.0, 50.0),)
    assert drawn(None, "12") == (Band(80.0, 20.0),)
    assert drawn("30", "40") == ()


def test_of_many_values_the_highest_and_lowest_stay() -> None:
    many = points(*((day, 70 + day % 7) for day in range(2000)))
    many[777] = Point(many[777].at, Decimal(300))
    many[1234] = Point(many[1234].at, Decimal(1))
    kept = peaks(many, 100)
    assert len(kept) <= 100
    assert {777, 1234, len(many) - 1} <= set(kept)
    assert kept == sorted(kept)
    assert peaks(many[:100], 100) == list(range(100))


def test_values_of_one_moment_are_one_stretch() -> None:
    same = [Point(START, Decimal(value)) for value in range(10)]
    assert peaks(same, 4) == [0, 9]
