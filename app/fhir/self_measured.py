"""What somebody measured at home and typed, as Observations of either release; pure.

STU3 as the Dutch self-measurements want it (Zelfmetingen 2.0), R4 as the nl-core profiles of zib 2020 do. Each claims the
profile of that standard, where there is one, and Regie's own. That it was typed is said by an extension of ours.

Spec: https://informatiestandaarden.nictiz.nl/wiki/MedMij:V2020.01/OntwerpZelfmetingen,
https://hl7.org/fhir/R4/observation.html, https://hl7.org/fhir/STU3/observation.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.fhir.elements import LOINC, SNOMED, Tree, extension, listed, referred
from app.fhir.labels import with_label
from app.fhir.release import Release

ENTRY = "https://regie.example/fhir/StructureDefinition/measurement-entry"
OWN = ENTRY.removesuffix("measurement-entry")
NICTIZ = "http://nictiz.nl/fhir/StructureDefinition/"
EVENT_TIMING = "http://hl7.org/fhir/StructureDefinition/observation-eventTiming"
TIMING_EVENT = {
    Release.STU3: "http://hl7.org/fhir/v3/TimingEvent",
    Release.R4: "http://terminology.hl7.org/CodeSystem/v3-TimingEvent",
}
CATEGORY = {
    Release.STU3: "http://hl7.org/fhir/observation-category",
    Release.R4: "http://terminology.hl7.org/CodeSystem/observation-category",
}
_LABORATORY_FINDING = {"system": SNOMED, "code": "49581000146104"}
UCUM = "http://unitsofmeasure.org"
TAKEN_BACK = "entered-in-error"

Coding = dict[str, str]


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement: which kind (a key of ``KINDS``), its values in the units of the kind, and a local instant.

    ``moment`` is a code of HL7's TimingEvent, for glucose, or empty. ``is_sensitive``: only those see it who were given what is
    sensitive, too.
    """

    kind: str
    values: tuple[Decimal, ...]
    at: datetime
    moment: str = ""
    note: str = ""
    is_sensitive: bool = False


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one kind is written: its code, unit (text and UCUM code), category, and the Dutch profile of each release.

    ``parts`` are the codes of its components, for a kind of which the values stand there. ``also`` is a second code that R4 wants.
    """

    code: Coding
    unit: tuple[str, str]
    category: str = "vital-signs"
    profiles: Mapping[Release, str] = field(default_factory=dict)
    parts: tuple[Coding, ...] = ()
    also: tuple[Coding, ...] = ()


def _loinc(code: str, display: str) -> Coding:
    return {"system": LOINC, "code": code, "display": display}


def _snomed(code: str, display: str) -> Coding:
    return {"system": SNOMED, "code": code, "display": display}


def _dutch(stu3: str, r4: str = "") -> dict[Release, str]:
    return {release: name for release, name in ((Release.STU3, stu3), (Release.R4, r4)) if name}


KINDS = {
    "blood-pressure": _Kind(
        _loinc("85354-9", "Bloeddruk"),
        ("mmHg", "mm[Hg]"),
        profiles=_dutch("zib-BloodPressure", "nl-core-BloodPressure"),
        parts=(
            _loinc("8480-6", "Systolische bloeddruk (bovendruk)"),
            _loinc("8462-4", "Diastolische bloeddruk (onderdruk)"),
        ),
    ),
    "pulse-rate": _Kind(
        _loinc("8893-0", "Polsslag"),
        ("/min", "/min"),
        profiles=_dutch("zib-PulseRate", "nl-core-PulseRate.PulseRateValue"),
    ),
    "heart-rate": _Kind(
        _loinc("8867-4", "Hartslag"), ("/min", "/min"), profiles=_dutch("zib-HeartRate", "nl-core-HeartRate")
    ),
    "body-weight": _Kind(
        _loinc("29463-7", "Lichaamsgewicht"), ("kg", "kg"), profiles=_dutch("zib-BodyWeight", "nl-core-BodyWeight")
    ),
    "body-height": _Kind(
        _loinc("8302-2", "Lichaamslengte"), ("cm", "cm"), profiles=_dutch("zib-BodyHeight", "nl-core-BodyHeight")
    ),
    "body-temperature": _Kind(
        _loinc("8310-5", "Lichaamstemperatuur"),
        ("°C", "Cel"),
        profiles=_dutch("zib-BodyTemperature", "nl-core-BodyTemperature"),
    ),
    "oxygen-saturation": _Kind(
        _loinc("59408-5", "Zuurstofsaturatie"),
        ("%", "%"),
        profiles=_dutch("zib-OxygenSaturation", "nl-core-O2Saturation"),
        also=(_loinc("2708-6", "Zuurstofsaturatie in arterieel bloed"),),
    ),
    "respiratory-rate": _Kind(_loinc("9279-1", "Ademfrequentie"), ("/min", "/min"), profiles=_dutch("zib-Respiration")),
    "blood-glucose": _Kind(
        _loinc("14743-9", "Glucose"), ("mmol/L", "mmol/L"), profiles=_dutch("vitalsign-bloodglucose")
    ),
    "step-count": _Kind(_loinc("41950-7", "Stappen in 24 uur"), ("stappen", "{steps}/d"), "activity"),
    "peak-flow": _Kind(_loinc("19935-6", "Piekstroom"), ("L/min", "L/min")),
    "waist-circumference": _Kind(_loinc("8280-0", "Buikomvang"), ("cm", "cm")),
    "pain-score": _Kind(
        _snomed("225908003", "pijnscore"),
        ("punten", "{score}"),
        "survey",
    ),
}
"""The kinds by the name of Regie's own profile."""

