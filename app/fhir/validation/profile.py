"""Does a resource keep to a profile? A StructureDefinition, compiled to plain functions that report what doesn't.

A profile is compiled when it is first asked for, and kept. Only what the profile adds is checked: the resource has to be
valid FHIR already (``structure.py``). Findings name elements and what the profile says, never values of the resource.
The check of a resource takes a bounded number of steps; where references go round in circles they are followed once.
One module, as an element is compiled from its members, its slices and the profiles that it names, and each of these from elements.

Spec: https://hl7.org/fhir/R4/profiling.html, https://hl7.org/fhir/STU3/profiling.html
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from app.errors import MalformedError
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.releases.definitions import PRIMITIVES, definitions
from app.fhir.snapshot import Binding, Find, ProfileError, Rule, TypeRule, core_type, rules
from app.fhir.sorts import Names, remember
from app.fhir.terminology.core import with_core
from app.fhir.terminology.terminology import Terminology
from app.fhir.validation.fhirpath_functions import MOMENTS, compared_moments
from app.fhir.validation.issues import find_issues
from app.fhir.validation.profile_invariants import invariant_check
from app.fhir.validation.profile_run import Check, Item, Members, OutOfStepsError, Run, items_of, matcher, members_of
from app.fhir.validation.profile_slicing import Group, codes_of, compile_slices, has_to_be_there
from app.fhir.validation.structure import DEPTH_MAX

_EXTENSIONS = frozenset({"extension", "modifierExtension"})
_DEMANDING = frozenset(
    {"resourceType", "url", "type", "kind", "derivation", "baseDefinition", "differential", "snapshot"}
)
_NumberTest = Callable[[Any, Any], bool]


class Profiles:
    """The profiles of one release: ``find`` returns the definition that goes by a canonical URL, with or without version."""

    def __init__(self, release: Release, find: Find) -> None:
        self.release = release
        self.terminology = Terminology(with_core(release, find))
        self._find = find
        self._types = definitions(release)
        self._roots: dict[str, Rule | ProfileError | None] = {}
        self._checks: dict[str, Check] = {}

    def validate(
        self, tree: dict[str, Any], profiles: Iterable[str] = (), *, has_extensions: bool = True
    ) -> list[Issue]:
        """Return what in ``tree``, a valid resource, breaks ``profiles`` or those that it claims itself.

        The resources in it, contained or in a Bundle, are held against what they claim; extensions against their own
        profiles; ``has_extensions`` is false where there surely are none. A profile that isn't at hand is a warning with the
        code ``not-supported``.
        """
        run = Run(tree, tree if tree.get("resourceType") == "Bundle" else None)
        try:
            for resource, place, root in _resources(tree, str(tree.get("resourceType"))):
                asked = [(url, f"{place}.meta.profile[{index}]") for index, url in enumerate(_claims(resource))]
                if resource is tree:
                    asked += [(url, place) for url in profiles]
                item = Item(resource, None, place, str(resource.get("resourceType")))
                for url, where in dict(asked).items():
                    run.inside(root, partial(self._apply, url, where), item)
            if has_extensions:
                self._extensions(tree, run)
        except (OutOfStepsError, RecursionError):  # what a profile nests is whoever made it's to decide
            run.found.append(
                Issue("warning", "too-costly", "It takes too long to check the resource against all of its profiles.")
            )
        return run.found

    def _apply(self, url: str, where: str, item: Item, run: Run) -> None:
        core = core_type(url, self._types)
        if core is not None:
            if core not in (item.kind, "Resource", "DomainResource"):
                run.add("error", "structure", item.place, f"This profile is on {core}, not on {item.kind}.")
            return
        check = self.check(url)
        if check is None:
            run.add("warning", "not-supported", where, "Not checked: this profile is in no package that is loaded.")
        else:
            check(item, run)

    def _extensions(self, tree: dict[str, Any], run: Run) -> None:
        """Hold every extension against the profile of its url, as far as there is one."""
        found: list[Item] = []
        steps: list[str | int] = [str(tree.get("resourceType"))]
        _gather_extensions(tree, steps, found)
        for item in found:
            run.step()
            url = item.value.get("url")
            check = self.check(url) if isinstance(url, str) else None
            if check is not None:
                check(item, run)

    def root(self, url: str) -> Rule | None:
        """Return the rules of a profile; None if it isn't at hand, or can't be used."""
        if url not in self._roots:
            definition = self._find(url)
            if definition is None:
                return None  # not remembered: anybody can make up URLs
            self._roots[url] = self._rules(definition)
        found = self._roots[url]
        return found if isinstance(found, Rule) else None

    def _rules(self, definition: Mapping[str, Any]) -> Rule | ProfileError | None:
        if definition.get("resourceType") != "StructureDefinition":
            return None
        try:
            self._refuse_what_is_no_fhir(definition)
            return rules(self.release, definition, self._sound)
        except ProfileError as error:
            return error

    def _sound(self, url: str) -> Mapping[str, Any] | None:
        """Return a definition; None if it isn't at hand. Raises: ProfileError, if it is no FHIR."""
        definition = self._find(url)
        if definition is not None:
            self._refuse_what_is_no_fhir(definition)
        return definition

    def _refuse_what_is_no_fhir(self, definition: Mapping[str, Any]) -> None:
        """Raise ProfileError if what a profile demands is not written as FHIR says; what is left out is no matter."""
        parts = {name: one for name, one in definition.items() if name in _DEMANDING and one != {"element": []}}
        try:
            found = find_issues(self.release, parts, maximum_depth=DEPTH_MAX)
        except MalformedError as error:
            raise ProfileError("It is nested too deep.") from error
        for issue in found:
            if issue.code != "required":
                raise ProfileError(f"It is no FHIR: {issue.diagnostics} ({issue.expression})")

    def check(self, url: str) -> Check | None:
        """Return the check of one value against a profile; None if it isn't at hand."""
        if url not in self._checks:
            root = self.root(url)
            refused = self._roots.get(url)
            if root is not None:
                self._checks[url] = self._whole(url, root)
            elif refused is not None:
                self._checks[url] = _refusal(url, str(refused))
            else:
                return None
        return self._checks[url]

    def target_type(self, url: str) -> str | None:
        """Return the type that a profile is on; None if it isn't at hand."""
        core = core_type(url, self._types)
        root = None if core else self.root(url)
        return root.kinds[0] if root is not None else core

    def _whole(self, url: str, root: Rule) -> Check:
        """Return the check of a profile, compiled at its first use, so that profiles may name each other in circles."""
        kind = root.kinds[0]
        is_resource = self._types[kind].is_resource
        compiled: list[Check] = []

        def check(item: Item, run: Run) -> None:
            run.step()
            key = (id(item.value), url)
            if key in run.seen:
                return
            run.seen.add(key)
            if not compiled:
                compiled.append(self._content(root, kind))
            if not is_resource:
                compiled[0](item, run)
            elif isinstance(item.value, dict) and item.value.get("resourceType") == kind:
                run.inside(run.root if run.contains(item.value) else item.value, compiled[0], item)
            else:
                run.add("error", "structure", item.place, f"The profile {url} is on {kind}.")

        return check

    def group(self, rule: Rule, label: str) -> Group:
        """Return the check of all items that ``rule`` is about: how many, what each is, and its slices."""
        minimum, maximum = rule.minimum, rule.maximum
        content = self._content(rule, label)
        slices = compile_slices(self, rule, label)
        has_content = content is not _nothing
        if not has_content and slices is None and minimum == 0 and maximum is None:
            return _nothing_of_all

        def check(items: list[Item], place: str, run: Run) -> None:
            count = len(items)
            run.step(count)
            if count < minimum:
                run.add("error", "required", place, f"{label} must occur at least {_times(minimum)}.")
            if maximum is not None and count > maximum:
                allowed = f"must not occur more than {_times(maximum)}" if maximum else "must not occur"
                run.add("error", "structure", items[maximum].place, f"{label} {allowed}.")
            if has_content:
                for item in items:
                    content(item, run)
            if slices is not None:
                slices(items, place, run)

        return check

    def _content(self, rule: Rule, label: str) -> Check:
        """Return the check of one item."""
        parts = [*_values(rule, label), *self._type_parts(rule, label)]
        parts += [self._binding(binding, label) for binding in rule.bindings]
        parts += [invariant_check(self.release, one, rule.kinds, label) for one in rule.invariants]
        parts.append(self._children(rule))
        parts = [part for part in parts if part is not _nothing]
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return _nothing

        def check(item: Item, run: Run) -> None:
            for part in parts:
                part(item, run)

        return check

    def _children(self, rule: Rule) -> Check:
        children = [
            (members, name, has_to_be_there(child), group)
            for child in rule.children.values()
            for members, name in [(members_of(child.element.members()), child.element.name.removesuffix("[x]"))]
            if (group := self.group(child, name)) is not _nothing_of_all
        ]
        if not children:
            return _nothing
        known: dict[Names, list[tuple[Members, str, Group]]] = {}

        def to_look_at(names: Names) -> list[tuple[Members, str, Group]]:
            """Return which children need a look in an object with these members; most objects have the same few."""
            found = known.get(names)
            if found is not None:
                return found
            wanted = [
                (there, name, group)
                for members, name, is_demanded, group in children
                if (there := tuple(one for one in members if one[0] in names or one[2] in names)) or is_demanded
            ]
            return remember(known, names, wanted)

        def check(item: Item, run: Run) -> None:
            run.step()
            node, place = item.sibling if item.kind in PRIMITIVES else item.value, item.place
            for members, name, group in to_look_at(tuple(node) if type(node) is dict else ()):
                group(items_of(node, members, place), f"{place}.{name}", run)

        return check

    def _type_parts(self, rule: Rule, label: str) -> Iterator[Check]:
        codes = frozenset(one.code for one in rule.types)
        if rule.types and rule.element.is_choice:
            yield _kind_check(frozenset(rule.kinds), label)
        elif rule.types and rule.element.types == ("Resource",) and not codes & {"Resource", "DomainResource"}:
            yield _resource_check(codes, label)
        for one in rule.types:
            if one.profiles:
                yield self._profile_part(one, label)
            if one.targets:
                yield self._target_part(one, label)
            if one.aggregation:
                yield _aggregation_check(one, label)

    def _profile_part(self, rule: TypeRule, label: str) -> Check:
        """Return the check that a value of this type keeps one of the profiles; a profile not at hand says nothing."""

        def check(item: Item, run: Run) -> None:
            if item.value is None or rule.code not in (item.kind, "Resource", _resource_type(item.value)):
                return
            found = [(url, self.check(url)) for url in rule.profiles]
            known = [(url, one) for url, one in found if one is not None]
            if len(found) == 1:
                for _, one in known:
                    one(item, run)
            elif len(known) == len(found) and not any(run.keeps(url, item, one) for url, one in known):
                run.add("error", "structure", item.place, f"{label} keeps none of the profiles that it may have.")

        return check

    def _target_part(self, rule: TypeRule, label: str) -> Check:
        """Return the check that a reference leads to what it may lead to, as far as that can be told from here."""

        def check(item: Item, run: Run) -> None:
            if item.kind != rule.code or not isinstance(item.value, dict):
                return
            named = run.type_of_target(item.value)
            names = [self.target_type(url) for url in rule.targets]
            if named is None or None in names or "Resource" in names:
                return
            fitting = [url for url, name in zip(rule.targets, names, strict=True) if name == named]
            if not fitting:
                allowed = ", ".join(sorted({name for name in names if name}))
                run.add("error", "value", item.place, f"{label} must refer to one of {allowed}.")
                return
            resource = run.resolve(item.value)
            if resource is not None and not self._keeps_one(resource, named, item.place, fitting, run):
                run.add(
                    "error", "structure", item.place, f"{label} refers to what keeps none of the profiles it may have."
                )

        return check

    def _keeps_one(self, resource: dict[str, Any], kind: str, place: str, profiles: list[str], run: Run) -> bool:
        target = Item(resource, None, place, kind)
        checks = [(url, self.check(url)) for url in profiles]
        return any(check is None or run.keeps(url, target, check) for url, check in checks)

    def _binding(self, binding: Binding, label: str) -> Check:
        """Return the check of a coded value; a concept that is text only breaks a required binding."""
        severity = "error" if binding.is_required else "warning"

        def check(item: Item, run: Run) -> None:
            if item.value is None:
                return
            codes, url = codes_of(item), binding.value_set
            is_text = item.kind == "CodeableConcept" and "coding" not in item.value
            if (is_text and binding.is_required and self.terminology.value_set(url) is not None) or (
                codes and all(self.terminology.belongs(url, system, code) is False for system, code in codes)
            ):
                run.add(severity, "code-invalid", item.place, f"{label} must have a code of {binding.value_set}.")

        return check


