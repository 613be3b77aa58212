"""The least that a resource of each part of a record is, in both releases: for tests about which part something is of."""

from app.fhir.release import Release
from tests.support.world import CATEGORY_SYSTEM, SYSTEM, Tree

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
LABELS: dict[str, tuple[str, str] | None] = {
    "none": None,
    "normal": (CONFIDENTIALITY, "N"),
    "restricted": (CONFIDENTIALITY, "R"),
    "very restricted": (CONFIDENTIALITY, "V"),
    "HIV": (ACT_CODE, "HIV"),
    "psychiatry": (ACT_CODE, "PSY"),
}
"""Security labels; the first two close nothing."""

HARMLESS = frozenset({"none", "normal"})

KINDS: dict[str, tuple[str, frozenset[str]]] = {
    "weight": ("Observation", frozenset({"own-measurements"})),
    "laboratory result": ("Observation", frozenset({"laboratory"})),
    "survey answer": ("Observation", frozenset({"questionnaires"})),
    "finding": ("Observation", frozenset({"gp-summary"})),
    "condition": ("Condition", frozenset({"gp-summary"})),
    "visit": ("Encounter", frozenset({"gp-summary"})),
    "medicine": ("MedicationStatement", frozenset({"medication"})),
    "goal": ("Goal", frozenset({"care-plan"})),
    "form": ("QuestionnaireResponse", frozenset({"questionnaires"})),
    "document": ("DocumentReference", frozenset({"documents"})),
    "allergy": ("AllergyIntolerance", frozenset({"allergies"})),
    "vaccination": ("Immunization", frozenset({"vaccinations"})),
    "appointment": ("Appointment", frozenset({"appointments"})),
    "message": ("Communication", frozenset({"messages"})),
    "relative": ("RelatedPerson", frozenset({"personal-details"})),
}
"""Name -> type, and the part of the record that it is of."""

_CATEGORIES = {"weight": "vital-signs", "laboratory result": "laboratory", "survey answer": "survey"}


def tokens_of(kind: str, release: Release) -> frozenset[str]:
    """Return the tokens of a kind that a scope may name, as ``parameter=system|code``."""
    code = _CATEGORIES.get(kind)
    return frozenset() if code is None else frozenset({f"category={CATEGORY_SYSTEM[release]}|{code}"})


def made_of(kind: str, release: Release, patient: str, marker: str, label: str = "none") -> Tree:
    """Return a resource of this kind, with ``marker`` as its tag and in its words, and with a security label."""
    meta: Tree = {"tag": [{"system": SYSTEM, "code": marker}]}
    named = LABELS[label]
    if named is not None:
        meta["security"] = [{"system": named[0], "code": named[1]}]
    resource_type = KINDS[kind][0]
    members = _members(kind, release, patient, marker)[resource_type]
    return {"resourceType": resource_type, "meta": meta, **members}


def _members(kind: str, release: Release, patient: str, marker: str) -> dict[str, Tree]:
    """Return what each type needs besides."""
    is_stu3 = release is Release.STU3
    text = {"text": f"Verzonnen {kind} {marker}"}
    about, of = {"subject": {"reference": patient}}, {"patient": {"reference": patient}}
    codings = [{"system": CATEGORY_SYSTEM[release], "code": _CATEGORIES[kind]}] if kind in _CATEGORIES else []
    category = {"category": [{"coding": codings}]} if codings else {}
    file = {"attachment": {"contentType": "text/plain", "title": f"Verzonnen {marker}"}}
    return {
        "Observation": {"status": "final", "code": text, "valueString": "waarde", **about, **category},
        "Condition": {"code": text, "clinicalStatus": _active("condition-clinical", release), **about},
        "RelatedPerson": of,
        "AllergyIntolerance": {"clinicalStatus": _active("allergyintolerance-clinical", release), **of}
        | ({"verificationStatus": "unconfirmed"} if is_stu3 else {}),
        "Encounter": {"status": "finished", "class": {"system": ACT_CODE, "code": "AMB"}, **about},
        "MedicationStatement": {"status": "active", "medicationCodeableConcept": text, **about}
        | ({"taken": "unk"} if is_stu3 else {}),
        "Goal": {"status" if is_stu3 else "lifecycleStatus": "in-progress" if is_stu3 else "active"}
        | {"description": text, **about},
        "QuestionnaireResponse": {"status": "completed", **about}
        | ({} if is_stu3 else {"questionnaire": "https://regie.example/fhir/Questionnaire/made-up"}),
        "DocumentReference": {"status": "current", "type": text, "content": [file], **about}
        | ({"indexed": "2026-03-01T08:00:00Z"} if is_stu3 else {}),
        "Immunization": {"status": "completed", "vaccineCode": text, **of}
        | ({"notGiven": False, "primarySource": True} if is_stu3 else {"occurrenceDateTime": "2026-03-01"}),
        "Appointment": {
            "status": "proposed",
            "participant": [{"actor": {"reference": patient}, "status": "accepted"}],
        },
        "Communication": {"status": "completed", "payload": [{"contentString": marker}], **about},
    }


def _active(system: str, release: Release) -> Tree | str:
    """Return the status of what goes on: a code in STU3, a concept in R4."""
    coding = {"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": "active"}
    return "active" if release is Release.STU3 else {"coding": [coding]}
