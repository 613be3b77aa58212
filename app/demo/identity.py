"""Who the demo people are: Patient in both releases, with the staff around them.

Profiles: nl-core-patient (STU3), nl-core-Patient (R4). The BSN is masked, as MedMij wants it towards a person.
"""

from dataclasses import dataclass
from datetime import date

from app.demo.elements import (
    BSN,
    DEMO_IDENTIFIERS,
    HL7,
    NICTIZ,
    NL_CORE,
    Entries,
    Json,
    Link,
    coding,
    concept,
    extension,
)
from app.demo.nl_core import address, human_name
from app.demo.practices import CLINIC, GP_PRACTICE, PHARMACY, Staff, add_staff
from app.fhir.release import Release


@dataclass(frozen=True, slots=True)
class Identity:
    """Name, birth date and where somebody lives; ``gender`` as FHIR has it."""

    key: str
    given: str
    initials: str
    family: str
    gender: str
    birth_date: date
    street: str
    number: str
    city: str = "Proefdorp"

    @property
    def name(self) -> str:
        """Return the name as people read it."""
        return f"{self.given} {self.family}"


@dataclass(frozen=True)
class Cast:
    """The patient and the staff in one set of entries."""

    entries: Entries
    patient: Link
    staff: Staff

    @property
    def doctor(self) -> Link:
        """Return the GP."""
        return self.staff.workers["meetlat"]

    @property
    def practice(self) -> Link:
        """Return the GP practice."""
        return self.staff.workplaces[GP_PRACTICE.key]

    @property
    def pharmacy(self) -> Link:
        """Return the pharmacy."""
        return self.staff.workplaces[PHARMACY.key]


def cast(identity: Identity, release: Release) -> Cast:
    """Return a new set of entries with the staff and the Patient in it."""
    entries = Entries(identity.key, release)
    staff = add_staff(entries, GP_PRACTICE, CLINIC, PHARMACY)
    return Cast(entries, _add_patient(entries, identity, staff.workers["meetlat"]), staff)


def _add_patient(entries: Entries, identity: Identity, doctor: Link) -> Link:
    stu3 = entries.release is Release.STU3
    masked = {"extension": [extension(HL7 + "data-absent-reason", "Code", "masked")]}
    return entries.add(
        "Patient",
        NL_CORE + "nl-core-patient" if stu3 else NICTIZ + "nl-core-Patient",
        identity.key,
        identity.name,
        {
            "identifier": [
                {"system": BSN, "_value": masked},
                {"system": f"{DEMO_IDENTIFIERS}.5", "value": identity.key},
            ],
            "active": True,
            "name": [human_name(identity.given, identity.initials, identity.family)],
            "telecom": [{"system": "email", "value": f"{identity.key}@example.test", "use": "home"}],
            "gender": identity.gender,
            "_gender": {"extension": [_dutch_gender(identity.gender, stu3=stu3)]},
            "birthDate": identity.birth_date.isoformat(),
            "address": [address(entries.release, identity.street, identity.number, identity.city, at_work=False)],
            "generalPractitioner": [doctor.reference()],
        },
    )


def _dutch_gender(gender: str, *, stu3: bool) -> Json:
    system = (
        "http://hl7.org/fhir/v3/AdministrativeGender"
        if stu3
        else "http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender"
    )
    code = {"female": ("F", "Vrouw"), "male": ("M", "Man")}[gender]
    url = NICTIZ + ("code-specification" if stu3 else "ext-CodeSpecification")
    return extension(url, "CodeableConcept", concept(coding(system, *code)))
