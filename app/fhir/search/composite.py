"""Composite parameters: values that stand in the same element, such as a component's code and its value.

Their parts are ordinary parameters of the same type. Where a part's value is, seen from the element, follows from the part's
own expression: the components of the published definitions are sometimes in another order than their expressions.

Spec: https://hl7.org/fhir/R4/search.html#composite, https://hl7.org/fhir/STU3/search.html#combining
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from app.fhir.path import Selector, Step
from app.fhir.search.definitions import INDEXED_TYPES, SearchParameter

Values = list[tuple[str, Any]]
"""FHIR types and values."""


class _Element(NamedTuple):
    """A kind of element: how to find those of a resource, and in each the values of every part."""

    select: Callable[[Any], list[Any]]
    parts: tuple[tuple[tuple[str, Callable[[Any], list[Any]]], ...], ...]


def elements(parameter: SearchParameter, tree: Mapping[str, Any]) -> Iterator[tuple[Values, ...]]:
    """Yield, for each element of a resource that a composite parameter looks at, the values of each of its parts."""
    for element in _elements(parameter):
        for item in element.select(tree):
            yield tuple(
                [(fhir_type, value) for fhir_type, select in selects for value in select(item)]
                for selects in element.parts
            )


@cache
def _elements(parameter: SearchParameter) -> tuple[_Element, ...]:
    paths = [tuple(path.strip().split(".")[1:]) for path in parameter.expression.split("|")]
    return tuple(
        _Element(
            Selector(tuple(Step(member) for member in path), "").compile(),
            tuple(_relative(part, path, paths) for part in parameter.parts),
        )
        for path in paths
    )


def _relative(
    part: SearchParameter, path: tuple[str, ...], paths: list[tuple[str, ...]]
) -> tuple[tuple[str, Callable[[Any], list[Any]]], ...]:
    """Return where the part's values are below ``path``, but for those that are below a longer one of ``paths``."""
    found = []
    for selector in part.selectors:
        members = tuple(step.member for step in selector.steps)
        own = max((one for one in paths if members[: len(one)] == one), key=len, default=None)
        if own == path and selector.fhir_type in INDEXED_TYPES[part.kind]:
            found.append((selector.fhir_type, Selector(selector.steps[len(path) :], selector.fhir_type).compile()))
    return tuple(found)
