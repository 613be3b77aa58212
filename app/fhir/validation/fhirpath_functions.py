"""The functions and operators of FHIRPath that rules use, on lists of items.

Spec: https://hl7.org/fhirpath/N1/#functions
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from types import NoneType
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from app.fhir.dates import interval
from app.fhir.release import Release
from app.fhir.releases.definitions import PRIMITIVES, definitions
from app.fhir.validation.profile_run import Item, Members, items_of, members_of

DISTINCT_MAX = 1000
TEXT_MAX = 1000
"""The longest text that a regular expression is tried on: it is the profile's, and the text is anybody's."""
TRIES_MAX = 2_000_000
"""How often the parts of a regular expression may be tried on a text, at the worst."""
_REPEATED_GROUP = re.compile(r"\)[+*{]")
"""A group that is repeated, as in ``(a+)+`` and ``(a|a)*``: what trying it takes may double with each letter."""
_REPEATED = re.compile(r"(?<!\\)[+*]|\{\d*,")
MOMENTS = frozenset({"date", "dateTime", "instant"})
_UTC = ZoneInfo("UTC")
_ZONES_US = 14 * 3600 * 1_000_000


class NotUnderstoodError(ValueError):
    """A rule, or what it meets in a resource, that is beyond what is understood here."""


class Scope(msgspec.Struct, frozen=True):
    """What ``%resource``, ``%context`` and ``$this`` stand for; ``step`` is told of the work that is done."""

    release: Release
    resource: Item
    context: Item
    this: Item
    step: Callable[[int], None]

    def about(self, this: Item) -> "Scope":
        """Return the scope of what is said of one item: ``replace`` would take ten times as long."""
        return Scope(self.release, self.resource, self.context, this, self.step)


Evaluate = Callable[[Scope, list[Item]], list[Item]]
Call = Callable[[list[Item], Scope, list[Evaluate]], list[Item]]


@lru_cache(maxsize=4096)
def _members_of(release: Release, kind: str, name: str) -> Members:
    """Return the names in JSON of an element of a type; none if it has no such element."""
    types = definitions(release)
    of_type = types[kind] if kind in types else types["Element"]
    if name in of_type.members:  # a choice may be named as in JSON, as STU3 allows
        return members_of([of_type.members[name]])
    element = next((one for one in of_type.elements if one.name.removesuffix("[x]") == name), None)
    return () if element is None else members_of(element.members())


def members(scope: Scope, items: list[Item], name: str) -> list[Item]:
    """Return the values of an element of items."""
    found: list[Item] = []
    for item in items:
        kind = _type_of(item)
        if kind == name and kind[0].isupper():
            found.append(item)  # a rule may begin with the type
            continue
        members = _members_of(scope.release, kind, name)
        if members:
            found += items_of(item.sibling if item.kind in PRIMITIVES else item.value, members, "")
    scope.step(1 + len(found))
    return found


def _children(items: list[Item], scope: Scope, _: list[Evaluate]) -> list[Item]:
    types = definitions(scope.release)
    found: list[Item] = []
    for item in items:
        kind = _type_of(item)
        for element in types[kind if kind in types else "Element"].elements:
            found += members(scope, [item], element.name.removesuffix("[x]"))
    return found


def _type_of(item: Item) -> str:
    is_resource = isinstance(item.value, dict) and "resourceType" in item.value
    return str(item.value["resourceType"]) if is_resource else item.kind


def truth(items: list[Item]) -> bool | None:
    """Return what items say as a condition: None for none, and True for what is no boolean."""
    if not items:
        return None
    value = items[0].value
    return value if len(items) == 1 and isinstance(value, bool) else True


def _bool(value: bool | None) -> list[Item]:  # noqa: FBT001 - it is what this is about
    return _ANSWERS[value]


_UCUM = Item("http://unitsofmeasure.org", None, "", "string")
_UNIT = ("system", "code", "unit")
_ANSWERS: Mapping[bool | None, list[Item]] = {
    None: [],
    True: [Item(value=True, sibling=None, place="", kind="boolean")],
    False: [Item(value=False, sibling=None, place="", kind="boolean")],
}


def _and(left: list[Item], right: list[Item]) -> list[Item]:
    one, other = truth(left), truth(right)
    return _bool(False if one is False or other is False else None if one is None or other is None else True)


def _or(left: list[Item], right: list[Item]) -> list[Item]:
    one, other = truth(left), truth(right)
    return _bool(True if one or other else None if one is None or other is None else False)


def _xor(left: list[Item], right: list[Item]) -> list[Item]:
    one, other = truth(left), truth(right)
    return _bool(None if one is None or other is None else one != other)


def _implies(left: list[Item], right: list[Item]) -> list[Item]:
    one, other = truth(left), truth(right)
    return _bool(True if one is False or other else other if one else None)


def _equal(left: list[Item], right: list[Item]) -> list[Item]:
    if not left or not right:
        return []
    return _bool([item.value for item in left] == [item.value for item in right])


def _unequal(left: list[Item], right: list[Item]) -> list[Item]:
    return _not(_equal(left, right))


def _not(items: list[Item]) -> list[Item]:
    value = truth(items)
    return _bool(None if value is None else not value)


def _in(left: list[Item], right: list[Item]) -> list[Item]:
    if not left:
        return []
    return _bool(any(left[0].value == item.value for item in right)) if len(left) == 1 else _refuse()


def _compared(test: Callable[[Any, Any], bool]) -> Callable[[list[Item], list[Item]], list[Item]]:
    def compare(left: list[Item], right: list[Item]) -> list[Item]:
        if not left or not right:
            return []
        if len(left) > 1 or len(right) > 1:
            return _refuse()
        if left[0].kind in MOMENTS and right[0].kind in MOMENTS:
            texts = left[0].value, right[0].value
            return _bool(compared_moments(test, *texts)) if all(isinstance(text, str) for text in texts) else []
        one, other = left[0].value, right[0].value
        if isinstance(one, dict) and isinstance(other, dict):  # quantities, where their unit is the same
            if "comparator" in one or "comparator" in other or any(one.get(key) != other.get(key) for key in _UNIT):
                return []
            one, other = one.get("value"), other.get("value")
        are_numbers = all(isinstance(value, int | Decimal) and not isinstance(value, bool) for value in (one, other))
        return _bool(test(one, other)) if are_numbers else _refuse()

    return compare


def compared_moments(test: Callable[[Any, Any], bool], one: str, other: str) -> bool | None:
    """Return what ``test`` says of two dates; None where one of them is less precise than it would take."""
    if one == other:
        return test(one, other)
    (low, high), (other_low, other_high) = interval(one, _UTC), interval(other, _UTC)
    if ("T" in one) != ("T" in other):
        low, high = low - _ZONES_US, high + _ZONES_US  # a date is in a time zone that is not told
    verdicts = {test(low, other_high), test(high, other_low), test(low, other_low), test(high, other_high)}
    return verdicts.pop() if len(verdicts) == 1 else None


def _refuse() -> list[Item]:
    raise NotUnderstoodError("It meets values that can't be compared here.")


def _sum(left: list[Item], right: list[Item]) -> list[Item]:
    if not left or not right:
        return []
    one, other = left[0].value, right[0].value
    if len(left) > 1 or len(right) > 1 or not isinstance(one, int) or not isinstance(other, int):
        return _refuse()
    return _number(one + other)


def _union(left: list[Item], right: list[Item]) -> list[Item]:
    return _distinct([*left, *right])


def _distinct(items: list[Item]) -> list[Item]:
    if len(items) > DISTINCT_MAX:
        return _refuse()
    found: list[Item] = []
    for item in items:
        if all(item.value != one.value for one in found):
            found.append(item)
    return found


def _of_type(items: list[Item], name: str) -> list[Item]:
    return [item for item in items if _is_called(_type_of(item), name)]


def _is_called(kind: str, name: str) -> bool:
    """Return whether a type goes by a name; that of a primitive may be written as the language does, ``Boolean``."""
    return name == kind or (kind in PRIMITIVES and name == kind[0].upper() + kind[1:])


def _is_type(items: list[Item], name: str) -> list[Item]:
    return [] if not items else _bool(len(items) == 1 and _is_called(_type_of(items[0]), name))


def _where(items: list[Item], scope: Scope, arguments: list[Evaluate]) -> list[Item]:
    (criterion,) = arguments
    return [item for item in items if truth(criterion(scope.about(item), [item])) is True]


def _text(items: list[Item]) -> str | None:
    """Return the text that a function is about; None if there is none."""
    if not items:
        return None
    value = items[0].value
    if len(items) > 1 or not isinstance(value, str | NoneType):
        raise NotUnderstoodError("It needs one text where there is something else.")
    return value


def _matches(items: list[Item], scope: Scope, arguments: list[Evaluate]) -> list[Item]:
    text, pattern = _text(items), _text(arguments[0](scope, items))
    if text is None or pattern is None:
        return []
    tries = max(len(text), 1) ** (len(_REPEATED.findall(pattern)) + (not pattern.startswith("^")))
    if _REPEATED_GROUP.search(pattern) or tries > TRIES_MAX:
        raise NotUnderstoodError("It has a regular expression that could take any time.")
    try:
        return _bool(re.search(pattern, text) is not None) if len(text) <= TEXT_MAX else _refuse()
    except re.error:
        return _refuse()


def _as_text(items: list[Item], _: Scope, __: list[Evaluate]) -> list[Item]:
    if not items or items[0].value is None:
        return []
    value = items[0].value
    if len(items) > 1 or not isinstance(value, str | int | Decimal):
        return _refuse()
    return [Item(str(value).lower() if isinstance(value, bool) else str(value), None, "", "string")]


def _number(value: int) -> list[Item]:
    return [Item(value, None, "", "integer")]


def _length(items: list[Item], _: Scope, __: list[Evaluate]) -> list[Item]:
    text = _text(items)
    return [] if text is None else _number(len(text))


def _extensions(items: list[Item], scope: Scope, arguments: list[Evaluate]) -> list[Item]:
    url = _text(arguments[0](scope, items))
    found = members(scope, items, "extension")
    return [one for one in found if isinstance(one.value, dict) and one.value.get("url") == url]


def _select(items: list[Item], scope: Scope, arguments: list[Evaluate]) -> list[Item]:
    (part,) = arguments
    return [found for item in items for found in part(scope.about(item), [item])]


def _are_distinct(items: list[Item], scope: Scope, _: list[Evaluate]) -> list[Item]:
    scope.step(len(items))
    values = [item.value for item in items]
    if all(isinstance(value, str) for value in values):
        return _bool(len(set(values)) == len(values))
    return _bool(len(_distinct(items)) == len(items))


def _descendants(items: list[Item], scope: Scope, arguments: list[Evaluate]) -> list[Item]:
    found: list[Item] = []
    level = items
    while level := _children(level, scope, arguments):
        found += level
    return found


def _of_text(call: Callable[[str, str], bool]) -> Call:
    """Return the function that asks something about one text with another."""

    def asked(items: list[Item], scope: Scope, arguments: list[Evaluate]) -> list[Item]:
        text, part = _text(items), _text(arguments[0](scope, items))
        return [] if text is None or part is None else _bool(call(text, part))

    return asked


def _intersect(items: list[Item], scope: Scope, arguments: list[Evaluate]) -> list[Item]:
    others = arguments[0](scope, [scope.this])
    return _distinct([item for item in items if _is_in(item, others, scope)])


def _subset(items: list[Item], scope: Scope, arguments: list[Evaluate]) -> list[Item]:
    others = arguments[0](scope, [scope.this])
    return _bool(all(_is_in(item, others, scope) for item in items))


def _is_in(item: Item, others: list[Item], scope: Scope) -> bool:
    scope.step(len(others))
    return any(item.value == one.value for one in others)


VARIABLES: Mapping[str, Callable[[Scope], Item]] = {
    "$this": lambda scope: scope.this,
    "%ucum": lambda _: _UCUM,
    "%resource": lambda scope: scope.resource,
    "%context": lambda scope: scope.context,
}
FOR_TYPE = {"ofType": _of_type, "as": _of_type, "is": _is_type}
OPERATORS = {
    "implies": _implies,
    "or": _or,
    "xor": _xor,
    "and": _and,
    "in": _in,
    "contains": lambda left, right: _in(right, left),
    "=": _equal,
    "!=": _unequal,
    "<": _compared(lambda one, other: bool(one < other)),
    ">": _compared(lambda one, other: bool(one > other)),
    "<=": _compared(lambda one, other: bool(one <= other)),
    ">=": _compared(lambda one, other: bool(one >= other)),
    "|": _union,
    "+": _sum,
}
FUNCTIONS: Mapping[tuple[str, int], Call] = {
    ("exists", 0): lambda items, _, __: _bool(bool(items)),
    ("exists", 1): lambda items, scope, arguments: _bool(bool(_where(items, scope, arguments))),
    ("empty", 0): lambda items, _, __: _bool(not items),
    ("not", 0): lambda items, _, __: _not(items),
    ("count", 0): lambda items, _, __: _number(len(items)),
    ("where", 1): _where,
    ("all", 1): lambda items, scope, arguments: _bool(len(_where(items, scope, arguments)) == len(items)),
    ("first", 0): lambda items, _, __: items[:1],
    ("last", 0): lambda items, _, __: items[-1:],
    ("distinct", 0): lambda items, _, __: _distinct(items),
    ("hasValue", 0): lambda items, _, __: _bool(len(items) == 1 and not isinstance(items[0].value, dict | NoneType)),
    ("extension", 1): _extensions,
    ("intersect", 1): _intersect,
    ("subsetOf", 1): _subset,
    ("children", 0): _children,
    ("descendants", 0): _descendants,
    ("select", 1): _select,
    ("isDistinct", 0): _are_distinct,
    ("startsWith", 1): _of_text(str.startswith),
    ("contains", 1): _of_text(str.__contains__),
    ("trace", 1): lambda items, _, __: items,
    ("matches", 1): _matches,
    ("toString", 0): _as_text,
    ("length", 0): _length,
}
