"""Slices: which of the repetitions of an element is which, and what is demanded of each.

A slice is recognised by what the profile itself says at the discriminator's path: a fixed value, a pattern, a value set
with a required binding, a type, a profile, or that the element is there. What can't be recognised (a reference that leads
out of the resource) may be any slice, so then nothing is said about how many there are.
The kinds of discriminators stand beside each other here, as a slice may have several, which decide together.

Spec: https://hl7.org/fhir/R4/profiling.html#slicing, https://hl7.org/fhir/STU3/profiling.html#slicing
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from app.fhir.release import Release
from app.fhir.releases.definitions import PRIMITIVES, Element, definitions
from app.fhir.snapshot import Rule, Slicing
from app.fhir.terminology.terminology import Terminology
from app.fhir.validation.profile_run import Check, Item, Run, items_of, matcher, members_of

RECOGNISE_DEPTH_MAX = 8
_OF_NONE = -1
_STEP = re.compile(r"\s*\.?(?:(resolve)\(\)|(extension)\('([^']+)'\)|(ofType|as)\((\w+)\)|(\$this)|(\w+)(?:\[x\])?)")
_EXTENSIONS = frozenset({"extension", "modifierExtension"})

Accepts = Callable[[Item, Run], bool | None]
"""Whether an item is of a slice; None if that can't be told."""
Walk = Callable[[Item, Run], list[Item] | None]
Group = Callable[[list[Item], str, Run], None]
"""Checks items that belong together, such as all values of an element in one object; the text is their place."""


class Compiler(Protocol):
    """What slices need of ``profile.py``."""

    release: Release
    terminology: Terminology

    def group(self, rule: Rule, label: str) -> Group:
        """Return the check of all items that ``rule`` is about."""
        ...

    def root(self, url: str) -> Rule | None:
        """Return the rules of a profile; None if it isn't at hand, or can't be used."""
        ...

    def check(self, url: str) -> Check | None:
        """Return the check of one value against a profile; None if it isn't at hand."""
        ...

    def target_type(self, url: str) -> str | None:
        """Return the resource type that a profile is on; None if it isn't at hand."""
        ...


@dataclass(frozen=True, slots=True)
class _Slice:
    name: str
    accepts: Accepts
    group: Group
    has_to_be_there: bool


_Numbered = tuple[int, _Slice]


def compile_slices(compiler: Compiler, rule: Rule, label: str) -> Group | None:
    """Return the check of the slices of ``rule``; None if there is nothing to check, or no way to tell them apart."""
    slicing = rule.slicing or _implied(rule)
    if slicing is None:
        return None
    slices = _slices(compiler, slicing, rule, label)
    if slices is None:
        return None
    default = compiler.group(rule.slices["@default"], f"{label} (@default)") if "@default" in rule.slices else None
    has_order = slicing.is_ordered or slicing.rules == "openAtEnd"
    # What has one url, or one type, is of one slice.
    may_overlap = not any(path == "url" or (kind, path) == ("type", "$this") for kind, path in slicing.discriminators)
    every = list(enumerate(slices))
    possible = _by_code(slicing, rule, every) or (lambda _: every)

    def check(items: list[Item], place: str, run: Run) -> None:
        run.step(len(items) * len(slices))
        numbers = [_slice_of(item, possible(item), run, may_overlap=may_overlap) for item in items]
        is_certain = None not in numbers
        members: dict[int | None, list[Item]] = {}
        for item, number in zip(items, numbers, strict=True):
            members.setdefault(number, []).append(item)
        for number, part in enumerate(slices):
            if number in members:
                part.group(members[number], place, run)
            elif part.has_to_be_there and is_certain:
                part.group([], place, run)
        rest = members.get(_OF_NONE, [])
        if default is not None:
            default(rest, place, run)
        elif slicing.rules == "closed":
            for item in rest:
                run.add("error", "structure", item.place, f"This is none of the slices that {label} may have.")
        if has_order:
            _check_order(slicing, items, numbers, label, run)

    return check


def _times_of_extension(compiler: Compiler, rule: Rule) -> int | None:
    """Return how often a slice may occur: an extension's own profile says how often it may, where this one doesn't."""
    if rule.maximum is None and rule.element.name in _EXTENSIONS and len(rule.types) == 1 and rule.types[0].profiles:
        root = compiler.root(rule.types[0].profiles[0])
        return None if root is None else root.maximum
    return rule.maximum


