"""Laboratory results: held against what is normal, their change and their course."""

from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from app.portal.language import language
from app.portal.results import SHOWN_MAX, results

DUTCH = language("nl")
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def result(on: str, value: str, low: str | None = None, high: str | None = None) -> dict[str, Any]:
    bounds = {name: {"value": Decimal(bound)} for name, bound in (("low", low), ("high", high)) if bound}
    return {
        "status": "final",
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "49581000146104"}]}],
        "code": {"text": "Kalium"},
        "effectiveDateTime": on,
        "valueQuantity": {"value": Decimal(value), "code": "mmol/L"},
        "referenceRange": [bounds] if bounds else [],
    }


def test_a_result_is_held_against_its_own_reference_range() -> None:
    (row,) = results(
        [result("2026-03-01", "5.4", "3.5", "5.0"), result("2026-01-01", "4.1", "3.5", "5.0")], AMSTERDAM, DUTCH
    )
    assert (row.newest.value, row.normal, row.newest.state) == ("5,4\u00a0mmol/l", "3,5 tot 5,0", 1)
    assert [one.value for one in row.results[1:]] == ["4,1\u00a0mmol/l"]


def test_a_result_without_bounds_is_not_judged() -> None:
    (row,) = results([result("2026-03-01", "5.4")], AMSTERDAM, DUTCH)
    assert (row.normal, row.newest.state) == ("", None)


def test_a_home_glucose_is_no_laboratory_result() -> None:
    glucose = result("2026-03-01", "6.4") | {"code": {"coding": [{"system": "http://loinc.org", "code": "14770-2"}]}}
    assert results([glucose], AMSTERDAM, DUTCH) == []


def test_what_changed_is_said_in_words() -> None:
    before = result("2026-01-01", "4.1")
    for value, said in (
        ("5.4", "Hoger dan op 1\u00a0januari\u00a02026: 4,1."),
        ("3.9", "Lager dan op 1\u00a0januari\u00a02026: 4,1."),
        ("4.10", "Hetzelfde als op 1\u00a0januari\u00a02026."),
    ):
        (row,) = results([before, result("2026-03-01", value)], AMSTERDAM, DUTCH)
        assert row.change == said
    (alone,) = results([before], AMSTERDAM, DUTCH)
    assert (alone.change, alone.course) == ("", None)


def test_numbers_in_another_unit_are_not_compared() -> None:
    other = result("2026-03-01", "70")
    other["valueQuantity"]["code"] = "mg/dL"
    (row,) = results([result("2026-01-01", "4.1"), other], AMSTERDAM, DUTCH)
    assert (row.change, row.course) == ("", None)


def test_the_course_has_a_dot_for_each_result_and_the_band_of_what_is_normal() -> None:
    (row,) = results(
        [result("2026-01-01", "4.0", "3.0", "5.0"), result("2026-02-01", "6.0", "3.0", "5.0")], AMSTERDAM, DUTCH
    )
    assert row.course is not None
    assert [dot.x for dot in row.course.dots] == [0, 100]
    assert row.course.dots[0].y > row.course.dots[1].y
    assert row.course.normal is not None
    top, bottom = row.course.normal.y, row.course.normal.y + row.course.normal.height
    assert row.course.dots[1].y < top < row.course.dots[0].y < bottom
    assert row.course.said == "2 uitslagen: van 4,0 op 1\u00a0januari\u00a02026 naar 6,0 op 1\u00a0februari\u00a02026."


def test_results_at_one_moment_have_no_course() -> None:
    (row,) = results([result("2026-01-01", "4.0"), result("2026-01-01", "4.2")], AMSTERDAM, DUTCH)
    assert row.course is None


def test_only_the_newest_results_of_a_test_are_shown() -> None:
    (row,) = results([result(f"{2000 + year}-01-01", "4.0") for year in range(20)], AMSTERDAM, DUTCH)
    assert len(row.results) == SHOWN_MAX
    assert row.newest.on == date(2019, 1, 1)


def test_without_bounds_the_word_of_the_laboratory_counts() -> None:
    said = {**result("2026-01-01", "9.0"), "interpretation": {"coding": [{"code": "HH"}]}}
    (row,) = results([said], AMSTERDAM, DUTCH)
    assert row.newest.state == 1
    (row,) = results([{**said, "interpretation": [{"coding": [{"code": "N"}]}]}], AMSTERDAM, DUTCH)
    assert row.newest.state == 0


def test_a_result_that_is_over_what_can_be_measured_says_so() -> None:
    one = result("2026-01-01", "90")
    one["valueQuantity"]["comparator"] = ">"
    (row,) = results([one], AMSTERDAM, DUTCH)
    assert row.newest.value == ">90\u00a0mmol/l"