def _values(rule: Rule, label: str) -> Iterator[Check]:
    """Yield the checks of a value by itself."""
    fixed, pattern, length_max = rule.fixed, rule.pattern, rule.length_max
    if fixed is not None:

        def is_fixed(item: Item, run: Run) -> None:
            if item.value != fixed:
                run.add("error", "value", item.place, f"{label} must be {_shown(fixed)}.")

        yield is_fixed
    if pattern is not None:
        matches = matcher(pattern)

        def has_pattern(item: Item, run: Run) -> None:
            if not matches(item.value):
                run.add("error", "value", item.place, f"{label} must have {_shown(pattern)}.")

        yield has_pattern
    for limit, is_broken, word in (
        (rule.lowest, lambda value, limit: value < limit, "least"),
        (rule.highest, lambda value, limit: value > limit, "most"),
    ):
        if limit is not None:
            yield _limit_check(limit, is_broken, f"{label} must be at {word} {_shown(limit)}.")
    if length_max is not None:

        def is_short(item: Item, run: Run) -> None:
            if isinstance(item.value, str) and len(item.value) > length_max:
                run.add("error", "value", item.place, f"{label} must have at most {length_max} characters.")

        yield is_short


def _limit_check(limit: Any, is_broken: _NumberTest, sentence: str) -> Check:
    """Return the check of a number, of a date as far as it tells, or of a quantity in the unit of the limit."""

    def check(item: Item, run: Run) -> None:
        value, most = item.value, limit
        if isinstance(limit, dict):
            if not isinstance(value, dict) or any(value.get(name) != limit.get(name) for name in ("system", "code")):
                return
            value, most = value.get("value"), limit.get("value")
        if _is_number(value) and _is_number(most):
            is_over = is_broken(value, most)
        elif item.kind in MOMENTS and isinstance(value, str) and isinstance(most, str):
            is_over = compared_moments(is_broken, value, most) is True
        else:
            return
        if is_over:
            run.add("error", "value", item.place, sentence)

    return check


