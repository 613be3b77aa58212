"""What a profile demands, as one tree: its differential, laid over the demands of the profiles it is based on.

Unlike the snapshot of the specification the tree holds no elements that nobody says anything about: what every resource
of a type has to keep to is checked by ``validation/structure.py``, from the tables of ``releases/``. A profile can only
be stricter than its base: a minimum that is lower, or a maximum that is higher, changes nothing.

Spec: https://hl7.org/fhir/R4/profiling.html, https://hl7.org/fhir/STU3/profiling.html
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.fhir.release import Release
from app.fhir.releases.definitions import PRIMITIVES, Definitions, Element, definitions

Find = Callable[[str], Mapping[str, Any] | None]
"""From a canonical URL to the StructureDefinition that goes by it; None if none is at hand."""

CORE = "http://hl7.org/fhir/StructureDefinition/"
BASES_MAX = 20
ELEMENTS_MAX = 5000
MAXIMUM_DIGITS = 9
LEVELS_MAX = 30
_SEGMENT = r"([^.:]+)(?::(.+?))?"
_NO_ELEMENT = Element("", (), required=False, many=True, targets=frozenset(), codes={}, has_sibling=False)


class ProfileError(Exception):
    """A profile that can't be used, with a sentence that says why."""


@dataclass(frozen=True, slots=True)
class TypeRule:
    """A type that a value may have, and the profiles of which the value, or the target of a reference, must keep one.

    ``aggregation`` is where a reference may lead to: contained, referenced, bundled; anywhere if it is empty.
    """

    code: str
    profiles: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    aggregation: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Binding:
    """The value set of a coded value; ``is_required`` is False if other codes may be used where it has none."""

    value_set: str
    is_required: bool


@dataclass(frozen=True, slots=True)
class Invariant:
    """A condition in FHIRPath; ``is_error`` is False if it only advises."""

    key: str
    expression: str
    human: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class Slicing:
    """How the repetitions of an element are told apart: pairs of a discriminator's type and path."""

    discriminators: tuple[tuple[str, str], ...]
    rules: str = "open"
    is_ordered: bool = False


@dataclass(slots=True)
class Rule:
    """What is demanded of one element, its slices and the elements in it.

    ``kinds`` are the types that its values may have, by their names in ``releases/``; ``maximum`` None is any number.
    """

    element: Element
    kinds: tuple[str, ...]
    minimum: int = 0
    maximum: int | None = None
    types: tuple[TypeRule, ...] = ()
    fixed: Any = None
    pattern: Any = None
    lowest: Any = None
    highest: Any = None
    length_max: int | None = None
    bindings: list[Binding] = field(default_factory=list)
    invariants: list[Invariant] = field(default_factory=list)
    slicing: Slicing | None = None
    slices: dict[str, "Rule"] = field(default_factory=dict)
    children: dict[str, "Rule"] = field(default_factory=dict)


def rules(release: Release, profile: Mapping[str, Any], find: Find) -> Rule:
    """Return what ``profile``, a StructureDefinition, demands; the root's only kind is the type that it constrains.

    Raises: ProfileError (a base that isn't at hand or goes round in circles, an element that doesn't exist, too large).
    """
    types = definitions(release)
    chain = [profile]
    while (base := str(chain[-1].get("baseDefinition", ""))) and not _is_core(base, types):
        found = find(base)
        if found is None:
            raise ProfileError(f"Its base {base} is in no package that is loaded.")
        chain.append(found)
        if len(chain) > BASES_MAX:
            raise ProfileError("Its bases go round in circles, or are too many.")
    kind = str(profile.get("type"))
    if kind not in types:
        raise ProfileError("It is on a type that this FHIR release does not have.")
    root = Rule(_NO_ELEMENT, (kind,))
    for definition in reversed(chain):
        _Overlay(types, root, find).lay(definition)
    return root


def core_type(url: str, types: Definitions) -> str | None:
    """Return the type of the specification that a canonical URL names; None if it names something else."""
    if not url.startswith(CORE):
        return None
    name = url.removeprefix(CORE).partition("|")[0]
    return name if name in types else None


def _is_core(url: str, types: Definitions) -> bool:
    return core_type(url, types) is not None or url == f"{CORE}SimpleQuantity"


