"""What the published search parameters get wrong, lack for R4 4.0.1, or lack for the Dutch standards.

Used by ``generate`` only. The source for R4 is R4B 4.3.0; compared with R4 4.0.1's own registry, two differ for the types
that Regie serves, besides the targets, which are narrowed to what the elements of 4.0.1 allow. ``computed:`` names a
function of ``computed.py``.

Spec: https://hl7.org/fhir/R4/searchparameter-registry.html, http://nictiz.nl/fhir/SearchParameter
"""

from app.fhir.release import Release

NICTIZ = "http://nictiz.nl/fhir/StructureDefinition/"

NICTIZ_PARAMETERS = "http://nictiz.nl/fhir/SearchParameter/"

Published = tuple[str, str, str, tuple[str, ...]]
"""Code, kind, expression, reference targets."""

Dutch = tuple[str, str, str, tuple[str, ...], str]
"""The same, and where it is defined, below ``NICTIZ_PARAMETERS``."""

CORRECTED: dict[Release, dict[str, tuple[Published, ...]]] = {
    Release.STU3: {
        # "exists()" alone would say of deceasedBoolean=false that the person has died; R4 repaired it.
        "Patient": (("deceased", "token", "computed:deceased", ()),),
        "Condition": (("abatement-boolean", "token", "computed:abatement-boolean", ()),),
    },
    Release.R4: {
        "Patient": (("deceased", "token", "computed:deceased", ()),),
        "DocumentReference": (
            ("encounter", "reference", "DocumentReference.context.encounter", ("Encounter", "EpisodeOfCare")),
        ),
        "Immunization": (("date", "date", "Immunization.occurrence", ()),),
    },
}


def _extension(resource_type: str, name: str, value_type: str, before: str = "") -> str:
    return f"{resource_type}{before}.extension('{NICTIZ}{name}').value.as({value_type})"


def _treatment(code: str, extension: str, defined: str) -> dict[str, Dutch]:
    medication_types = ("MedicationRequest", "MedicationDispense", "MedicationStatement", "MedicationAdministration")
    return {name: (code, "token", _extension(name, extension, "Identifier"), (), defined) for name in medication_types}


_TREATMENT_STU3 = _treatment(
    "medicationtreatment", "zib-Medication-MedicationTreatment", "Medications-medicationtreatment"
)
_TREATMENT_R4 = _treatment(
    "pharmaceutical-treatment-identifier",
    "ext-PharmaceuticalTreatment.Identifier",
    "pharmaceutical-treatment-identifier",
)

DUTCH: dict[Release, dict[str, tuple[Dutch, ...]]] = {
    Release.STU3: {
        "MedicationRequest": (
            _TREATMENT_STU3["MedicationRequest"],
            ("periodofuse", "date", "computed:period-of-use", (), "Medications-periodofuse"),
        ),
        "MedicationDispense": (
            _TREATMENT_STU3["MedicationDispense"],
            ("category", "token", "MedicationDispense.category", (), "Medications-category"),
            ("periodofuse", "date", "computed:period-of-use", (), "Medications-periodofuse"),
            (
                "requestdate",
                "date",
                _extension("MedicationDispense", "zib-Dispense-RequestDate", "dateTime"),
                (),
                "MedicationDispense-requestdate",
            ),
            ("whendispensed", "date", "computed:when-dispensed", (), "MedicationDispense-whendispensed"),
        ),
        "MedicationStatement": (_TREATMENT_STU3["MedicationStatement"],),
        "MedicationAdministration": (
            _TREATMENT_STU3["MedicationAdministration"],
            ("category", "token", "MedicationAdministration.category", (), "Medications-category"),
        ),
        "CarePlan": (
            ("activity-goal", "reference", "CarePlan.activity.detail.goal", ("Goal",), "careplan-activity-goal"),
            (
                "activity-outcomereference",
                "reference",
                "CarePlan.activity.outcomeReference",
                (),
                "careplan-activity-outcomereference",
            ),
            (
                "activity-medicaldevice",
                "reference",
                _extension("CarePlan", "extension-medicaldevice", "Reference", ".activity.detail"),
                ("DeviceUseStatement",),
                "careplan-medicaldevice",
            ),
        ),
    },
    Release.R4: {
        "MedicationRequest": (
            _TREATMENT_R4["MedicationRequest"],
            ("category", "token", "MedicationRequest.category", (), "category"),
            ("period-of-use", "date", "computed:period-of-use", (), "period-of-use"),
            (
                "next-practitioner",
                "reference",
                _extension("MedicationRequest", "ext-MedicationAgreement.NextPractitioner", "Reference"),
                ("Practitioner", "PractitionerRole", "Organization", "HealthcareService"),
                "MedicationRequest-next-practitioner",
            ),
            (
                "reason",
                "reference",
                "MedicationRequest.reasonReference",
                ("Condition", "Observation", "DiagnosticReport"),
                "MedicationRequest-reason",
            ),
            (
                "dispense-location",
                "reference",
                _extension(
                    "MedicationRequest", "ext-DispenseRequest.DispenseLocation", "Reference", ".dispenseRequest"
                ),
                ("Location",),
                "MedicationRequest-dispense-location",
            ),
        ),
        "MedicationDispense": (
            _TREATMENT_R4["MedicationDispense"],
            ("category", "token", "MedicationDispense.category", (), "category"),
            ("period-of-use", "date", "computed:period-of-use", (), "period-of-use"),
            ("location", "reference", "MedicationDispense.location", ("Location",), "MedicationDispense-location"),
        ),
        "MedicationStatement": (
            _TREATMENT_R4["MedicationStatement"],
            ("period-of-use", "date", "computed:period-of-use", (), "period-of-use"),
            (
                "author",
                "reference",
                _extension("MedicationStatement", "ext-MedicationUse2.Author", "Reference"),
                ("Patient", "PractitionerRole", "Organization", "Location"),
                "MedicationStatement-author",
            ),
            (
                "prescriber",
                "reference",
                _extension("MedicationStatement", "ext-MedicationUse2.Prescriber", "Reference"),
                ("PractitionerRole", "Organization", "Location"),
                "MedicationStatement-prescriber",
            ),
        ),
        "MedicationAdministration": (
            _TREATMENT_R4["MedicationAdministration"],
            ("category", "token", "MedicationAdministration.category", (), "category"),
        ),
        "Flag": (("category", "token", "Flag.category", (), "Flag-category"),),
    },
}

COMPUTED_TYPES = {
    "deceased": ("boolean",),
    "abatement-boolean": ("boolean",),
    "period-of-use": ("Period",),
    "when-dispensed": ("dateTime",),
}
"""The FHIR type of what each function of ``computed.py`` gives."""

COMMON: dict[Release, tuple[Published, ...]] = {
    Release.STU3: (),
    Release.R4: (("_source", "uri", "Resource.meta.source", ()),),
}
"""Parameters of every type that the source lacks, on ``Resource``."""
