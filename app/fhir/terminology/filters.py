"""What a filter of a value set picks from a code system that is at hand.

A regular expression has to fit the whole value. It may not take any time that it likes: none with groups, and no part between two
``|`` that repeats more than three times.

Spec: https://hl7.org/fhir/R4/valueset.html#4.9.8.1, https://hl7.org/fhir/STU3/valueset.html#4.8.8.1
"""

import re
from collections.abc import Callable
from typing import Any

from app.fhir.terminology.code_system import CodeSystem, Concept

PATTERN_LENGTH_MAX = 200
REPEATS_MAX = 3
TEXT_MAX = 100
_SET_OF_SETS = re.compile(r"\[(?:\\.|[^\]\\])*?(?:\[|--|&&|~~|\|\|)", re.DOTALL)
_CODE = frozenset({"code", "concept"})
_HIERARCHY: dict[str, Callable[[CodeSystem, str], set[str]]] = {
    "is-a": lambda system, code: system.below(code) | {code},
    "descendent-of": lambda system, code: system.below(code) - {code},
    "is-not-a": lambda system, code: system.concepts.keys() - system.below(code) - {code},
    "generalizes": lambda system, code: system.above(code) | {code},
}


def picked(system: CodeSystem, name: str, operator: str, value: str) -> set[str] | None:
    """Return the codes that meet a filter; None where that can't be told: a property or operator that is not known here."""
    if operator in _HIERARCHY:
        if name not in _CODE or value not in system.concepts:
            return None
        return _HIERARCHY[operator](system, value) & system.concepts.keys()
    read = _reader(system, name)
    test = _test(operator, value)
    if read is None or test is None:
        return None
    return {concept.code for concept in system.concepts.values() if test(read(concept))}


def _reader(system: CodeSystem, name: str) -> Callable[[Concept], list[str]] | None:
    """Return what reads the values of a property as text."""
    if name in _CODE:
        return lambda concept: [concept.code]
    if name in ("display", "definition"):
        return lambda concept: [text] if (text := getattr(concept, name)) else []
    if name == "parent":
        return lambda concept: list(system.parents.get(concept.code, ()))
    if name == "child":
        return lambda concept: list(system.children.get(concept.code, ()))
    if name in system.properties or any(
        name == one for concept in system.concepts.values() for one, _ in concept.properties
    ):
        return lambda concept: [_text(value) for one, value in concept.properties if one == name]
    return None


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("code", ""))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _test(operator: str, value: str) -> Callable[[list[str]], bool] | None:
    wanted = {one.strip() for one in value.split(",")}
    match operator:
        case "=":
            return lambda found: value in found
        case "in":
            return lambda found: not wanted.isdisjoint(found)
        case "not-in":
            return wanted.isdisjoint
        case "exists" if value in ("true", "false"):
            return lambda found: bool(found) == (value == "true")
        case "regex":
            pattern = _pattern(value)
            if pattern is None:
                return None
            return lambda found: any(len(text) <= TEXT_MAX and pattern.fullmatch(text) for text in found)
    return None


def _pattern(text: str) -> re.Pattern[str] | None:
    """Return a regular expression that takes a bounded time; None for any other."""
    bare = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", "x", text, flags=re.DOTALL)
    if len(text) > PATTERN_LENGTH_MAX or re.search(r"[()\[\]]", bare) or re.search(r"\\[1-9]", text):
        return None
    if _SET_OF_SETS.search(text):
        return None  # some languages read a set within a set, or a difference of two, where others read signs
    if any(len(re.findall(r"[*+?{]", part)) > REPEATS_MAX for part in bare.split("|")):
        return None
    try:
        return re.compile(text)
    except re.error:
        return None
