"""The references inside a resource, and whether a literal one points at a type that is allowed there.

Spec: https://hl7.org/fhir/R4/references.html, https://hl7.org/fhir/STU3/references.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from app.fhir.release import Release
from app.fhir.releases.definitions import definitions
from app.fhir.validation.circular import Circular

Ways = dict[str, "Ways | None"]
"""The members of an object that lead to links, and the ways from there; None where all have to be looked at."""

_LINKS = frozenset({"reference", "url"})


@dataclass(slots=True)
class Links:
    """The references in a resource, as ``references`` gives them, and the value of every ``url``, an attachment's among them.

    ``has_other_types`` tells whether a reference does not begin with the type that is said beside (``Reference.type`` of R4).
    """

    references: list[tuple[str, str]] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    has_other_types: bool = False


def references(tree: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (expression, reference) of every Reference in the resource, also in contained ones and extensions.

    The expression is a FHIRPath of the ``reference`` element that starts with the resource type, such as
    ``Observation.performer[0].reference``.
    """
    return links_of(tree).references


def links_of(tree: dict[str, Any], ways: Ways | None = None) -> Links:
    """Return the links in a resource; ``ways`` are those of its type, where there are no extensions, None for a look at everything."""
    links = Links()
    _gather(tree, ways, [str(tree.get("resourceType", ""))], links)
    return links


@cache
def ways_to_links(release: Release) -> Mapping[str, Ways]:
    """Return for each type the ways from it to references and a ``url`` that are in no extension; they may go round in circles."""
    types = definitions(release)

    def leads_on(kind: str) -> bool:
        seen, waiting = {"Extension"}, {kind} - {"Extension"}
        while waiting:
            name = waiting.pop()
            seen.add(name)
            for member in types[name].members.values():
                if member.name in _LINKS or member.type == "Resource":
                    return True
                if not member.is_primitive and member.type not in seen:
                    waiting.add(member.type)
        return False

    def fill(ways: Ways, kind: str) -> None:
        for member in types[kind].members.values():
            if member.name in _LINKS or member.type == "Resource":
                ways[member.name] = None
            elif not member.is_primitive and leads_on(member.type):
                ways[member.name] = made[member.type]

    made = Circular[Ways](lambda _: {}, fill)
    return made


def _gather(node: dict[str, Any], ways: Ways | None, way: list[str | int], links: Links) -> None:
    """Add the links in ``node``; ``way`` leads to it, and is left as it was."""
    for name, value in node.items():
        if ways is None:
            deeper = None
        elif name in ways:
            deeper = ways[name]
        else:
            continue
        kind = type(value)
        if kind is dict:
            way.append(name)
            _gather(value, deeper, way, links)
            way.pop()
        elif kind is list:
            way.append(name)
            _gather_in_list(value, deeper, way, links)
            way.pop()
        elif name == "reference":
            if kind is str:
                steps = "".join([f"[{step}]" if type(step) is int else f".{step}" for step in way])
                links.references.append((f"{steps[1:]}.reference", value))
                if "type" in node and not value.startswith(f"{node['type']}/"):
                    links.has_other_types = True
        elif name == "url" and kind is str:
            links.addresses.append(value)


def _gather_in_list(items: list[Any], ways: Ways | None, way: list[str | int], links: Links) -> None:
    for index, item in enumerate(items):
        if type(item) is dict:
            way.append(index)
            _gather(item, ways, way, links)
            way.pop()
        elif type(item) is list:
            way.append(index)
            _gather_in_list(item, ways, way, links)
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
