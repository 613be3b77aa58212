"""Results of a laboratory over the year, as STU3 Specimen, Observation and DiagnosticReport.

Profiles: zib-LaboratoryTestResult-Specimen, -Observation and -DiagnosticReport; gp-LaboratoryResult where the NHG's
table 45 has the test, so that the MedMij query for GP data finds it.
"""

from dataclasses import dataclass
from decimal import Decimal

from app.demo.diary import Diary
from app.demo.elements import NHG_MEASUREMENT, NICTIZ, Json, Link, coding, concept, decimal, loinc, quantity, snomed
from app.demo.identity import Cast
from app.demo.measurements import LABORATORY

INTERPRETATION = "http://hl7.org/fhir/v2/0078"


@dataclass(frozen=True, slots=True)
class LaboratoryTest:
    """A laboratory test: codes, unit, decimals, and the bounds between which a result is normal."""

    code: str
    name: str
    unit: str
    digits: int = 0
    low: float | None = None
    high: float | None = None
    nhg: str | None = None
    ucum: str | None = None

    @property
    def coding(self) -> Json:
        """Return the code of LOINC."""
        return loinc(self.code, self.name)

    def quantity(self, value: float) -> Json:
        """Return a result as the laboratory prints it."""
        return quantity(decimal(value, self.digits), self.unit, self.ucum)

    def flag(self, value: int | Decimal) -> Json | None:
        """Return what a result means, None if it is normal."""
        if self.low is not None and value < decimal(self.low, self.digits):
            return concept(coding(INTERPRETATION, "L", "Te laag"))
        if self.high is not None and value > decimal(self.high, self.digits):
            return concept(coding(INTERPRETATION, "H", "Te hoog"))
        return None

    def reference_range(self) -> list[Json] | None:
        """Return what is normal, None if the laboratory gives no bounds."""
        bounds = {name: bound for name, bound in (("low", self.low), ("high", self.high)) if bound is not None}
        if not bounds:
            return None
        kind = concept(coding("http://hl7.org/fhir/referencerange-meaning", "normal", "Normaal"))
        return [{**{name: self.quantity(bound) for name, bound in bounds.items()}, "type": kind}]


HBA1C = LaboratoryTest("59261-8", "HbA1c (gemiddelde suiker)", "mmol/mol", 0, 20, 42, nhg="2816")
GLUCOSE_PLASMA = LaboratoryTest("14771-0", "Glucose, nuchter (laboratorium)", "mmol/L", 1, 4.0, 6.0)
CREATININE = LaboratoryTest("14682-9", "Kreatinine", "µmol/L", 0, 50, 100, nhg="523", ucum="umol/L")
EGFR = LaboratoryTest("62238-1", "eGFR (werking van de nieren)", "mL/min/1,73 m²", 0, 60, None, ucum="mL/min/{1.73_m2}")
ALBUMIN_RATIO = LaboratoryTest("32294-1", "Eiwit in de urine (albumine/kreatinine)", "mg/mmol", 1, None, 3.0)
LDL = LaboratoryTest("39469-2", "LDL-cholesterol", "mmol/L", 1, None, 2.6, nhg="542")
HDL = LaboratoryTest("14646-4", "HDL-cholesterol", "mmol/L", 1, 1.0, None)
CHOLESTEROL = LaboratoryTest("14647-2", "Totaal cholesterol", "mmol/L", 1, None, 5.0)
TRIGLYCERIDE = LaboratoryTest("14927-8", "Triglyceriden", "mmol/L", 1, None, 1.7)
POTASSIUM = LaboratoryTest("2823-3", "Kalium", "mmol/L", 1, 3.5, 5.0)
SODIUM = LaboratoryTest("2951-2", "Natrium", "mmol/L", 0, 135, 145)
NT_PRO_BNP = LaboratoryTest("33762-6", "NT-proBNP (belasting van het hart)", "ng/L", 0, None, 125)
HEMOGLOBIN = LaboratoryTest("59260-0", "Hemoglobine", "mmol/L", 1, 7.5, 10.0)
FERRITIN = LaboratoryTest("2276-4", "Ferritine", "µg/L", 0, 20, 300, ucum="ug/L")
CRP = LaboratoryTest("1988-5", "CRP (ontsteking)", "mg/L", 0, None, 10)
LEUKOCYTES = LaboratoryTest("6690-2", "Leukocyten (witte bloedcellen)", "10⁹/L", 1, 4.0, 10.0, ucum="10*9/L")
EOSINOPHILS = LaboratoryTest("711-2", "Eosinofielen", "10⁹/L", 2, None, 0.4, ucum="10*9/L")


def add_panel(cast: Cast, diary: Diary, days_ago: int, title: str, results: list[tuple[LaboratoryTest, float]]) -> Link:
    """Add what came back from one blood sample; return the link to the report. Taken at 8:10, reported at 15:30."""
    entries, patient = cast.entries, cast.patient.reference()
    taken, reported = diary.at(days_ago, 8, 10), diary.at(days_ago, 15, 30)
    specimen = entries.add(
        "Specimen",
        NICTIZ + "zib-LaboratoryTestResult-Specimen",
        f"{title}/{taken}",
        "Bloed",
        {
            "type": concept(snomed("119297000", "bloedmonster")),
            "subject": patient,
            "receivedTime": diary.at(days_ago, 9, 40),
            "collection": {"collectedDateTime": taken, "method": concept(snomed("22778000", "venapunctie"))},
        },
    )
    links = [_add_result(cast, specimen, taken, reported, test, value) for test, value in results]
    return entries.add(
        "DiagnosticReport",
        NICTIZ + "zib-LaboratoryTestResult-DiagnosticReport",
        f"{title}/{taken}",
        title,
        {
            "status": "final",
            "category": concept(snomed("4241000179101", "laboratoriumrapport")),
            "code": concept(loinc("11502-2", "Laboratoriumrapport"), text=title),
            "subject": patient,
            "effectiveDateTime": taken,
            "issued": reported,
            "performer": [{"actor": cast.practice.reference()}],
            "specimen": [specimen.reference()],
            "result": [link.reference() for link in links],
        },
    )


def _add_result(cast: Cast, specimen: Link, taken: str, reported: str, test: LaboratoryTest, value: float) -> Link:
    result = test.quantity(value)
    codes = [test.coding]
    if test.nhg is not None:
        codes.append(coding(NHG_MEASUREMENT, test.nhg, test.name))
    return cast.entries.add(
        "Observation",
        NICTIZ + ("zib-LaboratoryTestResult-Observation" if test.nhg is None else "gp-LaboratoryResult"),
        f"{test.code}/{taken}",
        f"{test.name}: {result['value']} {test.unit}",
        {
            "status": "final",
            "category": [LABORATORY],
            "code": concept(*codes),
            "subject": cast.patient.reference(),
            "effectiveDateTime": taken,
            "issued": reported,
            "performer": [cast.practice.reference()],
            "valueQuantity": result,
            "interpretation": test.flag(result["value"]),
            "specimen": specimen.reference(),
            "referenceRange": test.reference_range(),
        },
    )
