"""Where a translation stands, what holds for every object of a type, and how the occurrences of an element are read from an object and written to one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from app.fhir.release import Release
from app.fhir.releases.definitions import Element, Member, TypeDefinition, definitions
from app.fhir.translate.rules import RULES
from app.fhir.translate.tables import RENAMED, UNWRAPPED
from app.fhir.translate.tools import Rule
from app.fhir.translate.values import Item


@dataclass(frozen=True, slots=True)
class Loss:
    """What the other release does not get: a FHIRPath into the source, and why in one sentence."""

    expression: str
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the walk is: a FHIRPath, the type in both releases, and the resource or data type that it is a part of."""

    path: str
    source: TypeDefinition
    target: TypeDefinition
    source_root: str
    target_root: str


class Way(NamedTuple):
    """Where a member goes: the element there and the member that tells it; None for what can only be kept."""

    name: str
    goal: Element | None
    into: Member | None


@dataclass(frozen=True, slots=True)
class Table:
    """What holds for every object of one type that is told as another; ``names`` are those of each element in JSON.

    ``ways`` and ``places`` are filled as members and parts are met.
    """

    stu3: TypeDefinition
    rule: Rule | None
    renamed: Mapping[str, str]
    elements: Mapping[str, Element]
    names: Mapping[str, tuple[str, ...]]
    required: tuple[Element, ...]
    unwraps: bool
    ways: dict[str, Way] = field(default_factory=dict)
    places: dict[tuple[str, str], tuple[TypeDefinition, TypeDefinition, str, str]] = field(default_factory=dict)


@cache
def tables(_: Release, __: Release) -> dict[tuple[str, str, str, str], Table]:
    """Return the tables of one direction, kept for the life of the process; there are as many as types, at most."""
    return {}


def table_of(source: Release, target: Release, place: Place) -> Table:
    """Return what holds for every object of the type that is in this place."""
    stu3 = place.source if source is Release.STU3 else place.target
    renamed = RENAMED.get(stu3.name, {})
    elements = elements_of(target, place.target.name)
    return Table(
        stu3,
        RULES.get((source, stu3.name)),
        renamed if source is Release.STU3 else {new: old for old, new in renamed.items()},
        elements,
        {
            name: tuple(one for member in element.members() for one in (member.name, f"_{member.name}"))
            for name, element in elements.items()
        },
        tuple(element for element in place.target.elements if element.required),
        any(kind == stu3.name for kind, _ in UNWRAPPED),
    )


@cache
def part_names(release: Release, root: str) -> Mapping[str, str]:
    """Return the parts of a type by their names, as elements: ``ObservationComponent`` -> ``Observation.component``."""
    known = definitions(release)
    names, left = {root: root}, [root]
    while left:
        kind = left.pop(0)
        for element in known[kind].elements:
            part = element.types[0]
            if part.startswith(root) and part not in names and part in known:
                names[part] = f"{names[kind]}.{element.name.removesuffix('[x]')}"
                left.append(part)
    return names


@cache
def value_members(release: Release) -> Mapping[str, Member]:
    """Return the members of an Extension that hold a value, by type."""
    members = definitions(release)["Extension"].members.values()
    return {member.type: member for member in members if member.element.name == "value[x]"}


@cache
def elements_of(release: Release, kind: str) -> Mapping[str, Element]:
    """Return the elements of a type by their bare names."""
    return {bare(element): element for element in definitions(release)[kind].elements}


@cache
def own_elements_of(release: Release, kind: str) -> Mapping[str, Element]:
    """Return those elements of a type that not every resource or data type has, such as ``id`` or ``meta``."""
    base = definitions(release)[kind].base
    inherited = elements_of(release, base) if base is not None else {}
    return {name: element for name, element in elements_of(release, kind).items() if name not in inherited}


@cache
def members_of(release: Release, kind: str, element: str) -> Mapping[str, Member]:
    """Return the members of an element by their types."""
    return {member.type: member for member in elements_of(release, kind)[element.removesuffix("[x]")].members()}


def bare(element: Element) -> str:
    """Return the name of an element without the mark of a choice."""
    return element.name.removesuffix("[x]")


def says_something(extension: dict[str, Any]) -> bool:
    """Return whether an Extension has a value, or extensions of its own."""
    return any(name == "extension" or name.lstrip("_").startswith("value") for name in extension)


def occurrences(node: Mapping[str, Any], member: Member) -> Iterator[Item]:
    """Yield the occurrences of a member in an object."""
    value, sibling = node.get(member.name), node.get(f"_{member.name}") if member.is_primitive else None
    if not member.element.many:
        if value is not None or sibling is not None:
            yield Item(value, sibling)
        return
    several, siblings = value or [], sibling or []
    for number in range(max(len(several), len(siblings))):
        yield Item(
            several[number] if number < len(several) else None, siblings[number] if number < len(siblings) else None
        )


def set_member(node: dict[str, Any], name: str, item: Item) -> None:
    """Set a member that occurs once."""
    if item.value is not None:
        node[name] = item.value
    if item.sibling:
        node[f"_{name}"] = item.sibling
