"""The way through a resource: every element is told in the other release, kept in an extension, or named as a loss.

An extension that keeps an element is named by HL7's scheme for elements of other releases, and one that comes in is turned
back into its element. Where the other release demands what the source has not, it is said to be unknown.
Telling, keeping and restoring are one module: what is kept or restored has parts that are told, and the other way round.

Spec: https://hl7.org/fhir/R4/versions.html#extensions
"""

from dataclasses import replace
from typing import Any

from app.fhir.release import Release
from app.fhir.releases.definitions import Element, Member, TypeDefinition, definitions
from app.fhir.translate import values
from app.fhir.translate.shape import (
    Loss,
    Place,
    Table,
    Way,
    bare,
    members_of,
    occurrences,
    own_elements_of,
    part_names,
    says_something,
    set_member,
    table_of,
    tables,
    value_members,
)
from app.fhir.translate.tables import CODED, MODIFIERS, STANDARD_EXTENSIONS, UNWRAPPED
from app.fhir.translate.values import Item, Told
from app.fhir.validation.issues import has_allowed_coding, refers_to_allowed_type

ABSENT_URL = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
UNKNOWN = {"extension": [{"url": ABSENT_URL, "valueCode": "unknown"}]}
_NO_PLACE = "FHIR {version} has no place for this."


class Walk:
    """One translation on its way; ``losses`` grows as it goes."""

    def __init__(self, source: Release, target: Release, lost_contained: frozenset[str]) -> None:
        self.source, self.target = source, target
        self.here, self.there = definitions(source), definitions(target)
        self.lost_contained = lost_contained
        self.losses: list[Loss] = []
        self.tables = tables(source, target)

    def resource(self, tree: dict[str, Any], path: str) -> dict[str, Any]:
        """Return a resource whose type both releases have."""
        name = tree["resourceType"]
        place = Place(path, self.here[name], self.there[name], name, name)
        rest = {key: value for key, value in tree.items() if key != "resourceType"}
        return {"resourceType": name, **self.object(rest, place)}

    def lose(self, path: str, reason: str) -> None:
        """Name something that does not come along."""
        self.losses.append(Loss(path, reason.format(version=self.target.mime_version)))

    def object(self, node: dict[str, Any], place: Place) -> dict[str, Any]:
        """Return an object of a resource, told in the other release."""
        step = _Step(self, place)
        left = dict(node)
        restored = step.take_kept(left)
        if step.table.rule is not None:
            step.out.update(step.table.rule(step, left))
        for name in dict.fromkeys(key.removeprefix("_") for key in left):
            member = place.source.members.get(name)
            if member is not None:
                step.member(member, list(occurrences(left, member)))
        for element, items in restored:
            step.restore(element, items)
        step.fill()
        return step.out

    def table(self, place: Place) -> Table:
        """Return what holds for every object of this type in this place."""
        key = place.source.name, place.target.name, place.source_root, place.target_root
        if key not in self.tables:
            self.tables[key] = table_of(self.source, self.target, place)
        return self.tables[key]

    def type_of(self, release: Release, root: str, kind: str) -> tuple[TypeDefinition, str]:
        """Return the definition of a type and what it is a part of: ``root``, or only itself."""
        known = self.here if release is self.source else self.there
        return known[kind], root if kind in part_names(release, root) else kind


