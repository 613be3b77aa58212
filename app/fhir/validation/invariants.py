"""The rules of the specification itself that are written in FHIRPath, such as obs-6 and per-1: errors, as its structure is.

They are in ``releases/data/<release>_rules.txt`` and compiled when a type is first met. As with the structure there is a quick yes:
most rules speak of an element that most values don't have. The walk leads only to where there is a rule. A rule that has no
answer, or meets what can't be compared, is not broken; best practices are no rules.

The resource has to be valid otherwise, by ``structure.py``.
Spec: https://hl7.org/fhir/R4/conformance-rules.html#constraints, https://hl7.org/fhir/STU3/conformance-rules.html#constraints
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.releases.definitions import DATA, Element, TypeDefinition, definitions
from app.fhir.sorts import Names, remember
from app.fhir.validation.alternatives import Alternatives, alternatives_of, silent_without, surely_holds
from app.fhir.validation.circular import Circular
from app.fhir.validation.fhirpath import NotUnderstoodError, Scope, compile_truth
from app.fhir.validation.issues import ISSUES_MAX
from app.fhir.validation.profile_run import Item
from app.fhir.validation.references import target_type
from app.fhir.validation.structure import Parsed

STEPS_MAX = 1_000_000
_TYPES = "http://hl7.org/fhir/StructureDefinition/"
_Path = tuple[Any, ...]
"""The way to a value: (the way before it, a name, an index or None); empty at the resource."""


class _TooCostlyError(Exception):
    """The rules took as many steps as they may take."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule, and what by itself is enough for it not to be broken."""

    key: str
    text: str
    answer: Callable[[Scope], bool | None]
    alternatives: Alternatives


@dataclass(slots=True)
class _Step:
    """What there is to do at a member: rules about each of its values, and the walk of their type."""

    kind: str
    rules: list[_Rule]
    walk: "_Walk | None" = None
    is_resource: bool = False
    reference: Element | None = None


@dataclass(slots=True)
class _Walk:
    """The rules about a type, and the members of it that lead to more; ``known`` tells which of both matter to an object."""

    kind: str
    rules: list[_Rule] = field(default_factory=list)
    steps: dict[str, _Step] = field(default_factory=dict)
    is_needed: bool = True
    known: dict[Names, tuple[list[_Rule], list[tuple[str, _Step]]]] = field(default_factory=dict)

    def to_look_at(self, names: Names) -> tuple[list[_Rule], list[tuple[str, _Step]]]:
        """Return the rules that do not surely hold for an object with these members, and the steps; most have the same few."""
        there = frozenset(names)
        rules = [rule for rule in self.rules if not surely_holds(rule.alternatives, there)]
        steps = [(name, step) for name in names if (step := self.steps.get(name)) is not None]
        return remember(self.known, names, (rules, steps))


def broken_rules(release: Release, parsed: Parsed, location: str) -> list[Issue]:
    """Return what in a resource breaks a rule, at most ISSUES_MAX; ``location`` is its place, and expressions start with it.

    Where it is too costly to find out, that is the one issue.
    """
    has_references = parsed.has_fragments or parsed.has_other_types
    walks = _walks(release, has_extensions=parsed.has_extensions, has_references=has_references)
    search = _Search(walks, location)
    try:
        search.resource(parsed.tree, None, ())
    except _TooCostlyError:
        return [Issue("error", "too-costly", "The resource is too large to check the rules of FHIR.", location)]
    return search.found