_BEFORE_BREAKFAST = _loinc("14770-2", "Glucose, nuchter")
_AFTER_A_MEAL = _loinc("14760-3", "Glucose, 2 uur na een maaltijd")
GLUCOSE_CODES = {"ACM": _BEFORE_BREAKFAST, "PCM": _AFTER_A_MEAL, "PCD": _AFTER_A_MEAL, "PCV": _AFTER_A_MEAL}
"""The code of a glucose by its moment; at another moment it is that of the kind."""

MOMENTS = {
    "ACM": "voor het ontbijt",
    "PCM": "na het ontbijt",
    "ACD": "voor de lunch",
    "PCD": "na de lunch",
    "ACV": "voor het avondeten",
    "PCV": "na het avondeten",
    "HS": "voor het slapen",
}
"""The moments of a glucose: code of TimingEvent, and its display."""


def observation(measured: Measured, release: Release, patient_id: str) -> Tree:
    """Return a new Observation about the Patient of the record, who measured it."""
    kind = KINDS[measured.kind]
    patient = {"reference": f"Patient/{patient_id}"}
    claimed = [NICTIZ + kind.profiles[release]] if release in kind.profiles else []
    made: Tree = {
        "resourceType": "Observation",
        "meta": {"profile": [*claimed, OWN + measured.kind]},
        "status": "final",
        "category": _categories(measured.kind, release),
        "subject": patient,
        "performer": [patient],
        **_content(measured, release),
    }
    return with_label(made, release, is_sensitive=measured.is_sensitive)


def amended(tree: Tree, measured: Measured, release: Release) -> Tree:
    """Return an Observation as its person corrects it: with these values, this moment and this note instead of its own.

    The values go where they stood. What was written out of the old ones (the text for people, too high or too low) is left out.
    """
    content = _content(measured, release)
    stale = {"text", "note", "comment", "extension", "interpretation"}
    changed = {
        name: value
        for name, value in tree.items()
        if (bare := name.removeprefix("_")) not in stale and not bare.startswith("effective")
    }
    kind = KINDS[measured.kind]
    if measured.kind == "blood-glucose":
        changed["code"] = content["code"]
    quantities = [_quantity(value, kind.unit) for value in measured.values]
    of_part = {part["code"]: value for part, value in zip(kind.parts or (kind.code,), quantities, strict=True)}
    if "valueQuantity" in tree and not kind.parts:
        changed["valueQuantity"] = quantities[0]
    if "component" in tree:
        changed["component"] = [_with_value(one, of_part) for one in listed(tree["component"])]
    others = [one for one in listed(tree.get("extension")) if one.get("url") not in (EVENT_TIMING, ENTRY)]
    changed["extension"] = [*others, *content["extension"]]
    told: Tree = {name: content[name] for name in ("effectiveDateTime", "comment", "note") if name in content}
    return with_label({**changed, **told, "status": "amended"}, release, is_sensitive=measured.is_sensitive)