def _aggregation_check(rule: TypeRule, label: str) -> Check:
    """Return the check that a reference leads to where it may: into the resource, into the Bundle, or elsewhere.

    Of a resource by itself it can't be told whether it was in a Bundle with what it refers to.
    """

    def check(item: Item, run: Run) -> None:
        text = item.value.get("reference") if isinstance(item.value, dict) else None
        if item.kind != rule.code or not isinstance(text, str):
            return
        if text.startswith("#"):
            is_kept = "contained" in rule.aggregation
        elif run.bundle is not None:
            is_kept = ("bundled" if run.resolve(item.value) is not None else "referenced") in rule.aggregation
        else:
            is_kept = not rule.aggregation.isdisjoint({"bundled", "referenced"})
        if not is_kept:
            where = ", ".join(sorted(rule.aggregation))
            run.add("error", "value", item.place, f"{label} must lead to what is {where}.")

    return check


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _kind_check(kinds: frozenset[str], label: str) -> Check:
    def check(item: Item, run: Run) -> None:
        if item.kind not in kinds:
            run.add("error", "structure", item.place, f"{label} must be one of {', '.join(sorted(kinds))}.")

    return check


def _resource_check(kinds: frozenset[str], label: str) -> Check:
    def check(item: Item, run: Run) -> None:
        if _resource_type(item.value) not in kinds:
            run.add("error", "structure", item.place, f"{label} must be one of {', '.join(sorted(kinds))}.")

    return check


