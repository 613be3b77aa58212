"""What a GP shares of the file, in STU3: problems, episodes, contacts with their report, allergies, procedures.

Profiles: zib-Problem, nl-core-episodeofcare, gp-Encounter, gp-EncounterReport, gp-JournalEntry, gp-DiagnosticResult,
zib-AllergyIntolerance, zib-Procedure, zib-Vaccination. A report for the person has the lines E (what the GP thinks) and
P (what was agreed), never S and O: MedMij GP data 2.0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

from app.demo.diary import Diary
from app.demo.elements import (
    ICPC,
    NHG_CONTACT,
    NHG_MEASUREMENT,
    NICTIZ,
    NL_CORE,
    Json,
    Link,
    coding,
    concept,
    decimal,
    extension,
    loinc,
    quantity,
    snomed,
)
from app.demo.identity import Cast
from app.demo.measurements import DIASTOLIC, SYSTOLIC, WEIGHT

JOURNAL_LINES = "http://fhir.nl/fhir/NamingSystem/journaalregeltypen"
SPECIFICATION = NICTIZ + "code-specification"
CONTACTS = {
    "consult": ("03", "consult", "AMB", "Ambulant"),
    "home visit": ("01", "visite", "HH", "Aan huis"),
    "phone": ("05", "telefonisch contact", "VR", "Op afstand"),
    "e-consult": ("12", "e-consult", "VR", "Op afstand"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem on the list: names, codes, and since when; ``until`` where it is over."""

    key: str
    name: str
    snomed: str
    icpc: str
    since: date
    until: date | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A problem that was added: its Condition and its EpisodeOfCare."""

    problem: Problem
    condition: Link
    episode: Link


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact with the practice: when, how (a key of CONTACTS), with whom, about what, and the two lines."""

    days_ago: int
    kind: str
    worker: str
    problem: str
    evaluation: str
    plan: str