class _Step:
    """One object on the way; what a rule may ask is here."""

    def __init__(self, walk: Walk, place: Place) -> None:
        self.walk, self.place = walk, place
        self.out: dict[str, Any] = {}
        self.kept: set[str] = set()
        self.held: set[str] = set()
        self.table = walk.table(place)
        self.stu3, self.renamed, self.elements = self.table.stu3, self.table.renamed, self.table.elements

    # What a rule may ask.

    def lose(self, name: str, reason: str) -> None:
        """Name a member that does not come along."""
        self.walk.lose(f"{self.place.path}.{name}", reason)

    def told(self, kind: str, value: Any) -> Any:
        """Return a value of data type ``kind`` as the other release has it."""
        path = f"{self.place.path}.{kind}"
        return self.walk.object(value, Place(path, self.walk.here[kind], self.walk.there[kind], kind, kind))

    def reference(self, goal: str, value: Any) -> Any | None:
        """Return a Reference as the element ``goal`` has it there; None if it may not refer to that."""
        name, _, part = goal.partition(".")
        element = self.elements[name]
        if part:
            element = next(one for one in self.walk.there[element.types[0]].elements if one.name == part)
        return self.told("Reference", value) if self._may_refer(value, element) else None

    def keep(self, left: dict[str, Any], name: str) -> None:
        """Take a member out of ``left`` into an extension, from which it comes back."""
        member = self.place.source.members[name]
        self._keep(member, list(occurrences(left, member)))
        left.pop(name, None)
        left.pop(f"_{name}", None)

    def is_kept(self, name: str) -> bool:
        """Return whether an extension brings the other release's element ``name`` back."""
        return name in self.kept

    # Going through the members.

    def member(self, member: Member, items: list[Item]) -> None:
        """Take over one member: tell what can be told, keep the rest."""
        way = self.table.ways.get(member.name)
        if way is None:
            name = bare(member.element)
            goal = self.elements.get(self.renamed.get(name, name))
            way = Way(name, goal, self._into(member.type, goal) if goal is not None else None)
            self.table.ways[member.name] = way
        name, goal, into = way
        if goal is None or into is None:
            self._keep(member, items)
            return
        if member.element.required and not goal.required:
            items = [item for item in items if not _is_unknown(item)]
        told: list[Item] = []
        for number, item in enumerate(items):
            path = f"{self.place.path}.{name}[{number}]" if member.element.many else f"{self.place.path}.{name}"
            here = self.convert(item, member, into, path)
            if here is None:
                self._keep(member, [item])
            elif isinstance(here, Told):
                is_full = not goal.many and (told or self._present(goal))
                if is_full or not here.whole:
                    self._keep(member, [item])
                if not is_full:
                    told.append(here.item)
        self._put(into, told)

    def convert(self, item: Item, member: Member, into: Member, path: str) -> Told | bool | None:
        """Return an occurrence told as ``into``; None if it can only be kept, False if it is lost for good."""
        value, kind = item.value, member.type
        if kind == "Resource":
            return self._contained(value, path)
        if self.table.unwraps and (self.stu3.name, bare(self._stu3_element(member, into))) in UNWRAPPED:
            return self._unwrap(value, member, into, path)
        if member.is_primitive:
            return self._from_primitive(item, member, into, path)
        if into.is_primitive:
            return self._primitive_of(value, member, into, path)
        return self._object(value, member, into, path)

    def _from_primitive(self, item: Item, member: Member, into: Member, path: str) -> Told | None:
        value, kind = item.value, member.type
        beside = item.sibling and self.walk.object(item.sibling, self._at("Element", "Element", path))
        here = Item(value, beside or None)
        code = self._code(member, into, value) if kind == "code" and isinstance(value, str) else None
        if into.is_primitive:
            if member.name == "system" and self.place.source.name in CODED and value is not None:
                return Told(Item(values.system_in(self.walk.target, value), here.sibling))
            return values.primitive(here, kind, into.element, into.type, code)
        if into.type == "Reference":
            return self._referring(here, into)
        return values.concept_of(here, kind, into.element, code)

    def _referring(self, item: Item, into: Member) -> Told | None:
        """Return a canonical URL as a Reference to the definition."""
        if item.value is None or item.sibling is not None:
            return None
        reference = {"reference": item.value}
        return Told(Item(reference)) if self._may_refer(reference, into.element) else None

    def _object(self, value: dict[str, Any], member: Member, into: Member, path: str) -> Told | bool | None:
        kind, goal = member.type, into.type
        if kind == "Reference" and not self._may_refer(value, into.element):
            return None
        if kind == "Reference" and value.get("reference") in self.walk.lost_contained:
            self.walk.lose(f"{path}.reference", "What is contained here does not come along.")
            value = {name: part for name, part in value.items() if name != "reference"}
        there = self.walk.object(value, self._at(kind, goal, path))
        if not there or (kind == "Extension" and not says_something(there)):
            return False
        if into.element.codes and not has_allowed_coding(goal, there, into.element.codes):
            return None
        return Told(Item(there))

    def _contained(self, value: dict[str, Any], path: str) -> Told | bool:
        if value["resourceType"] not in self.walk.there.resource_types:
            self.walk.lose(path, "FHIR {version} has no resource of this type.")
            return False
        return Told(Item(self.walk.resource(value, path)))

    def _primitive_of(self, value: dict[str, Any], member: Member, into: Member, path: str) -> Told | None:
        if member.type == "Reference":
            return values.canonical_of(value)
        if into.type == "string":
            return values.text_of(value)
        given = {coding.get("code", "") for coding in value.get("coding", ())}
        codes = {code: self._code(member, into, code) for code in given}
        told = values.code_of(value, member.element, into.element, codes)
        if told is None or "extension" not in value:
            return told
        beside = self.walk.object({"extension": value["extension"]}, self._at("Element", "Element", path))
        return Told(Item(told.item.value, beside or None), told.whole)

    def _unwrap(self, value: dict[str, Any], member: Member, into: Member, path: str) -> Told | None:
        """Return a Reference for an object around one, or the other way round; extensions take the other parts along."""
        part = UNWRAPPED[self.stu3.name, bare(self._stu3_element(member, into))]
        step = _Step(self.walk, self._at(member.type, into.type, path))
        if into.type == "Reference":
            inner = value.get(part, {})
            if not self._may_refer(inner, into.element):
                return None
            for other in dict.fromkeys(name.removeprefix("_") for name in value if name != part):
                beside = step.place.source.members[other]
                step.member(beside, list(occurrences(value, beside)))
            extensions = step.out.pop("extension", [])
            reference = self.told("Reference", inner)
            if step.out.keys() & reference.keys():
                return None
            told = {**step.out, **reference}
            if not told.keys() & {"reference", "identifier", "display"}:
                return None
            if extensions:
                told["extension"] = [*told.get("extension", []), *extensions]
            return Told(Item(told))
        if not self._may_refer(value, step.elements[part]):
            return None
        left = dict(value)
        kept = step.take_kept(left)
        if left:
            step.out[part] = self.told("Reference", left)
        for element, extensions in kept:
            step.restore(element, extensions)
        return Told(Item(step.out))

    def _may_refer(self, value: dict[str, Any], element: Element) -> bool:
        reference = value.get("reference")
        return not isinstance(reference, str) or refers_to_allowed_type(
            reference, element.targets, self.walk.there.reference_targets
        )

    def _stu3_element(self, member: Member, into: Member) -> Element:
        return member.element if self.walk.source is Release.STU3 else into.element

    def _code(self, member: Member, into: Member, code: str) -> str:
        return values.code_in(self.walk.target, (self.stu3.name, bare(self._stu3_element(member, into))), code)

    def _into(self, kind: str, goal: Element) -> Member | None:
        """Return the member that can tell a value of type ``kind``, None if none can."""
        members = members_of(self.walk.target, self.place.target.name, goal.name)
        near = next((members[wanted] for wanted in values.near(kind) if wanted in members), None)
        if near is not None or goal.is_choice:
            return near
        member = next(iter(members.values()))
        parts = (
            kind in part_names(self.walk.source, self.place.source_root),
            member.type in part_names(self.walk.target, self.place.target_root),
        )
        wraps = "Reference" in (kind, member.type) and any(parts)
        return (
            member
            if all(parts) or wraps or (kind, member.type) in {("Quantity", "Money"), ("Money", "Quantity")}
            else None
        )

    def _at(self, kind: str, goal: str, path: str) -> Place:
        places = self.table.places
        if (kind, goal) not in places:
            source, source_root = self.walk.type_of(self.walk.source, self.place.source_root, kind)
            target, target_root = self.walk.type_of(self.walk.target, self.place.target_root, goal)
            places[kind, goal] = source, target, source_root, target_root
        return Place(path, *places[kind, goal])

    def _path(self, member: Member, number: int) -> str:
        name = bare(member.element)
        return f"{self.place.path}.{name}[{number}]" if member.element.many else f"{self.place.path}.{name}"

    def _present(self, goal: Element) -> list[str]:
        return [name for name in self.table.names[bare(goal)] if name in self.out]

    def _put(self, into: Member, items: list[Item]) -> None:
        """Set a member of the answer, or add to it."""
        if not items:
            return
        if not into.element.many:
            set_member(self.out, into.name, items[0])
            return
        before = list(occurrences(self.out, into))
        every = [*before, *items]
        if any(item.value is not None for item in every):
            self.out[into.name] = [item.value for item in every]
        if any(item.sibling for item in every):
            self.out[f"_{into.name}"] = [item.sibling for item in every]

    # What has no place, and what had none.

    def _url(self, release: Release, root: str, kind: str, element: str) -> str:
        name = f"{part_names(release, root).get(kind, kind)}.{element}"
        standard = STANDARD_EXTENSIONS.get(name) if release is Release.STU3 else None
        return standard or f"http://hl7.org/fhir/{release.mime_version}/StructureDefinition/extension-{name}"

    def _keep(self, member: Member, items: list[Item]) -> None:
        """Keep occurrences of a member in extensions; what no extension can hold is lost."""
        place, name = self.place, bare(member.element)
        url = self._url(self.walk.source, place.source_root, place.source.name, name)
        modifies = f"{place.source.name}.{name}" in MODIFIERS and "modifierExtension" in place.target.members
        for number, item in enumerate(items):
            if _is_unknown(item):
                continue
            path = self._path(member, number)
            no_place = place.source.name in ("Extension", "Narrative") or "extension" not in place.target.members
            kept = None if no_place else self._extension(url, item, member.type, path)
            if kept is None:
                self.walk.lose(path, _NO_PLACE)
            else:
                self.held.add(self.renamed.get(name, name))
                self.out.setdefault("modifierExtension" if modifies else "extension", []).append(kept)

    def _extension(self, url: str, item: Item, kind: str, path: str) -> dict[str, Any] | None:
        """Return an extension with a value of type ``kind``, None if it can't hold one."""
        if kind in ("Resource", "xhtml", "Extension"):
            return None
        members = value_members(self.walk.target)
        into = next((members[one] for one in values.near(kind)[:2] if one in members), None)
        if into is None:
            return self._nested(url, item.value, kind, path) if isinstance(item.value, dict) else None
        if kind == "Reference" and not self._may_refer(item.value, into.element):
            item = Item({name: part for name, part in item.value.items() if name != "reference"})
            self.walk.lose(f"{path}.reference", "FHIR {version} has no resource of this type.")
            if not item.value.keys() & {"identifier", "display"}:
                return None
        told = self.convert(item, Member("value", kind, into.element), into, path)
        if not isinstance(told, Told):
            return None
        kept = {"url": url}
        set_member(kept, into.name, told.item)
        return kept if len(kept) > 1 else None

    def _nested(self, url: str, value: dict[str, Any], kind: str, path: str) -> dict[str, Any] | None:
        """Return an extension that has an extension for each element of ``value``."""
        inside: list[dict[str, Any]] = []
        known = self.walk.here[kind]
        for name in dict.fromkeys(key.removeprefix("_") for key in value):
            member = known.members.get(name)
            if member is None:
                continue
            for number, item in enumerate(occurrences(value, member)):
                deeper = f"{path}.{bare(member.element)}" + (f"[{number}]" if member.element.many else "")
                if member.type == "Extension" and member.name == "extension":
                    told = self.walk.object(item.value, self._at("Extension", "Extension", deeper))
                    kept = told if says_something(told) else None
                else:
                    kept = self._extension(bare(member.element), item, member.type, deeper)
                if kept is None:
                    self.walk.lose(deeper, _NO_PLACE)
                else:
                    inside.append(kept)
        return {"extension": inside, "url": url} if inside else None

    def take_kept(self, left: dict[str, Any]) -> list[tuple[Element, list[dict[str, Any]]]]:
        """Take out of ``left`` the extensions that keep elements of the other release; return them by element."""
        place = self.place
        if place.target.name == "Extension" or not left.keys() & {"extension", "modifierExtension"}:
            return []
        urls = {
            self._url(self.walk.target, place.target_root, place.target.name, name): element
            for name, element in own_elements_of(self.walk.target, place.target.name).items()
        }
        found: dict[str, list[dict[str, Any]]] = {}
        for name in ("extension", "modifierExtension"):
            given = left.get(name)
            if not given:
                continue
            for one in given:
                if one.get("url") in urls:
                    found.setdefault(one["url"], []).append(one)
            rest = [one for one in given if one.get("url") not in urls]
            if rest:
                left[name] = rest
            else:
                del left[name]
        self.kept = {bare(urls[url]) for url in found}
        return [(urls[url], kept) for url, kept in found.items()]

    def restore(self, element: Element, kept: list[dict[str, Any]]) -> None:
        """Turn extensions that kept an element back into it.

        A code that is there already was told by half, and is replaced; anything else that occurs once stays.
        """
        for one in kept:
            told = self._restored(one, element)
            present = [] if element.many else self._present(element)
            is_open = all(self.out[name] == UNKNOWN for name in present)
            if told is None or not (is_open or told[0].type in ("code", "CodeableConcept")):
                self._put_back(one)
                continue
            for name in present:
                del self.out[name]
            self._put(told[0], [told[1]])

    def _restored(self, kept: dict[str, Any], element: Element) -> tuple[Member, Item] | None:
        """Return the member and value in an extension; None if it holds something else than the element can."""
        members = value_members(self.walk.source).values()
        member = next((one for one in members if one.name in kept or f"_{one.name}" in kept), None)
        if member is None:
            into = next(iter(element.members()))
            if into.is_primitive or into.type in ("Resource", "Extension"):
                return None
            node = self._part(kept.get("extension", ()), into.type)
            return (into, Item(node)) if node else None
        target = self._into(member.type, element)
        if target is None:
            return None
        told = self.convert(next(occurrences(kept, member)), member, target, f"{self.place.path}.extension")
        return (target, told.item) if isinstance(told, Told) and told.whole else None

    def _part(self, inside: Any, kind: str) -> dict[str, Any]:
        """Return the object that nested extensions keep; empty if one of them is named as no element of it is."""
        source, root = self.walk.type_of(self.walk.target, self.place.target_root, kind)
        step = _Step(self.walk, replace(self.place, target=source, target_root=root))
        for one in inside:
            element = step.elements.get(one.get("url", ""))
            told = step._restored(one, element) if element is not None else None
            if told is not None:
                step._put(told[0], [told[1]])
            elif ":" in one.get("url", ""):
                step._put_back(one)
            else:
                return {}
        step.fill()
        return step.out

    def _put_back(self, extension: dict[str, Any]) -> None:
        """Tell an extension as such: it is not one that keeps an element."""
        told = self.walk.object(extension, self._at("Extension", "Extension", f"{self.place.path}.extension"))
        if says_something(told):
            self.out.setdefault("extension", []).append(told)

    def fill(self) -> None:
        """Say of what the other release demands, and is not there, that it is unknown."""
        for element in self.table.required:
            if self._present(element):
                continue
            member = next(iter(element.members()))
            if not member.has_sibling and member.is_primitive:
                continue
            if bare(element) not in self.held:
                reason = f"FHIR {{version}} demands {bare(element)} here: it is unknown."
                self.walk.lose(self.place.path, reason)
            if "unknown" in frozenset[str]().union(*element.codes.values()) and member.type == "code":
                self._put(member, [Item("unknown")])
            elif member.is_primitive:
                self._put(member, [Item(None, UNKNOWN)])
            elif member.type in value_members(self.walk.target):
                self._put(member, [Item(UNKNOWN)])
            else:
                inside = self._at("Element", member.type, self.place.path)
                self._put(member, [Item(self.walk.object({}, inside))])


def _is_unknown(item: Item) -> bool:
    """Return whether this only says that a demanded element is unknown, as ``fill`` does."""
    return item == Item(None, UNKNOWN) or item.value == UNKNOWN
