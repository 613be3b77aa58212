"""Which medicines a summary names."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.fhir.summary.medicines import used_now

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
TREATMENT = "http://nictiz.nl/fhir/StructureDefinition/ext-PharmaceuticalTreatment.Identifier"
STOP = "http://nictiz.nl/fhir/StructureDefinition/ext-StopType"

Tree = dict[str, Any]


def request(name: str = "Fantasiepil 5 mg", **members: Any) -> Tree:
    """Return an agreement with a prescriber."""
    made = {"resourceType": "MedicationRequest", "status": "active", "intent": "order"}
    return {**made, "medicationCodeableConcept": {"text": name}, "authoredOn": "2026-01-10", **members}


def statement(name: str = "Fantasiepil 5 mg", **members: Any) -> Tree:
    """Return what somebody says to use."""
    made = {"resourceType": "MedicationStatement", "status": "active", "dateAsserted": "2026-02-01"}
    return {**made, "medicationCodeableConcept": {"text": name}, **members}


def of_treatment(value: str) -> list[Tree]:
    """Return the extension that says which treatment something is of."""
    return [{"url": TREATMENT, "valueIdentifier": {"system": "urn:oid:2.999.1", "value": value}}]


def test_what_is_agreed_and_used_is_one_medicine_as_it_is_used() -> None:
    said = statement()
    assert used_now([request(), said], NOW) == [said]


def test_a_treatment_is_told_by_its_identifier_before_its_name() -> None:
    first, second = (
        request("Ene pil", extension=of_treatment("1")),
        statement("Andere pil", extension=of_treatment("1")),
    )
    third = request("Ene pil", extension=of_treatment("2"))
    assert used_now([first, second, third], NOW) == [second, third]


@pytest.mark.parametrize(
    "members",
    [
        {"status": "stopped"},
        {"status": "completed"},
        {"status": "entered-in-error"},
        {"intent": "proposal"},
        {"doNotPerform": True},
        {"category": [{"coding": [{"system": "http://snomed.info/sct", "code": "52711000146108"}]}]},
        {"modifierExtension": [{"url": STOP, "valueCodeableConcept": {"text": "definitief"}}]},
        {"dosageInstruction": [{"timing": {"repeat": {"boundsPeriod": {"end": "2026-11-24"}}}}]},
    ],
)
def test_what_is_no_longer_or_never_was_to_be_used_is_left_out(members: Tree) -> None:
    assert used_now([request(**members)], NOW) == []


def test_a_newer_stop_ends_what_was_agreed_before() -> None:
    stop = request(authoredOn="2026-03-01", modifierExtension=[{"url": STOP, "valueCodeableConcept": {"text": "stop"}}])
    assert used_now([request(), stop], NOW) == []
    assert used_now([stop, request(authoredOn="2026-04-01")], NOW) == [request(authoredOn="2026-04-01")]


def test_until_a_stop_takes_effect_the_medicine_is_used_as_it_was_agreed() -> None:
    period = {"timing": {"repeat": {"boundsPeriod": {"end": "2026-12-24"}}}}
    stop = request(
        authoredOn="2026-03-01",
        modifierExtension=[{"url": STOP, "valueCodeableConcept": {"text": "stop"}}],
        dosageInstruction=[period],
    )
    assert used_now([request(), stop], NOW) == [request()]


def test_the_last_day_counts() -> None:
    last_day = statement(effectivePeriod={"start": "2026-01-01", "end": "2026-11-25"})
    assert used_now([last_day], NOW) == [last_day]
