"""When two validators mean the same place: FHIRPath as one of them writes it, and as another does."""

import re

from app.fhir.release import Release
from app.fhir.releases.definitions import PRIMITIVES, definitions

_ASIDES = re.compile(r"\.ofType\([^)]*\)|\.resolve\(\)|/\*.*?\*/|\.where\([^)]*\)|\[x\]")
_CHOICES: dict[Release, re.Pattern[str]] = {}


def place(release: Release, expression: str | None) -> str:
    """Return an expression with every choice by its element (``value``, not ``valueQuantity`` or ``value.ofType(Quantity)``)."""
    return _choices(release).sub(r".\1", _ASIDES.sub("", expression or ""))


def is_near(release: Release, one: str | None, other: str | None) -> bool:
    """Return whether two expressions lead to the same element, to an element and its parent, or to a list and its item."""
    first, second = sorted((place(release, one), place(release, other)), key=len)
    if not second.startswith(first):
        return False
    return re.fullmatch(r"(\[\d+\])?(\.\w+)?(\[\d+\])?", second[len(first) :]) is not None


def is_at(release: Release, found: str | None, wanted: str) -> bool:
    """Return whether ``found`` is the element that was ``wanted``, or one of its repetitions."""
    return re.fullmatch(rf"{re.escape(place(release, wanted))}(\[\d+\])?", place(release, found)) is not None


def _choices(release: Release) -> re.Pattern[str]:
    if release not in _CHOICES:
        types = definitions(release)
        elements = [one for name in types.names for one in types[name].elements if one.is_choice]
        names = "|".join(sorted({one.name.removesuffix("[x]") for one in elements}))
        kinds = {kind for one in elements for kind in one.types} | PRIMITIVES
        longest_first = sorted((kind[0].upper() + kind[1:] for kind in kinds), key=len, reverse=True)
        _CHOICES[release] = re.compile(rf"\.({names})(?:{'|'.join(longest_first)})(?![a-zA-Z])")
    return _CHOICES[release]