def _nothing(_: Item, __: Run) -> None:
    """Check nothing."""


def _nothing_of_all(_: list[Item], __: str, ___: Run) -> None:
    """Check nothing."""


def _refusal(url: str, why: str) -> Check:
    """Return the check of a profile that can't be used: it says so, once."""

    def check(item: Item, run: Run) -> None:
        if (0, url) not in run.seen:
            run.seen.add((0, url))
            run.add("warning", "not-supported", item.place, f"Not checked: the profile {url} can't be used. {why}")

    return check


def _resources(tree: dict[str, Any], place: str) -> Iterator[tuple[dict[str, Any], str, dict[str, Any]]]:
    """Yield a resource and the resources in it, each with its place and the resource that contains it, or itself."""
    yield tree, place, tree
    for index, one in enumerate(tree.get("contained", ())):
        yield one, f"{place}.contained[{index}]", tree
    if tree.get("resourceType") == "Bundle":
        for index, entry in enumerate(tree.get("entry", ())):
            if "resource" in entry:
                yield from _resources(entry["resource"], f"{place}.entry[{index}].resource")


def _gather_extensions(node: Mapping[str, Any], steps: list[str | int], found: list[Item]) -> None:
    """Add the extensions in ``node``, those inside others too; ``steps`` is the way to it, and is left as it was."""
    for name, value in node.items():
        if type(value) is dict:
            steps.append(name)
            _gather_extensions(value, steps, found)
            steps.pop()
        elif type(value) is list:
            is_extension = name in _EXTENSIONS
            for index, one in enumerate(value):
                if type(one) is dict:
                    steps += name, index
                    if is_extension:
                        found.append(Item(one, None, _path(steps), "Extension"))
                    _gather_extensions(one, steps, found)
                    del steps[-2:]


def _path(steps: Iterable[str | int]) -> str:
    """Return the way to a value as an expression."""
    parts = (f"[{one}]" if isinstance(one, int) else f".{one.removeprefix('_')}" for one in steps)
    return "".join(parts).removeprefix(".")


def _claims(resource: Mapping[str, Any]) -> list[str]:
    return [url for url in resource.get("meta", {}).get("profile", ()) if isinstance(url, str)]


def _resource_type(value: Any) -> str | None:
    return value.get("resourceType") if isinstance(value, dict) else None


def _shown(value: Any) -> str:
    """Return a value of a profile for a sentence: for what has parts, its leaves."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    return ", ".join(_shown(one) for one in value) if isinstance(value, list) else str(value)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
