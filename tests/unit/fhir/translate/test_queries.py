"""A search as the other release would ask it."""

import pytest

from app.errors import UnknownParameterError
from app.fhir.release import Release
from app.fhir.translate.queries import query_in

STU3, R4 = Release.STU3, Release.R4


@pytest.mark.parametrize(
    ("target", "resource_type", "asked", "wanted"),
    [
        (R4, "MedicationStatement", ("status", "active"), [("status", "active")]),
        (R4, "MedicationStatement", ("status", "stopped"), [("status", "stopped,not-taken")]),
        (R4, "MedicationStatement", ("status:not", "stopped"), [("status:not", "stopped,not-taken")]),
        (R4, "MedicationDispense", ("status", "stopped,completed"), [("status", "stopped,completed,declined")]),
        (R4, "Procedure", ("status", "suspended,unknown"), [("status", "on-hold,unknown,not-done")]),
        (R4, "Immunization", ("status", "completed"), [("status", "completed,not-done")]),
        (STU3, "Immunization", ("status", "not-done"), [("notgiven", "true")]),
        (STU3, "Immunization", ("status:not", "not-done"), [("notgiven:not", "true")]),
        (STU3, "Immunization", ("status", "completed"), [("status", "completed"), ("notgiven:not", "true")]),
        (
            STU3,
            "MedicationAdministration",
            ("status", "completed,stopped"),
            [("status", "completed,stopped"), ("not-given:not", "true")],
        ),
    ],
)
def test_a_status_made_of_a_flag_is_asked_as_it_is_there(
    target: Release, resource_type: str, asked: tuple[str, str], wanted: list[tuple[str, str]]
) -> None:
    assert query_in(target, resource_type, [asked]) == wanted


@pytest.mark.parametrize(
    ("target", "resource_type", "asked"),
    [
        (STU3, "MedicationStatement", ("status", "active")),
        (STU3, "MedicationDispense", ("status", "completed")),
        (STU3, "Procedure", ("status", "not-done")),
        (STU3, "Immunization", ("status", "completed,not-done")),
        (STU3, "Immunization", ("status:not", "completed")),
        (STU3, "Immunization", ("status", "http://hl7.org/fhir/event-status|completed")),
        (R4, "Procedure", ("status:missing", "true")),
    ],
)
def test_a_status_that_cannot_be_asked_there_is_refused(
    target: Release, resource_type: str, asked: tuple[str, str]
) -> None:
    with pytest.raises(UnknownParameterError):
        query_in(target, resource_type, [asked])


@pytest.mark.parametrize(
    ("target", "resource_type", "asked", "wanted"),
    [
        (STU3, "CarePlan", ("status", "http://hl7.org/fhir/request-status|active"), [("status", "active")]),
        (R4, "CarePlan", ("status:not", "http://hl7.org/fhir/care-plan-status|active"), [("status:not", "active")]),
        (R4, "CarePlan", ("status", "http://wrong|active"), [("status", "http://wrong|active")]),
        (
            STU3,
            "Condition",
            ("clinical-status", "http://terminology.hl7.org/CodeSystem/condition-clinical|active"),
            [("clinical-status", "http://hl7.org/fhir/condition-clinical|active")],
        ),
    ],
)
def test_a_code_of_an_implied_system_is_asked_as_one_there(
    target: Release, resource_type: str, asked: tuple[str, str], wanted: list[tuple[str, str]]
) -> None:
    assert query_in(target, resource_type, [asked]) == wanted
