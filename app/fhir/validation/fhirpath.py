"""FHIRPath as the rules of profiles use it, compiled to plain functions: a rule takes microseconds.

What is not understood (arithmetic, dates, most conversions) is refused when a rule is compiled, so that it can be said that
it is not checked. Tests hold the answers against fhirpathpy, which knows the whole language and takes ten times as long.

Spec: https://hl7.org/fhirpath/N1/
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from types import NoneType
from typing import Any

from app.fhir.release import Release
from app.fhir.releases.definitions import PRIMITIVES, definitions
from app.fhir.validation.profile_run import Item, Members, items_of, members_of

DEPTH_MAX = 30
DISTINCT_MAX = 1000
TEXT_MAX = 1000
"""The longest text that a regular expression is tried on: it is the profile's, and the text is anybody's."""
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:\\.|[^'\\])*')|(?P<number>\d+(?:\.\d+)?)|(?P<name>\$this|%\w+|[A-Za-z_]\w*|`[^`]+`)"
    r"|(?P<sign><=|>=|!=|\{\s*\}|[()\[\].,|=<>]))"
)
_REPEATED_GROUP = re.compile(r"\)[+*{]")
"""A group that is repeated, as in ``(a+)+`` and ``(a|a)*``: what trying it takes may double with each letter."""
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


class NotUnderstoodError(ValueError):
    """A rule, or what it meets in a resource, that is beyond what is understood here."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What ``%resource``, ``%context`` and ``$this`` stand for; ``step`` is told of the work that is done."""

    release: Release
    resource: Item
    context: Item
    this: Item
    step: Callable[[int], None]


Evaluate = Callable[[Scope, list[Item]], list[Item]]
_Call = Callable[[list[Item], Scope, list[Evaluate]], list[Item]]


def compile_rule(expression: str) -> Callable[[Scope], bool]:
    """Return whether a rule holds for ``scope.context``; no answer counts as no.

    The function raises NotUnderstoodError where values are of kinds that can't be compared here.
    Raises: NotUnderstoodError.
    """
    evaluate = _Parser(expression).whole()
    return lambda scope: _truth(evaluate(scope, [scope.context])) is True


