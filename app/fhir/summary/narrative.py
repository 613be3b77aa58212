"""A section in words: one table, with headings in Dutch and English and what the record says as it stands there.

Dates are written as in FHIR, ``2026-11-25``, which is read alike in both languages.

Spec: https://hl7.org/fhir/R4/narrative.html
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape

from app.fhir.elements import Tree, codes, listed, named, words
from app.fhir.summary.medicines import period_of_use

Words = Callable[[Tree, Mapping[str, str]], str]
"""From a resource, and what the things are called that it refers to (by reference), to the text of a cell."""

Column = tuple[str, str, Words]
"""The Dutch and the English heading, and the cell."""

_UNKNOWN = ("Niet bekend", "Not known")
_WORDS = {
    "high": ("groot gevaar", "high risk"),
    "low": ("weinig gevaar", "low risk"),
    "severe": ("ernstig", "severe"),
    "moderate": ("matig", "moderate"),
    "mild": ("licht", "mild"),
    "active": ("actief", "active"),
    "on-hold": ("onderbroken", "on hold"),
    "completed": ("afgerond", "completed"),
    "true": ("ja", "yes"),
    "false": ("nee", "no"),
}
"""Codes that a reader of either language should not have to guess."""


def both(dutch: str, english: str) -> str:
    """Return a text in both languages, each marked with its own."""
    return f'{escape(dutch)} <span lang="en">({escape(english)})</span>'


def table(columns: Sequence[Column], resources: Iterable[Tree], names: Mapping[str, str]) -> str:
    """Return the narrative of a section, XHTML in one ``div``; without resources it says that nothing is known."""
    rows = [[cell(one, names) for _, _, cell in columns] for one in resources]
    if not rows:
        return narrative(f"<p>{both('Hierover is niets bekend.', 'No information about this.')}</p>")
    used = [number for number in range(len(columns)) if number == 0 or any(row[number] for row in rows)]
    head = "".join(f"<th>{both(*columns[number][:2])}</th>" for number in used)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(row[number], number)}</td>' for number in used)}</tr>" for row in rows)
    return narrative(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def narrative(content: str) -> str:
    """Return XHTML in the ``div`` of a Narrative."""
    return f'<div xmlns="http://www.w3.org/1999/xhtml" lang="nl" xml:lang="nl">{content}</div>'


def _cell(text: str, number: int) -> str:
    if text in _WORDS:
        return both(*_WORDS[text])
    return escape(text) if text or number else both(*_UNKNOWN)


def _concept(*elements: str) -> Words:
    def cell(resource: Tree, names: Mapping[str, str]) -> str:
        for element in elements:
            found = resource.get(element)
            for one in listed(found):
                text = words(one) or names.get(str(one.get("reference")), "") or named(one)
                if text := text or next((code for _, code in sorted(codes(one))), ""):
                    return text
        return ""

    return cell


def _text(*elements: str) -> Words:
    def cell(resource: Tree, _: Mapping[str, str]) -> str:
        return next((str(resource[element]) for element in elements if resource.get(element)), "")

    return cell


def _day(*elements: str) -> Words:
    """Return the day of the first of the elements that is there; of ``onsetPeriod.end`` the member of a Period."""

    def cell(resource: Tree, _: Mapping[str, str]) -> str:
        for element in elements:
            name, _dot, member = element.partition(".")
            found = resource.get(name) or {}
            text = found.get(member) if member and isinstance(found, dict) else found
            if isinstance(text, str) and text:
                return text[:10]
        return ""

    return cell


def _quantity(quantity: Tree) -> str:
    value = str(quantity.get("value", ""))
    parts = (quantity.get("comparator", ""), value, quantity.get("unit") or quantity.get("code") or "")
    return " ".join(str(part) for part in parts if part)


def value_text(resource: Tree) -> str:
    """Return the value of an Observation, or of a component, with its unit as it was written."""
    for name, value in resource.items():
        if not name.startswith("value"):
            continue
        if isinstance(value, dict):
            return _quantity(value) if "value" in value else words(value)
        return ("true" if value else "false") if isinstance(value, bool) else str(value)
    parts = [(words(part.get("code")), value_text(part)) for part in resource.get("component", [])]
    return ", ".join(f"{name} {value}".strip() for name, value in parts if value)


def _value(resource: Tree, _: Mapping[str, str]) -> str:
    return value_text(resource) or str(resource.get("conclusion", ""))


def _reference_range(resource: Tree, _: Mapping[str, str]) -> str:
    for one in resource.get("referenceRange", []):
        if one.get("text"):
            return str(one["text"])
        low, high = (_quantity(one.get(name, {})) for name in ("low", "high"))
        if low or high:
            return f"{low} - {high}" if low and high else f"≥ {low}" if low else f"≤ {high}"
    return ""


def _dosage(resource: Tree, _: Mapping[str, str]) -> str:
    found = []
    for dosage in listed(resource.get("dosage")) or listed(resource.get("dosageInstruction")):
        rate: Tree = next(iter(dosage.get("doseAndRate", [])), {})
        text = dosage.get("text") or dosage.get("patientInstruction")
        found.append(str(text or _quantity(rate.get("doseQuantity", {}))))
    return "; ".join(part for part in found if part)


def _reaction(resource: Tree, _: Mapping[str, str]) -> str:
    found = [words(one) for reaction in resource.get("reaction", []) for one in reaction.get("manifestation", [])]
    return ", ".join(part for part in found if part)


def _use(member: str) -> Words:
    def cell(resource: Tree, _: Mapping[str, str]) -> str:
        return str(period_of_use(resource).get(member, ""))[:10]

    return cell


_OBSERVED: tuple[Column, ...] = (
    ("Wat", "What", _concept("code")),
    ("Uitslag", "Result", _value),
    ("Normaal", "Reference range", _reference_range),
    ("Datum", "Date", _day("effectiveDateTime", "effectivePeriod.start", "effectiveInstant", "issued")),
)
_PROBLEM: tuple[Column, ...] = (
    ("Probleem", "Problem", _concept("code")),
    ("Sinds", "Since", _day("onsetDateTime", "onsetPeriod.start", "recordedDate")),
    ("Tot", "Until", _day("abatementDateTime", "abatementPeriod.end")),
)

COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "medication": (
        ("Medicijn", "Medicine", _concept("medicationCodeableConcept", "medicationReference")),
        ("Gebruik", "Use", _dosage),
        ("Reden", "Reason", _concept("reasonCode")),
        ("Vanaf", "From", _use("start")),
        ("Tot en met", "Until", _use("end")),
    ),
    "allergies": (
        ("Waarvoor", "To what", _concept("code")),
        ("Reactie", "Reaction", _reaction),
        ("Gevaar", "Criticality", _text("criticality")),
        ("Sinds", "Since", _day("onsetDateTime", "recordedDate")),
    ),
    "problems": _PROBLEM,
    "past-problems": _PROBLEM,
    "immunizations": (
        ("Vaccin", "Vaccine", _concept("vaccineCode")),
        ("Datum", "Date", _day("occurrenceDateTime", "occurrenceString")),
    ),
    "procedures": (
        ("Verrichting", "Procedure", _concept("code")),
        ("Datum", "Date", _day("performedDateTime", "performedPeriod.start")),
    ),
    "devices": (
        ("Hulpmiddel", "Device", _concept("device")),
        ("Vanaf", "From", _day("timingDateTime", "timingPeriod.start", "recordedOn")),
    ),
    "results": _OBSERVED,
    "vital-signs": _OBSERVED,
    "social-history": _OBSERVED,
    "pregnancy": _OBSERVED,
    "plans": (
        ("Plan", "Plan", _text("title", "description")),
        ("Waarvoor", "For", _concept("category")),
        ("Stand", "Status", _text("status")),
        ("Vanaf", "From", _day("period.start", "created")),
    ),
    "directives": (
        ("Wens", "Directive", _concept("category")),
        ("Datum", "Date", _day("dateTime")),
    ),
}
"""The columns of each section, by its key."""
