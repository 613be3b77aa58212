"""What each MedMij data service asks for, in JSON and in XML: one invented person with a little of everything is asked.

A service is the queries of its information standard, and what each finds; the suites that are published for some of them are
run by ``make conformance``. What the other services send is in ``test_data_services_sent.py``.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

import pytest
from lxml import etree

from app.fhir.release import Release
from tests.support.world import Caller, Tree, World, bundle, entry

STU3, R4 = Release.STU3, Release.R4
SCT, LOINC = "http://snomed.info/sct", "http://loinc.org"
OID = "urn:oid:2.16.840.1.113883.2.4"
MEASUREMENTS = "http://hl7.org/fhir/observation-category"
NICTIZ = "http://nictiz.nl/fhir/StructureDefinition"
FHIR = "{http://hl7.org/fhir}"


def coded(text: str) -> Tree:
    """Return a CodeableConcept of ``system|code``."""
    system, code = text.split("|")
    return {"coding": [{"system": system, "code": code, "display": "A word"}]}


def ref(name: str) -> Tree:
    """Return the reference to another resource of the same service, by its name in the table."""
    return {"reference": f"urn:uuid:{uuid5(NAMESPACE_URL, name)}", "display": "A name"}


ME = {"reference": "{patient}", "display": "Zonnestraal-Testpersoon"}


def observation(code: str, day: str, **members: Any) -> Tree:
    """Return an Observation of the person; ``code`` and members that are texts with a ``|`` become concepts."""
    tree = {"resourceType": "Observation", "status": "final", "code": coded(code), "subject": ME}
    return tree | {"effectiveDateTime": f"{day}T08:00:00+01:00", "valueQuantity": {"value": 5}} | members


@dataclass(frozen=True)
class Service:
    """A service: what the person has, by name, and how many of each type a query finds."""

    name: str
    release: Release
    has: dict[str, Tree]
    finds: dict[str, dict[str, int]]


def stu3(kind: str, **members: Any) -> Tree:
    """Return a resource."""
    return {"resourceType": kind, **members}


GP = stu3("Practitioner", name=[{"family": "Klaproos-Testarts"}])
HOUSE = stu3("Organization", name="Praktijk De Klaproos-Test")
MEDICINE = stu3("Medication", code=coded(f"{OID}.4.10|67903"))
PERIOD_OF_USE = {
    "url": f"{NICTIZ}/zib-Medication-PeriodOfUse",
    "valuePeriod": {"start": "2026-01-01", "end": "2026-06-01"},
}
TREATMENT = {
    "url": f"{NICTIZ}/zib-Medication-MedicationTreatment",
    "valueIdentifier": {"system": "urn:oid:2.16.840.1.113883.2.4.3.11.999.77.1.1", "value": "MBH-1"},
}
IN_USE = "urn:oid:2.16.840.1.113883.2.4.3.11.60.20.77.5.3|6"
R4_PERIOD = {"url": f"{NICTIZ}/ext-TimeInterval.Period", "valuePeriod": {"start": "2026-01-01", "end": "2026-06-01"}}
R4_TREATMENT = {
    "url": f"{NICTIZ}/ext-PharmaceuticalTreatment.Identifier",
    "valueIdentifier": {"system": "urn:oid:2.16.840.1.113883.2.4.3.11.999.77.1.1", "value": "MBH-1"},
}


def agreement(category: str, **members: Any) -> Tree:
    """Return a MedicationRequest in STU3."""
    tree = stu3("MedicationRequest", intent="order", status="active", category=coded(category), subject=ME)
    return tree | {"medicationReference": ref("medicine"), "extension": [PERIOD_OF_USE, TREATMENT]} | members


def r4_request(category: str, **members: Any) -> Tree:
    """Return a MedicationRequest in R4."""
    tree = stu3("MedicationRequest", intent="order", status="active", category=[coded(category)], subject=ME)
    return tree | {"medicationReference": ref("medicine"), "extension": [R4_PERIOD, R4_TREATMENT]} | members


SERVICES = [
    Service(
        "self-measurements",
        STU3,
        {
            "pressure 1": observation(
                f"{LOINC}|85354-9", "2026-02-01", category=[coded(f"{MEASUREMENTS}|vital-signs")]
            ),
            "pressure 2": observation(
                f"{LOINC}|85354-9", "2026-02-20", category=[coded(f"{MEASUREMENTS}|vital-signs")]
            ),
            "glucose 1": observation(f"{LOINC}|14760-3", "2026-02-02", category=[coded(f"{SCT}|49581000146104")]),
            "glucose 2": observation(f"{LOINC}|14770-2", "2026-02-03", category=[coded(f"{SCT}|49581000146104")]),
            "lying": observation(f"{LOINC}|8302-2", "2026-01-03")
            | {"code": {"coding": [*coded(f"{LOINC}|8302-2")["coding"], *coded(f"{SCT}|102538003")["coding"]]}},
            "standing": observation(f"{LOINC}|8302-2", "2026-01-02"),
        },
        {
            f"Observation?code={LOINC}|85354-9": {"Observation": 2},
            f"Observation/$lastn?code={LOINC}|85354-9": {"Observation": 1},
            f"Observation/$lastn?code={LOINC}|8302-2": {"Observation": 1},
            f"Observation/$lastn?code={LOINC}|14760-3,{LOINC}|14770-2": {"Observation": 2},
            f"Observation?code={LOINC}|14760-3,{LOINC}|14743-9,{LOINC}|14770-2": {"Observation": 2},
            f"Observation?code={LOINC}|85354-9&date=ge2026-02-10&date=le2026-02-20": {"Observation": 1},
            f"Observation?code={LOINC}|85354-9&date=ge2026-02-20&date=le2026-02-20": {"Observation": 1},
            f"Observation?code={LOINC}|85354-9&date=ge2026-02-02&date=le2026-02-19": {},
            "Observation?category=vital-signs": {"Observation": 3},  # one is of the world
            f"Observation?category={MEASUREMENTS}|vital-signs": {"Observation": 3},
        },
    ),
    Service(
        "GP data",
        STU3,
        {
            "gp": GP,
            "episode": stu3("EpisodeOfCare", status="active", patient=ME, type=[coded(f"{SCT}|1")]),
            "visit": stu3("Encounter", status="finished", subject=ME, episodeOfCare=[ref("episode")]),
            "report": stu3(
                "Composition",
                status="final",
                type=coded(f"{LOINC}|67781-5"),
                subject=ME,
                date="2026-02-01",
                author=[ref("gp")],
                title="Contactverslag",
                section=[
                    {"code": coded("http://fhir.nl/fhir/NamingSystem/journaalregeltypen|E"), "entry": [ref("episode")]}
                ],
            ),
            "allergy": stu3(
                "AllergyIntolerance",
                clinicalStatus="active",
                verificationStatus="confirmed",
                category=["medication"],
                patient=ME,
            ),
            "medicine": MEDICINE,
            "now": agreement(f"{SCT}|16076005"),
            "before": agreement(f"{SCT}|16076005", extension=[PERIOD_OF_USE | {"valuePeriod": {"end": "2020-01-01"}}]),
            "specimen": stu3("Specimen", subject=ME),
            "result": observation(
                "https://referentiemodel.nhg.org/tabellen/nhg-tabel-45-diagnostische-bepalingen|372",
                "2026-02-01",
                specimen=ref("specimen"),
                related=[{"type": "has-member", "target": ref("part")}],
            ),
            "part": observation("http://fhir.nl/fhir/NamingSystem/journaalregeltypen|O", "2026-02-01"),
        },
        {
            "Patient?_include=Patient:general-practitioner": {"Patient": 1},
            "EpisodeOfCare": {"EpisodeOfCare": 1},
            "Encounter": {"Encounter": 2},
            f"Composition?type={LOINC}|67781-5": {"Composition": 1},
            "AllergyIntolerance?category=medication": {"AllergyIntolerance": 1},
            f"MedicationRequest?periodofuse=ge2026-03-01&category={SCT}|16076005&_include=MedicationRequest:medication": {
                "MedicationRequest": 1,
                "Medication": 1,
            },
            "Observation?code=https://referentiemodel.nhg.org/tabellen/nhg-tabel-45-diagnostische-bepalingen|"
            "&_include=Observation:related-target&_include=Observation:specimen&date=ge2026-01-01": {
                "Observation": 2,
                "Specimen": 1,
            },
        },
    ),
    Service(
        "medication 9.0.7",
        STU3,
        {
            "medicine": MEDICINE,
            "agreement": agreement(f"{SCT}|16076005", identifier=[{"system": "urn:oid:1.2.3", "value": "MA-1"}]),
            "request": agreement(f"{SCT}|52711000146108"),
            "administration": stu3(
                "MedicationDispense",
                category=coded(f"{SCT}|422037009"),
                subject=ME,
                medicationReference=ref("medicine"),
                extension=[PERIOD_OF_USE, TREATMENT],
            ),
            "dispense": stu3(
                "MedicationDispense",
                category=coded(f"{SCT}|373784005"),
                subject=ME,
                medicationReference=ref("medicine"),
                whenHandedOver="2026-02-01T10:00:00+01:00",
                extension=[{"url": f"{NICTIZ}/zib-Dispense-RequestDate", "valueDateTime": "2026-01-31"}],
            ),
            "use": stu3(
                "MedicationStatement",
                status="active",
                taken="y",
                category=coded(IN_USE),
                subject=ME,
                medicationReference=ref("medicine"),
                extension=[PERIOD_OF_USE, TREATMENT],
            ),
        },
        {
            f"MedicationRequest?category={SCT}|16076005&identifier=urn:oid:1.2.3|MA-1": {"MedicationRequest": 1},
            f"MedicationRequest?category={SCT}|52711000146108&_include=MedicationRequest:medication": {
                "MedicationRequest": 1,
                "Medication": 1,
            },
            f"MedicationRequest?category={SCT}|16076005&medication.code={OID}.4.7|1,{OID}.4.10|67903": {
                "MedicationRequest": 1
            },
            f"MedicationRequest?category={SCT}|16076005&medicationtreatment="
            "urn:oid:2.16.840.1.113883.2.4.3.11.999.77.1.1|MBH-1": {"MedicationRequest": 1},
            f"MedicationDispense?category={SCT}|422037009&periodofuse=ge2026-02-01&periodofuse=lt2026-03-01"
            "&_include=MedicationDispense:medication": {"MedicationDispense": 1, "Medication": 1},
            f"MedicationDispense?category={SCT}|422037009&periodofuse=gt2026-06-02": {},
            f"MedicationDispense?category={SCT}|373784005&whenhandedover=ge2026-02-01&whenhandedover=le2026-02-01": {
                "MedicationDispense": 1
            },
            f"MedicationDispense?category={SCT}|373784005,{SCT}|422037009&requestdate=le2026-01-31"
            "&_include=MedicationDispense:patient&_include=MedicationDispense:performer": {
                "MedicationDispense": 1,
                "Patient": 1,
            },
            f"MedicationStatement?category={IN_USE}&_include=MedicationStatement:medication": {
                "MedicationStatement": 1,
                "Medication": 1,
            },
        },
    ),
    Service(
        "BgZ",
        STU3,
        {
            "insurer": HOUSE,
            "insured": stu3("Coverage", status="active", beneficiary=ME, payor=[ref("insurer")]),
            "paid by oneself": stu3("Coverage", status="active", beneficiary=ME, payor=[ME]),
            "directive": stu3(
                "Consent", status="active", patient=ME, category=[coded(f"{SCT}|11291000146105")], policyRule="urn:x"
            ),
            "ability": observation(f"{SCT}|1", "2026-02-01", category=[coded(f"{SCT}|384821006")]),
            "living": observation(f"{SCT}|365508006", "2026-02-01"),
            "advice": stu3("NutritionOrder", status="active", patient=ME, dateTime="2026-02-01"),
            "alert": stu3("Flag", status="active", code=coded(f"{SCT}|1"), subject=ME),
            "device": stu3("Device", type=coded(f"{SCT}|1"), patient=ME),
            "device use": stu3("DeviceUseStatement", status="active", subject=ME, device=ref("device")),
            "device request": stu3(
                "DeviceRequest", status="active", intent=coded("http://hl7.org/fhir/request-intent|plan"), subject=ME
            )
            | {"codeReference": ref("device")},
            "vaccination": stu3(
                "Immunization",
                status="completed",
                notGiven=False,
                primarySource=True,
                vaccineCode=coded(f"{SCT}|1"),
                patient=ME,
            ),
            "specimen": stu3("Specimen", subject=ME),
            "lab": observation(
                f"{SCT}|2", "2026-02-01", category=[coded(f"{SCT}|275711006")], specimen=ref("specimen")
            ),
            "operation": stu3(
                "Procedure", status="completed", subject=ME, code=coded(f"{SCT}|1"), category=coded(f"{SCT}|387713003")
            ),
            "stay": stu3(
                "Encounter",
                status="finished",
                subject=ME,
                **{"class": {"system": "http://hl7.org/fhir/v3/ActCode", "code": "IMP"}},
            ),
            "planned": stu3("ProcedureRequest", status="active", intent="plan", code=coded(f"{SCT}|1"), subject=ME),
            "advised": stu3(
                "ImmunizationRecommendation",
                patient=ME,
                recommendation=[
                    {
                        "date": "2026-02-01",
                        "vaccineCode": coded(f"{SCT}|1"),
                        "forecastStatus": coded(f"{SCT}|2"),
                    }
                ],
            ),
            "appointment": stu3("Appointment", status="proposed", participant=[{"actor": ME, "status": "accepted"}]),
        },
        {
            "Coverage?_include=Coverage:payor:Patient&_include=Coverage:payor:Organization": {
                "Coverage": 2,
                "Organization": 1,
                "Patient": 1,
            },
            f"Consent?category={SCT}|11291000146105": {"Consent": 1},
            f"Observation/$lastn?category={SCT}|118228005,{SCT}|384821006": {"Observation": 1},
            f"Observation/$lastn?code={SCT}|365508006": {"Observation": 1},
            "NutritionOrder": {"NutritionOrder": 1},
            "Flag": {"Flag": 1},
            "DeviceUseStatement?_include=DeviceUseStatement:device": {"DeviceUseStatement": 1, "Device": 1},
            "Immunization?status=completed": {"Immunization": 1},
            f"Observation/$lastn?category={SCT}|275711006&_include=Observation:related-target&_include=Observation:specimen": {
                "Observation": 1,
                "Specimen": 1,
            },
            f"Procedure?category={SCT}|387713003, {SCT}|1": {"Procedure": 1},
            "Encounter?class=http://hl7.org/fhir/v3/ActCode|IMP,http://hl7.org/fhir/v3/ActCode|ACUTE": {"Encounter": 1},
            "ProcedureRequest?status=active": {"ProcedureRequest": 1},
            "ImmunizationRecommendation": {"ImmunizationRecommendation": 1},
            "Appointment?status=booked,pending,proposed": {"Appointment": 1},
            "DeviceRequest?status=active&_include=DeviceRequest:device": {"DeviceRequest": 1, "Device": 1},
            f"Observation?code={SCT}|228366006": {},
        },
    ),
    Service(
        "long-term care",
        STU3,
        {
            "goal": stu3("Goal", status="in-progress", description={"text": "Lopen"}, subject=ME),
            "outcome": observation(f"{SCT}|9", "2026-02-01"),
            "device": stu3("Device", type=coded(f"{SCT}|1"), patient=ME),
            "device use": stu3("DeviceUseStatement", status="active", subject=ME, device=ref("device")),
            "plan": stu3(
                "CarePlan",
                status="active",
                intent="order",
                subject=ME,
                category=[coded(f"{SCT}|243114000")],
                activity=[
                    {
                        "outcomeReference": [ref("outcome")],
                        "detail": {
                            "extension": [
                                {"url": f"{NICTIZ}/extension-medicaldevice", "valueReference": ref("device use")}
                            ],
                            "goal": [ref("goal")],
                            "status": "in-progress",
                        },
                    }
                ],
            ),
            "gp": GP,
            "team": stu3("CareTeam", status="active", subject=ME, participant=[{"member": ref("gp")}]),
        },
        {
            "CarePlan?_include=CarePlan:activity-goal:Goal&_include=CarePlan:activity-outcomereference:Observation"
            "&_include=CarePlan:activity-medicaldevice:DeviceUseStatement&_include:recurse=DeviceUseStatement:device:Device": {
                "CarePlan": 1,
                "Goal": 1,
                "Observation": 1,
                "DeviceUseStatement": 1,
                "Device": 1,
            },
            "CareTeam?_include=CareTeam:participant": {"CareTeam": 1, "Practitioner": 1},
            f"CarePlan?category={SCT}|243114000": {"CarePlan": 1},
        },
    ),
    Service(
        "questionnaires",
        STU3,
        {
            "task": stu3(
                "Task", status="requested", intent="order", code=coded(f"{LOINC}|74468-0"), **{"for": ME}, owner=ME
            ),
        },
        {f"Task?code={LOINC}|74468-0&status=requested": {"Task": 1}, f"Task?code={LOINC}|74468-0&status=completed": {}},
    ),
    Service(
        "PDF/A documents",
        STU3,
        {
            "file": stu3("Binary", contentType="application/pdf", content="JVBERi0xLjcK"),
            "document": stu3(
                "DocumentReference",
                status="current",
                type=coded(f"{LOINC}|34133-9"),
                indexed="2026-02-01T10:00:00+01:00",
                subject=ME,
                content=[
                    {
                        "attachment": {
                            "contentType": "application/pdf",
                            "url": "urn:uuid:" + str(uuid5(NAMESPACE_URL, "file")),
                        }
                    }
                ],
            ),
            "old": stu3(
                "DocumentReference",
                status="superseded",
                type=coded(f"{LOINC}|34133-9"),
                indexed="2025-02-01T10:00:00+01:00",
                subject=ME,
                content=[{"attachment": {"contentType": "application/pdf", "title": "Vorige"}}],
            ),
            "folder": stu3(
                "DocumentManifest",
                status="current",
                created="2026-02-01",
                subject=ME,
                content=[{"pReference": ref("document")}],
            ),
        },
        {
            "DocumentReference?status=current": {"DocumentReference": 1},
            "DocumentReference?indexed=ge2026-01-01&indexed=le2026-02-01&status=current": {"DocumentReference": 1},
            "DocumentReference?indexed=ge2024-01-01&indexed=le2025-06-01&status=current": {},
            "DocumentManifest?status=current&created=ge2026-01-01&created=le2026-03-01": {"DocumentManifest": 1},
        },
    ),
    Service(
        "appointments",
        STU3,
        {
            "soon": stu3(
                "Appointment",
                status="booked",
                start="2026-02-01T10:00:00+01:00",
                end="2026-02-01T10:10:00+01:00",
                participant=[{"actor": ME, "status": "accepted"}],
            ),
        },
        {"Appointment?date=ge2026-01-01": {"Appointment": 1}, "Appointment?date=ge2026-01-01&date=le2026-01-31": {}},
    ),
    Service(
        "allergies, laboratory and images",
        STU3,
        {
            "allergy": stu3("AllergyIntolerance", clinicalStatus="active", verificationStatus="confirmed", patient=ME),
            "specimen": stu3("Specimen", subject=ME),
            "lab": observation(
                f"{SCT}|2", "2026-02-01", category=[coded(f"{SCT}|49581000146104")], specimen=ref("specimen")
            ),
            "report": stu3(
                "DiagnosticReport",
                status="final",
                subject=ME,
                code=coded(f"{SCT}|3"),
                category=coded(f"{SCT}|4"),
                effectiveDateTime="2026-02-01",
                result=[ref("lab")],
            ),
        },
        {
            "AllergyIntolerance": {"AllergyIntolerance": 1},
            f"Observation?category={SCT}|49581000146104&date=ge2026-01-01&_include=Observation:specimen": {
                "Observation": 1,
                "Specimen": 1,
            },
            f"DiagnosticReport?category={SCT}|4&date=ge2026-01-01&_include=DiagnosticReport:result": {
                "DiagnosticReport": 1,
                "Observation": 1,
            },
        },
    ),
    Service(
        "birth care",
        STU3,
        {
            "pregnancy": stu3("EpisodeOfCare", status="active", patient=ME, type=[coded(f"{SCT}|364320009")]),
            "visit": stu3("Encounter", status="finished", subject=ME, episodeOfCare=[ref("pregnancy")]),
            "measured": observation(f"{SCT}|9", "2026-02-01", context=ref("visit")),
        },
        {
            f"EpisodeOfCare?type={SCT}|364320009&status=active": {"EpisodeOfCare": 1},
            f"Encounter?episodeofcare.type={SCT}|364320009": {"Encounter": 1},
            f"Observation?context:Encounter.episodeofcare.type={SCT}|364320009": {"Observation": 1},
        },
    ),
    Service(
        "granular services",
        R4,
        {
            "score": observation(f"{SCT}|413347006", "2026-02-01"),
            "insured": stu3("Coverage", status="active", beneficiary=ME, payor=[ME]),
            "goal": stu3("Goal", lifecycleStatus="active", description={"text": "Lopen"}, subject=ME),
        },
        {
            f"Observation?code={SCT}|413347006": {"Observation": 1},
            "Coverage": {"Coverage": 1},
            "Goal": {"Goal": 2},
            "Patient": {"Patient": 1},
            "Encounter": {"Encounter": 1},
        },
    ),
    Service(
        "immunizations",
        R4,
        {
            "house": HOUSE,
            "place": stu3("Location", name="Priklocatie-Test"),
            "medicine": MEDICINE,
            "shot": stu3(
                "Immunization",
                status="completed",
                vaccineCode=coded(f"{SCT}|1"),
                patient=ME,
                occurrenceDateTime="2026-02-01",
                location=ref("place"),
                performer=[{"actor": ref("house")}],
                extension=[
                    {"url": f"{NICTIZ}/ext-imm-Vaccination.PharmaceuticalProduct", "valueReference": ref("medicine")}
                ],
            ),
        },
        {
            "Immunization?_include=Immunization:patient&_include=Immunization:performer&_include=Immunization:location": {
                "Immunization": 1,
                "Patient": 1,
                "Organization": 1,
                "Location": 1,
            },
        },
    ),
    Service(
        "medication 9 version 3.0",
        R4,
        {
            "medicine": MEDICINE,
            "house": HOUSE,
            "gp": GP,
            "role": stu3("PractitionerRole", practitioner=ref("gp"), organization=ref("house")),
            "agreement": r4_request(f"{SCT}|33633005", requester=ref("role")),
            "regimen": r4_request(f"{SCT}|395067002"),
            "dispense": stu3(
                "MedicationDispense",
                status="completed",
                category=coded(f"{SCT}|373784005"),
                subject=ME,
                medicationReference=ref("medicine"),
                performer=[{"actor": ref("role")}],
                whenHandedOver="2026-02-01T10:00:00+01:00",
                extension=[R4_TREATMENT],
            ),
            "use": stu3(
                "MedicationStatement",
                status="active",
                category=coded(f"{SCT}|422979000"),
                subject=ME,
                medicationReference=ref("medicine"),
                effectivePeriod={"start": "2026-01-01", "end": "2026-06-01"},
            ),
            "taken": stu3(
                "MedicationAdministration",
                status="completed",
                category=coded(f"{SCT}|18629005"),
                subject=ME,
                medicationReference=ref("medicine"),
                effectiveDateTime="2026-02-01T10:00:00+01:00",
            ),
        },
        {
            f"MedicationRequest?category={SCT}|33633005&_include=MedicationRequest:medication&_include=MedicationRequest:subject"
            "&_include=MedicationRequest:requester&_include:iterate=PractitionerRole:organization"
            "&_include:iterate=PractitionerRole:practitioner": {
                "MedicationRequest": 1,
                "Medication": 1,
                "Patient": 1,
                "PractitionerRole": 1,
                "Organization": 1,
                "Practitioner": 1,
            },
            f"MedicationRequest?category={SCT}|33633005&medication.code={OID}.4.10|67903": {"MedicationRequest": 1},
            f"MedicationRequest?category={SCT}|395067002&period-of-use=ge2026-02-01&period-of-use=le2026-03-01": {
                "MedicationRequest": 1
            },
            f"MedicationRequest?category={SCT}|395067002&period-of-use=ge2026-07-01": {},
            f"MedicationRequest?category={SCT}|33633005&pharmaceutical-treatment-identifier="
            "urn:oid:2.16.840.1.113883.2.4.3.11.999.77.1.1|MBH-1": {"MedicationRequest": 1},
            f"MedicationDispense?category={SCT}|373784005&whenhandedover=ge2026-01-01&whenhandedover=le2026-02-01"
            "&_include=MedicationDispense:performer&_include=MedicationDispense:destination": {
                "MedicationDispense": 1,
                "PractitionerRole": 1,
            },
            f"MedicationStatement?category={SCT}|422979000&period-of-use=lt2026-02-01": {"MedicationStatement": 1},
            f"MedicationAdministration?category={SCT}|18629005&effective-time=ge2026-02-01&effective-time=le2026-02-01": {
                "MedicationAdministration": 1
            },
        },
    ),
]


async def given(me: Caller, patient: str, has: dict[str, Tree]) -> None:
    """Give the person what a service finds."""

    def placed(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: placed(one) for name, one in node.items()}
        if isinstance(node, list):
            return [placed(one) for one in node]
        return patient if node == "{patient}" else node

    entries = [entry("POST", tree["resourceType"], placed(tree), ref(name)["reference"]) for name, tree in has.items()]
    answer = await me("POST", "/", bundle("transaction", *entries))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("service", SERVICES, ids=[one.name for one in SERVICES])
async def test_a_data_service_finds_what_its_standard_asks_for(world: World, service: Service) -> None:
    me = world.caller("zonnestraal", service.release)
    await given(me, world.zonnestraal.patient(service.release), service.has)
    for query, expected in service.finds.items():
        page = await me.get(f"/{query}")
        found = [one["resource"] for one in page.get("entry", [])]
        assert Counter(one["resourceType"] for one in found) == expected, query
        assert page["type"] == "searchset"
        assert all(one["fullUrl"].endswith(f"/{one['resource']['id']}") for one in page.get("entry", []))
        in_xml = await me("GET", f"/{query}", Accept="application/fhir+xml")
        root = etree.fromstring(in_xml.content)
        assert in_xml.status_code == 200
        assert sorted(one.get("value") for one in root.iterfind(f"{FHIR}entry/{FHIR}resource/*/{FHIR}id")) == sorted(
            one["id"] for one in found
        )


@pytest.mark.parametrize("service", SERVICES, ids=[one.name for one in SERVICES])
async def test_a_query_may_have_its_signs_escaped(world: World, service: Service) -> None:
    me = world.caller("zonnestraal", service.release)
    await given(me, world.zonnestraal.patient(service.release), service.has)
    for query in service.finds:
        path, _, parameters = query.partition("?")
        escaped = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, _, value in _pairs(parameters))
        plain, same = await me.get(f"/{query}"), await me.get(f"/{path}?{escaped}" if escaped else f"/{path}")
        assert [one["fullUrl"] for one in same.get("entry", [])] == [one["fullUrl"] for one in plain.get("entry", [])]


def _pairs(parameters: str) -> list[tuple[str, str, str]]:
    return [one.partition("=") for one in parameters.split("&") if one]