def _check_order(slicing: Slicing, items: list[Item], numbers: list[int | None], label: str, run: Run) -> None:
    """Report slices that are not in the order of the profile, and what stands before them but has to come after."""
    last = 0
    has_others = False
    for item, number in zip(items, numbers, strict=True):
        if number is None or number == _OF_NONE:
            has_others = has_others or number == _OF_NONE
            continue
        if slicing.is_ordered and number < last:
            run.add("error", "structure", item.place, f"The slices of {label} must be in their order.")
        if slicing.rules == "openAtEnd" and has_others:
            run.add("error", "structure", item.place, f"The slices of {label} must come before all others.")
        last = max(last, number)


def _slices(compiler: Compiler, slicing: Slicing, rule: Rule, label: str) -> list[_Slice] | None:
    """Return the slices but the default one; None if they can't be told apart.

    One that can't be told by itself is never missing, but an item that is in no other may be in it.
    """
    slices: list[_Slice] = []
    can_be_told = False
    for name, part in rule.slices.items():
        if name == "@default":
            continue
        accepts = _accepts(compiler, slicing, part)
        can_be_told = can_be_told or accepts is not None
        bounded = replace(part, maximum=_times_of_extension(compiler, part))
        is_missed = accepts is not None and has_to_be_there(part)
        group = compiler.group(bounded, f"{label} ({name})")
        slices.append(_Slice(name, accepts or _untold, group, is_missed))
    return slices if can_be_told else None


def _untold(_: Item, __: Run) -> None:
    """Say that it can't be told whether an item is of a slice."""


def _by_code(slicing: Slicing, rule: Rule, every: list[_Numbered]) -> Callable[[Item], list[_Numbered]] | None:
    """Return what finds, by the codes of an item, the few slices that it may be of; None if codes don't tell.

    Codes tell where each slice demands one of the same concept in the item, as those of components do.
    """
    told = {part.name: _demanded_code(slicing, rule.slices[part.name]) for _, part in every}
    members = {one[0] for one in told.values() if one is not None}
    if len(members) != 1 or None in told.values():
        return None
    member = members.pop()
    of_code: dict[str, list[_Numbered]] = {}
    for numbered in every:
        of_code.setdefault((told[numbered[1].name] or ("", ""))[1], []).append(numbered)

    def possible(item: Item) -> list[_Numbered]:
        codings = item.value.get(member, {}).get("coding", ()) if isinstance(item.value, dict) else ()
        codes = {str(one.get("code")) for one in codings}
        if len(codes) == 1:
            return of_code.get(codes.pop(), [])
        return sorted((one for code in codes for one in of_code.get(code, ())), key=lambda numbered: numbered[0])

    return possible


def _demanded_code(slicing: Slicing, rule: Rule) -> tuple[str, str] | None:
    """Return a member of an item, and a code without which in that member the item isn't of the slice ``rule``."""
    for kind, path in slicing.discriminators:
        child = rule.children.get(path) if kind in ("value", "pattern") else None
        if child is None or child.element.many or child.element.types != ("CodeableConcept",):
            continue
        for coding in (child.fixed or child.pattern or {}).get("coding", ()):
            if "code" in coding:
                return path, str(coding["code"])
    return None


def _check_others(item: Item, part: _Slice, others: list[_Numbered], run: Run) -> None:
    """Report an item that is of another slice, too."""
    for _, other in others:
        if other.accepts(item, run):
            run.add("error", "structure", item.place, f"This is of two slices, {part.name} and {other.name}.")


def _slice_of(item: Item, possible: list[_Numbered], run: Run, *, may_overlap: bool) -> int | None:
    """Return the number of the slice that ``item`` is of, _OF_NONE if it is of none; None if that can't be told."""
    is_told = True
    for position, (number, part) in enumerate(possible, 1):
        verdict = part.accepts(item, run)
        if verdict:
            if may_overlap:
                _check_others(item, part, possible[position:], run)
            return number
        is_told = is_told and verdict is not None
    return _OF_NONE if is_told else None


def has_to_be_there(rule: Rule) -> bool:
    """Return whether an object without what ``rule`` is about breaks it."""
    return rule.minimum > 0 or any(has_to_be_there(part) for part in rule.slices.values())


def _implied(rule: Rule) -> Slicing | None:
    """Return how slices are told apart where the profile does not say it: extensions by url, choices by type."""
    if not rule.slices:
        return None
    if rule.element.name in _EXTENSIONS:
        return Slicing((("value", "url"),))
    return Slicing((("type", "$this"),)) if rule.element.is_choice else None


def _accepts(compiler: Compiler, slicing: Slicing, rule: Rule) -> Accepts | None:
    """Return what tells whether an item is of the slice ``rule``; None if there is nothing to tell it by."""
    if not slicing.discriminators:
        return None
    tests = [_discriminator(compiler, kind, path, rule) for kind, path in slicing.discriminators]
    known = [test for test in tests if test is not None]
    # A discriminator about which the slice says nothing tells nothing, as long as another does.
    return _all_of(known) if known else None


