"""Which category of the consent page a resource belongs to; pure.

The rules are the two tables below. The code systems of both releases are recognised in either: a label that says
"sensitive" must count, also where a sender wrote the URI of the other release.

A document has labels of its own besides: DocumentReference.securityLabel, of what it refers to, and Composition.confidentiality.

Specs: https://hl7.org/fhir/R4/security-labels.html, https://hl7.org/fhir/STU3/security-labels.html,
https://hl7.org/fhir/R4/documentreference-definitions.html#DocumentReference.securityLabel,
https://hl7.org/fhir/R4/composition-definitions.html#Composition.confidentiality
"""

from collections.abc import Callable
from typing import Any

from app.access.categories import ALL_PARTS, EVERYTHING, Category

BY_TYPE: dict[Category, str] = {
    Category.MEDICATION: (
        "Medication MedicationRequest MedicationStatement MedicationDispense MedicationAdministration"
    ),
    Category.CARE_PLAN: (
        "CarePlan Goal CareTeam Task ServiceRequest ProcedureRequest PlanDefinition ActivityDefinition NutritionOrder "
        "RequestGroup DeviceRequest"
    ),
    Category.LABORATORY: "Specimen",
    Category.QUESTIONNAIRES: "Questionnaire QuestionnaireResponse",
    Category.DOCUMENTS: "DocumentReference DocumentManifest Binary Media",
    Category.ALLERGIES: "AllergyIntolerance",
    Category.VACCINATIONS: "Immunization ImmunizationRecommendation",
    Category.APPOINTMENTS: "Appointment Schedule Slot",
    Category.MESSAGES: "Communication CommunicationRequest",
    Category.PERSONAL_DETAILS: "Patient RelatedPerson Coverage Account Consent",
    # Whoever may see a part needs to see what it refers to, and who: but a person's own measurements and answers refer to
    # nobody, and the list of all who ever treated somebody tells much.
    ALL_PARTS: "Device Substance",
    ALL_PARTS & ~(Category.OWN_MEASUREMENTS | Category.QUESTIONNAIRES): (
        "Practitioner PractitionerRole Organization Location HealthcareService Endpoint"
    ),
}
"""The types of which every resource is in one category; Observation and DiagnosticReport are looked into, what is not
named is part of the GP summary."""

_LOINC, _SNOMED = "http://loinc.org", "http://snomed.info/sct"
_OBSERVATION_CATEGORY = (
    "http://hl7.org/fhir/observation-category",
    "http://terminology.hl7.org/CodeSystem/observation-category",
)
_DIAGNOSTIC_SERVICE = ("http://hl7.org/fhir/v2/0074", "http://terminology.hl7.org/CodeSystem/v2-0074")
_CONFIDENTIALITY = (
    "http://hl7.org/fhir/v3/Confidentiality",
    "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
    "urn:oid:2.16.840.1.113883.5.25",  # as it comes from an XDS registry
)
_ACT_CODE = (
    "http://hl7.org/fhir/v3/ActCode",
    "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    "urn:oid:2.16.840.1.113883.5.4",
)

Coding = tuple[str, str]


def _codes(systems: tuple[str, ...], codes: str) -> frozenset[Coding]:
    return frozenset((system, code) for system in systems for code in codes.split())


BLOOD_GLUCOSE = _codes((_LOINC,), "14743-9 14760-3 14770-2")
SELF_MEASURED = (
    BLOOD_GLUCOSE
    | _codes((_LOINC,), "75325-1 48767-8")  # a diary: symptom, comment
    | _codes(
        (_LOINC,),
        "85354-9 8480-6 8462-4 "  # blood pressure, systolic, diastolic
        "29463-7 8302-2 8308-9 8306-3 8310-5 "  # weight, height (also standing, lying), temperature
        "8867-4 8893-0 44969-4 9279-1 59408-5 2708-6 "  # heart and pulse rate, pulse regularity, respiration, oxygen
        "39156-5 8280-0 19935-6 "  # body mass index, waist, peak flow
        "41950-7 55423-8 55411-3",  # steps in a day, steps, duration of exercise
    )
    | _codes(
        (_SNOMED,),
        "422834003 366199006 364396009 710853006 225908003",  # respiration, pulse, fluid balance, pain
    )
)
HOME_CATEGORIES = _codes(_OBSERVATION_CATEGORY, "vital-signs activity")
LABORATORY = (
    _codes(_OBSERVATION_CATEGORY, "laboratory")
    | _codes(_DIAGNOSTIC_SERVICE, "LAB")
    | _codes((_SNOMED,), "49581000146104 4241000179101")  # laboratory finding, laboratory report
)
SURVEY = _codes(_OBSERVATION_CATEGORY, "survey")

CORRECTION = (
    "https://hl7.org/fhir/uv/fhir-patient-correction/CodeSystem/PatientCorrectionCommunicationTypes",
    "medRecCxReq",
)
"""What a request for correction is known by: the message, and the Task that says what becomes of it."""

