"""Modifiers of tokens that ask a code system or value set: ``:in``, ``:not-in``, ``:above`` and ``:below``.

The codes that are meant are looked up when the query is read; what is searched then is any of them. What is not known wholly is
refused, for a list that is too short would find too little, and with ``:not-in`` too much.

Spec: https://hl7.org/fhir/R4/search.html#token, https://hl7.org/fhir/STU3/search.html#token
"""

from typing import cast

from app.errors import BadRequestError, CodesNotKnownError, TooCostlyError
from app.fhir.search.definitions import SearchParameter
from app.fhir.search.expression import CODED, Criterion, Modifier, TokenValue
from app.fhir.search.values import malformed, split, unescape
from app.fhir.terminology.terminology import Terminology

CODES_MAX = 10_000
"""Codes that all parameters of a search may stand for: each is a hash to look for."""


def coded_modifiers(parameter: SearchParameter) -> frozenset[str]:
    """Return which of these modifiers a parameter may have: those of codes have all."""
    has_codes = parameter.kind == "token" and {"code", "Coding", "CodeableConcept"} & set(parameter.types)
    return CODED if has_codes else frozenset()


def read_coded(
    parameter: SearchParameter, modifier: str, texts: list[str], terminology: Terminology, place: str, most: int
) -> Criterion:
    """Return what one of these modifiers asks of a parameter; ``place`` is where it stands, for an error.

    ``most`` is how many codes it may stand for.
    Raises: BadRequestError (a value set or code that is not known), CodesNotKnownError, TooCostlyError.
    """
    read = _of_value_set if modifier in ("in", "not-in") else _around
    found: dict[TokenValue, None] = {}
    for text in texts:
        for system, codes in read(parameter, modifier, text, terminology, place).items():
            # An element of type code has its system by definition, and not in the data.
            named = None if set(parameter.types) == {"code"} else system
            found |= dict.fromkeys(TokenValue(named, code) for code in codes)
        if len(found) > most:
            raise TooCostlyError(f"A search may stand for {CODES_MAX} codes.", expression=place)
    return Criterion(parameter, cast("Modifier", modifier), tuple(found))


def _of_value_set(
    parameter: SearchParameter, modifier: str, text: str, terminology: Terminology, place: str
) -> dict[str, set[str]]:
    url = unescape(text)
    found = terminology.value_set(url) if ":" in url else None
    if found is None:
        raise BadRequestError(
            f"{parameter.name}:{modifier} takes the canonical URL of a value set that is at hand here.",
            expression=place,
        )
    if found.is_too_costly:
        raise TooCostlyError("This value set takes too many codes to be put together here.", expression=place)
    if not found.is_complete:
        systems = ", ".join(found.unclear_systems) or "other value sets"
        raise CodesNotKnownError(f"This value set needs {systems}, which is not at hand here.", expression=place)
    return {system: set(codes) for system, codes in found.codes.items()}


def _around(
    parameter: SearchParameter, modifier: str, text: str, terminology: Terminology, place: str
) -> dict[str, set[str]]:
    parts = [unescape(part) for part in split(text, "|")]
    if len(parts) != 2 or not all(parts):
        raise malformed(parameter, f"system|code after :{modifier}")
    url, code = parts
    system = terminology.code_system(url)
    if system is None or not system.is_complete:
        raise CodesNotKnownError("This code system is not at hand here, or not wholly.", expression=place)
    if code not in system.concepts:
        raise BadRequestError("The code system does not have this code.", expression=place)
    return {url: {code} | (system.below(code) if modifier == "below" else system.above(code))}
