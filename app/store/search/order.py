"""The order by a token, a reference or a uri: the index keeps their hashes, so that the values are read from the bodies.

A token goes by its code, a reference by ``Type/id`` as it was written, a uri by itself, each as text in the order of its code
points. Of several values the lowest counts, or in a descending order the highest.

Spec: https://hl7.org/fhir/R4/search.html#sort, https://hl7.org/fhir/STU3/search.html#sort
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from app.fhir.search.definitions import INDEXED_TYPES, SearchParameter
from app.fhir.search.expression import SortKey
from app.fhir.search.strings import MAXIMUM_LENGTH
from app.store.indexing import reference_values
from app.store.search.statement import TEXT_LAST

READ = frozenset({"token", "reference", "uri"})
"""Kinds whose order is read from the bodies; the others have it in their index."""


def is_read(key: SortKey) -> bool:
    """Return whether the order by a key is read from the bodies."""
    return key.parameter.kind in READ and not key.parameter.is_column


def key_of(key: SortKey, tree: Mapping[str, Any]) -> str:
    """Return what a resource is sorted by; one without a value goes last."""
    texts = [text[:MAXIMUM_LENGTH] for text in _texts(key.parameter, tree)]
    if not texts:
        return TEXT_LAST["desc" if key.descending else "asc"]
    return max(texts) if key.descending else min(texts)


def _texts(parameter: SearchParameter, tree: Mapping[str, Any]) -> Iterator[str]:
    if parameter.kind == "reference":
        yield from reference_values(parameter, tree)
    elif parameter.computed:
        for fhir_type, value in parameter.computed(tree):
            yield from _codes(fhir_type, value)
    else:
        for fhir_type, select in _selects(parameter):
            for value in select(tree):
                yield from _codes(fhir_type, value)


@cache
def _selects(parameter: SearchParameter) -> tuple[tuple[str, Callable[[Any], list[Any]]], ...]:
    return tuple(
        (selector.fhir_type, selector.compile())
        for selector in parameter.selectors
        if selector.fhir_type in INDEXED_TYPES[parameter.kind]
    )


def _codes(fhir_type: str, value: Any) -> Iterator[str]:
    if fhir_type == "CodeableConcept":
        for coding in value.get("coding", ()):
            yield from _codes("Coding", coding)
    elif fhir_type == "boolean":
        yield "true" if value else "false"
    elif isinstance(value, dict):
        code = value.get("code" if fhir_type == "Coding" else "value")
        if code is not None:
            yield code
    else:
        yield str(value)
