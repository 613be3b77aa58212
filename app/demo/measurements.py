"""What people measure at home, as STU3 Observations in the way of MedMij self-measurements 2.0.

Profiles: zib-BloodPressure, zib-BodyWeight, zib-BodyHeight, zib-BodyTemperature, zib-HeartRate, zib-Respiration,
zib-OxygenSaturation, vitalsign-bloodglucose. Values are in the units of the profiles; the person is the performer.
"""

from dataclasses import dataclass
from decimal import Decimal

from app.demo.elements import HL7, NICTIZ, Json, coding, concept, decimal, extension, loinc, quantity, snomed
from app.demo.identity import Cast

VITAL_SIGNS = concept(coding("http://hl7.org/fhir/observation-category", "vital-signs", "Vitale functies"))
LABORATORY = concept(snomed("49581000146104", "bevinding betreffende laboratoriumonderzoek"))
YES_NO = "http://hl7.org/fhir/v2/0136"

BLOOD_PRESSURE = loinc("85354-9", "Bloeddruk")
SYSTOLIC = loinc("8480-6", "Systolische bloeddruk (bovendruk)")
DIASTOLIC = loinc("8462-4", "Diastolische bloeddruk (onderdruk)")
WEIGHT = loinc("29463-7", "Lichaamsgewicht")
HEIGHT = loinc("8302-2", "Lichaamslengte")
TEMPERATURE = loinc("8310-5", "Lichaamstemperatuur")
HEART_RATE = loinc("8867-4", "Hartslag")
SATURATION = loinc("59408-5", "Zuurstofsaturatie")
BREATHING = loinc("9279-1", "Ademfrequentie")
FASTING_GLUCOSE = loinc("14770-2", "Glucose, nuchter")
GLUCOSE_AFTER_MEAL = loinc("14760-3", "Glucose, 2 uur na een maaltijd")
GLUCOSE = loinc("14743-9", "Glucose")


@dataclass(frozen=True, slots=True)
class Moment:
    """When in the day glucose is measured: the code of the measurement, and of the event in HL7's TimingEvent."""

    code: Json
    event: str
    label: str
    offset: int = 0


BEFORE_BREAKFAST = Moment(FASTING_GLUCOSE, "ACM", "voor het ontbijt")
AFTER_BREAKFAST = Moment(GLUCOSE_AFTER_MEAL, "PCM", "na het ontbijt", 120)
BEFORE_LUNCH = Moment(GLUCOSE, "ACD", "voor de lunch")
AFTER_LUNCH = Moment(GLUCOSE_AFTER_MEAL, "PCD", "na de lunch", 120)
BEFORE_DINNER = Moment(GLUCOSE, "ACV", "voor het avondeten")
AFTER_DINNER = Moment(GLUCOSE_AFTER_MEAL, "PCV", "na het avondeten", 120)
BEFORE_SLEEP = Moment(GLUCOSE, "HS", "voor het slapen")


