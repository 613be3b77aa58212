"""A single value in the other release's type: primitives, codes and concepts, references and canonical URLs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.fhir.release import Release
from app.fhir.releases.definitions import Element
from app.fhir.translate.tables import CODES, system_in_r4, system_in_stu3
from app.fhir.validation.primitives import is_valid
from app.fhir.validation.references import is_absolute

_NEAR: Mapping[str, tuple[str, ...]] = {
    "string": ("markdown",),
    "markdown": ("string",),
    "uri": ("canonical", "url"),
    "url": ("uri",),
    "canonical": ("uri",),
    "uuid": ("uri",),
    "instant": ("dateTime",),
    "dateTime": ("instant",),
    "date": ("dateTime",),
    "integer": ("positiveInt", "unsignedInt", "decimal"),
    "positiveInt": ("integer", "unsignedInt", "decimal"),
    "unsignedInt": ("integer", "positiveInt", "decimal"),
    "decimal": ("unsignedInt",),
    "code": ("CodeableConcept",),
    "CodeableConcept": ("code", "string"),
    "Reference": ("canonical",),
}
_STRING_TO_CONCEPT = {"string": (*_NEAR["string"], "CodeableConcept"), "canonical": (*_NEAR["canonical"], "Reference")}


def near(kind: str) -> tuple[str, ...]:
    """Return the types that a value of type ``kind`` may be told in, nearest first."""
    return (kind, *_STRING_TO_CONCEPT.get(kind, _NEAR.get(kind, ())))


class Item(NamedTuple):
    """One occurrence of an element: its value, and for a primitive the object with its id and extensions."""

    value: Any
    sibling: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """An occurrence in the other release; ``whole`` is False if the original says more than this."""

    item: Item
    whole: bool = True


def system_in(release: Release, system: str) -> str:
    """Return the URI that ``release`` has for a code system that the other release names ``system``."""
    return system_in_r4(system) if release is Release.R4 else system_in_stu3(system)


def code_in(release: Release, element: tuple[str, str], code: str) -> str:
    """Return the code that ``release`` has for ``code`` of the other; ``element`` is named as in STU3."""
    renamed = CODES.get(element, {})
    if release is Release.R4:
        return renamed.get(code, code)
    return next((old for old, new in renamed.items() if new == code), code)


def primitive(item: Item, kind: str, goal: Element, goal_kind: str, code: str | None) -> Told | None:
    """Return a primitive as the primitive type ``goal_kind``; None if it is no value of that. ``code`` as it is there."""
    value = item.value
    if value is None:
        return Told(item)
    if kind == "code" and code is not None:
        value = code
    if not is_valid(goal_kind, value):
        return None
    if goal_kind == "code" and goal.codes and not any(value in codes for codes in goal.codes.values()):
        return None
    return Told(Item(value, item.sibling))


def concept_of(item: Item, kind: str, goal: Element, code: str | None) -> Told | None:
    """Return a code, or text, as a CodeableConcept; None for a code of which no code system is known."""
    concept: dict[str, Any] = dict(item.sibling or {})
    if kind == "string" and item.value is not None:
        return Told(Item({**concept, "text": item.value}))
    if item.value is None:
        return Told(Item(concept)) if "extension" in concept else None
    systems = [system for system, codes in goal.codes.items() if code in codes]
    return Told(Item({**concept, "coding": [{"system": systems[0], "code": code}]})) if systems else None


def code_of(concept: Mapping[str, Any], source: Element, goal: Element, codes: Mapping[str, str]) -> Told | None:
    """Return the code in a CodeableConcept that the other release allows, ``codes`` being each one's name there.

    The code is None in a concept that has extensions only.
    """
    allowed = frozenset[str]().union(*goal.codes.values())
    for coding in concept.get("coding", ()):
        code = codes.get(coding.get("code", ""))
        if code in allowed and coding.get("system") in (None, *source.codes):
            plain = concept.keys() <= {"coding", "extension"} and coding.keys() <= {"system", "code"}
            return Told(Item(code), whole=plain and len(concept["coding"]) == 1)
    return Told(Item(None)) if concept.keys() == {"extension"} else None


def text_of(concept: Mapping[str, Any]) -> Told | None:
    """Return the text of a CodeableConcept; None if it has none."""
    return Told(Item(concept["text"]), whole=concept.keys() == {"text"}) if "text" in concept else None


def canonical_of(reference: Mapping[str, Any]) -> Told | None:
    """Return the URL of a definition from a Reference to it; None if it is relative: a canonical URL never is."""
    url = reference.get("reference", "")
    if not is_absolute(url):
        return None
    return Told(Item(url), whole=reference.keys() == {"reference"})