class GpSummary:
    """Adds what the GP practice shares about one person."""

    def __init__(self, cast: Cast, diary: Diary) -> None:
        self.cast = cast
        self.diary = diary
        self.known: dict[str, Known] = {}

    def problem(self, problem: Problem, first_contact: date | None = None) -> None:
        """Add a problem with its episode; ``first_contact`` where that differs from the start."""
        active = problem.until is None
        status = ("active", "55561003", "actueel") if active else ("resolved", "73425007", "niet actueel")
        period = {"start": problem.since.isoformat(), **({"end": problem.until.isoformat()} if problem.until else {})}
        condition = self.cast.entries.add(
            "Condition",
            NICTIZ + "zib-Problem",
            problem.key,
            problem.name,
            {
                "clinicalStatus": status[0],
                "_clinicalStatus": _specified(snomed(status[1], status[2])),
                "verificationStatus": "confirmed",
                "_verificationStatus": _specified(snomed("410605003", "aanwezigheid bevestigd")),
                "category": [concept(snomed("282291009", "diagnose"))],
                "code": concept(snomed(problem.snomed, problem.name), coding(ICPC, problem.icpc, problem.name)),
                "subject": self.cast.patient.reference(),
                "onsetDateTime": problem.since.isoformat(),
                "abatementDateTime": problem.until and problem.until.isoformat(),
                "asserter": self.cast.doctor.reference(),
                "note": [{"text": problem.note}] if problem.note else None,
            },
        )
        first = (first_contact or problem.since).isoformat()
        episode = self.cast.entries.add(
            "EpisodeOfCare",
            NL_CORE + "nl-core-episodeofcare",
            problem.key,
            problem.name,
            {
                "extension": [
                    extension(NICTIZ + "EpisodeOfCare-DateFirstEncounter", "DateTime", first),
                    extension(NICTIZ + "EpisodeOfCare-Title", "String", problem.name),
                ],
                "status": "active" if active else "finished",
                "type": [concept(snomed("64572001", "aandoening"))],
                "diagnosis": [{"condition": condition.reference()}],
                "patient": self.cast.patient.reference(),
                "managingOrganization": self.cast.practice.reference(),
                "period": period,
                "careManager": self.cast.doctor.reference(),
            },
        )
        self.known[problem.key] = Known(problem, condition, episode)

    def contact(self, contact: Contact) -> Link:
        """Add a contact with its report and the lines in it; return the link to the Encounter."""
        known, worker = self.known[contact.problem], self.cast.staff.workers[contact.worker]
        hour = self.diary.chance(f"contact/{contact.days_ago}").choice([9, 10, 11, 14, 15])
        start, end = self.diary.at(contact.days_ago, hour, 10), self.diary.at(contact.days_ago, hour, 25)
        code, way, class_code, class_name = CONTACTS[contact.kind]
        act = coding("http://hl7.org/fhir/v3/ActCode", class_code, class_name)
        encounter = self.cast.entries.add(
            "Encounter",
            NICTIZ + "gp-Encounter",
            start,
            f"{way.capitalize()} bij {worker.display}",
            {
                "status": "finished",
                "class": {**act, "extension": [extension(SPECIFICATION, "CodeableConcept", concept(act))]},
                "type": [concept(coding(NHG_CONTACT, code, way))],
                "subject": self.cast.patient.reference(),
                "episodeOfCare": [known.episode.reference()],
                "participant": [{"individual": worker.reference()}],
                "period": {"start": start, "end": end},
                "diagnosis": [{"condition": known.condition.reference()}],
                "serviceProvider": self.cast.practice.reference(),
            },
        )
        lines = (("E", "Evaluatie", contact.evaluation), ("P", "Plan", contact.plan))
        self.cast.entries.add(
            "Composition",
            NICTIZ + "gp-EncounterReport",
            start,
            f"Verslag van {way} op {self.diary.day(contact.days_ago):%d-%m-%Y}",
            {
                "status": "final",
                "type": concept(loinc("67781-5", "Verslag van een contact")),
                "subject": self.cast.patient.reference(),
                "encounter": encounter.reference(),
                "date": end,
                "author": [worker.reference()],
                "title": f"Contactverslag dd. {self.diary.day(contact.days_ago).isoformat()}",
                "custodian": self.cast.practice.reference(),
                "section": [
                    self._section(known, self._line(known, encounter, worker, start, line), line) for line in lines
                ],
            },
        )
        return encounter

    def _line(self, known: Known, encounter: Link, worker: Link, at: str, line: tuple[str, str, str]) -> Link:
        code, name, text = line
        return self.cast.entries.add(
            "Observation",
            NICTIZ + "gp-JournalEntry",
            f"{code}/{at}",
            text,
            {
                "extension": [_about(known)],
                "status": "final",
                "code": concept(coding(JOURNAL_LINES, code, name)),
                "subject": self.cast.patient.reference(),
                "context": encounter.reference(),
                "effectiveDateTime": at,
                "performer": [worker.reference()],
                "valueString": text,
            },
        )

    def _section(self, known: Known, entry: Link, line: tuple[str, str, str]) -> Json:
        code, name, text = line
        icpc = concept(coding(ICPC, known.problem.icpc, known.problem.name))
        div = f'<div xmlns="http://www.w3.org/1999/xhtml">{escape(text, quote=False)}</div>'
        return {
            **({"extension": [extension(NICTIZ + "code-icpc-1-nl", "CodeableConcept", icpc)]} if code == "E" else {}),
            "title": name,
            "code": concept(coding(JOURNAL_LINES, code, name)),
            "text": {"status": "additional", "div": div},
            "entry": [entry.reference(), known.episode.reference()],
        }

    def check_up(
        self,
        contact: Contact,
        systolic: int,
        diastolic: int,
        kilograms: float,
        also: Sequence[tuple[Json, Json]] = (),
    ) -> Link:
        """Add a contact at which blood pressure and weight were measured, and what is in ``also``: codes and quantities.

        Returns the link to the Encounter.
        """
        encounter = self.contact(contact)
        at = self.diary.at(contact.days_ago, 11, 20)
        pressure = "mmHg", "mm[Hg]"
        results = [
            (concept(coding(NHG_MEASUREMENT, nhg, code["display"]), code), value)
            for code, nhg, value in (
                (SYSTOLIC, "1744", quantity(systolic, *pressure)),
                (DIASTOLIC, "1740", quantity(diastolic, *pressure)),
                (WEIGHT, "357", quantity(decimal(kilograms, 1), "kg")),
            )
        ]
        results += [(concept(code), value) for code, value in also]
        for code, value in results:
            name = code["coding"][0]
            self.cast.entries.add(
                "Observation",
                NICTIZ + "gp-DiagnosticResult",
                f"{name['code']}/{at}",
                f"{name['display']}: {value['value']} {value['unit']}",
                {
                    "extension": [_about(self.known[contact.problem])],
                    "status": "final",
                    "code": code,
                    "subject": self.cast.patient.reference(),
                    "context": encounter.reference(),
                    "effectiveDateTime": at,
                    "performer": [self.cast.staff.workers[contact.worker].reference()],
                    "valueQuantity": value,
                },
            )
        return encounter

    def allergy(self, substance: Json, reaction: Json, since: date, *, severe: bool, text: str) -> None:
        """Add an allergy to or intolerance of a medicine; ``reaction`` is a concept, ``substance`` a code."""
        severity = ("severe", "24484000", "ernstig") if severe else ("moderate", "6736007", "matig")
        self.cast.entries.add(
            "AllergyIntolerance",
            NICTIZ + "zib-AllergyIntolerance",
            substance["code"],
            text,
            {
                "clinicalStatus": "active",
                "_clinicalStatus": _specified(coding("http://hl7.org/fhir/v3/ActStatus", "active", "Actief")),
                "verificationStatus": "confirmed",
                "category": ["medication"],
                "_category": [_specified(snomed("419511003", "neiging tot ongewenste reactie op geneesmiddel"))],
                "criticality": "high" if severe else "low",
                "code": concept(substance),
                "patient": self.cast.patient.reference(),
                "onsetDateTime": since.isoformat(),
                "assertedDate": since.isoformat(),
                "recorder": self.cast.doctor.reference(),
                "note": [{"text": text}],
                "reaction": [
                    {
                        "manifestation": [reaction],
                        "severity": severity[0],
                        "_severity": _specified(snomed(severity[1], severity[2])),
                    }
                ],
            },
        )

    def procedure(self, code: Json, kind: Json, on: date, problem: str, *, worker: Link, outcome: str) -> None:
        """Add something that was done; ``kind`` is its category, ``outcome`` a sentence for the person."""
        self.cast.entries.add(
            "Procedure",
            NICTIZ + "zib-Procedure",
            f"{code['code']}/{on}",
            code["display"],
            {
                "status": "completed",
                "category": concept(kind),
                "code": concept(code),
                "subject": self.cast.patient.reference(),
                "performedPeriod": {"start": on.isoformat(), "end": on.isoformat()},
                "performer": [{"actor": worker.reference()}],
                "reasonReference": [self.known[problem].condition.reference()],
                "note": [{"text": outcome}],
            },
        )

    def vaccination(self, vaccine: Json, on: date) -> None:
        """Add a vaccination by the GP practice."""
        self.cast.entries.add(
            "Immunization",
            NICTIZ + "zib-Vaccination",
            f"{vaccine['code']}/{on}",
            vaccine["display"],
            {
                "status": "completed",
                "notGiven": False,
                "vaccineCode": concept(vaccine),
                "patient": self.cast.patient.reference(),
                "date": on.isoformat(),
                "primarySource": True,
                "practitioner": [{"actor": self.cast.doctor.reference()}],
            },
        )


def _about(known: Known) -> Json:
    url = NICTIZ + "extension-context-nl-core-episodeofcare"
    return extension(url, "Reference", known.episode.reference())


def _specified(code: Json) -> Json:
    """Return the code of a Dutch code list that stands next to a FHIR code."""
    return {"extension": [extension(SPECIFICATION, "CodeableConcept", concept(code))]}
