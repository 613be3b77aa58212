"""Through which references a resource belongs to a person."""

from typing import Any

import pytest

from app.fhir.compartment import OWNERS, compartment_parameters, patient_references
from app.fhir.release import Release
from app.fhir.search.definitions import definitions

DIRECTORY = {
    "ActivityDefinition", "Binary", "Bundle", "CapabilityStatement", "Endpoint", "HealthcareService", "Location", "Medication",
    "OperationOutcome", "Organization", "Parameters", "PlanDefinition", "Practitioner", "PractitionerRole", "Questionnaire",
    "Slot", "Substance",
}  # fmt: skip


def compartment_types(release: Release) -> set[str]:
    return {name for name in definitions(release).resource_types if compartment_parameters(release, name)}


@pytest.mark.parametrize("release", Release)
def test_all_types_but_those_of_the_directory_can_belong_to_a_person(release: Release) -> None:
    assert definitions(release).resource_types - compartment_types(release) == DIRECTORY


@pytest.mark.parametrize("release", Release)
def test_each_type_of_the_compartment_has_a_reference_that_may_point_to_a_patient(release: Release) -> None:
    for resource_type in compartment_types(release):
        parameters = compartment_parameters(release, resource_type)
        assert all(parameter.kind == "reference" for parameter in parameters)
        assert any(not parameter.targets or "Patient" in parameter.targets for parameter in parameters), resource_type


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("owner", OWNERS)
def test_each_parameter_of_a_compartment_is_a_reference_that_may_name_its_owner(release: Release, owner: str) -> None:
    types = definitions(release).resource_types
    found = {name: compartment_parameters(release, name, owner) for name in types}
    assert len([name for name, parameters in found.items() if parameters]) >= 16
    for name, parameters in found.items():
        for parameter in parameters:
            assert parameter.kind == "reference", name
            assert parameter.stored_in, (name, parameter.name)
            assert owner == "Patient" or not parameter.targets or owner in parameter.targets, (name, parameter.name)


@pytest.mark.parametrize(
    ("release", "owner", "name", "wanted"),
    [
        (Release.STU3, "Encounter", "Condition", ["context"]),
        (Release.R4, "Encounter", "Condition", ["encounter"]),
        (Release.R4, "Encounter", "Immunization", []),
        (Release.STU3, "Device", "Observation", ["device", "subject"]),
        (Release.R4, "Practitioner", "Procedure", ["performer"]),
        (Release.R4, "RelatedPerson", "QuestionnaireResponse", ["author", "source"]),
        (Release.R4, "Organization", "Procedure", []),
    ],
)
def test_the_parameters_are_those_of_the_owner_and_the_release(
    release: Release, owner: str, name: str, wanted: list[str]
) -> None:
    assert [parameter.name for parameter in compartment_parameters(release, name, owner)] == wanted


@pytest.mark.parametrize(
    ("release", "tree", "wanted"),
    [
        (
            Release.STU3,
            {
                "resourceType": "Observation",
                "subject": {"reference": "Patient/zonnestraal/_history/2"},
                "performer": [{"reference": "Practitioner/1"}, {"reference": "https://elders.example/fhir/Patient/2"}],
            },
            {"Patient/zonnestraal", "https://elders.example/fhir/Patient/2"},
        ),
        (Release.R4, {"resourceType": "Observation", "subject": {"reference": "Group/1"}}, set()),
        (Release.R4, {"resourceType": "Observation", "subject": {"reference": "#p"}}, set()),
        (Release.R4, {"resourceType": "Observation", "subject": {"display": "iemand"}}, set()),
        (Release.R4, {"resourceType": "Observation", "subject": {"reference": "urn:uuid:1"}}, set()),
        (Release.R4, {"resourceType": "Task", "for": {"reference": "Patient/1"}}, {"Patient/1"}),
        (Release.STU3, {"resourceType": "Task", "for": {"reference": "Patient/1"}}, {"Patient/1"}),
        (Release.STU3, {"resourceType": "Device", "patient": {"reference": "Patient/1"}}, {"Patient/1"}),
        (
            Release.R4,
            {
                "resourceType": "Appointment",
                "participant": [{"actor": {"reference": "Patient/1"}}, {"status": "accepted"}],
            },
            {"Patient/1"},
        ),
        (Release.R4, {"resourceType": "Provenance", "target": [{"reference": "Patient/1"}]}, {"Patient/1"}),
        (Release.R4, {"resourceType": "Patient", "id": "1"}, set()),
        (Release.R4, {"resourceType": "Organization", "partOf": {"reference": "Organization/1"}}, set()),
    ],
)
def test_the_references_to_a_patient_are_found(release: Release, tree: dict[str, Any], wanted: set[str]) -> None:
    assert patient_references(release, tree["resourceType"], tree) == wanted
