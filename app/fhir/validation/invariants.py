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
from app.fhir.releases.definitions import DATA, TypeDefinition, definitions
from app.fhir.sorts import Names, remember
from app.fhir.validation.alternatives import Alternatives, alternatives_of, silent_without, surely_holds
from app.fhir.validation.circular import Circular
from app.fhir.validation.fhirpath import NotUnderstoodError, Scope, compile_truth
from app.fhir.validation.issues import ISSUES_MAX
from app.fhir.validation.profile_run import Item
from app.fhir.validation.structure import Parsed

STEPS_MAX = 1_000_000
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


@dataclass(slots=True)
class _Walk:
    """The rules about a type, and the members of it that lead to more; ``known`` tells which of both matter to an object."""

    kind: str
    rules: list[_Rule] = field(default_factory=list)
    steps: dict[str, _Step] = field(default_factory=dict)
    has_own_rule: bool = False
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
    walks = _walks(release, has_extensions=parsed.has_extensions, has_local=parsed.has_fragments)
    search = _Search(walks, location)
    try:
        search.resource(parsed.tree, parsed.tree, ())
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

    def resource(self, node: dict[str, Any], root: dict[str, Any], path: _Path) -> None:
        """Look at a resource; ``root`` is the one that contains it, or itself."""
        name = str(node["resourceType"])
        if "contained" in node:
            self.contained(node, path)
        walk = self.walks.of(name)
        if walk is not None:
            self.visit(node, walk, path, Item(node, None, "", name), root)

    def contained(self, node: dict[str, Any], path: _Path) -> None:
        """dom-3: what is contained is referred to, or refers to what contains it."""
        named = set(_local_references(node))
        for index, one in enumerate(node["contained"]):
            own = one.get("id")
            if own is not None and f"#{own}" not in named and "#" not in _local_references(one):
                self.add((path, "contained", index), "dom-3", "what is contained must be referred to.")

    def visit(self, node: dict[str, Any], walk: _Walk, path: _Path, resource: Item, root: dict[str, Any]) -> None:
        """Look at a value of a complex type and at what is in it."""
        names = tuple(node)
        rules, steps = walk.known.get(names) or walk.to_look_at(names)
        for rule in rules:
            self.hold(rule, Item(node, None, "", walk.kind), path, resource)
        if walk.has_own_rule:
            self.own_rule(node, walk, path, root)
        for name, step in steps:
            value = node[name]
            if type(value) is list:
                for index, one in enumerate(value):
                    if one is not None:
                        self.value(one, step, (path, name, index), resource, root)
            else:
                self.value(value, step, (path, name, None), resource, root)

    def own_rule(self, node: dict[str, Any], walk: _Walk, path: _Path, root: dict[str, Any]) -> None:
        """Look at a rule that is quicker in Python: ext-1, or ref-1 (what refers to something contained finds it)."""
        if walk.kind == "Extension":
            has_value = any(name.lstrip("_").startswith("value") for name in node)
            if has_value == ("extension" in node):
                self.add(path, "ext-1", "it has either a value or extensions.")
            return
        text = node.get("reference", "")
        if len(text) > 1 and text[0] == "#" and all(one.get("id") != text[1:] for one in root.get("contained", ())):
            self.add(path, "ref-1", "it must refer to something that is contained in the resource.")

    def value(self, node: Any, step: _Step, path: _Path, resource: Item, root: dict[str, Any]) -> None:
        if step.is_resource:
            self.resource(node, root if path[1] == "contained" else node, path)
            return
        for rule in step.rules:
            self.hold(rule, Item(node, None, "", step.kind), path, resource)
        if step.walk is not None:
            self.visit(node, step.walk, path, resource, root)

    def hold(self, rule: _Rule, item: Item, path: _Path, resource: Item) -> None:
        """Report a rule that is surely broken."""
        try:
            if rule.answer(Scope(self.walks.release, resource, item, item, self.step)) is False:
                self.add(path, rule.key, f"{rule.text}.")
        except NotUnderstoodError:
            return  # it meets what can't be compared here, such as quantities of two units: that breaks nothing

    def add(self, path: _Path, key: str, text: str) -> None:
        """Note a finding, as long as there is room."""
        if len(self.found) < ISSUES_MAX:
            place = self.location + _text(path)
            self.found.append(Issue("error", "invariant", f"This breaks the rule {key} of FHIR: {text}", place))


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
def _walks(release: Release, *, has_extensions: bool, has_local: bool) -> "_Walks":
    return _Walks(release, has_extensions=has_extensions, has_local=has_local)


class _Walks:
    """The walks of one release; extensions and references within a resource are walked to only where there are some."""

    def __init__(self, release: Release, *, has_extensions: bool, has_local: bool) -> None:
        self.release = release
        self.has_local = has_local
        self._types = definitions(release)
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
            if step.rules or step.walk is not None or step.is_resource:
                walk.steps[member.name] = step
        walk.has_own_rule = walk.kind == "Extension" or (walk.kind == "Reference" and self.has_local)
        walk.is_needed = bool(walk.rules or walk.steps or walk.has_own_rule)

    def _rules(self, place: str, definition: TypeDefinition) -> list[_Rule]:
        return [
            _Rule(
                key, text, compile_truth(text), (*alternatives_of(text, definition), *silent_without(text, definition))
            )
            for key, text in self._texts.get(place, ())
        ]
