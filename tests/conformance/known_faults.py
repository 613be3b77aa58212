"""Faults that are put into valid resources on purpose, each with the place where it has to be found.

Where a fault can be put follows from the tables of ``app/fhir/releases/``; which of the many places is taken, from a seed.
The faults are those against FHIR itself, in its JSON form; those against profiles are in ``known_profile_faults.py``.
"""

import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.fhir.release import Release
from app.fhir.releases.definitions import PRIMITIVES, Definitions, Member, TypeDefinition, definitions
from app.fhir.validation.primitives import RANGES

Tree = dict[str, Any]
Way = tuple[str | int, ...]
Change = Callable[[Any], None]

UNKNOWN = "https://regie.example/fhir/StructureDefinition/nowhere"
WRONG_VALUES: dict[str, tuple[Any, ...]] = {
    "base64Binary": ("@@@@", "QUJD="),
    "boolean": ("true", 1),
    "code": (" spaced ", "two  spaces"),
    "date": ("2026-02-30", "2026-1-1", "26-01-01", "2026-01-01T10:00:00Z"),
    "dateTime": ("2026-13-01", "2026-01-01T10:00:00", "2026-01-01 10:00:00Z", "2026-02-29"),
    "decimal": ("1.0", True),
    "id": ("a_b", "a b", "x" * 65),
    "instant": ("2026-01-01", "2026-01-01T10:00Z", "2026-01-01T25:00:00Z"),
    "integer": ("1", Decimal("1.5"), 2**31),
    "markdown": ("", " ", 5),
    "oid": ("urn:oid:9.1", "1.2.3"),
    "positiveInt": (0, -1, "1"),
    "string": ("", " ", 5),
    "time": ("25:00:00", "10:00"),
    "unsignedInt": (-1, "1"),
    "uri": ("with spaces in it", 5),
    "url": ("with spaces in it", 5),
    "canonical": ("with spaces in it", 5),
}
OTHER_TYPES = ("Money", "HumanName", "ContactPoint", "Address", "Attachment", "Timing", "uuid")
SIMPLE_VALUES = {"string": "x", "boolean": True, "dateTime": "2026-01-01", "integer": 1, "code": "x", "uri": "urn:x"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A resource with one fault: ``place`` is the FHIRPath of what is wrong, a choice by the name that it has in JSON."""

    kind: str
    place: str
    tree: Tree


@dataclass(frozen=True, slots=True)
class Spot:
    """An object in a resource: the ``way`` to it, its FHIRPath, its type and its content."""

    way: Way
    path: str
    type: TypeDefinition
    node: Tree

    def present(self) -> Iterator[tuple[Member, Any]]:
        """Yield the members that are there, with their values."""
        for name, value in self.node.items():
            if name in self.type.members:
                yield self.type.members[name], value


Candidate = tuple[str, Way, Change]
"""Where the fault is to be found, the way to the object that is changed, and the change."""


def faults(release: Release, tree: Tree, seed: object, kinds: int) -> Iterator[Fault]:
    """Yield faulty copies of a valid resource: one for each of ``kinds`` of the kinds of fault that it has room for."""
    types = definitions(release)
    spots = [spot for spot in objects(types, tree) if ".text." not in spot.path]
    found = {kind: [one for spot in spots for one in find(types, spot)] for kind, find in KINDS.items()}
    rng = random.Random(f"{seed}")
    with_room = [kind for kind, candidates in found.items() if candidates]
    for kind in rng.sample(with_room, min(kinds, len(with_room))):
        place, way, change = rng.choice(found[kind])
        yield Fault(kind, place, changed(tree, way, change))


def changed(tree: Tree, way: Way, change: Change) -> Tree:
    """Return a copy of a resource in which what is at the end of ``way`` is changed."""
    copy = deepcopy(tree)
    node: Any = copy
    for step in way:
        node = node[step]
    change(node)
    return copy


def objects(types: Definitions, tree: Tree) -> Iterator[Spot]:
    """Yield every object in a resource that has a type, itself first; narratives and siblings of primitives are left out."""
    yield from _objects(types, Spot((), tree["resourceType"], types[tree["resourceType"]], tree))


def _objects(types: Definitions, spot: Spot) -> Iterator[Spot]:
    yield spot
    for member, value in spot.present():
        if member.is_primitive:
            continue
        for index, item in enumerate(value if member.element.many else [value]):
            name = item["resourceType"] if member.type == "Resource" else member.type
            step: Way = (member.name, index) if member.element.many else (member.name,)
            path = f"{spot.path}.{member.name}" + (f"[{index}]" if member.element.many else "")
            yield from _objects(types, Spot(spot.way + step, path, types[name], item))


def _put(name: str, value: Any) -> Change:
    return lambda node: node.update({name: value})


def _take(*names: str) -> Change:
    def change(node: Tree) -> None:
        for name in names:
            node.pop(name, None)
            node.pop(f"_{name}", None)

    return change


def _items(spot: Spot, member: Member, value: Any) -> Iterator[tuple[str, Way, Any]]:
    """Yield (place, way, value) of each repetition of a member; the last step of the way is the one to put a value at."""
    path = f"{spot.path}.{member.name}"
    if not member.element.many:
        yield path, spot.way, value
        return
    for index, item in enumerate(value):
        yield f"{path}[{index}]", (*spot.way, member.name), item


def _put_item(place: str, member: Member, value: Any) -> Change:
    """Return the change that puts a value where ``_items`` said."""
    key: str | int = int(place.rpartition("[")[2][:-1]) if member.element.many else member.name

    def change(node: Any) -> None:
        node[key] = value

    return change


def required_missing(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """A required element is left out."""
    for element, members in spot.type.counted:
        present = [member.name for member in members if member.name in spot.node or f"_{member.name}" in spot.node]
        others = spot.node.keys() - {"resourceType", *present, *(f"_{name}" for name in present)}
        if element.required and present and others:
            yield f"{spot.path}.{element.name.removesuffix('[x]')}", spot.way, _take(*present)


def list_for_one(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """An element that occurs once is an array."""
    for member, value in spot.present():
        if not member.element.many:
            yield f"{spot.path}.{member.name}", spot.way, _put(member.name, [value, value])


def one_for_list(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """An element that may repeat is no array."""
    for member, value in spot.present():
        if member.element.many and value[0] is not None:
            yield f"{spot.path}.{member.name}", spot.way, _put(member.name, value[0])


def unknown_element(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """There is an element that the type does not have."""
    yield f"{spot.path}.noElement", spot.way, _put("noElement", "x")


def wrong_value(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """A primitive value does not have the form, or the JSON type, of its type."""
    for member, value in spot.present():
        for place, way, item in _items(spot, member, value) if member.type in WRONG_VALUES else ():
            if item is not None:
                yield from ((place, way, _put_item(place, member, wrong)) for wrong in WRONG_VALUES[member.type])


def complex_for_primitive(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """A primitive value is an object."""
    for member, value in spot.present():
        if member.is_primitive and member.name not in ("id", "url", "div"):
            for place, way, item in _items(spot, member, value):
                if item is not None:
                    yield place, way, _put_item(place, member, {"value": "x"})


def primitive_for_complex(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """A value with parts is a string."""
    for member, value in spot.present():
        if not member.is_primitive:
            for place, way, _item in _items(spot, member, value):
                yield place, way, _put_item(place, member, "text")


def unlisted_code(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """A code is not in the list of a required binding."""
    for member, value in spot.present():
        if member.element.codes and member.type == "code":
            for place, way, item in _items(spot, member, value):
                if item is not None:
                    yield place, way, _put_item(place, member, "not-in-the-list")


def empty_object(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """An element has no content."""
    for member, value in spot.present():
        if not member.is_primitive and member.type != "Resource":
            for place, way, _item in _items(spot, member, value):
                yield place, way, _put_item(place, member, {})


def empty_list(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """An element that may repeat is an empty array."""
    for member, _value in spot.present():
        if member.element.many and not member.element.required and f"_{member.name}" not in spot.node:
            yield f"{spot.path}.{member.name}", spot.way, _put(member.name, [])


def null(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """An element is null."""
    for member, _value in spot.present():
        if not member.element.many and not member.element.required and f"_{member.name}" not in spot.node:
            yield f"{spot.path}.{member.name}", spot.way, _put(member.name, None)


def wrong_choice(types: Definitions, spot: Spot) -> Iterator[Candidate]:
    """A choice has a type that it may not have."""
    for member, value in spot.present():
        others = [one for one in OTHER_TYPES if one in types.names | PRIMITIVES and one not in member.element.types]
        if member.element.is_choice and others:
            name = member.element.name.removesuffix("[x]") + others[0][0].upper() + others[0][1:]

            def change(node: Tree, old: str = member.name, new: str = name, value: Any = value) -> None:
                del node[old]
                node[new] = value

            yield f"{spot.path}.{name}", spot.way, change


def two_choices(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """A choice is made twice."""
    for member, _value in spot.present():
        for kind, value in SIMPLE_VALUES.items():
            name = member.element.name.removesuffix("[x]") + kind[0].upper() + kind[1:]
            if member.element.is_choice and kind in member.element.types and name != member.name:
                yield spot.path, spot.way, _put(name, value)


def wrong_target(types: Definitions, spot: Spot) -> Iterator[Candidate]:
    """A reference leads to a resource of a type that it may not lead to."""
    for member, value in spot.present():
        targets = member.element.targets
        others = sorted(types.resource_types - targets)
        if member.type != "Reference" or not targets or not others:
            continue
        for place, way, item in _items(spot, member, value):
            inner = (*way, *(_steps(place, member)))
            yield f"{place}.reference", inner, _put("reference", f"{others[len(place) % len(others)]}/1")
            del item


def _steps(place: str, member: Member) -> Way:
    return (int(place.rpartition("[")[2][:-1]),) if member.element.many else (member.name,)


def contained_of_no_type(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """A contained resource has a resourceType that does not exist."""
    if not spot.way and "contained" in spot.type.members:
        place = f"{spot.path}.contained[{len(spot.node.get('contained', ()))}]"

        def change(node: Tree) -> None:
            node["contained"] = [*node.get("contained", ()), {"resourceType": "NoResource", "id": "none"}]

        yield place, spot.way, change


def contained_twice(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """A contained resource contains another."""
    for index, one in enumerate(spot.node.get("contained", ()) if not spot.way else ()):
        inner = [{"resourceType": "Basic", "id": "inner", "code": {"text": "x"}}]
        if "contained" not in one:
            yield f"{spot.path}.contained[{index}].contained", ("contained", index), _put("contained", inner)


def unsafe_narrative(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """The narrative has a script."""
    if not spot.way and "text" in spot.type.members and spot.type.is_resource:
        div = "<div xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></div>"
        yield f"{spot.path}.text.div", spot.way, _put("text", {"status": "additional", "div": div})


def _extended(spot: Spot, extension: Tree, part: str = "") -> Iterator[Candidate]:
    if "extension" in spot.type.members and spot.type.name != "Extension":
        count = len(spot.node.get("extension", ()))

        def change(node: Tree) -> None:
            node["extension"] = [*node.get("extension", ()), extension]

        yield f"{spot.path}.extension[{count}]{part}", spot.way, change


def extension_without_url(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """An extension does not say what it is."""
    yield from _extended(spot, {"valueString": "x"}, ".url")


def extension_without_content(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """An extension has neither a value nor extensions (ext-1)."""
    yield from _extended(spot, {"url": UNKNOWN})


def extension_with_both(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """An extension has a value and extensions (ext-1)."""
    inner = {"url": "inner", "valueString": "x"}
    yield from _extended(spot, {"url": UNKNOWN, "valueString": "x", "extension": [inner]})


def invariant_broken(_: Definitions, spot: Spot) -> Iterator[Candidate]:
    """A rule of the specification that is written in FHIRPath is broken."""
    for name, needed, change in INVARIANTS:
        if spot.type.name == name and needed <= spot.node.keys():
            yield spot.path, spot.way, change


INVARIANTS: tuple[tuple[str, frozenset[str], Change], ...] = (
    ("Period", frozenset({"start"}), lambda node: node.update(start="2026-01-02", end="2026-01-01")),  # per-1
    ("Quantity", frozenset({"code", "system"}), _take("system")),  # qty-3
    ("ContactPoint", frozenset({"value", "system"}), _take("system")),  # cpt-2
    ("Attachment", frozenset({"data", "contentType"}), _take("contentType")),  # att-1
    ("Ratio", frozenset({"numerator", "denominator"}), _take("denominator")),  # rat-1
    ("Observation", frozenset({"valueQuantity"}), _put("dataAbsentReason", {"text": "x"})),  # obs-6
    ("Observation", frozenset({"valueCodeableConcept"}), _put("dataAbsentReason", {"text": "x"})),  # obs-6
    ("TimingRepeat", frozenset({"period", "periodUnit"}), _take("periodUnit")),  # tim-2
    ("TimingRepeat", frozenset({"boundsPeriod"}), lambda node: node.update(period=-1, periodUnit="d")),  # tim-5
    ("Organization", frozenset({"name", "identifier"}), _take("name", "identifier")),  # org-1
)


def _kinds(*found: Callable[[Definitions, Spot], Iterator[Candidate]]) -> dict[str, Any]:
    return {one.__name__.replace("_", " "): one for one in found}


KINDS: dict[str, Callable[[Definitions, Spot], Iterator[Candidate]]] = _kinds(
    required_missing,
    list_for_one,
    one_for_list,
    unknown_element,
    wrong_value,
    complex_for_primitive,
    primitive_for_complex,
    unlisted_code,
    empty_object,
    empty_list,
    null,
    wrong_choice,
    two_choices,
    wrong_target,
    contained_of_no_type,
    contained_twice,
    unsafe_narrative,
    extension_without_url,
    extension_without_content,
    extension_with_both,
    invariant_broken,
)
assert RANGES.keys() <= WRONG_VALUES.keys()
