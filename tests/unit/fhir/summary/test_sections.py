"""What belongs in which section of a summary."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.fhir.summary.narrative import COLUMNS, table
from app.fhir.summary.sections import SECTIONS
from app.fhir.validation.narrative import is_safe_narrative

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LOINC = "http://loinc.org"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"

Tree = dict[str, Any]


def coded(system: str, code: str) -> Tree:
    """Return a CodeableConcept."""
    return {"coding": [{"system": system, "code": code}]}


def observation(code: str, on: str = "2026-11-01", **members: Any) -> Tree:
    """Return an Observation with a value."""
    made = {"resourceType": "Observation", "status": "final", "code": coded(LOINC, code), "effectiveDateTime": on}
    return {**made, "valueQuantity": {"value": 1, "unit": "kg"}, **members}


def condition(status: str = "active", **members: Any) -> Tree:
    """Return a Condition."""
    return {"resourceType": "Condition", "clinicalStatus": coded(CLINICAL, status), "code": {"text": "Iets"}, **members}


def in_sections(*resources: Tree) -> dict[str, list[Tree]]:
    """Return what is in the sections that have something."""
    found = {section.key: section.choose(resources, NOW) for section in SECTIONS}
    return {key: chosen for key, chosen in found.items() if chosen}


def test_a_problem_is_open_or_of_the_past() -> None:
    now, past = condition(), condition("resolved")
    assert in_sections(now, past) == {"problems": [now], "past-problems": [past]}


@pytest.mark.parametrize("code", ["entered-in-error", "refuted"])
def test_a_problem_that_is_none_is_left_out(code: str) -> None:
    wrong = coded("http://terminology.hl7.org/CodeSystem/condition-ver-status", code)
    assert in_sections(condition(verificationStatus=wrong)) == {}


def test_of_each_measurement_the_newest_is_shown() -> None:
    old, new = observation("29463-7", "2026-01-01"), observation("29463-7", "2026-02-01T08:00:00+01:00")
    height = observation("8302-2", "2020-01-01")
    assert in_sections(old, height, new) == {"vital-signs": [new, height]}


def test_what_shares_a_coding_is_of_one_kind() -> None:
    both = {"coding": [{"system": LOINC, "code": "29463-7"}, {"system": "http://snomed.info/sct", "code": "27113001"}]}
    old, new = observation("29463-7", "2026-01-01"), {**observation("29463-7", "2026-02-01"), "code": both}
    assert in_sections(old, new) == {"vital-signs": [new]}


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ({"low": {"value": 4, "unit": "mmol/L"}, "high": {"value": 6, "unit": "mmol/L"}}, "4 mmol/L - 6 mmol/L"),
        ({"low": {"value": 60}}, "≥ 60"),
        ({"high": {"value": 2, "unit": "mmol/L"}}, "≤ 2 mmol/L"),
        ({"text": "geen"}, "geen"),
    ],
)
def test_a_reference_range_may_be_open(bounds: Tree, text: str) -> None:
    assert text in table(COLUMNS["results"], [observation("4548-4", referenceRange=[bounds])], {})


def test_a_measurement_without_a_value_says_nothing() -> None:
    nothing = observation("29463-7")
    del nothing["valueQuantity"]
    assert in_sections(nothing) == {}


def test_observations_are_told_apart_by_what_they_are_about() -> None:
    category = "http://terminology.hl7.org/CodeSystem/observation-category"
    glucose, smoking = observation("14743-9"), observation("72166-2")
    laboratory = observation("4548-4", category=[coded(category, "laboratory")])
    found = in_sections(glucose, smoking, laboratory)
    assert found == {"results": [glucose, laboratory], "social-history": [smoking]}


def test_a_dangerous_allergy_comes_first() -> None:
    mild = {"resourceType": "AllergyIntolerance", "code": {"text": "Stof A"}, "criticality": "low"}
    high = {"resourceType": "AllergyIntolerance", "code": {"text": "Stof B"}, "criticality": "high"}
    assert in_sections(mild, high) == {"allergies": [high, mild]}


def test_every_section_has_columns() -> None:
    assert set(COLUMNS) == {section.key for section in SECTIONS}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.key)
def test_a_narrative_is_safe_whatever_the_record_says(section: Any) -> None:
    hostile = '<script>alert("1")</script> & <b>'
    text = {"text": hostile, "coding": [{"code": hostile}]}
    resource: Tree = {
        "code": text, "medicationCodeableConcept": text, "vaccineCode": text, "device": {"display": hostile},
        "title": hostile, "category": [text], "valueString": hostile, "criticality": hostile,
        "effectiveDateTime": hostile, "onsetDateTime": hostile, "period": {"start": hostile}, "dosage": [{"text": hostile}],
    }  # fmt: skip
    shown = table(COLUMNS[section.key], [resource], {})
    assert is_safe_narrative(shown)
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


def test_digits_stay_as_they_were_measured() -> None:
    weight = observation("29463-7", valueQuantity={"value": Decimal("72.50"), "unit": "kg"})
    assert "72.50 kg" in table(COLUMNS["vital-signs"], [weight], {})


def test_an_empty_section_says_so_in_both_languages() -> None:
    shown = table(COLUMNS["allergies"], [], {})
    assert "Hierover is niets bekend." in shown
    assert '<span lang="en">(No information about this.)</span>' in shown
