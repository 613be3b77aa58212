"""Modifiers that ask what a value says beyond its code: ``:text``, ``:of-type``, and ``:above`` and ``:below`` of a uri.

A canonical is also found as the URL that it is without its version, whichever version it has.

The index keeps hashes, which tell none of it: these are read from the resources that have a value at all.

Spec: https://hl7.org/fhir/R4/search.html#modifiers, https://hl7.org/fhir/STU3/search.html#modifiers
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from app.fhir.release import Release
from app.fhir.search.definitions import SearchParameter
from app.fhir.search.expression import Told
from app.fhir.search.strings import fold
from app.fhir.search.values import malformed, split, unescape


def told_modifiers(parameter: SearchParameter) -> frozenset[str]:
    """Return which of these modifiers a parameter may have; ``:of-type`` came with R4."""
    if parameter.kind == "uri":
        return frozenset({"above", "below"})
    if parameter.kind == "reference" and "canonical" in parameter.types:
        return frozenset({"below"})
    if parameter.kind != "token":
        return frozenset()
    types = set(parameter.types)
    found = {"text"} if types & {"CodeableConcept", "Coding", "Identifier"} else set()
    return frozenset(found | ({"of-type"} if "Identifier" in types and parameter.release is Release.R4 else set()))


def read_told(parameter: SearchParameter, modifier: str, texts: list[str]) -> Told:
    """Return what one of these modifiers asks of a parameter. Raises: BadRequestError, for a value that can't be read."""
    if modifier == "of-type":
        values = [tuple(unescape(part) for part in split(text, "|")) for text in texts]
        if not all(len(value) == 3 and all(value) for value in values):
            raise malformed(parameter, "system|code|value after :of-type")
    elif modifier == "text":
        values = [(fold(unescape(text)),) for text in texts]
        if not all(value[0] for value in values):
            raise malformed(parameter, "a text")
    else:
        values = [(unescape(text),) for text in texts]
    return Told(parameter, modifier, tuple(values))


def tells(told: Told, tree: Mapping[str, Any]) -> bool:
    """Return whether a resource meets what is asked."""
    check = _CHECKS[told.modifier]
    return any(
        check(fhir_type, found, value)
        for fhir_type, select in _selects(told.parameter)
        for found in select(tree)
        for value in told.values
    )


@cache
def _selects(parameter: SearchParameter) -> tuple[tuple[str, Callable[[Any], list[Any]]], ...]:
    return tuple((selector.fhir_type, selector.compile()) for selector in parameter.selectors)


def _text(fhir_type: str, found: Any, value: tuple[str, ...]) -> bool:
    return any(fold(text).startswith(value[0]) for text in _texts(fhir_type, found))


def _texts(fhir_type: str, found: Any) -> Iterator[str]:
    """Yield the texts of a value, for people."""
    if fhir_type == "Identifier":
        fhir_type, found = "CodeableConcept", found.get("type", {})
    if fhir_type == "Coding":
        yield found.get("display", "")
    elif fhir_type == "CodeableConcept":
        yield found.get("text", "")
        for coding in found.get("coding", ()):
            yield coding.get("display", "")


def _of_type(fhir_type: str, found: Any, value: tuple[str, ...]) -> bool:
    system, code, number = value
    return (
        fhir_type == "Identifier"
        and found.get("value") == number
        and any(
            (coding.get("system"), coding.get("code")) == (system, code)
            for coding in found.get("type", {}).get("coding", ())
        )
    )


def _below(fhir_type: str, found: Any, value: tuple[str, ...]) -> bool:
    return any(_is_below(value[0], url) for url in _urls(fhir_type, found))


def _above(fhir_type: str, found: Any, value: tuple[str, ...]) -> bool:
    return any(_is_below(url, value[0]) for url in _urls(fhir_type, found))


def _urls(fhir_type: str, found: Any) -> tuple[str, ...]:
    """Return the URLs that a value is found by; none of a Reference, which a parameter may have beside canonicals."""
    if fhir_type == "Reference":
        return ()
    return (found, found.partition("|")[0]) if fhir_type == "canonical" else (found,)


def _is_below(above: str, url: str) -> bool:
    return url == above or url.startswith(f"{above.removesuffix('/')}/")


_CHECKS: dict[str, Callable[[str, Any, tuple[str, ...]], bool]] = {
    "text": _text,
    "of-type": _of_type,
    "below": _below,
    "above": _above,
}