class _Search:
    """One walk over a resource, and what it found."""

    def __init__(self, walks: "_Walks", location: str) -> None:
        self.walks = walks
        self.location = location
        self.found: list[Issue] = []
        self.steps = 0

    def step(self, count: int) -> None:
        self.steps += count
        if self.steps > STEPS_MAX:
            raise _TooCostlyError

    def resource(self, node: dict[str, Any], local: dict[str, str] | None, path: _Path) -> None:
        """Look at a resource; ``local`` has the types of what ``#id`` names in what contains it, and of that itself as "".

        It is None if nothing contains it.
        """
        name = str(node["resourceType"])
        if local is None:
            local = {"": name}
        if "contained" in node:
            self.contained(node, local, path)
        walk = self.walks.of(name)
        if walk is not None:
            self.visit(node, walk, path, Item(node, None, "", name), local)

    def contained(self, node: dict[str, Any], local: dict[str, str], path: _Path) -> None:
        """Add what is contained to ``local``. No two have one id; dom-3: each is referred to, or refers to what contains it."""
        named = set(_local_references(node))
        for index, one in enumerate(node["contained"]):
            own = one.get("id")
            if (own is None or f"#{own}" not in named) and "#" not in _local_references(one):
                self.broken((path, "contained", index), "dom-3", "what is contained must be referred to.")
            if own in local:
                self.add((path, "contained", index), "What is contained must have an id that nothing else there has.")
            elif own is not None:
                local[own] = one["resourceType"]

    def visit(self, node: dict[str, Any], walk: _Walk, path: _Path, resource: Item, local: dict[str, str]) -> None:
        """Look at a value of a complex type and at what is in it."""
        names = tuple(node)
        rules, steps = walk.known.get(names) or walk.to_look_at(names)
        for rule in rules:
            self.hold(rule, Item(node, None, "", walk.kind), path, resource)
        if walk.kind == "Extension":
            self.extension(node, path)
        for name, step in steps:
            value = node[name]
            if type(value) is list:
                for index, one in enumerate(value):
                    if one is not None:
                        self.value(one, step, (path, name, index), resource, local)
            else:
                self.value(value, step, (path, name, None), resource, local)

    def extension(self, node: dict[str, Any], path: _Path) -> None:
        """ext-1, which is quicker in Python."""
        has_value = any(name.lstrip("_").startswith("value") for name in node)
        if has_value == ("extension" in node):
            self.broken(path, "ext-1", "it has either a value or extensions.")

    def reference(self, node: dict[str, Any], element: Element, path: _Path, local: dict[str, str]) -> None:
        """ref-1: what refers to something contained finds it; and that is of a type that may stand there, and that it says."""
        text = node.get("reference", "")
        name = target_type(text)
        if text.startswith("#"):
            name = local.get(text[1:])
            if name is None:
                self.broken(path, "ref-1", "it must refer to something that is contained in the resource.")
                return
            if element.targets and name not in element.targets:
                self.add(path, "What is contained must be of a type that may be referred to here.")
        said = node.get("type", "").removeprefix(_TYPES)
        if name != said and {name, said} <= self.walks.reference_targets:
            self.add(path, "The type must be that of what is referred to.")

    def value(self, node: Any, step: _Step, path: _Path, resource: Item, local: dict[str, str]) -> None:
        if step.is_resource:
            self.resource(node, local if path[1] == "contained" else None, path)
            return
        if step.reference is not None:
            self.reference(node, step.reference, path, local)
        for rule in step.rules:
            self.hold(rule, Item(node, None, "", step.kind), path, resource)
        if step.walk is not None:
            self.visit(node, step.walk, path, resource, local)

    def hold(self, rule: _Rule, item: Item, path: _Path, resource: Item) -> None:
        """Report a rule that is surely broken."""
        try:
            if rule.answer(Scope(self.walks.release, resource, item, item, self.step)) is False:
                self.broken(path, rule.key, f"{rule.text}.")
        except NotUnderstoodError:
            return  # it meets what can't be compared here, such as quantities of two units: that breaks nothing

    def broken(self, path: _Path, key: str, text: str) -> None:
        """Note that a rule with a name is broken."""
        self.add(path, f"This breaks the rule {key} of FHIR: {text}")

    def add(self, path: _Path, text: str) -> None:
        """Note a finding, as long as there is room."""
        if len(self.found) < ISSUES_MAX:
            self.found.append(Issue("error", "invariant", text, self.location + _text(path)))


def _text(path: _Path) -> str:
    if not path:
        return ""
    before, name, index = path
    return f"{_text(before)}.{name.removeprefix('_')}{'' if index is None else f'[{index}]'}"


def _local_references(node: Any) -> Iterator[str]:
    """Yield the texts in a resource that name something in it: a reference, a canonical or another URI."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str) and one.startswith("#"):
            yield one


@cache
def _walks(release: Release, *, has_extensions: bool, has_references: bool) -> "_Walks":
    return _Walks(release, has_extensions=has_extensions, has_references=has_references)


class _Walks:
    """The walks of one release; extensions and references are walked to only where some may be wrong."""

    def __init__(self, release: Release, *, has_extensions: bool, has_references: bool) -> None:
        self.release = release
        self._types = definitions(release)
        self.reference_targets = self._types.reference_targets
        self._has_references = has_references
        self._has_extensions = has_extensions
        self._made = Circular(_Walk, self._fill)
        self._texts: dict[str, list[tuple[str, str]]] = {}
        for line in (DATA / f"{release.path}_rules.txt").read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                place, key, text = line.split(" ", 2)
                self._texts.setdefault(place, []).append((key, text))

    def of(self, name: str) -> _Walk | None:
        """Return the walk of a type; None if there is nothing to look at."""
        made = self._made[name]
        return made if made.is_needed else None

    def _fill(self, walk: _Walk, name: str) -> None:
        definition = self._types[name]
        base: str | None = name
        while base:
            walk.rules += self._rules(base, definition)
            base = self._types[base].base
        for member in definition.members.values():
            if member.is_primitive:
                if self._has_extensions and member.has_sibling and (walk_ := self.of("Element")) is not None:
                    walk.steps[f"_{member.name}"] = _Step("Element", [], walk_)
                continue
            step = _Step(member.type, self._rules(f"{name}.{member.element.name}", self._types[member.type]))
            if member.type == "Resource":
                step.is_resource = True
            elif member.type != "Extension" or self._has_extensions:
                step.walk = self.of(member.type)
            if member.type == "Reference" and self._has_references:
                step.reference = member.element
            if step.rules or step.walk is not None or step.is_resource or step.reference:
                walk.steps[member.name] = step
        walk.is_needed = bool(walk.rules or walk.steps or walk.kind == "Extension")

    def _rules(self, place: str, definition: TypeDefinition) -> list[_Rule]:
        return [
            _Rule(
                key, text, compile_truth(text), (*alternatives_of(text, definition), *silent_without(text, definition))
            )
            for key, text in self._texts.get(place, ())
        ]
