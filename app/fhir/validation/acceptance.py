"""The quick yes: most valid resources are accepted here in microseconds; everything else is walked by ``issues.py``.

A resource is accepted if its Struct (``structs.py``) decodes and the walk over its tree finds nothing. The walk looks at
what a Struct can't say: choices made twice, references, narratives, codings, resources inside resources. Its steps are
compiled from ``app/fhir/releases/`` when a type is first met, and lead only to where there is something to look at.

Accepting must imply validity; not accepting means nothing yet. What neither Struct nor walk sees (empty objects, arrays
and strings, control characters, repeated names) ``structure.py`` has excluded by looking at the bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec

from app.fhir.release import Release
from app.fhir.releases.definitions import Element, Member
from app.fhir.sorts import Names, remember
from app.fhir.validation.circular import Circular
from app.fhir.validation.issues import has_allowed_coding, refers_to_allowed_type
from app.fhir.validation.narrative import is_safe_narrative
from app.fhir.validation.primitives import is_base64
from app.fhir.validation.structs import has_plain_sibling, structs

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_TEXT_CHECKS: Mapping[str, Callable[[str], bool]] = {"xhtml": is_safe_narrative, "base64Binary": is_base64}


def accepts(
    release: Release, body: bytes, tree: dict[str, Any], maximum_depth: int, *, skip_entry_resources: bool = False
) -> bool:
    """Return True if the resource is surely valid; False if it has to be looked at closely.

    ``tree`` is ``body`` decoded, with a resourceType that exists.
    """
    walks = _walks(release, has_extensions=body.rfind(b"xtension") >= 0, skips_entries=skip_entry_resources)
    return walks.accept(tree["resourceType"], body, tree, maximum_depth)


@dataclass(slots=True)
class _Step:
    """What to look at in one member; ``choice`` is a bit for each choice of the type, 0 for none."""

    member: Member
    choice: int = 0
    walk: "_Walk | None" = None
    is_reference: bool = False
    text_check: Callable[[str], bool] | None = None
    is_resource: bool = False
    is_bound: bool = False
    has_null: bool = False
    goes_deeper: bool = False


@dataclass(slots=True)
class _Walk:
    """The members of a type that need a look; ``required`` has the bits of choices that must be made.

    ``known`` tells of the names that an object may have whether choices are made once, and which of its values to look at.
    """

    steps: dict[str, _Step] = field(default_factory=dict)
    required: int = 0
    is_needed: bool = True
    known: dict[Names, tuple[bool, list[tuple[str, _Step]]]] = field(default_factory=dict)

    def to_look_at(self, names: Names) -> tuple[bool, list[tuple[str, _Step]]]:
        """Return what ``known`` has for an object with these members; most objects have the same few."""
        steps = [(name, step) for name in names if (step := self.steps.get(name)) is not None]
        chosen = [step.choice for _, step in steps if step.choice]
        is_right = len(chosen) == len(set(chosen)) and not self.required & ~sum(chosen)
        return remember(self.known, names, (is_right, [(name, step) for name, step in steps if step.goes_deeper]))


@cache
def _walks(release: Release, *, has_extensions: bool, skips_entries: bool) -> "_Walks":
    return _Walks(release, has_extensions=has_extensions, skips_entries=skips_entries)


class _Walks:
    """The walks of one release. Any element may hold extensions, but if none occur, few places need a look."""

    def __init__(self, release: Release, *, has_extensions: bool, skips_entries: bool) -> None:
        self.structs = structs(release)
        self.types = self.structs.types
        self.has_extensions = has_extensions
        self.skips_entries = skips_entries
        self.walks = Circular(lambda _: _Walk(), self.fill)

    def accept(self, name: str, body: bytes, tree: dict[str, Any], room: int) -> bool:
        """Return whether Struct and walk both accept; ``room`` is how many levels of nesting are left."""
        try:
            self.structs.decoder(name).decode(body)
        except msgspec.ValidationError:
            return False
        return self.agrees(self.walks[name], tree, room)

    def fill(self, walk: _Walk, name: str) -> None:
        """Put the steps of a type in its walk, and leave out members that hold nothing to look at."""
        bit = 1
        for element in self.types[name].elements:
            if element.is_choice and element.required:
                walk.required |= bit
            for member in element.members():
                step = self.step(element, member, bit if element.is_choice else 0)
                if step.goes_deeper or step.choice:
                    walk.steps[member.name] = step
                if has_plain_sibling(member):
                    sibling = _Step(member, walk=self.needed_walk("Element"), has_null=element.many)
                    sibling.goes_deeper = bool(sibling.walk or sibling.has_null)
                    if sibling.goes_deeper:
                        walk.steps[f"_{member.name}"] = sibling
            bit <<= element.is_choice
        walk.is_needed = bool(walk.steps)

    def step(self, element: Element, member: Member, choice: int) -> _Step:
        """Return what to look at in one member."""
        step = _Step(member, choice)
        step.is_reference = member.type == "Reference"
        step.text_check = _TEXT_CHECKS.get(member.type)
        step.is_resource = member.type == "Resource" and not (self.skips_entries and member.name == "resource")
        step.is_bound = bool(element.codes) and member.type in {"Coding", "CodeableConcept"}
        if not member.is_primitive and member.type != "Resource":
            step.walk = self.needed_walk(member.type)
        step.goes_deeper = bool(step.walk or step.text_check or step.is_resource or step.is_bound)
        return step

    def needed_walk(self, name: str) -> _Walk | None:
        """Return the walk of a type; None if there is nothing to look at."""
        if name == "Extension" and not self.has_extensions:
            return None
        inner = self.walks[name]
        return inner if inner.is_needed else None

    def agrees(self, walk: _Walk, node: dict[str, Any], room: int) -> bool:
        """Return whether nothing under ``node`` breaks a rule that a Struct can't express."""
        if room < 0:
            return False
        names = tuple(node)
        is_right, steps = walk.known.get(names) or walk.to_look_at(names)
        if not is_right:
            return False
        for name, step in steps:
            value = node[name]
            if type(value) is not list:
                if not self.holds(step, value, room):
                    return False
                continue
            items = [item for item in value if item is not None] if step.has_null else value
            if not items:
                return False
            for item in items:
                if not self.holds(step, item, room - 1):
                    return False
        return True

    def holds(self, step: _Step, value: Any, room: int) -> bool:
        """Return whether one value of a member is as it should be."""
        if step.text_check:
            return step.text_check(value)
        if step.is_resource:
            return self.resource(step.member, value, room - 1)
        if step.is_bound and not has_allowed_coding(step.member.type, value, step.member.element.codes):
            return False
        if step.is_reference and not self.reference(step.member.element, value):
            return False
        return step.walk is None or self.agrees(step.walk, value, room - 1)

    def reference(self, element: Element, value: dict[str, Any]) -> bool:
        """Return whether a Reference says something, and a literal one names a type that may stand there."""
        reference = value.get("reference")
        if reference is None:
            return "display" in value or "identifier" in value
        return refers_to_allowed_type(reference, element.targets, self.types.reference_targets)

    def resource(self, member: Member, value: Any, room: int) -> bool:
        """Return whether a resource inside a resource is valid: contained, in a Bundle, or in Parameters."""
        name = value.get("resourceType")
        if not isinstance(name, str) or name not in self.types.resource_types:
            return False
        if member.name == "contained" and "contained" in value:
            return False
        return self.accept(name, _ENCODER.encode(value), value, room)
