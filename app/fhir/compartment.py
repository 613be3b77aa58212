"""Compartments: through which of its references a resource belongs to a person, or is about an encounter, a device or somebody.

The parameters are those of each release's CompartmentDefinitions, for the types that Regie serves. Added to that of Patient, on
which it rests whose a resource is, is what the definition leaves out although it is plainly somebody's: a Device with a patient,
in STU3 a Task for a patient and a List, and a Task that a patient is to do, which may say nothing else of whose it is. The other
compartments are ways to search, and nothing else.

Spec: https://hl7.org/fhir/R4/compartmentdefinition.html, https://hl7.org/fhir/STU3/compartmentdefinition.html
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from app.fhir.path import Selector
from app.fhir.reference import LiteralReference, localize
from app.fhir.release import Release
from app.fhir.releases.definitions import DATA
from app.fhir.search.definitions import SearchParameter, core_definitions

_IN_BOTH: Mapping[str, tuple[str, ...]] = {
    "Account": ("subject",),
    "AllergyIntolerance": ("asserter", "patient", "recorder"),
    "Appointment": ("actor",),
    "AuditEvent": ("patient",),
    "CarePlan": ("patient", "performer"),
    "CareTeam": ("participant", "patient"),
    "ClinicalImpression": ("subject",),
    "Communication": ("recipient", "sender", "subject"),
    "CommunicationRequest": ("recipient", "requester", "sender", "subject"),
    "Composition": ("attester", "author", "subject"),
    "Condition": ("asserter", "patient"),
    "Consent": ("patient",),
    "Coverage": ("beneficiary", "payor", "policy-holder", "subscriber"),
    "Device": ("patient",),
    "DeviceRequest": ("performer", "subject"),
    "DeviceUseStatement": ("subject",),
    "DiagnosticReport": ("subject",),
    "DocumentManifest": ("author", "recipient", "subject"),
    "DocumentReference": ("author", "subject"),
    "Encounter": ("subject",),
    "EpisodeOfCare": ("patient",),
    "FamilyMemberHistory": ("patient",),
    "Flag": ("patient",),
    "Goal": ("patient",),
    "Group": ("member",),
    "Immunization": ("patient",),
    "ImmunizationRecommendation": ("patient",),
    "List": ("source", "subject"),
    "Media": ("subject",),
    "MedicationAdministration": ("patient", "performer", "subject"),
    "MedicationDispense": ("patient", "receiver", "subject"),
    "MedicationRequest": ("subject",),
    "MedicationStatement": ("subject",),
    "NutritionOrder": ("patient",),
    "Observation": ("performer", "subject"),
    "Patient": ("link",),
    "Procedure": ("patient", "performer"),
    "Provenance": ("patient",),
    "QuestionnaireResponse": ("author", "subject"),
    "RelatedPerson": ("patient",),
    "RequestGroup": ("participant", "subject"),
    "RiskAssessment": ("subject",),
    "Schedule": ("actor",),
    "Specimen": ("subject",),
    "Task": ("owner", "patient"),
}
_OF_ONE: Mapping[Release, Mapping[str, tuple[str, ...]]] = {
    Release.STU3: {
        "BodySite": ("patient",),
        "DeviceRequest": ("performer", "requester", "subject"),
        "Encounter": ("patient",),
        "ProcedureRequest": ("performer", "subject"),
        "ReferralRequest": ("patient", "requester"),
    },
    Release.R4: {
        "BodyStructure": ("patient",),
        "ServiceRequest": ("performer", "subject"),
        "Task": ("focus", "owner", "patient"),
    },
}

OWNERS = ("Patient", "Encounter", "RelatedPerson", "Practitioner", "Device")
"""The resource types that have compartments."""


def compartment_url(owner_type: str) -> str:
    """Return the canonical URL of a CompartmentDefinition, the same in both releases."""
    return f"http://hl7.org/fhir/CompartmentDefinition/{owner_type.lower()}"


_Select = Callable[[Any], list[Any]]


@cache
def compartment_parameters(
    release: Release, resource_type: str, owner_type: str = "Patient"
) -> tuple[SearchParameter, ...]:
    """Return the parameters through which ``resource_type`` can be in a compartment; empty for types that never are."""
    if owner_type == "Patient":
        names = _OF_ONE[release].get(resource_type) or _IN_BOTH.get(resource_type, ())
    else:
        names = _of_others(release).get((owner_type, resource_type), ())
    known = core_definitions(release).of(resource_type)
    return tuple(known[name] for name in names if name in known)


@cache
def _of_others(release: Release) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Return the names of the parameters by owner and type, for the compartments other than Patient."""
    text = (DATA / f"{release.path}_compartments.txt").read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {(owner, name): tuple(parameters) for owner, name, *parameters in lines}


def patient_references(release: Release, resource_type: str, tree: Mapping[str, Any]) -> set[str]:
    """Return the references to a Patient through which a resource belongs to a person.

    ``Patient/id`` or the absolute URL, without version. A reference that tells no type (``urn:uuid:``) isn't among them: in a
    transaction it is resolved first. A Patient's own id isn't either.
    """
    found = set()
    for select in _selects(release, resource_type):
        for reference in select(tree):
            text = reference.get("reference") if isinstance(reference, dict) else None
            parsed = localize(text, ()) if isinstance(text, str) else None
            if isinstance(parsed, LiteralReference) and parsed.resource_type == "Patient":
                found.add(str(parsed))
    return found


def patient_members(release: Release, resource_type: str) -> frozenset[str]:
    """Return the members of a resource in which ``patient_references`` looks."""
    return frozenset(selector.steps[0].member for selector in _selectors(release, resource_type))


def names_somebody(release: Release, resource_type: str, tree: Mapping[str, Any]) -> bool:
    """Return whether the resource says whose it is in any way, also by a number or a reference to another server."""
    return any(select(tree) for select in _selects(release, resource_type))


@cache
def _selects(release: Release, resource_type: str) -> tuple[_Select, ...]:
    return tuple(selector.compile() for selector in _selectors(release, resource_type))


def _selectors(release: Release, resource_type: str) -> Iterable[Selector]:
    parameters = compartment_parameters(release, resource_type)
    return {selector: None for parameter in parameters for selector in parameter.selectors}