def _with_value(component: Tree, of_part: Mapping[str, Tree]) -> Tree:
    own = [str(one.get("code")) for one in listed((component.get("code") or {}).get("coding"))]
    value = next((of_part[code] for code in own if code in of_part), None)
    if value is None:
        return component
    return {**{name: one for name, one in component.items() if name != "interpretation"}, "valueQuantity": value}


def taken_back(tree: Tree) -> Tree:
    """Return an Observation as its person takes it back: it stays, with the word that it was a mistake."""
    return {**tree, "status": TAKEN_BACK}


def is_own(tree: Tree) -> bool:
    """Return whether the person measured this, or who acts for them: nobody else is named, and no device sent it."""
    performers = referred(listed(tree.get("performer")))
    entry = extension(tree, "measurement-entry") or {}
    by_the_person = bool(performers) and all(one.startswith("Patient/") for one in performers)
    return by_the_person and len(performers) == len(tree["performer"]) and entry.get("valueCode", "typed") == "typed"


TYPED = {"url": ENTRY, "valueCode": "typed"}
"""The extension that says that somebody typed it."""


def _content(measured: Measured, release: Release) -> Tree:
    kind = KINDS[measured.kind]
    code, parts = kind.code, kind.parts
    if measured.kind == "blood-glucose":
        code = GLUCOSE_CODES.get(measured.moment, code)
    if measured.kind == "respiratory-rate" and release is Release.STU3:
        code, parts = _snomed("422834003", "beoordeling van ademhaling"), (code,)
    quantities = [_quantity(value, kind.unit) for value in measured.values]
    content: Tree = {
        "extension": [TYPED],
        "code": {"coding": [code, *(kind.also if release is Release.R4 else ())]},
        "effectiveDateTime": _when(measured),
    }
    if parts:
        content["component"] = [
            {"code": {"coding": [part]}, "valueQuantity": value} for part, value in zip(parts, quantities, strict=True)
        ]
    else:
        (content["valueQuantity"],) = quantities
    if measured.moment:
        content["extension"] = [TYPED, _event_timing(measured.moment, release)]
    if measured.note:
        content |= {"comment": measured.note} if release is Release.STU3 else {"note": [{"text": measured.note}]}
    return content


def _when(measured: Measured) -> str:
    is_of_a_day = measured.kind == "step-count"
    return measured.at.date().isoformat() if is_of_a_day else measured.at.isoformat(timespec="seconds")


def _event_timing(moment: str, release: Release) -> Tree:
    event = {"system": TIMING_EVENT[release], "code": moment, "display": MOMENTS[moment]}
    return {
        "url": EVENT_TIMING,
        "extension": [{"url": "code", "valueCodeableConcept": {"coding": [event]}}],
    }


def _quantity(value: Decimal, unit: tuple[str, str]) -> dict[str, Any]:
    text, code = unit
    return {"value": value, "unit": text, "system": UCUM, "code": code}


def _categories(kind: str, release: Release) -> list[Tree]:
    of_kind = {"coding": [{"system": CATEGORY[release], "code": KINDS[kind].category}]}
    if kind != "blood-glucose":
        return [of_kind]
    laboratory: Tree = {"coding": [_LABORATORY_FINDING]}
    if release is Release.R4:
        laboratory = {"coding": [{"system": CATEGORY[release], "code": "laboratory"}]}
    return [laboratory, of_kind] if release is Release.STU3 else [laboratory]
