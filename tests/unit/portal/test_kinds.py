"""What the pages take from Observations and Goals."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.portal.kinds import BY_KEY, Target, converted, kind_of, measurements_of, targets_of

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
PRESSURE, WEIGHT, GLUCOSE = BY_KEY["blood-pressure"], BY_KEY["weight"], BY_KEY["glucose"]


def coded(code: str, system: str = "http://loinc.org") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def measured(value: str, unit: str) -> dict[str, Any]:
    return {"value": Decimal(value), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def observation(code: str, at: str, value: str | None, unit: str, **more: Any) -> dict[str, Any]:
    own = {"valueQuantity": measured(value, unit)} if value else {}
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": coded(code),
        "effectiveDateTime": at,
        **own,
        **more,
    }


def pressure(at: str, upper: str, lower: str, **more: Any) -> dict[str, Any]:
    parts = [
        {"code": coded(code), "valueQuantity": measured(value, "mm[Hg]")}
        for code, value in (("8480-6", upper), ("8462-4", lower))
    ]
    return observation("85354-9", at, None, "", component=parts, **more)


def goal(*targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Goal",
        "lifecycleStatus": "active",
        "description": {"text": "Doel"},
        "target": list(targets),
        **more,
    }


def test_a_blood_pressure_is_two_values() -> None:
    (one,) = measurements_of(PRESSURE, [pressure("2026-03-02T07:00:00+01:00", "128", "76")], AMSTERDAM)
    assert one.values == (Decimal(128), Decimal(76))


def test_a_blood_pressure_that_came_in_two_halves_is_put_together() -> None:
    nurse = {"performer": [{"reference": "Practitioner/1", "display": "P. Polsslag"}]}
    halves = [
        observation("8462-4", "2026-03-02T07:00:00+01:00", "76", "mm[Hg]", **nurse),
        observation("8480-6", "2026-03-02T07:00:00+01:00", "128", "mm[Hg]", **nurse),
    ]
    (one,) = measurements_of(PRESSURE, halves, AMSTERDAM)
    assert one.values == (Decimal(128), Decimal(76))
    assert one.by == "P. Polsslag"


def test_two_measurements_at_one_moment_stay_two() -> None:
    twice = [pressure("2026-03-02T07:00:00Z", "128", "76"), pressure("2026-03-02T07:00:00Z", "130", "78")]
    assert len(measurements_of(PRESSURE, twice, AMSTERDAM)) == 2


def test_measurements_come_oldest_first_whatever_their_zone() -> None:
    late = observation("29463-7", "2026-03-02T08:00:00+01:00", "71", "kg")
    early = observation("29463-7", "2026-03-02T06:30:00+00:00", "70", "kg")
    assert [one.values[0] for one in measurements_of(WEIGHT, [late, early], AMSTERDAM)] == [70, 71]


def test_the_same_measurement_in_both_releases_is_shown_once() -> None:
    same = {"identifier": [{"system": "urn:oid:2.999.1", "value": "a"}]}
    both = [
        observation("29463-7", "2026-03-02", "71", "kg", **same),
        observation("29463-7", "2026-03-02", "71", "kg", **same),
    ]
    assert len(measurements_of(WEIGHT, both, AMSTERDAM)) == 1


def test_what_was_entered_in_error_or_has_no_value_or_time_is_not_shown() -> None:
    wrong = observation("29463-7", "2026-03-02", "71", "kg") | {"status": "entered-in-error"}
    timeless = {
        key: value for key, value in observation("29463-7", "x", "71", "kg").items() if key != "effectiveDateTime"
    }
    empty = observation("29463-7", "2026-03-02", None, "kg")
    assert measurements_of(WEIGHT, [wrong, timeless, empty], AMSTERDAM) == []


def test_the_digits_of_a_value_are_kept() -> None:
    (one,) = measurements_of(WEIGHT, [observation("29463-7", "2026-03-02", "72.50", "kg")], AMSTERDAM)
    assert str(one.values[0]) == "72.50"


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "expected"),
    [
        ("72500", "g", "kg", "72.5"),
        ("1.82", "m", "cm", "182.0"),
        ("98.6", "[degF]", "Cel", "37.0"),
        ("16", "{breaths}/min", "/min", "16"),
        ("126", "mg/dL", "mmol/L", "7.0"),
    ],
)
def test_other_units_are_converted(value: str, unit: str, wanted: str, expected: str) -> None:
    assert str(converted(Decimal(value), unit, wanted)) == expected


def test_a_unit_that_does_not_compare_gives_no_value() -> None:
    assert converted(Decimal(5), "L", "kg") is None


def test_a_glucose_value_belongs_to_the_moment_of_its_code() -> None:
    found = measurements_of(
        GLUCOSE,
        [
            observation("14770-2", "2026-03-02T07:00:00Z", "6.1", "mmol/L"),
            observation("14760-3", "2026-03-02T10:00:00Z", "8.4", "mmol/L"),
            observation("14743-9", "2026-03-02T12:00:00Z", "5.9", "mmol/L"),
        ],
        AMSTERDAM,
    )
    filled = [[value is not None for value in one.values] for one in found]
    assert filled == [[True, False, False], [False, True, False], [False, False, True]]


def test_a_glucose_with_a_general_code_too_counts_once() -> None:
    both = observation("14770-2", "2026-03-02T07:00:00Z", "6.1", "mmol/L")
    both["code"]["coding"].append({"system": "http://loinc.org", "code": "14743-9"})
    (one,) = measurements_of(GLUCOSE, [both], AMSTERDAM)
    assert one.values == (Decimal("6.1"), None, None)


def test_a_laboratory_test_is_of_no_kind() -> None:
    assert kind_of(observation("59261-8", "2026-03-02", "53", "mmol/mol")) is None


def test_a_target_range_belongs_to_the_series_of_its_measure() -> None:
    bounds = {"low": measured("110", "mm[Hg]"), "high": measured("135", "mm[Hg]")}
    upper, lower = targets_of(PRESSURE, [goal({"measure": coded("8480-6"), "detailRange": bounds})])
    assert upper == Target(Decimal(110), Decimal(135), "Doel")
    assert lower is None


def test_a_target_of_stu3_is_not_a_list() -> None:
    below = {"measure": coded("29463-7"), "detailQuantity": {**measured("80", "kg"), "comparator": "<"}}
    old = {"status": "in-progress", "description": {"text": "Doel"}, "target": below}
    assert targets_of(WEIGHT, [old]) == (Target(None, Decimal(80), "Doel"),)


@pytest.mark.parametrize("status", ["completed", "cancelled", "rejected", "entered-in-error"])
def test_a_goal_that_is_over_sets_no_target(status: str) -> None:
    bounds = {"high": measured("80", "kg")}
    closed = goal({"measure": coded("29463-7"), "detailRange": bounds}) | {"lifecycleStatus": status}
    assert targets_of(WEIGHT, [closed]) == (None,)


def test_the_ends_of_a_target_are_inside_it() -> None:
    target = Target(Decimal(110), Decimal(135), "")
    assert [target.side(Decimal(value)) for value in (109, 110, 135, 136)] == [-1, 0, 0, 1]


def test_a_value_after_a_meal_is_not_held_against_the_target_before_breakfast() -> None:
    before = {"measure": coded("14770-2"), "detailRange": {"high": measured("8.0", "mmol/L")}}
    assert targets_of(GLUCOSE, [goal(before)]) == (Target(None, Decimal("8.0"), "Doel"), None, None)
