"""Which category a resource belongs to."""

from typing import Any

import pytest

from app.access.categories import ALL_PARTS, Category
from app.consent.categorize import categorize, possible

LOINC = "http://loinc.org"
STU3_CATEGORY = "http://hl7.org/fhir/observation-category"
R4_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
SNOMED_LABORATORY = {"system": "http://snomed.info/sct", "code": "49581000146104"}


def observation(code: str, category: dict[str, str], performer: str | None) -> dict[str, Any]:
    """Return an Observation as a measuring app or a laboratory sends it."""
    tree: dict[str, Any] = {
        "resourceType": "Observation",
        "category": [{"coding": [category]}],
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "subject": {"reference": "Patient/zonnestraal"},
    }
    if performer is not None:
        tree["performer"] = [{"reference": performer}]
    return tree


@pytest.mark.parametrize("system", [STU3_CATEGORY, R4_CATEGORY])
@pytest.mark.parametrize(
    ("performer", "expected"),
    [
        (None, Category.OWN_MEASUREMENTS),
        ("Patient/zonnestraal", Category.OWN_MEASUREMENTS),
        ("https://elders.example/fhir/Patient/7/_history/2", Category.OWN_MEASUREMENTS),
        ("RelatedPerson/mantelzorger", Category.OWN_MEASUREMENTS),
        ("Practitioner/huisarts", Category.GP_SUMMARY),
        ("urn:uuid:0b0d5a0e-6c7b-4c26-8f0e-0a2a1f6f1d11", Category.GP_SUMMARY),
    ],
)
def test_a_vital_sign_is_an_own_measurement_when_the_person_measured_it(
    system: str, performer: str | None, expected: Category
) -> None:
    tree = observation("85354-9", {"system": system, "code": "vital-signs"}, performer)
    assert categorize("Observation", tree) == expected


def test_a_performer_that_is_the_subject_is_the_person_whatever_the_form_of_the_reference() -> None:
    tree = observation("29463-7", {"system": STU3_CATEGORY, "code": "vital-signs"}, "urn:oid:1.2.3")
    tree["subject"] = {"reference": "urn:oid:1.2.3"}
    assert categorize("Observation", tree) == Category.OWN_MEASUREMENTS


def test_a_performer_with_a_name_alone_is_not_taken_for_the_person() -> None:
    tree = observation("29463-7", {"system": STU3_CATEGORY, "code": "vital-signs"}, None)
    tree["performer"] = [{"display": "Praktijk De Klaproos-Test"}]
    assert categorize("Observation", tree) == Category.GP_SUMMARY


@pytest.mark.parametrize(
    ("code", "performer", "expected"),
    [
        ("14743-9", "Patient/zonnestraal", Category.OWN_MEASUREMENTS),
        ("14743-9", "Organization/laboratorium", Category.LABORATORY),
        ("4548-4", "Patient/zonnestraal", Category.LABORATORY),
        ("4548-4", None, Category.LABORATORY),
    ],
)
def test_glucose_measured_at_home_is_an_own_measurement_although_it_is_laboratory(
    code: str, performer: str | None, expected: Category
) -> None:
    assert categorize("Observation", observation(code, SNOMED_LABORATORY, performer)) == expected


@pytest.mark.parametrize(
    ("resource_type", "tree", "expected"),
    [
        (
            "Observation",
            {"category": [{"coding": [{"system": R4_CATEGORY, "code": "survey"}]}]},
            Category.QUESTIONNAIRES,
        ),
        ("Observation", {"code": {"text": "dossierregel"}}, Category.GP_SUMMARY),
        (
            "DiagnosticReport",
            {"category": {"coding": [{"system": "http://hl7.org/fhir/v2/0074", "code": "LAB"}]}},
            Category.LABORATORY,
        ),
        ("DiagnosticReport", {}, Category.GP_SUMMARY),
        ("MedicationDispense", {}, Category.MEDICATION),
        ("Goal", {}, Category.CARE_PLAN),
        ("ImmunizationRecommendation", {}, Category.VACCINATIONS),
        ("Patient", {}, Category.PERSONAL_DETAILS),
        ("Device", {}, ALL_PARTS),
        ("Practitioner", {}, ALL_PARTS & ~(Category.OWN_MEASUREMENTS | Category.QUESTIONNAIRES)),
        ("Condition", {}, Category.GP_SUMMARY),
        ("NotYetKnown", {}, Category.GP_SUMMARY),
    ],
)
def test_type_and_content_decide_the_part(resource_type: str, tree: dict[str, Any], expected: Category) -> None:
    assert categorize(resource_type, tree) == expected


@pytest.mark.parametrize(
    ("system", "code"),
    [
        ("http://hl7.org/fhir/v3/Confidentiality", "R"),
        ("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "V"),
        ("http://hl7.org/fhir/v3/ActCode", "HIV"),
        ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "PSY"),
        ("urn:oid:2.16.840.1.113883.5.25", "R"),
        ("urn:oid:2.16.840.1.113883.5.4", "HIV"),
    ],
)
def test_a_security_label_makes_a_resource_sensitive_and_keeps_its_part(system: str, code: str) -> None:
    tree = {"meta": {"security": [{"system": system, "code": code}]}}
    assert categorize("Condition", tree) == Category.GP_SUMMARY | Category.SENSITIVE


@pytest.mark.parametrize(("code", "is_sensitive"), [("N", False), ("R", True), ("V", True)])
def test_the_labels_that_a_document_itself_has_count_too(code: str, is_sensitive: bool) -> None:
    label = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": code}]}
    document, composition = {"securityLabel": [{"text": "-"}, label]}, {"confidentiality": code}
    for resource_type, tree in (("DocumentReference", document), ("Composition", composition)):
        for made in (tree, {"contained": [{"resourceType": resource_type, **tree}]}):
            assert (Category.SENSITIVE in categorize(resource_type, made)) is is_sensitive
    assert Category.SENSITIVE not in categorize("Basic", {**document, **composition})


def test_a_label_that_says_normal_changes_nothing() -> None:
    label = {"system": "http://hl7.org/fhir/v3/Confidentiality", "code": "N"}
    assert categorize("Condition", {"meta": {"security": [label]}}) == Category.GP_SUMMARY


@pytest.mark.parametrize("broken", [None, "R", [None], [{"code": 3}], {"coding": "x"}])
def test_content_of_the_wrong_shape_still_gets_a_mask(broken: Any) -> None:
    tree = {"meta": {"security": broken}, "category": broken, "code": broken, "performer": broken, "subject": broken}
    assert categorize("Observation", tree) == Category.GP_SUMMARY
    of_itself = {"securityLabel": broken, "confidentiality": broken if broken != "R" else None, "contained": [broken]}
    assert categorize("DocumentReference", of_itself) == Category.DOCUMENTS
    assert categorize("Composition", of_itself) == Category.GP_SUMMARY


def test_each_resource_is_in_a_category_that_is_possible_for_its_type() -> None:
    assert possible("Observation") == (
        Category.OWN_MEASUREMENTS | Category.LABORATORY | Category.QUESTIONNAIRES | Category.GP_SUMMARY
    )
    assert possible("Goal") == Category.CARE_PLAN
    assert possible(None) == ALL_PARTS