class _Overlay:
    """Lays one differential over a tree."""

    def __init__(self, types: Definitions, root: Rule, find: Find) -> None:
        self.types = types
        self.root = root
        self.find = find

    def lay(self, definition: Mapping[str, Any]) -> None:
        view = definition.get("differential") or definition.get("snapshot") or {}
        elements = view.get("element", [])
        if len(elements) > ELEMENTS_MAX:
            raise ProfileError(f"It has more than {ELEMENTS_MAX} elements.")
        for element in elements:
            rule = self.rule_at(element)
            if rule is not None:
                self.apply(rule, element)

    def rule_at(self, element: Mapping[str, Any]) -> Rule | None:
        """Return the rule that an element of a differential is about, made if there is none yet."""
        path = str(element.get("path", ""))
        if path.count(".") >= LEVELS_MAX:
            raise ProfileError(f"It has an element of more than {LEVELS_MAX} levels.")
        places = _places(str(element.get("id", path)), path, element.get("sliceName"))
        rule = self.root
        for name, part in places[1:]:
            rule = self.child(rule, name)
            if part is not None and rule.element.is_choice and part == name.removesuffix("[x]"):
                continue
            for key in _nested(part):
                rule = self.slice(rule, key)
        if places[0][1] is not None and len(places) == 1:
            return None  # a slice of the root, which has no meaning
        return rule

    def child(self, rule: Rule, name: str) -> Rule:
        """Return the rule for an element in another; ``valueQuantity`` is the slice of ``value[x]`` of that type."""
        kind = self.kind_inside(rule)
        for element in self.types[kind].elements:
            if name in (element.name, element.name.removesuffix("[x]")):
                return rule.children.setdefault(element.name, Rule(element, element.types))
            member = next((one for one in element.members() if one.name == name), None)
            if member is not None:
                choice = rule.children.setdefault(element.name, Rule(element, element.types))
                return self.slice(choice, name)
        raise ProfileError(f"It has rules for {name}, which {kind} does not have.")

    def kind_inside(self, rule: Rule) -> str:
        """Return the type whose elements may be in what ``rule`` is about; of any resource, that of its profile."""
        profiles = [url for one in rule.types for url in one.profiles]
        if rule.kinds == ("Resource",) and len(profiles) == 1:
            return str((self.find(profiles[0]) or {}).get("type", "Resource"))
        return rule.kinds[0] if len(rule.kinds) == 1 and rule.kinds[0] in self.types else "Element"

    def slice(self, rule: Rule, name: str) -> Rule:
        """Return the rule for a slice; one of a choice that has the name of a member is of its type."""
        if name not in rule.slices:
            made = Rule(rule.element, rule.kinds)
            member = next((one for one in rule.element.members() if one.name == name), None)
            if rule.element.is_choice and member is not None:
                made.kinds = (member.type,)
                made.types = (TypeRule(member.type),)
            rule.slices[name] = made
        return rule.slices[name]

    def apply(self, rule: Rule, element: Mapping[str, Any]) -> None:
        """Add what ``element`` demands."""
        rule.minimum = max(rule.minimum, int(element.get("min", 0)))
        most = element.get("max", "*")
        if most != "*":
            if not str(most).isdecimal() or len(most) > MAXIMUM_DIGITS:
                raise ProfileError(f"It has {most} as a maximum, which is neither a number nor *.")
            rule.maximum = int(most) if rule.maximum is None else min(rule.maximum, int(most))
        if "type" in element:
            rule.types = _types(element["type"])
            codes = tuple(kind.code for kind in rule.types)
            if rule.element.is_choice or rule.kinds == ("Resource",):
                rule.kinds = tuple(code for code in codes if code in self.types or code in PRIMITIVES) or rule.kinds
        for name, value in element.items():
            if name.startswith("fixed"):
                rule.fixed = value
            elif name.startswith("pattern"):
                rule.pattern = value
            elif name.startswith("minValue"):
                rule.lowest = value
            elif name.startswith("maxValue"):
                rule.highest = value
        rule.length_max = element.get("maxLength", rule.length_max)
        if "slicing" in element:
            rule.slicing = _slicing(element["slicing"])
        binding = _binding(element.get("binding", {}))
        if binding is not None:
            rule.bindings = [other for other in rule.bindings if other.is_required] + [binding]
        known = {invariant.key for invariant in rule.invariants}
        rule.invariants += [new for new in _invariants(element.get("constraint", ())) if new.key not in known]


def _places(identifier: str, path: str, slice_name: Any) -> list[tuple[str, str | None]]:
    """Return (name, slice) from the root to an element, of its id; of its path if it has no id of that form."""
    length = path.count(".") + 1
    match = re.fullmatch(r"\.".join([_SEGMENT] * length), identifier) if length <= 20 else None
    if match is None:
        names = path.split(".")
        return [(name, None) for name in names[:-1]] + [
            (names[-1], slice_name if isinstance(slice_name, str) else None)
        ]
    groups = match.groups()
    return list(zip(groups[::2], groups[1::2], strict=True))


def _nested(name: str | None) -> list[str]:
    """Return the names of the slices from the outside in: ``a/b`` is a slice of the slice ``a``."""
    if name is None:
        return []
    parts = name.split("/")
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


def _types(items: Any) -> tuple[TypeRule, ...]:
    """Return the types; STU3 writes one for each profile, with a text where R4 has a list."""
    found: dict[str, TypeRule] = {}
    for item in items:
        code = str(item.get("code", ""))
        old = found.get(code, TypeRule(code))
        found[code] = TypeRule(
            code,
            old.profiles + _list(item.get("profile")),
            old.targets + _list(item.get("targetProfile")),
            old.aggregation | frozenset(item.get("aggregation", ())),
        )
    return tuple(found.values())


def _list(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _slicing(item: Mapping[str, Any]) -> Slicing:
    pairs = tuple((str(one.get("type")), str(one.get("path"))) for one in item.get("discriminator", ()))
    return Slicing(pairs, str(item.get("rules", "open")), bool(item.get("ordered", False)))


def _binding(item: Mapping[str, Any]) -> Binding | None:
    """Return a binding that can be broken: not a preferred one, nor one that is only described."""
    strength = item.get("strength")
    reference = item.get("valueSetReference", {}).get("reference")
    url = item.get("valueSet") or item.get("valueSetUri") or reference
    if not url or strength not in ("required", "extensible"):
        return None
    return Binding(str(url), strength == "required")


def _invariants(items: Any) -> list[Invariant]:
    return [
        Invariant(
            str(item.get("key")),
            item["expression"],
            str(item.get("human", "")),
            item.get("severity", "error") == "error",
        )
        for item in items
        if isinstance(item.get("expression"), str)
    ]
