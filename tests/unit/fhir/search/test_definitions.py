"""The search parameters that exist, and the files they come from."""

import pytest

from app.fhir.release import Release
from app.fhir.releases.definitions import served
from app.fhir.search import generate
from app.fhir.search.definitions import SearchParameter, definitions
from app.fhir.search.definitions import _supported as told


def every_parameter() -> list[SearchParameter]:
    return [
        parameter
        for release in Release
        for resource_type in sorted(definitions(release).resource_types)
        for parameter in definitions(release).of(resource_type).values()
    ]


@pytest.mark.parametrize("release", Release)
def test_the_data_is_what_the_generator_makes_of_its_sources(release: Release) -> None:
    committed = (generate.DATA / f"{release.path}.json").read_text(encoding="utf-8")
    assert committed == generate.text(release)


@pytest.mark.parametrize("release", Release)
def test_exactly_the_served_types_have_parameters(release: Release) -> None:
    assert definitions(release).resource_types == served(release)


def test_no_two_parameters_have_the_same_number_and_all_fit_31_bits() -> None:
    parameters = every_parameter()
    assert len({parameter.number for parameter in parameters}) == len(parameters) > 2400
    assert all(0 < parameter.number < 2**31 for parameter in parameters)


@pytest.mark.parametrize(
    ("release", "resource_type", "name", "number"),
    [
        (Release.STU3, "Observation", "code", 1137810207),
        (Release.R4, "Observation", "code", 775344599),
    ],
)
def test_numbers_are_the_same_in_every_installation(
    release: Release, resource_type: str, name: str, number: int
) -> None:
    assert definitions(release).of(resource_type)[name].number == number


def test_only_composite_and_special_parameters_and_four_others_are_not_supported() -> None:
    unsupported = [parameter for parameter in every_parameter() if not parameter.supported]
    odd = {
        f"{parameter.resource_type}.{parameter.name}"
        for parameter in unsupported
        if parameter.kind not in ("composite", "special")
    }
    # A reference to a resource inside the Bundle is for chaining only; a place on the map is no token.
    assert odd == {"Bundle.composition", "Bundle.message", "Location.near", "Location.near-distance"}


@pytest.mark.parametrize("release", Release)
def test_every_type_has_the_parameters_that_are_common_to_all(release: Release) -> None:
    common = {"_id", "_lastUpdated", "_tag", "_security", "_profile"} | (
        {"_source"} if release is Release.R4 else set()
    )
    for resource_type in definitions(release).resource_types:
        assert common <= set(definitions(release).supported(resource_type))


@pytest.mark.parametrize(
    ("release", "resource_type", "names"),
    [
        (Release.STU3, "MedicationRequest", "medication category identifier medicationtreatment periodofuse"),
        (
            Release.STU3,
            "MedicationDispense",
            "category medicationtreatment periodofuse requestdate whendispensed whenhandedover",
        ),
        (Release.STU3, "MedicationStatement", "category identifier medicationtreatment medication"),
        (Release.STU3, "CarePlan", "activity-goal activity-outcomereference activity-medicaldevice category"),
        (Release.STU3, "Observation", "category code context date related-target specimen"),
        (Release.STU3, "DocumentReference", "indexed status"),
        (Release.STU3, "DocumentManifest", "created status"),
        (Release.STU3, "Task", "code status owner"),
        (Release.STU3, "Encounter", "class episodeofcare practitioner"),
        (Release.R4, "MedicationRequest", "period-of-use pharmaceutical-treatment-identifier next-practitioner reason"),
        (Release.R4, "MedicationRequest", "dispense-location requester subject medication"),
        (Release.R4, "MedicationDispense", "category period-of-use performer destination location"),
        (Release.R4, "MedicationStatement", "author prescriber source category"),
        (Release.R4, "MedicationAdministration", "category effective-time performer"),
        (Release.R4, "Immunization", "patient performer location date"),
        (Release.R4, "PractitionerRole", "organization practitioner location"),
        (Release.R4, "Flag", "category"),
    ],
)
def test_what_the_dutch_standards_ask_is_supported(release: Release, resource_type: str, names: str) -> None:
    assert set(names.split()) <= set(definitions(release).supported(resource_type))


@pytest.mark.parametrize(
    ("resource_type", "name", "repeats"),
    [
        ("Observation", "date", False),
        ("Observation", "code", False),
        ("Observation", "value-quantity", False),
        ("Observation", "performer", True),
        ("Observation", "combo-code", True),
        ("Observation", "component-code", True),
        ("Patient", "birthdate", False),
        ("Patient", "family", True),
        ("Condition", "onset-date", False),
        ("Encounter", "date", False),
        ("MedicationRequest", "period-of-use", False),
        ("MedicationRequest", "pharmaceutical-treatment-identifier", True),
        ("Organization", "address", True),
        ("Location", "address", True),
    ],
)
def test_a_parameter_repeats_if_a_resource_may_have_several_values(
    resource_type: str, name: str, *, repeats: bool
) -> None:
    assert definitions(Release.R4).of(resource_type)[name].repeats == repeats


@pytest.mark.parametrize("release", Release)
def test_patient_always_means_a_patient(release: Release) -> None:
    for resource_type in definitions(release).resource_types:
        parameter = definitions(release).of(resource_type).get("patient")
        assert parameter is None or parameter.targets == {"Patient"}


def test_r4_parameters_are_those_of_4_0_1_where_4_3_0_differs() -> None:
    r4 = definitions(Release.R4)
    assert r4.of("Observation")["subject"].targets == {"Device", "Group", "Location", "Patient"}
    assert "Practitioner" not in r4.of("DiagnosticReport")["subject"].targets
    assert r4.of("Immunization")["date"].types == ("dateTime", "string")
    assert "resolve" not in r4.of("DocumentReference")["encounter"].expression


@pytest.mark.parametrize(
    ("release", "resource_type", "name", "url"),
    [
        (Release.STU3, "Observation", "_id", "http://hl7.org/fhir/SearchParameter/Resource-id"),
        (Release.R4, "Goal", "lifecycle-status", "http://hl7.org/fhir/SearchParameter/Goal-lifecycle-status"),
        (Release.R4, "Observation", "date", "http://hl7.org/fhir/SearchParameter/clinical-date"),
        (Release.R4, "Immunization", "date", "http://hl7.org/fhir/SearchParameter/clinical-date"),
        (Release.R4, "MedicationRequest", "category", "http://hl7.org/fhir/SearchParameter/MedicationRequest-category"),
        (Release.R4, "MedicationDispense", "category", "http://nictiz.nl/fhir/SearchParameter/category"),
        (Release.R4, "Flag", "category", "http://nictiz.nl/fhir/SearchParameter/Flag-category"),
        (Release.STU3, "CarePlan", "activity-medicaldevice", "http://nictiz.nl/fhir/SearchParameter/careplan-medicaldevice"),
    ],
)  # fmt: skip
def test_a_parameter_tells_where_it_is_defined(release: Release, resource_type: str, name: str, url: str) -> None:
    assert definitions(release).of(resource_type)[name].url == url


def test_a_type_that_is_not_served_has_no_parameters() -> None:
    assert definitions(Release.R4).of("ProcedureRequest") == {}
    assert definitions(Release.STU3).of("Nonsense") == {}


def test_nothing_is_remembered_of_types_that_there_are_none_of() -> None:
    known = definitions(Release.R4)
    known.supported("Patient")
    before = told.cache_info().currsize
    assert not any(known.supported(f"Zonnestraal{number}") for number in range(100))
    assert told.cache_info().currsize == before