class _Parser:
    """A parser by precedence: each level takes what binds tighter, then its own operators."""

    _LEVELS = (("implies",), ("or", "xor"), ("and",), ("in", "contains"), ("=", "!="), ("<", ">", "<=", ">="), ("|",))

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.next = 0
        self.depth = 0
        position = 0
        text = text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise NotUnderstoodError("It has a sign that is not understood.")
            position = match.end()
            self.tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))

    def whole(self) -> Evaluate:
        """Return the function of the whole text."""
        found = self.level(0)
        if self.next < len(self.tokens):
            raise NotUnderstoodError("It does not end where it should.")
        return found

    def peek(self) -> str:
        """Return the next token that is no text; empty if there is none."""
        if self.next >= len(self.tokens) or self.tokens[self.next][0] == "text":
            return ""
        return self.tokens[self.next][1]

    def take(self, wanted: str | None = None) -> tuple[str, str]:
        """Return the next token and go on."""
        if self.next >= len(self.tokens) or (wanted is not None and self.peek() != wanted):
            raise NotUnderstoodError("It lacks a part.")
        self.next += 1
        return self.tokens[self.next - 1]

    def level(self, number: int) -> Evaluate:
        """Return an expression of operators that bind as tightly as those of this level, or tighter."""
        if number == len(self._LEVELS):
            return self.typed()
        found = self.level(number + 1)
        while self.peek() in self._LEVELS[number]:
            operator = self.take()[1]
            found = _operation(_OPERATORS[operator], found, self.level(number + 1))
        return found

    def typed(self) -> Evaluate:
        """Return an expression with ``is`` and ``as``."""
        found = self.chain()
        while self.peek() in ("is", "as"):
            word = self.take()[1]
            name = self.type_name()
            found = _after(found, _typed(word, name))
        return found

    def type_name(self) -> str:
        """Return the name of a type, without what stands before a dot."""
        name = self.take()[1]
        while self.peek() == ".":
            self.take()
            name = self.take()[1]
        return name

    def chain(self) -> Evaluate:
        """Return a term with the steps after it."""
        found = self.term()
        while self.peek() in (".", "["):
            if self.take()[1] == "[":
                found = _after(found, _at(self.take()[1]))
                self.take("]")
            else:
                found = self.step(found)
        return found

    def term(self) -> Evaluate:
        """Return a literal, a variable, an expression in parentheses, or a first step."""
        kind, text = self.tokens[self.next] if self.next < len(self.tokens) else ("", "")
        if kind == "text":
            self.take()
            return _literal(re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text[1:-1]))
        if kind == "number":
            self.take()
            return _literal(Decimal(text) if "." in text else int(text))
        if text in ("true", "false"):
            self.take()
            return _literal(text == "true")
        if text.startswith("{"):
            self.take()
            return lambda _, __: []
        if text == "(":
            self.take()
            return self.inner(")")
        if text in _VARIABLES:
            self.take()
            variable = _VARIABLES[text]
            return lambda scope, _: [variable(scope)]
        return self.step(lambda _, focus: focus)

    def inner(self, end: str) -> Evaluate:
        """Return an expression inside another, up to its end."""
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise NotUnderstoodError("It is nested too deep.")
        found = self.level(0)
        self.depth -= 1
        self.take(end)
        return found

    def step(self, before: Evaluate) -> Evaluate:
        """Return a member, or a function, of what is before it."""
        kind, name = self.take()
        if kind != "name" or name[0] in "$%":
            raise NotUnderstoodError("It has something else where a name should be.")
        name = name.strip("`")
        if self.peek() != "(":
            return lambda scope, focus: _members(scope, before(scope, focus), name)
        self.take("(")
        if name in _FOR_TYPE:
            wanted = self.type_name()
            self.take(")")
            return _after(before, _typed(name, wanted))
        arguments: list[Evaluate] = []
        if self.peek() == ")":
            self.take()
        else:
            arguments.append(self.inner(")"))
        if (name, len(arguments)) not in _FUNCTIONS:
            raise NotUnderstoodError(f"It uses {name}(), which is not understood.")
        call = _FUNCTIONS[name, len(arguments)]
        return lambda scope, focus: call(before(scope, focus), scope, arguments)


def _after(before: Evaluate, then: Callable[[list[Item], Scope], list[Item]]) -> Evaluate:
    return lambda scope, focus: then(before(scope, focus), scope)


def _at(index: str) -> Callable[[list[Item], Scope], list[Item]]:
    if not index.isdigit():
        raise NotUnderstoodError("It has an index that is not a number.")
    return lambda items, _: items[int(index) : int(index) + 1]


def _typed(word: str, name: str) -> Callable[[list[Item], Scope], list[Item]]:
    return lambda items, _: _FOR_TYPE[word](items, name)


def _literal(value: Any) -> Evaluate:
    item = Item(value, None, "", _kind_of(value))
    return lambda _, __: [item]


def _kind_of(value: Any) -> str:
    return "boolean" if isinstance(value, bool) else "string" if isinstance(value, str) else "decimal"