def _all_of(tests: list[Accepts]) -> Accepts:
    if len(tests) == 1:
        return tests[0]

    def accepts(item: Item, run: Run) -> bool | None:
        verdicts = [test(item, run) for test in tests]
        return False if False in verdicts else None if None in verdicts else True

    return accepts


def _discriminator(compiler: Compiler, kind: str, path: str, rule: Rule) -> Accepts | None:
    profiles = [url for one in rule.types for url in one.profiles]
    if kind == "value" and path == "url" and rule.element.name in _EXTENSIONS and profiles:
        urls = {url.partition("|")[0] for url in profiles}
        return lambda item, _: isinstance(item.value, dict) and item.value.get("url") in urls
    walked = _walk(compiler, path, rule)
    if walked is None:
        return None
    walk, found = walked
    test: Accepts | None = None
    if kind in ("value", "pattern"):
        test = _every([recogniser(compiler, one) for one in found])
    elif kind == "type":
        test = _type_test(compiler, path, found)
    elif kind == "profile":
        test = _profile_test(compiler, path, found)
    elif kind == "exists":
        return _existence_test(walk, found)
    return None if test is None else _any_at(walk, test)


def _every(tests: list[Accepts | None]) -> Accepts | None:
    known = [test for test in tests if test is not None]
    return _all_of(known) if known else None


def _any_at(walk: Walk, test: Accepts) -> Accepts:
    def accepts(item: Item, run: Run) -> bool | None:
        reached = walk(item, run)
        if reached is None:
            return None
        if len(reached) == 1:
            return test(reached[0], run)
        verdicts = [test(one, run) for one in reached]
        return True if True in verdicts else None if None in verdicts else False

    return accepts


def _walk(compiler: Compiler, path: str, rule: Rule) -> tuple[Walk, list[Rule]] | None:
    """Return the way from an item along a discriminator's path, and what the slice says about where it ends."""
    steps: list[Walk] = []
    place = _Place(_with_profiles(compiler, [rule]), rule.kinds)
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            return None
        position = match.end()
        resolve, _, url, _, kind, this, name = match.groups()
        if this:
            continue
        if resolve:
            steps.append(_resolved)
            place = place if position == len(path) else _at_target(compiler, place)
        elif kind:
            steps.append(_of_kind(kind))
            parts = [part for one in place.found for part in one.slices.values() if part.kinds == (kind,)]
            place = _Place([*place.found, *parts], (kind,))
        else:
            element = _element(compiler, place.kinds, name or "extension")
            if element is None:
                return None
            steps.append(_to_member(element, url))
            place = _at_member(compiler, place, element, url)
    return _along(steps, (path, rule.kinds)), place.found


@dataclass(frozen=True, slots=True)
class _Place:
    """A place on the way: what is demanded there, and the types that its values may have."""

    found: list[Rule]
    kinds: tuple[str, ...]


def _at_target(compiler: Compiler, place: _Place) -> _Place:
    targets = [url for one in place.found for type_rule in one.types for url in type_rule.targets]
    found = [root for url in targets if (root := compiler.root(url)) is not None]
    return _Place(found, found[0].kinds if found else ())


def _at_member(compiler: Compiler, place: _Place, element: Element, url: str | None) -> _Place:
    if url:
        root = compiler.root(url)
        found = [] if root is None else [root]
    else:
        children = [child for one in place.found if (child := one.children.get(element.name)) is not None]
        found = _with_profiles(compiler, children)
    return _Place(found, found[0].kinds if found else element.types)


def _along(steps: list[Walk], key: tuple[str, tuple[str, ...]]) -> Walk:
    """Return one walk after the other; slices of one element are mostly told apart by what is at one place."""

    def walk(item: Item, run: Run) -> list[Item] | None:
        if run.walked is not None and run.walked[0] is item and run.walked[1] == key:
            return run.walked[2]
        reached: list[Item] = [item]
        for step in steps:
            further: list[Item] = []
            for one in reached:
                following = step(one, run)
                if following is None:
                    return None
                further += following
            reached = further
        run.walked = (item, key, reached)
        return reached

    return walk


def _with_profiles(compiler: Compiler, found: list[Rule]) -> list[Rule]:
    """Return rules with those of the one profile that their type has to keep to."""
    profiles = [
        url
        for rule in found
        if len(rule.types) == 1 and len(rule.types[0].profiles) == 1
        for url in rule.types[0].profiles
    ]
    return found + [root for url in profiles if (root := compiler.root(url)) is not None]


def _element(compiler: Compiler, kinds: tuple[str, ...], name: str) -> Element | None:
    types = definitions(compiler.release)
    kind = kinds[0] if len(kinds) == 1 and kinds[0] in types else "Element"
    return next((one for one in types[kind].elements if one.name in (name, f"{name}[x]")), None)


