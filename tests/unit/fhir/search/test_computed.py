"""Parameters that are more than a path."""

from decimal import Decimal
from typing import Any

import pytest

from app.fhir.search.computed import abatement_boolean, deceased, period_of_use, when_dispensed

NICTIZ = "http://nictiz.nl/fhir/StructureDefinition/"


@pytest.mark.parametrize(
    ("tree", "wanted"),
    [
        ({}, False),
        ({"deceasedBoolean": False}, False),
        ({"deceasedBoolean": True}, True),
        ({"deceasedDateTime": "2024-01-01"}, True),
    ],
)
def test_a_person_has_died_if_that_is_said_in_either_way(tree: dict[str, Any], *, wanted: bool) -> None:
    assert deceased(tree) == [("boolean", wanted)]


@pytest.mark.parametrize(
    ("tree", "wanted"),
    [
        ({}, []),
        ({"abatementBoolean": False}, [("boolean", False)]),
        ({"abatementBoolean": True}, [("boolean", True)]),
        ({"abatementDateTime": "2024"}, [("boolean", True)]),
        ({"abatementString": "lente"}, [("boolean", True)]),
    ],
)
def test_a_condition_is_over_if_any_abatement_says_so(tree: dict[str, Any], wanted: list[tuple[str, bool]]) -> None:
    assert abatement_boolean(tree) == wanted


def medication(period: dict[str, str] | None, days: int | None, *, release: str) -> dict[str, Any]:
    names = {"stu3": ("zib-Medication-PeriodOfUse", "zib-MedicationUse-Duration")}
    period_name, duration_name = names.get(release, ("ext-TimeInterval.Period", "ext-TimeInterval.Duration"))
    tree: dict[str, Any] = {"resourceType": "MedicationRequest"}
    told: dict[str, Any] = dict(period or {})
    if period is not None:
        tree["extension"] = [{"url": NICTIZ + period_name, "valuePeriod": told}]
    if days is not None:
        quantity = {"value": Decimal(days), "system": "http://unitsofmeasure.org", "code": "d"}
        duration = {"url": NICTIZ + duration_name, "valueDuration": quantity}
        if release == "r4":
            told["extension"] = [duration]
        else:
            tree.setdefault("extension" if release == "stu3" else "modifierExtension", []).append(duration)
    return tree


@pytest.mark.parametrize("release", ["stu3", "r4", "r4 beside the period"])
@pytest.mark.parametrize(
    ("period", "days", "wanted"),
    [
        ({"start": "2024-01-01", "end": "2024-02-01"}, 7, {"start": "2024-01-01", "end": "2024-02-01"}),
        ({"start": "2024-01-01"}, 7, {"start": "2024-01-01", "end": "2024-01-08"}),
        ({"end": "2024-01-08"}, 7, {"start": "2024-01-01", "end": "2024-01-08"}),
        ({"start": "2024-01-01"}, None, {"start": "2024-01-01"}),
        ({"start": "2024-01"}, 7, {"start": "2024-01"}),
    ],
)
def test_a_duration_stands_in_for_the_end_that_a_period_of_use_lacks(
    period: dict[str, str], days: int | None, wanted: dict[str, str], release: str
) -> None:
    assert period_of_use(medication(period, days, release=release)) == [("Period", wanted)]


def test_a_duration_alone_is_no_period_of_use() -> None:
    assert period_of_use(medication(None, 7, release="r4")) == []


def test_of_a_medication_statement_the_effective_period_is_the_period_of_use() -> None:
    period = {"start": "2024-01-01"}
    assert period_of_use({"resourceType": "MedicationStatement", "effectivePeriod": period}) == [("Period", period)]
    extension = medication({}, 7, release="r4")["extension"][0]["valuePeriod"]
    tree = {"resourceType": "MedicationStatement", "effectivePeriod": period | extension}
    assert period_of_use(tree) == [("Period", period | {"end": "2024-01-08"})]


def test_a_medicine_was_dispensed_when_handed_over_else_when_prepared() -> None:
    assert when_dispensed({"whenHandedOver": "2024-02", "whenPrepared": "2024-01"}) == [("dateTime", "2024-02")]
    assert when_dispensed({"whenPrepared": "2024-01"}) == [("dateTime", "2024-01")]
    assert when_dispensed({}) == []
