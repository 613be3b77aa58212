"""The FHIRPath of search parameters, compiled to plain functions over a resource's JSON tree.

Only what the specifications' search parameters use is understood: members, ``|``, ``as`` in its three spellings,
``.where(member='text')``, ``.where(resolve() is Type)``, ``.extension('url')`` and ``[n]``. An expression that says more
(``exists()``, ``!=``) is computed by hand in ``search/computed.py``. JSON has no types and names a choice element by its
type (``value[x]`` is ``valueQuantity``), so compiling needs to know the types of the elements on the way.

Spec: https://hl7.org/fhirpath/N1/, https://hl7.org/fhir/R4/searchparameter-registry.html,
https://hl7.org/fhir/STU3/searchparameter-registry.html
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.fhir.reference import is_to_any

ElementTypes = Mapping[str, tuple[str, ...]]
"""Types by path: ``Observation.code`` -> ("CodeableConcept",); a choice has ``[x]``: ``Observation.value[x]``."""

Walk = Callable[[Any, list[Any]], None]

_TOKEN = re.compile(r"\s*(?:(?P<name>[A-Za-z_]\w*)|(?P<text>'[^']*')|(?P<number>\d+)|(?P<sign>[().|=\[\]]))")
_PRIMITIVES_IN_CAPITALS = {"DateTime": "dateTime", "Date": "date", "String": "string", "Boolean": "boolean"}


@dataclass(frozen=True, slots=True)
class Equals:
    """Only items whose ``member`` is ``value``."""

    member: str
    value: str

    def __call__(self, item: Any) -> bool:
        """Return whether ``item`` passes."""
        return isinstance(item, dict) and item.get(self.member) == self.value


@dataclass(frozen=True, slots=True)
class RefersTo:
    """Only references to ``resource_type``, as their text or Reference.type tells; nothing is looked up."""

    resource_type: str

    def __call__(self, item: Any) -> bool:
        """Return whether ``item`` passes."""
        if not isinstance(item, dict):
            return False
        text = item.get("reference")
        if isinstance(text, str) and is_to_any(text, (self.resource_type,)):
            return True
        return item.get("type") == self.resource_type


Guard = Equals | RefersTo


@dataclass(frozen=True, slots=True)
class Step:
    """One JSON member further, for the items that pass ``guard``; the item at ``position`` only, if that is not None."""

    member: str
    guard: Guard | None = None
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Selector:
    """The values of one FHIR type at one place of a resource."""

    steps: tuple[Step, ...]
    fhir_type: str

    def compile(self) -> Callable[[Any], list[Any]]:
        """Return the function from a resource's tree to the values, in document order."""
        walk = _walker(self.steps)

        def select(tree: Any) -> list[Any]:
            found: list[Any] = []
            walk(tree, found)
            return found

        return select


def compile_expression(expression: str, types: ElementTypes) -> tuple[Selector, ...]:
    """Return the selectors whose values together are the value of ``expression``.

    A choice element without ``as`` gives one selector for each of its types.
    Raises: ValueError, where the expression is not understood or ``types`` doesn't know an element.
    """
    selectors = [selector for chain in _parse(expression) for selector in _resolve(chain, types)]
    return tuple(dict.fromkeys(selectors))


def paths_of(expression: str) -> Iterator[tuple[tuple[str, str], ...]]:
    """Yield each alternative of ``expression`` as (operation, argument) pairs, for the tool that generates the data.

    Raises: ValueError, where the expression is not understood.
    """
    yield from _parse(expression)


def choice_member(name: str, fhir_type: str) -> str:
    """Return the JSON member of choice element ``name`` with a value of ``fhir_type``, such as ``valueQuantity``."""
    return f"{name}{fhir_type[0].upper()}{fhir_type[1:]}"


def _walker(steps: tuple[Step, ...]) -> Walk:
    if not steps:
        return lambda item, found: found.append(item)
    step, rest = steps[0], _walker(steps[1:])
    member, guard, position = step.member, step.guard, step.position

    def walk(node: Any, found: list[Any]) -> None:
        value = node.get(member) if type(node) is dict else None
        if value is None:
            return
        items = value if type(value) is list else (value,)
        for item in items if position is None else items[position : position + 1]:
            if item is not None and (guard is None or guard(item)):
                rest(item, found)

    return walk


Operation = tuple[str, str]
Chain = tuple[Operation, ...]


