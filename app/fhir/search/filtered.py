"""What a ``_filter`` asks of a type: each of its tests as the criterion or the chain that asks the same.

Spec: https://hl7.org/fhir/R4/search_filter.html#ops, https://hl7.org/fhir/STU3/search_filter.html#ops
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol, cast

from app.errors import BadRequestError, UnknownParameterError
from app.fhir.search.definitions import SearchParameter
from app.fhir.search.expression import (
    Asked,
    Chained,
    Combined,
    Criterion,
    DateValue,
    Link,
    Prefix,
    TextComparison,
    TextValue,
)
from app.fhir.search.filter import Comparison, Logical, Node
from app.fhir.search.strings import fold

SYSTEMS = MappingProxyType(
    {
        "loinc": "http://loinc.org",
        "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
        "snomed": "http://snomed.info/sct",
        "ucum": "http://unitsofmeasure.org",
    }
)
"""Short names that a filter may use for code systems."""

_COMPARED = frozenset("eq ne gt lt ge le ap sa eb".split())
_OPERATORS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "string": frozenset("eq ne co sw ew gt lt ge le pr".split()),
        "number": _COMPARED | {"pr"},
        "quantity": _COMPARED | {"pr"},
        "date": _COMPARED | {"pr", "po", "co"},
        "token": frozenset("eq ne pr in ni ss sb".split()),
        "reference": frozenset("re pr".split()),
        "uri": frozenset("eq ne pr".split()),
        "composite": frozenset({"eq"}),
    }
)
_MODIFIERS = MappingProxyType({"in": ":in", "ni": ":not-in", "ss": ":below", "sb": ":above"})

_NAME = "_filter"


class Query(Protocol):
    """What reads the parameters of the query that the filter is in."""

    def condition(self, resource_type: str, name: str, rest: str, text: str, links: int) -> Criterion | Link:
        """Return what one parameter asks."""
        ...

    def parameter(self, resource_type: str, name: str, base: str, modifier: str | None) -> SearchParameter:
        """Return a parameter of a type."""
        ...

    def refers(self, resource_type: str, name: str, head: str) -> tuple[SearchParameter, list[str]]:
        """Return a reference parameter and the types that it leads to."""
        ...

    def has(self, resource_type: str, rest: str) -> bool:
        """Return whether a type has a parameter."""
        ...


def meaning(query: Query, resource_type: str, node: Node, links: int) -> Asked | Combined:
    """Return what a filter asks of the resources of a type, that many references away from what is searched.

    Raises: UnknownParameterError, BadRequestError.
    """
    if isinstance(node, Logical):
        return Combined(node.operator, tuple(meaning(query, resource_type, part, links) for part in node.parts))
    if node.operator == "pr" and node.value == "false":
        return Combined("not", (meaning(query, resource_type, Comparison(node.path, "pr", "true"), links),))
    if len(node.path) > 1:
        return _chained(query, resource_type, node, links)
    (step,) = node.path
    if step.meets is not None:
        raise BadRequestError(f"In {_NAME} a name follows what is in brackets, as in subject[name eq anna].birthdate.")
    return _simple(query, resource_type, step.name, node, links)


def _chained(query: Query, resource_type: str, test: Comparison, links: int) -> Asked:
    head, *rest = test.path
    parameter, types = query.refers(resource_type, _NAME, head.name)
    tail: Node = Comparison(tuple(rest), test.operator, test.value)
    wanted = tail if head.meets is None else Logical("and", (head.meets, tail))
    known = [one for one in types if all(query.has(one, name) for name in _names(wanted))]
    if not known:
        raise UnknownParameterError(f"{_NAME} asks what is not known of what {parameter.name} refers to.")
    targets = tuple(_asked(one, meaning(query, one, wanted, links + 1)) for one in known)
    return Asked(resource_type, links=(Chained(parameter, targets),))


def _names(node: Node) -> Iterator[str]:
    """Yield the parameters that a filter asks of the type itself."""
    if isinstance(node, Comparison):
        yield node.path[0].name
    else:
        for part in node.parts:
            yield from _names(part)


def _asked(resource_type: str, found: Criterion | Link | Asked) -> Asked:
    if isinstance(found, Asked):
        return found
    if isinstance(found, Criterion):
        return Asked(resource_type, criteria=(found,))
    return Asked(resource_type, links=(found,))


def _simple(query: Query, resource_type: str, name: str, test: Comparison, links: int) -> Asked:
    parameter = query.parameter(resource_type, _NAME, name.partition(":")[0], None)
    operator = test.operator
    if operator not in _OPERATORS[parameter.kind]:
        raise UnknownParameterError(f"{_NAME} can't use {operator} on {parameter.name}, a {parameter.kind}.")

    def ask(rest: str, text: str) -> Criterion | Link:
        return query.condition(resource_type, _NAME, rest, text, links)

    if operator == "pr":
        if test.value != "true":
            raise BadRequestError(f"In {_NAME} pr is followed by true or false.")
        return _asked(resource_type, ask(f"{name}:missing", "false"))
    if parameter.kind == "string":
        folded = fold(test.value)
        if not folded:
            raise BadRequestError(f"{_NAME} wants a text for {parameter.name}.")
        return Asked(
            resource_type, (Criterion(parameter, None, (TextValue(cast("TextComparison", operator), folded),)),)
        )
    text = _escaped(test.value)
    if parameter.kind == "date" and operator in ("po", "co"):
        return Asked(resource_type, (_period(cast("Criterion", ask(name, f"eq{text}")), operator),))
    if parameter.kind in ("date", "number", "quantity"):
        return _asked(resource_type, ask(name, operator + text))
    if operator == "ne":
        is_not = cast("Criterion", ask(f"{name}:not", text))
        has_value = () if parameter.is_column else (cast("Criterion", ask(f"{name}:missing", "false")),)
        return Asked(resource_type, (*has_value, is_not))
    return _asked(resource_type, ask(name + _MODIFIERS.get(operator, ""), text))


def _period(criterion: Criterion, operator: str) -> Criterion:
    """Return a criterion on a date as the one that the period overlaps with it (``po``) or includes it (``co``)."""
    values = tuple(
        replace(value, prefix=cast("Prefix", operator)) for value in criterion.values if isinstance(value, DateValue)
    )
    return Criterion(criterion.parameter, None, values)


def _escaped(value: str) -> str:
    """Return a value so that it is read as one, with a bar as what divides a system from its code."""
    text = value.replace("\\", "\\\\").replace(",", "\\,")
    system, bar, code = text.partition("|")
    return f"{SYSTEMS[system]}|{code}" if bar and system in SYSTEMS else text
