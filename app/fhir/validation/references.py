"""The references inside a resource, and whether a literal one points at a type that is allowed there.

Spec: https://hl7.org/fhir/R4/references.html, https://hl7.org/fhir/STU3/references.html
"""

from collections.abc import Iterable
from typing import Any


def references(tree: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (expression, reference) of every Reference in the resource, also in contained ones and extensions.

    The expression is a FHIRPath of the ``reference`` element that starts with the resource type, such as
    ``Observation.performer[0].reference``.
    """
    return references_and_addresses(tree)[0]


def references_and_addresses(
    tree: dict[str, Any], members: Iterable[str] | None = None
) -> tuple[list[tuple[str, str]], list[str]]:
    """Return what ``references`` does, and the value of every ``url`` in the resource, an attachment's among them.

    ``members`` are those of the resource outside which there are none; None for any.
    """
    found: list[tuple[str, str]] = []
    addresses: list[str] = []
    looked_at = tree if members is None else {name: tree[name] for name in members}
    _gather(looked_at, [str(tree.get("resourceType", ""))], found, addresses)
    return found, addresses


def _gather(node: dict[str, Any], way: list[str | int], found: list[tuple[str, str]], addresses: list[str]) -> None:
    """Add the references and addresses in ``node``; ``way`` leads to it, and is left as it was."""
    for name, value in node.items():
        kind = type(value)
        if kind is dict:
            way.append(name)
            _gather(value, way, found, addresses)
            way.pop()
        elif kind is list:
            way.append(name)
            _gather_in_list(value, way, found, addresses)
            way.pop()
        elif name == "reference":
            if kind is str:
                steps = "".join(f"[{step}]" if type(step) is int else f".{step}" for step in way)
                found.append((f"{steps[1:]}.reference", value))
        elif name == "url" and kind is str:
            addresses.append(value)


def _gather_in_list(items: list[Any], way: list[str | int], found: list[tuple[str, str]], addresses: list[str]) -> None:
    for index, item in enumerate(items):
        if type(item) is dict:
            way.append(index)
            _gather(item, way, found, addresses)
            way.pop()
        elif type(item) is list:
            way.append(index)
            _gather_in_list(item, way, found, addresses)
            way.pop()


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
