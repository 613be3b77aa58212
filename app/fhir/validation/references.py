"""The references inside a resource, and whether a literal one points at a type that is allowed there.

Spec: https://hl7.org/fhir/R4/references.html, https://hl7.org/fhir/STU3/references.html
"""

from collections.abc import Iterator
from typing import Any


def references(tree: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (expression, reference) of every Reference in the resource, also in contained ones and extensions.

    The expression is a FHIRPath of the ``reference`` element that starts with the resource type, such as
    ``Observation.performer[0].reference``.
    """
    yield from _references(tree, str(tree.get("resourceType", "")))


def _references(node: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "reference" and isinstance(value, str):
                yield f"{path}.reference", value
            elif isinstance(value, dict | list):
                yield from _references(value, f"{path}.{name}")
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _references(item, f"{path}[{index}]")


def addresses(node: object) -> Iterator[str]:
    """Yield the value of every ``url`` in the resource, an attachment's among them."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "url" and isinstance(value, str):
                yield value
            elif isinstance(value, dict | list):
                yield from addresses(value)
    elif isinstance(node, list):
        for item in node:
            yield from addresses(item)


def target_type(reference: str) -> str | None:
    """Return the resource type that a literal reference names; None if it names none.

    ``Patient/1``, ``Patient/1/_history/2``, ``Patient?identifier=...`` (a conditional reference) and absolute URLs that
    end so name one; ``#contained`` and ``urn:`` don't. The name may be of a type that doesn't exist.
    """
    if reference.startswith(("#", "urn:")):
        return None
    path, question_mark, _ = reference.partition("?")
    parts = path.split("/")
    if question_mark:
        return parts[-1]
    if len(parts) >= 4 and parts[-2] == "_history":
        parts = parts[:-2]
    return parts[-2] if len(parts) >= 2 else None


def is_absolute(reference: str) -> bool:
    """Return whether the reference is a URL with a scheme, so that its server may have types that we don't know."""
    return "://" in reference