class _Parser:
    """Recursive descent over the tokens of one expression; an answer is the list of its alternatives."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.tokens: list[str] = []
        end = 0
        stripped = expression.rstrip()
        while end < len(stripped):
            found = _TOKEN.match(stripped, end)
            if found is None:
                raise self.error()
            self.tokens.append(found[found.lastgroup or 0])
            end = found.end()
        self.tokens.append("")
        self.position = 0

    def error(self) -> ValueError:
        return ValueError(f"not a search parameter's expression: {self.expression}")

    def take(self, *wanted: str) -> str:
        token = self.tokens[self.position]
        if (wanted or not token) and token not in wanted:  # the empty token is the end, and stays
            raise self.error()
        self.position += 1
        return token

    def peek(self) -> str:
        return self.tokens[self.position]

    def union(self) -> list[Chain]:
        chains = self.chain()
        while self.peek() == "|":
            self.take()
            chains += self.chain()
        return chains

    def chain(self) -> list[Chain]:
        if self.peek() == "(":
            self.take()
            chains = self.union()
            if self.peek() == "as":
                self.take()
                chains = [(*chain, ("as", self.peek())) for chain in chains]
                self.take()
            self.take(")")
        else:
            chains = [(("member", self.name()),)]
        while self.peek() in (".", "["):
            operation = self.operation()
            chains = [(*chain, operation) for chain in chains]
        if self.peek() == "as":
            self.take()
            fhir_type = self.name()
            chains = [(*chain, ("as", fhir_type)) for chain in chains]
        return chains

    def name(self) -> str:
        token = self.take()
        if not token.replace("_", "a").isalnum():
            raise self.error()
        return token

    def operation(self) -> Operation:
        if self.take() == "[":
            index = self.take()
            if not index.isdecimal():
                raise self.error()
            self.take("]")
            return ("index", index)
        name = self.name()
        if self.peek() != "(":
            return ("member", name)
        self.take("(")
        operation = self.call(name)
        self.take(")")
        return operation

    def call(self, name: str) -> Operation:
        if name == "as":
            return ("as", self.name())
        if name == "extension":
            return ("extension", self.take()[1:-1])
        if name != "where":
            raise self.error()
        member = self.name()
        if member == "resolve":
            for sign in ("(", ")", "is"):
                self.take(sign)
            return ("refers-to", self.name())
        self.take("=")
        return ("where", f"{member}={self.take()[1:-1]}")


def _parse(expression: str) -> list[Chain]:
    parser = _Parser(expression)
    chains = parser.union()
    parser.take("")
    return chains


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an expression has come to: its path in ``types``, the steps so far, and the type of what is there."""

    path: str
    steps: tuple[Step, ...]
    fhir_type: str

    def member(self, name: str, fhir_type: str, *, json_name: str | None = None) -> "_Place":
        step = Step(json_name or name)
        return _Place(f"{self.path}.{step.member}", (*self.steps, step), fhir_type)

    def guarded(self, guard: Guard) -> "_Place":
        *before, last = self.steps
        return _Place(self.path, (*before, Step(last.member, guard, last.position)), self.fhir_type)

    def at(self, position: int) -> "_Place":
        *before, last = self.steps
        return _Place(self.path, (*before, Step(last.member, last.guard, position)), self.fhir_type)


def _resolve(chain: Chain, types: ElementTypes) -> list[Selector]:
    """Return the selectors of one alternative; its first name is the resource type."""
    (_, resource_type), *operations = chain
    places = [_Place(resource_type, (), resource_type)]
    for position, (operation, argument) in enumerate(operations):
        following = operations[position + 1] if position + 1 < len(operations) else ("", "")
        wanted = _type_name(following[1]) if following[0] == "as" else None
        places = [further for place in places for further in _apply(place, operation, argument, wanted, types)]
    return [Selector(place.steps, place.fhir_type) for place in places]


def _apply(place: _Place, operation: str, argument: str, wanted: str | None, types: ElementTypes) -> list[_Place]:
    """Return the places one operation further; ``wanted`` is the type that an ``as`` right after it asks for."""
    match operation:
        case "member":
            return _members(place, argument, wanted, types)
        case "as":
            return [place] if place.fhir_type == _type_name(argument) else []
        case "extension":
            return [place.member("extension", "Extension").guarded(Equals("url", argument))]
        case "where":
            member, _, value = argument.partition("=")
            return [place.guarded(Equals(member, value))]
        case "refers-to":
            return [place.guarded(RefersTo(argument))]
        case "index":
            return [place.at(int(argument))]
        case _:
            raise AssertionError(operation)


def _members(place: _Place, name: str, wanted: str | None, types: ElementTypes) -> list[_Place]:
    if place.fhir_type == "Extension" and name == "value":
        if wanted is None:
            raise ValueError(f"{place.path}.value needs a type")
        return [place.member(name, wanted, json_name=choice_member(name, wanted))]
    path = f"{place.path}.{name}"
    if choices := types.get(f"{path}[x]"):
        chosen = [choice for choice in choices if wanted in (None, choice)]
        return [place.member(name, choice, json_name=choice_member(name, choice)) for choice in chosen]
    if path not in types:
        raise ValueError(f"no types are known of {path}")
    return [place.member(name, types[path][0])]


def _type_name(name: str) -> str:
    """Return a type as the structures spell it; some STU3 expressions say ``as(DateTime)`` for a dateTime."""
    return _PRIMITIVES_IN_CAPITALS.get(name, name)
