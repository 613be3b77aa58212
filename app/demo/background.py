"""What more a GP shares of somebody, in STU3: daily life, wishes for care, family, devices, contacts elsewhere.

Profiles: zib-TobaccoUse, zib-AlcoholUse, zib-LivingSituation, zib-FunctionalOrMentalStatus, zib-TreatmentDirective,
zib-MedicalDevice, zib-Encounter, and FamilyMemberHistory of the base.
"""

from dataclasses import dataclass

from app.demo.diary import Diary
from app.demo.elements import HL7, NICTIZ, Json, Link, coding, concept, extension, snomed
from app.demo.identity import Cast

DECISION = "urn:oid:2.16.840.1.113883.2.4.3.11.60.40.4.14.2"
"""The code list of treatment directives."""

TOBACCO = ("zib-TobaccoUse", snomed("365980008", "tabaksgebruik"))
ALCOHOL = ("zib-AlcoholUse", snomed("228273003", "alcoholgebruik"))
HOME = ("zib-LivingSituation", snomed("365508006", "woonsituatie"))
NEVER_SMOKED = concept(snomed("266919005", "heeft nooit gerookt"))
SMOKES = concept(snomed("77176002", "rookt"))
STOPPED_SMOKING = concept(snomed("8517006", "is gestopt met roken"))
DRINKS = concept(snomed("219006", "drinkt alcohol"))
NO_ALCOHOL = concept(snomed("105542008", "drinkt geen alcohol"))
WANTS = coding(DECISION, "JA", "Ja")
DOES_NOT_WANT = coding(DECISION, "NEE", "Nee")


@dataclass(frozen=True, slots=True)
class Relative:
    """Somebody of the family: what they are to the person, and the illness they have or had."""

    key: str
    relationship: Json
    illness: Json


class Background:
    """Adds this about one person; ``days_ago`` is when it was asked."""

    def __init__(self, cast: Cast, diary: Diary, days_ago: int) -> None:
        self.cast = cast
        self.at = diary.at(days_ago, 10, 15)

    def life(self, what: tuple[str, Json], answer: Json, remark: str | None = None) -> None:
        """Add an answer about daily life."""
        profile, code = what
        self._observed(profile, code, {"valueCodeableConcept": answer, "comment": remark})

    def functional(self, code: Json, answer: Json) -> None:
        """Add what somebody can do by themselves."""
        category = [concept(snomed("118228005", "functionele bevinding"))]
        said = {"category": category, "valueCodeableConcept": answer}
        self._observed("zib-FunctionalOrMentalStatus", code, said)

    def wish(self, treatment: Json, permitted: Json, remark: str) -> None:
        """Add a wish about a treatment, talked over with the GP; ``permitted`` is whether they want it."""
        own = NICTIZ + "zib-TreatmentDirective-"
        verification = {
            "url": own + "Verification",
            "extension": [
                extension("Verified", "Boolean", True),  # noqa: FBT003 - a FHIR value
                extension("VerifiedWith", "CodeableConcept", concept(snomed("116154003", "patient"))),
                extension("VerificationDate", "DateTime", self.at),
            ],
        }
        self.cast.entries.add(
            "Consent",
            NICTIZ + "zib-TreatmentDirective",
            treatment["code"],
            f"{treatment['display']}: {permitted['display']}",
            {
                "extension": [
                    verification,
                    extension(NICTIZ + "Comment", "String", remark),
                    extension(own + "Treatment", "CodeableConcept", concept(treatment)),
                ],
                "modifierExtension": [extension(own + "TreatmentPermitted", "CodeableConcept", concept(permitted))],
                "status": "active",
                "category": [concept(snomed("11291000146105", "behandelaanwijzing"))],
                "patient": self.cast.patient.reference(),
                "dateTime": self.at,
                "policyRule": "https://wetten.overheid.nl/BWBR0005290",
            },
        )

    def relative(self, one: Relative) -> None:
        """Add an illness of a relative."""
        self.cast.entries.add(
            "FamilyMemberHistory",
            HL7 + "FamilyMemberHistory",
            one.key,
            f"{one.relationship['display']}: {one.illness['display']}",
            {
                "status": "completed",
                "patient": self.cast.patient.reference(),
                "date": self.at,
                "relationship": concept(one.relationship),
                "condition": [{"code": concept(one.illness)}],
            },
        )

    def device(self, kind: Json, remark: str) -> None:
        """Add an aid or implant that is used."""
        patient = self.cast.patient.reference()
        product = self.cast.entries.add(
            "Device",
            NICTIZ + "zib-MedicalDeviceProduct",
            f"product/{kind['code']}",
            kind["display"],
            {"status": "active", "type": concept(kind), "patient": patient},
        )
        self.cast.entries.add(
            "DeviceUseStatement",
            NICTIZ + "zib-MedicalDevice",
            kind["code"],
            kind["display"],
            {
                "status": "active",
                "subject": patient,
                "whenUsed": {"start": self.at},
                "source": self.cast.doctor.reference(),
                "device": product.reference(),
                "note": [{"text": remark}],
            },
        )

    def contact(self, kind: str, condition: Link) -> None:
        """Add a contact without a report, at an outpatient clinic."""
        act = coding("http://hl7.org/fhir/v3/ActCode", "AMB", "Ambulant")
        self.cast.entries.add(
            "Encounter",
            NICTIZ + "zib-Encounter",
            f"{kind}/{self.at}",
            kind,
            {
                "status": "finished",
                "class": act,
                "type": [{"text": kind}],
                "subject": self.cast.patient.reference(),
                "period": {"start": self.at, "end": self.at},
                "diagnosis": [{"condition": condition.reference()}],
            },
        )

    def _observed(self, profile: str, code: Json, elements: Json) -> None:
        self.cast.entries.add(
            "Observation",
            NICTIZ + profile,
            f"{code['code']}/{self.at}",
            code["display"],
            {
                "status": "final",
                "code": concept(code),
                "subject": self.cast.patient.reference(),
                "effectiveDateTime": self.at,
                "performer": [self.cast.doctor.reference()],
                **elements,
            },
        )
