"""The quick yes of rules in FHIRPath: many hold already because an element is absent, or because it is there."""

import re
from collections.abc import Collection, Iterator

from app.fhir.releases.definitions import TypeDefinition

Alternatives = tuple[tuple[frozenset[str], bool], ...]
"""Names in JSON, and whether they have to be absent: where one of these is so, the rule holds."""
_ALTERNATIVE = re.compile(r"(\w+)\.(?:(empty\(\)|hasValue\(\)\.not\(\))|exists\(\))(?: or |$)")
_CONDITION = re.compile(
    r"(\w+)\.exists\(\) implies |(contained)(?:\.\w+)+\.empty\(\)(?: and contained(?:\.\w+)+\.empty\(\))?$"
)
_LAST_OF_A_PART = re.compile(r"(\w+)\.\w+\.where\((?:[^()]|\([^()]*\))*\)\.empty\(\)$")
_COMPARED = re.compile(r"(\w+)!=(\w+)\.\w+$")


def alternatives_of(rule: str, definition: TypeDefinition) -> Alternatives:
    """Return what by itself is enough for a rule about a type to hold, as far as it begins in a way that can be told."""
    return tuple(_found(rule, definition))


def silent_without(rule: str, definition: TypeDefinition) -> Alternatives:
    """Return what by itself leaves a rule about a type without an answer, or makes it hold: what it compares is not there."""
    position = 0
    while found := _ALTERNATIVE.match(rule, position):
        position = found.end()
    compared = _COMPARED.match(rule, position)
    return tuple((_names(name, definition), True) for name in compared.groups()) if compared else ()


def surely_holds(alternatives: Alternatives, node: Collection[str]) -> bool:
    """Return whether a rule holds for a value by one of its alternatives; False leaves it open. Only the names in it matter."""
    for names, are_absent in alternatives:  # noqa: SIM110 - a third quicker than any()
        if names.isdisjoint(node) is are_absent:
            return True
    return False


def _found(rule: str, definition: TypeDefinition) -> Iterator[tuple[frozenset[str], bool]]:
    # Only "or" may stand between them: what binds looser would take their answer for a part of its own.
    is_loose = " implies " in rule or " xor " in rule
    position = 0
    while not is_loose and (found := _ALTERNATIVE.match(rule, position)):
        position = found.end()
        yield _names(found[1], definition), found[2] is not None
    if not is_loose and (found := _LAST_OF_A_PART.match(rule, position)):
        yield _names(found[1], definition), True
    if position == 0 and rule.count(" implies ") <= 1 and (found := _CONDITION.match(rule)):
        yield _names(found[1] or found[2], definition), True


def _names(element: str, definition: TypeDefinition) -> frozenset[str]:
    members = [one for one in definition.members.values() if one.element.name.removesuffix("[x]") == element]
    return frozenset(name for one in members for name in (one.name, f"_{one.name}"))
