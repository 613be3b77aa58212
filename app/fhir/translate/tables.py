"""What R4 calls otherwise than STU3: elements, codes and code systems, as HL7 changed them between the releases.

An element that has the same name in both, and one that only one release has, needs no line here.

Spec: https://hl7.org/fhir/R4/history.html, https://hl7.org/fhir/R4/diff.html
"""

import re
from collections.abc import Mapping

TRANSLATED = frozenset(
    """
    AllergyIntolerance Appointment CarePlan CareTeam Communication Condition Device DeviceUseStatement DiagnosticReport
    DocumentReference Encounter EpisodeOfCare Flag Goal Immunization List Location Media Medication MedicationAdministration
    MedicationDispense MedicationRequest MedicationStatement NutritionOrder Observation Organization Patient Practitioner
    PractitionerRole Procedure Questionnaire QuestionnaireResponse RelatedPerson Specimen Task
    """.split()
)
"""The resource types that are translated; each has its name in both releases."""

RENAMED: Mapping[str, Mapping[str, str]] = {
    "AllergyIntolerance": {"assertedDate": "recordedDate"},
    "Appointment": {"incomingReferral": "basedOn", "indication": "reasonReference", "reason": "reasonCode"},
    "CarePlan": {"context": "encounter", "definition": "instantiatesCanonical"},
    "CarePlanActivityDetail": {"definition": "instantiatesCanonical", "prohibited": "doNotPerform"},
    "CareTeam": {"context": "encounter"},
    "Communication": {
        "context": "encounter",
        "definition": "instantiatesCanonical",
        "notDoneReason": "statusReason",
        "topic": "about",
    },
    "Condition": {"assertedDate": "recordedDate", "context": "encounter"},
    "Device": {"model": "modelNumber", "udi": "udiCarrier"},
    "DeviceUseStatement": {"indication": "reasonCode"},
    "DiagnosticReport": {"codedDiagnosis": "conclusionCode", "context": "encounter", "image": "media"},
    "DocumentReference": {"class": "category", "indexed": "date"},
    "Encounter": {"incomingReferral": "basedOn", "reason": "reasonCode"},
    "EncounterDiagnosis": {"role": "use"},
    "Immunization": {"date": "occurrence", "practitioner": "performer", "vaccinationProtocol": "protocolApplied"},
    "ImmunizationPractitioner": {"role": "function"},
    "ImmunizationVaccinationProtocol": {"doseSequence": "doseNumber"},
    "Media": {"context": "encounter", "occurrence": "created", "subtype": "modality"},
    "MedicationAdministration": {"prescription": "request", "reasonNotGiven": "statusReason"},
    "MedicationDispense": {"notDoneReason": "statusReason"},
    "MedicationIngredient": {"amount": "strength"},
    "MedicationRequest": {"context": "encounter", "definition": "instantiatesCanonical"},
    "MedicationStatement": {"reasonNotTaken": "statusReason"},
    "Money": {"code": "currency"},
    "Observation": {"context": "encounter"},
    "Procedure": {"context": "encounter", "definition": "instantiatesCanonical", "notDoneReason": "statusReason"},
    "ProcedurePerformer": {"role": "function"},
    "QuestionnaireItem": {"option": "answerOption", "options": "answerValueSet"},
    "QuestionnaireResponse": {"context": "encounter", "parent": "partOf"},
    "Signature": {"contentType": "sigFormat", "blob": "data"},
    "Task": {"context": "encounter", "definition": "instantiatesUri", "reason": "reasonCode"},
}
"""STU3 type -> STU3 element -> R4 element."""

UNWRAPPED: Mapping[tuple[str, str], str] = {
    ("DiagnosticReport", "performer"): "actor",
    ("DocumentReferenceContext", "related"): "ref",
    ("MedicationRequest", "requester"): "agent",
    ("Task", "requester"): "agent",
}
"""STU3 elements with parts that became a Reference in R4: which of the parts it is."""

CODES: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("CarePlan", "status"): {"suspended": "on-hold", "cancelled": "revoked"},
    ("Communication", "status"): {"suspended": "on-hold", "aborted": "stopped"},
    ("Media", "type"): {"photo": "image"},
    ("NutritionOrder", "status"): {"cancelled": "revoked"},
    ("Procedure", "status"): {"suspended": "on-hold", "aborted": "stopped"},
}
"""STU3 codes of an element that have another name in R4."""

MODIFIERS = frozenset(
    {"MedicationRequest.doNotPerform", "QuestionnaireItem.enableBehavior", "QuestionnaireItemEnableWhen.operator"}
)
"""Elements that change the meaning of the rest: an extension that stands for one has to say so."""

STANDARD_EXTENSIONS: Mapping[str, str] = {
    "Patient.animal": "http://hl7.org/fhir/StructureDefinition/patient-animal",
}
"""STU3 elements that R4 made an extension of; others go by the name that HL7 gives elements of other releases."""

CODED = frozenset({"Age", "Coding", "Count", "Distance", "Duration", "Quantity"})
"""Data types whose ``system`` is a code system."""

_MOVED = frozenset(
    """
    admit-source allergyintolerance-clinical allergyintolerance-verification basic-resource-type benefit-type
    communication-category condition-category condition-clinical condition-ver-status data-absent-reason diagnosis-role
    diet discharge-disposition encounter-special-arrangements encounter-type endpoint-connection-type
    endpoint-payload-type episodeofcare-status flag-category goal-acceptance-status goal-category goal-priority
    immunization-origin list-empty-reason list-example-use-codes list-order location-physical-type
    medication-admin-category medication-statement-category observation-category observation-statistics
    organization-type participant-type practitioner-role reaction-event-certainty reason-medication-not-given
    referencerange-meaning service-category service-type special-values substance-category
    """.split()
)
_OLD, _NEW = "http://hl7.org/fhir/", "http://terminology.hl7.org/CodeSystem/"
_HL7_TABLE = re.compile(r"(v2|v3)/([A-Za-z0-9]+)")
_HL7_NAME = re.compile(r"(v2|v3)-([A-Za-z0-9]+)")


def system_in_r4(system: str) -> str:
    """Return the URI that R4 has for a code system named by ``system`` in STU3, which for most is the same."""
    name = system.removeprefix(_OLD)
    if name == system:
        return system
    if name in _MOVED:
        return _NEW + name
    found = _HL7_TABLE.fullmatch(name)
    return f"{_NEW}{found[1]}-{found[2]}" if found else system


def system_in_stu3(system: str) -> str:
    """Return the URI that STU3 has for a code system named by ``system`` in R4; undoes ``system_in_r4``."""
    name = system.removeprefix(_NEW)
    if name == system:
        return system
    if name in _MOVED:
        return _OLD + name
    found = _HL7_NAME.fullmatch(name)
    return f"{_OLD}{found[1]}/{found[2]}" if found else system