def _resolved(item: Item, run: Run) -> list[Item] | None:
    resource = run.resolve(item.value)
    # Where it leads outside, the reference stands for its target: its type may still be told.
    return [item] if resource is None else [Item(resource, None, item.place, str(resource.get("resourceType")))]


def _of_kind(kind: str) -> Walk:
    return lambda item, _: [item] if item.kind == kind else []


def _to_member(element: Element, url: str | None) -> Walk:
    members = members_of(element.members())

    def step(item: Item, _: Run) -> list[Item]:
        node = item.sibling if item.kind in PRIMITIVES else item.value
        reached = items_of(node, members, item.place)
        if url is None:
            return reached
        return [one for one in reached if isinstance(one.value, dict) and one.value.get("url") == url]

    return step


def recogniser(compiler: Compiler, rule: Rule, depth: int = 0) -> Accepts | None:
    """Return what tells, by the values that ``rule`` fixes, whether an item is what it is about; None if it fixes none."""
    tests: list[Accepts] = []
    if rule.fixed is not None:
        fixed = rule.fixed
        tests.append(lambda item, _: bool(item.value == fixed))
    if rule.pattern is not None:
        matches = matcher(rule.pattern)
        tests.append(lambda item, _: matches(item.value))
    if not tests:
        tests += [_in_value_set(compiler.terminology, one.value_set) for one in rule.bindings if one.is_required]
    if depth < RECOGNISE_DEPTH_MAX:
        for child in rule.children.values():
            parts = [child, *(part for part in child.slices.values() if part.minimum)]
            inner = [test for part in parts if (test := recogniser(compiler, part, depth + 1)) is not None]
            tests += [_any_at(_to_member(child.element, None), test) for test in inner]
    return _all_of(tests) if tests else None


def _in_value_set(terminology: Terminology, url: str) -> Accepts:
    def accepts(item: Item, _: Run) -> bool | None:
        verdicts = [terminology.belongs(url, system, code) for system, code in codes_of(item)]
        if not verdicts and terminology.value_set(url) is None:
            return None
        return True if True in verdicts else None if None in verdicts else False

    return accepts


def codes_of(item: Item) -> list[tuple[str | None, str]]:
    """Return (system, code) of a coded value: a code, Coding, CodeableConcept or Quantity."""
    value: Any = item.value
    if isinstance(value, str):
        return [(None, value)]
    if not isinstance(value, dict):
        return []
    codings = value.get("coding", ()) if item.kind == "CodeableConcept" else (value,)
    return [
        (str(one.get("system", "")), str(one["code"])) for one in codings if isinstance(one, dict) and "code" in one
    ]


def _type_test(compiler: Compiler, path: str, found: list[Rule]) -> Accepts | None:
    if path.endswith("resolve()"):
        targets = [url for rule in found for one in rule.types for url in one.targets]
        names = {compiler.target_type(url) for url in targets}
        return _refers_to(names) if names and None not in names else None
    allowed = {one.code for rule in found for one in rule.types} or {kind for rule in found for kind in rule.kinds}
    if not allowed:
        return None
    return lambda item, _: _kind_of(item) in allowed


def _kind_of(item: Item) -> str:
    is_resource = isinstance(item.value, dict) and "resourceType" in item.value
    return str(item.value["resourceType"]) if is_resource else item.kind


def _refers_to(names: set[str | None]) -> Accepts:
    def accepts(item: Item, run: Run) -> bool | None:
        name = run.type_of_target(item.value) if item.kind == "Reference" else _kind_of(item)
        return None if name is None else name in names

    return accepts


def _profile_test(compiler: Compiler, path: str, found: list[Rule]) -> Accepts | None:
    """Return whether an item keeps one of the profiles that the slice names, of its type or its target."""
    is_target = path.endswith("resolve()")
    profiles = [url for rule in found for one in rule.types for url in (one.targets if is_target else one.profiles)]
    names = {compiler.target_type(url) for url in profiles}
    checks = [(url, check) for url in profiles if (check := compiler.check(url)) is not None]
    if len(checks) < len(profiles) or not checks:
        return None

    def accepts(item: Item, run: Run) -> bool | None:
        if is_target and item.kind == "Reference":
            name = run.type_of_target(item.value)
            return None if name is None or name in names else False
        return any(run.keeps(url, item, check) for url, check in checks)

    return accepts


def _existence_test(walk: Walk, found: list[Rule]) -> Accepts | None:
    if any(rule.maximum == 0 for rule in found):
        return lambda item, run: not walk(item, run)
    return (lambda item, run: bool(walk(item, run))) if any(rule.minimum for rule in found) else None
