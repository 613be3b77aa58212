"""Faults against profiles, put into resources that keep them, each with the place where it has to be found.

What a profile demands is read here from its differential as it was published, and not by ``app/fhir/snapshot.py``: only what
is easily read, such as a minimum, a pattern, or a slice that is told apart by a fixed value.
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import partial
from typing import Any

from app.fhir.release import Release
from app.fhir.releases.definitions import PRIMITIVES, Definitions, Member, definitions
from app.fhir.snapshot import core_type
from tests.conformance.known_faults import SIMPLE_VALUES, Candidate, Fault, Spot, Tree, changed, objects

Find = Callable[[str], Mapping[str, Any] | None]
BASES_MAX = 10
_INDEX = re.compile(r"\[\d+\]")


def profile_faults(release: Release, tree: Tree, find: Find, seed: object, kinds: int) -> Iterator[Fault]:
    """Yield copies of a resource that break a profile that it claims: one for each of ``kinds`` kinds of fault."""
    found = _Faults(release, tree, find)
    for url in tree.get("meta", {}).get("profile", ()):
        for profile in _chain(url, find):
            found.of_profile(profile)
    found.of_extensions()
    rng = random.Random(f"{seed}")
    with_room = sorted(found.candidates)
    for kind in rng.sample(with_room, min(kinds, len(with_room))):
        place, way, change = rng.choice(found.candidates[kind])
        yield Fault(kind, place, changed(tree, way, change))


def _chain(url: str, find: Find) -> Iterator[Mapping[str, Any]]:
    """Yield a profile and those that it is based on."""
    for _ in range(BASES_MAX):
        profile = find(url)
        if profile is None:
            return
        yield profile
        url = str(profile.get("baseDefinition", ""))


class _Faults:
    """The faults that there is room for in a resource."""

    def __init__(self, release: Release, tree: Tree, find: Find) -> None:
        self.types: Definitions = definitions(release)
        self.find = find
        self.spots: dict[str, list[Spot]] = {}
        for spot in objects(self.types, tree):
            if not any(name in spot.path for name in (".contained", ".extension", ".entry")):
                self.spots.setdefault(_INDEX.sub("", spot.path), []).append(spot)
        self.extensions = [spot for spot in objects(self.types, tree) if spot.type.name == "Extension"]
        self.candidates: dict[str, list[Candidate]] = {}

    def add(self, kind: str, place: str, way: tuple[str | int, ...], change: Callable[[Any], object]) -> None:
        """Keep a fault that can be made."""
        self.candidates.setdefault(kind, []).append((place, way, lambda node: (change(node), None)[1]))

    def of_profile(self, profile: Mapping[str, Any]) -> None:
        """Find what each element of a profile makes room for."""
        elements = profile.get("differential", {}).get("element", [])
        for element in elements:
            parent, _, last = str(element["path"]).rpartition(".")
            sliced = str(element.get("id", "")).count(":")
            for spot in self.spots.get(parent, ()):
                members = _members(spot, last)
                if sliced == 0 and members:
                    self.of_element(element, spot, members, last)
                elif sliced == 1 and element.get("sliceName") and members and members[0][0].element.many:
                    self.of_slice(element, elements, spot, members[0][0].name, last)

    def of_element(self, element: Tree, spot: Spot, members: list[tuple[Member, Any]], last: str) -> None:
        """Find what an element that is in no slice makes room for."""
        (member, value), place = members[0], f"{spot.path}.{last.removesuffix('[x]')}"
        if element.get("min", 0) > 0 and not member.element.required and len(spot.node) > 2:
            self.add("profile: required missing", place, spot.way, lambda node: _drop(node, member.name))
        if element.get("max") == "1" and member.element.many:
            self.add("profile: too many", place, spot.way, lambda node: node[member.name].append(_copy(value[0])))
        demanded = _value_of(element, "fixed") or _value_of(element, "pattern")
        if demanded is not None and not member.element.codes:
            self.add("profile: other value", place, spot.way, lambda node: node.update({member.name: _other(value)}))
        types = {one["code"] for one in element.get("type", ()) if "code" in one}
        others = [one for one in SIMPLE_VALUES if one in member.element.types and types and one not in types]
        if member.element.is_choice and others:
            name = last.removesuffix("[x]") + others[0][0].upper() + others[0][1:]
            self.add("profile: other type", place, spot.way, lambda node: _rename(node, member.name, name, others[0]))
        self.of_targets(element, spot, member, value, place)
        self.of_binding(element, spot, member, value, place)

    def of_targets(self, element: Tree, spot: Spot, member: Member, value: Any, place: str) -> None:
        """Find whether a reference may lead to less than the specification allows."""
        if member.type != "Reference":
            return
        named = [self.target(url) for one in element.get("type", ()) for url in _targets(one)]
        others = sorted(member.element.targets - {name for name in named if name})
        if named and None not in named and others:
            other: Any = {"reference": f"{others[0]}/1", "display": "x"}
            wrong = [other, *value[1:]] if member.element.many else other
            where = f"{place}[0]" if member.element.many else place
            self.add("profile: other target", where, spot.way, lambda node: node.update({member.name: wrong}))

    def target(self, url: str) -> str | None:
        """Return the type that a profile is on, None if that is not known."""
        core = core_type(url, self.types)
        profile = None if core else self.find(url)
        return core or (str(profile["type"]) if profile else None)

    def of_binding(self, element: Tree, spot: Spot, member: Member, value: Any, place: str) -> None:
        """Find whether a code has to be of a value set that lists its codes."""
        binding = element.get("binding", {})
        url = (
            binding.get("valueSet")
            or binding.get("valueSetUri")
            or binding.get("valueSetReference", {}).get("reference")
        )
        value_set = self.find(url) if url and binding.get("strength") == "required" else None
        include = (value_set or {}).get("compose", {}).get("include", [])
        if not include or not all(one.get("concept") for one in include) or member.element.codes:
            return
        first = value[0] if member.element.many else value
        coding = {"system": include[0]["system"], "code": "not-in-the-value-set", "display": "x"}
        wrong = {"CodeableConcept": {"coding": [coding]}, "Coding": coding, "code": "not-in-the-value-set"}.get(
            member.type
        )
        if wrong is not None and isinstance(first, str | dict):
            where = f"{place}[0]" if member.element.many else place
            put = [wrong, *value[1:]] if member.element.many else wrong
            self.add("profile: unlisted code", where, spot.way, lambda node: node.update({member.name: put}))

    def of_slice(self, head: Tree, elements: list[Tree], spot: Spot, name: str, last: str) -> None:
        """Find what a slice of a list makes room for, if it is told apart by values that the differential gives."""
        marks = self.marks(head, elements)
        items = spot.node[name]
        fitting = [index for index, item in enumerate(items) if marks and _has_marks(item, marks)]
        place = f"{spot.path}.{last}"
        if not fitting:
            return
        rest = [item for index, item in enumerate(items) if index not in fitting]
        if head.get("min", 0) > 0 and (rest or len(spot.node) > 1):
            self.add("profile: slice missing", place, spot.way, lambda node: _replace(node, name, rest))
        if head.get("max") == "1":
            again = [*items, _copy(items[fitting[0]])]
            self.add("profile: slice too often", place, spot.way, lambda node: node.update({name: again}))

    def marks(self, head: Tree, elements: list[Tree]) -> list[tuple[list[str], Any]]:
        """Return the values that an item of a slice has, each with the names that lead to it."""
        found = []
        for element in elements:
            inner = str(element.get("id", "")).removeprefix(str(head["id"]))
            if element.get("id") == head["id"] or (inner.startswith(".") and ":" not in inner):
                value = _value_of(element, "fixed") or _value_of(element, "pattern")
                if value is not None and "[x]" not in inner:
                    found.append(([one for one in inner.split(".") if one], value))
        profiles = [
            url for one in head.get("type", ()) if one.get("code") == "Extension" for url in _listed(one, "profile")
        ]
        return found or [(["url"], url) for url in profiles[:1]]

    def of_extensions(self) -> None:
        """Find the extensions whose value may have one type only."""
        for spot in self.extensions:
            profile = self.find(str(spot.node.get("url")))
            value = next((name for name in spot.node if name.startswith("value")), None)
            for element in (profile or {}).get("differential", {}).get("element", []):
                types = {one.get("code") for one in element.get("type", ())}
                if value and types and element.get("path") == "Extension.value[x]" and "sliceName" not in element:
                    kind = next(one for one in ("string", "boolean") if one not in types)
                    name = f"value{kind.capitalize()}"
                    change = partial(_rename, old=value, new=name, kind=kind)
                    self.add("profile: other type in an extension", f"{spot.path}.value", spot.way, change)


def _members(spot: Spot, last: str) -> list[tuple[Member, Any]]:
    """Return the members of an object that are there of an element, as a differential calls it."""
    found = ((spot.type.members[name], value) for name, value in spot.node.items() if name in spot.type.members)
    wanted = [(member, value) for member, value in found if last in (member.element.name, member.name)]
    return [(member, value) for member, value in wanted if f"_{member.name}" not in spot.node and value != [None]]


def _value_of(element: Tree, start: str) -> Any:
    return next((value for name, value in element.items() if name.startswith(start) and name != start), None)


def _has_marks(item: Any, marks: list[tuple[list[str], Any]]) -> bool:
    return all(_has(item, way, value) for way, value in marks)


def _has(item: Any, way: list[str], value: Any) -> bool:
    """Return whether ``value`` is in what ``way`` leads to: all of its members, and for a list each in some item."""
    if isinstance(item, list) and not isinstance(value, list):
        return any(_has(one, way, value) for one in item)
    if way:
        return isinstance(item, dict) and way[0] in item and _has(item[way[0]], way[1:], value)
    if isinstance(value, dict):
        return isinstance(item, dict) and all(name in item and _has(item[name], [], one) for name, one in value.items())
    if isinstance(value, list):
        return isinstance(item, list) and all(_has(item, [], one) for one in value)
    return bool(item == value)


def _targets(kind: Tree) -> list[str]:
    return _listed(kind, "targetProfile") if kind.get("code") == "Reference" else []


def _listed(kind: Tree, name: str) -> list[str]:
    """Return the URLs of a member of a type, which is one in STU3 and many in R4."""
    value = kind.get(name, [])
    return [value] if isinstance(value, str) else list(value)


def _other(value: Any) -> Any:
    """Return another value of the same form: other texts, other numbers, all of them."""
    if isinstance(value, dict):
        return {name: _other(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_other(one) for one in value]
    if isinstance(value, bool):
        return not value
    return f"{value}x" if isinstance(value, str) else value + 1


def _drop(node: Tree, name: str) -> None:
    del node[name]
    node.pop(f"_{name}", None)


def _replace(node: Tree, name: str, items: list[Any]) -> None:
    _drop(node, name)
    if items:
        node[name] = items


def _rename(node: Tree, old: str, new: str, kind: str) -> None:
    _drop(node, old)
    node[new] = SIMPLE_VALUES[kind]


def _copy(value: Any) -> Any:
    """Return a copy that may stand beside the original: an id occurs once."""
    copy = deepcopy(value)
    if isinstance(copy, dict):
        copy.pop("id", None)
    return copy


assert SIMPLE_VALUES.keys() <= PRIMITIVES