class SelfMeasurements:
    """Adds home measurements of one person; ``at`` is a FHIR instant, at most one of a kind at each."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast

    def blood_pressure(self, at: str, systolic: int, diastolic: int) -> None:
        """Add a blood pressure in mmHg, measured sitting, on the left upper arm."""
        cuff = coding("urn:oid:2.16.840.1.113883.2.4.3.11.60.40.4.15.1", "STD", "Standaard")
        self._add(
            "zib-BloodPressure",
            BLOOD_PRESSURE,
            at,
            f"{systolic}/{diastolic} mmHg",
            {
                "bodySite": concept(snomed("368208006", "linkerbovenarm")),
                "method": concept(snomed("22762002", "niet-invasief")),
                "component": [
                    {"code": concept(SYSTOLIC), "valueQuantity": quantity(systolic, "mmHg", "mm[Hg]")},
                    {"code": concept(DIASTOLIC), "valueQuantity": quantity(diastolic, "mmHg", "mm[Hg]")},
                    {"code": concept(loinc("8358-4", "Maat van de manchet")), "valueCodeableConcept": concept(cuff)},
                    {
                        "code": concept(loinc("8361-8", "Houding tijdens de meting")),
                        "valueCodeableConcept": concept(snomed("33586001", "zittend")),
                    },
                ],
            },
        )

    def weight(self, at: str, kilograms: float) -> None:
        """Add a weight, rounded to 100 grams, in light clothing."""
        light = coding("urn:oid:2.16.840.1.113883.2.4.3.11.60.40.4.8.1", "MINIMAL", "Lichte kleding of ondergoed")
        self._add(
            "zib-BodyWeight",
            WEIGHT,
            at,
            f"{kilograms:.1f} kg",
            {
                "valueQuantity": quantity(decimal(kilograms, 1), "kg"),
                "component": [
                    {
                        "code": concept(loinc("8352-7", "Kleding tijdens de meting")),
                        "valueCodeableConcept": concept(light),
                    }
                ],
            },
        )

    def height(self, at: str, centimetres: int) -> None:
        """Add a height, measured standing."""
        standing = snomed("10904000", "staande positie")
        elements = {"code": concept(HEIGHT, standing), "valueQuantity": quantity(centimetres, "cm")}
        self._add("zib-BodyHeight", HEIGHT, at, f"{centimetres} cm", elements)

    def temperature(self, at: str, celsius: float) -> None:
        """Add a temperature, measured in the ear, rounded to 0.1 degree."""
        self._add(
            "zib-BodyTemperature",
            TEMPERATURE,
            at,
            f"{celsius:.1f} °C",
            {
                "valueQuantity": quantity(decimal(celsius, 1), "°C", "Cel"),
                "method": concept(snomed("415974002", "tympanische temperatuur")),
            },
        )

    def heart_rate(self, at: str, per_minute: int, *, regular: bool = True) -> None:
        """Add a heart rate."""
        rhythm = (
            snomed("271636001", "regelmatige hartslag") if regular else snomed("248650006", "onregelmatige hartslag")
        )
        elements = {"valueQuantity": quantity(per_minute, "/min"), "interpretation": concept(rhythm)}
        self._add("zib-HeartRate", HEART_RATE, at, f"{per_minute} per minuut", elements)

    def saturation(self, at: str, percent: int) -> None:
        """Add an oxygen saturation by pulse oximeter, without extra oxygen."""
        self._add(
            "zib-OxygenSaturation",
            SATURATION,
            at,
            f"{percent} %",
            {
                "valueQuantity": quantity(percent, "%"),
                "component": [
                    {
                        "code": concept(loinc("74206-4", "Extra zuurstof")),
                        "valueCodeableConcept": concept(coding(YES_NO, "N", "Nee")),
                    }
                ],
            },
        )

    def respiration(self, at: str, per_minute: int) -> None:
        """Add a respiratory rate."""
        self._add(
            "zib-Respiration",
            snomed("422834003", "beoordeling van ademhaling"),
            at,
            f"{per_minute} ademhalingen per minuut",
            {
                "component": [
                    {
                        "code": concept(BREATHING),
                        "valueQuantity": quantity(per_minute, "ademhalingen per minuut", "{breaths}/min"),
                    }
                ]
            },
        )

    def glucose(self, at: str, millimoles: float, moment: Moment, comment: str | None = None) -> None:
        """Add a glucose in mmol/L, rounded to 0.1."""
        value = decimal(millimoles, 1)
        event = concept(coding("http://hl7.org/fhir/v3/TimingEvent", moment.event, moment.label))
        timing = [
            extension("code", "CodeableConcept", event),
            extension("offset", "Quantity", quantity(moment.offset, "min")),
        ]
        self._add(
            "vitalsign-bloodglucose",
            moment.code,
            at,
            f"{value} mmol/L, {moment.label}",
            {
                "extension": [{"url": HL7 + "observation-eventTiming", "extension": timing}],
                "category": [LABORATORY],
                "valueQuantity": quantity(value, "mmol/L"),
                "interpretation": _glucose_flag(value),
                "comment": comment,
            },
        )

    def _add(self, profile: str, code: Json, at: str, value: str, elements: Json) -> None:
        self.cast.entries.add(
            "Observation",
            NICTIZ + profile,
            f"{code['code']}/{at}",
            f"{code['display']}: {value}",
            {
                "status": "final",
                "category": [VITAL_SIGNS],
                "code": concept(code),
                "subject": self.cast.patient.reference(),
                "effectiveDateTime": at,
                "performer": [self.cast.patient.reference()],
                **elements,
            },
        )


def _glucose_flag(value: int | Decimal) -> Json | None:
    """Return the interpretation of what nobody should overlook: a hypo (below 4), or above 15 mmol/L."""
    if value < 4:
        return concept(coding("http://hl7.org/fhir/v2/0078", "L", "Te laag"))
    if value > 15:
        return concept(coding("http://hl7.org/fhir/v2/0078", "H", "Te hoog"))
    return None