SENSITIVE_LABELS = _codes(_CONFIDENTIALITY, "R V") | _codes(
    _ACT_CODE,
    "ETH ETHUD OPIOIDUD SUD "  # addiction
    "BH COGN DVD EMOTDIS MH PSY PSYTHPN "  # mind and behaviour
    "HIV STD SEX "  # infections and sexuality
    "GDIS SCA SICKLE "  # heredity
    "MST SDV VIO "  # violence
    "SPI TBOO",  # specially protected, taboo
)
"""Labels of v3 ActInformationSensitivityPolicy, and confidentiality restricted or very restricted."""


def _made_at_home(observation: dict[str, Any]) -> bool:
    if not _by_the_person(observation):
        return False
    categories, codes = _codings(observation.get("category")), _codings(observation.get("code"))
    if not LABORATORY.isdisjoint(categories):
        return not BLOOD_GLUCOSE.isdisjoint(codes)
    return not (HOME_CATEGORIES.isdisjoint(categories) and SELF_MEASURED.isdisjoint(codes))


def _is_laboratory(resource: dict[str, Any]) -> bool:
    return not LABORATORY.isdisjoint(_codings(resource.get("category")))


def _is_correction(task: dict[str, Any]) -> bool:
    return CORRECTION in _codings(task.get("code"))


def _is_survey(observation: dict[str, Any]) -> bool:
    return not SURVEY.isdisjoint(_codings(observation.get("category")))


BY_CONTENT: dict[str, tuple[tuple[Callable[[dict[str, Any]], bool], Category], ...]] = {
    "Observation": (
        (_made_at_home, Category.OWN_MEASUREMENTS),
        (_is_laboratory, Category.LABORATORY),
        (_is_survey, Category.QUESTIONNAIRES),
    ),
    "DiagnosticReport": ((_is_laboratory, Category.LABORATORY),),
    "Task": ((_is_correction, Category.MESSAGES),),
}
"""For each type that is looked into: the first rule that is true decides, none of them leaves the GP summary."""

_TYPE_CATEGORY = {name: category for category, names in BY_TYPE.items() for name in names.split()}


def categorize(resource_type: str, tree: dict[str, Any]) -> Category:
    """Return the mask of a resource: its part of the record, and ``SENSITIVE`` when a security label says so.

    A resource with a shape that FHIR does not allow gets a mask too; whether it is valid is not judged here.
    """
    category = _TYPE_CATEGORY.get(resource_type, Category.GP_SUMMARY)
    for rule, decided in BY_CONTENT.get(resource_type, ()):
        if rule(tree):
            category = decided
            break
    contained = tree.get("contained")
    if _is_sensitive(resource_type, tree) or any(
        _is_sensitive(one.get("resourceType"), one)
        for one in (contained if isinstance(contained, list) else ())
        if isinstance(one, dict)
    ):
        category |= Category.SENSITIVE
    return category


def _is_sensitive(resource_type: Any, resource: dict[str, Any]) -> bool:
    """Return whether a label says so; a contained resource should have none, but one that has is no less sensitive."""
    meta = resource.get("meta")
    labels = meta.get("security") if isinstance(meta, dict) else None
    if labels is not None and not SENSITIVE_LABELS.isdisjoint(_codings({"coding": labels})):
        return True
    if resource_type == "DocumentReference":
        return not SENSITIVE_LABELS.isdisjoint(_codings(resource.get("securityLabel")))
    return resource_type == "Composition" and resource.get("confidentiality") in ("R", "V")


def possible(resource_type: str | None) -> Category:
    """Return all categories that a resource of this type can have, without ``SENSITIVE``; None stands for any type."""
    if resource_type is None:
        return EVERYTHING & ~Category.SENSITIVE
    mask = _TYPE_CATEGORY.get(resource_type, Category.GP_SUMMARY)
    for _, category in BY_CONTENT.get(resource_type, ()):
        mask |= category
    return mask


def _by_the_person(observation: dict[str, Any]) -> bool:
    """Return whether nobody else is named as performer than the person or a relative."""
    performers = observation.get("performer")
    if not isinstance(performers, list):
        return True
    subject = _reference(observation.get("subject"))
    for performer in performers:
        reference = _reference(performer)
        if reference is None:
            return False  # only a name or a number: nobody knows whose
        if reference != subject and _type_of(reference) not in {"Patient", "RelatedPerson"}:
            return False
    return True


def _reference(value: Any) -> str | None:
    reference = value.get("reference") if isinstance(value, dict) else None
    return reference if isinstance(reference, str) else None


def _type_of(reference: str) -> str | None:
    """Return ``Patient`` for ``Patient/1``, also with a base URL before it or a version behind it."""
    parts = reference.partition("/_history/")[0].split("/")
    return parts[-2] if len(parts) >= 2 else None


def _codings(concepts: Any) -> list[Coding]:
    """Return the codings of a CodeableConcept or a list of them."""
    found: list[Coding] = []
    for concept in concepts if isinstance(concepts, list) else (concepts,):
        codings = concept.get("coding") if isinstance(concept, dict) else None
        if isinstance(codings, list):
            for coding in codings:
                if isinstance(coding, dict) and isinstance(code := coding.get("code"), str):
                    system = coding.get("system")
                    found.append((system if isinstance(system, str) else "", code))
    return found