def _operation(operator: Callable[[list[Item], list[Item]], list[Item]], left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda scope, focus: operator(left(scope, focus), right(scope, focus))


@lru_cache(maxsize=4096)
def _members_of(release: Release, kind: str, name: str) -> Members:
    """Return the names in JSON of an element of a type; none if it has no such element."""
    types = definitions(release)
    of_type = types[kind] if kind in types else types["Element"]
    if name in of_type.members:  # a choice may be named as in JSON, as STU3 allows
        return members_of([of_type.members[name]])
    element = next((one for one in of_type.elements if one.name.removesuffix("[x]") == name), None)
    return () if element is None else members_of(element.members())


def _members(scope: Scope, items: list[Item], name: str) -> list[Item]:
    found: list[Item] = []
    for item in items:
        kind = _type_of(item)
        if kind == name:
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
            found += _members(scope, [item], element.name.removesuffix("[x]"))
    return found


def _type_of(item: Item) -> str:
    is_resource = isinstance(item.value, dict) and "resourceType" in item.value
    return str(item.value["resourceType"]) if is_resource else item.kind


def _truth(items: list[Item]) -> bool | None:
    if not items:
        return None
    value = items[0].value
    return value if len(items) == 1 and isinstance(value, bool) else True


def _bool(value: bool | None) -> list[Item]:  # noqa: FBT001 - it is what this is about
    return _ANSWERS[value]


_ANSWERS: Mapping[bool | None, list[Item]] = {
    None: [],
    True: [Item(value=True, sibling=None, place="", kind="boolean")],
    False: [Item(value=False, sibling=None, place="", kind="boolean")],
}


def _and(left: list[Item], right: list[Item]) -> list[Item]:
    one, other = _truth(left), _truth(right)
    return _bool(False if one is False or other is False else None if one is None or other is None else True)


def _or(left: list[Item], right: list[Item]) -> list[Item]:
    one, other = _truth(left), _truth(right)
    return _bool(True if one or other else None if one is None or other is None else False)


def _xor(left: list[Item], right: list[Item]) -> list[Item]:
    one, other = _truth(left), _truth(right)
    return _bool(None if one is None or other is None else one != other)


def _implies(left: list[Item], right: list[Item]) -> list[Item]:
    one, other = _truth(left), _truth(right)
    return _bool(True if one is False or other else other if one else None)


def _equal(left: list[Item], right: list[Item]) -> list[Item]:
    if not left or not right:
        return []
    return _bool([item.value for item in left] == [item.value for item in right])


def _unequal(left: list[Item], right: list[Item]) -> list[Item]:
    return _not(_equal(left, right))


def _not(items: list[Item]) -> list[Item]:
    truth = _truth(items)
    return _bool(None if truth is None else not truth)


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
        one, other = left[0].value, right[0].value
        are_numbers = all(isinstance(value, int | Decimal) and not isinstance(value, bool) for value in (one, other))
        return _bool(test(one, other)) if are_numbers else _refuse()

    return compare


def _refuse() -> list[Item]:
    raise NotUnderstoodError("It meets values that can't be compared here.")


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
    return [item for item in items if _type_of(item) == name]


def _is_type(items: list[Item], name: str) -> list[Item]:
    return [] if not items else _bool(len(items) == 1 and _type_of(items[0]) == name)


def _where(items: list[Item], scope: Scope, arguments: list[Evaluate]) -> list[Item]:
    (criterion,) = arguments
    return [item for item in items if _truth(criterion(replace(scope, this=item), [item])) is True]


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
    if _REPEATED_GROUP.search(pattern):
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
    found = _members(scope, items, "extension")
    return [one for one in found if isinstance(one.value, dict) and one.value.get("url") == url]


def _intersect(items: list[Item], scope: Scope, arguments: list[Evaluate]) -> list[Item]:
    others = arguments[0](scope, [scope.this])
    return _distinct([item for item in items if _is_in(item, others, scope)])


def _subset(items: list[Item], scope: Scope, arguments: list[Evaluate]) -> list[Item]:
    others = arguments[0](scope, [scope.this])
    return _bool(all(_is_in(item, others, scope) for item in items))


def _is_in(item: Item, others: list[Item], scope: Scope) -> bool:
    scope.step(len(others))
    return any(item.value == one.value for one in others)


_VARIABLES: Mapping[str, Callable[[Scope], Item]] = {
    "$this": lambda scope: scope.this,
    "%resource": lambda scope: scope.resource,
    "%context": lambda scope: scope.context,
}
_FOR_TYPE = {"ofType": _of_type, "as": _of_type, "is": _is_type}
_OPERATORS = {
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
}
_FUNCTIONS: Mapping[tuple[str, int], _Call] = {
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
    ("matches", 1): _matches,
    ("toString", 0): _as_text,
    ("length", 0): _length,
}
