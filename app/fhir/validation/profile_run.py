"""One check of a resource against profiles: what was found, how much work is left, and where references lead."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import msgspec

from app.fhir.issues import Issue
from app.fhir.releases.definitions import Member
from app.fhir.validation.references import target_type

ISSUES_MAX = 50
STEPS_MAX = 200_000
DEPTH_MAX = 30


class Item(msgspec.Struct, frozen=True, gc=False):
    """A value of an element: its type, its place, and for a primitive its extensions; ``value`` None if only those."""

    value: Any
    sibling: Any
    place: str
    kind: str


Check = Callable[[Item, "Run"], None]
Matches = Callable[[Any], bool]
Members = tuple[tuple[str, str, str], ...]
"""The names that an element may have in JSON, each with its type and, of a primitive, the name of its extensions."""


class OutOfStepsError(Exception):
    """The check took as many steps as it may take."""


@dataclass(slots=True)
class Run:
    """The state of a check; ``root`` is the resource around what is looked at, ``bundle`` the Bundle around that."""

    root: dict[str, Any]
    bundle: dict[str, Any] | None = None
    found: list[Issue] = field(default_factory=list)
    steps: int = 0
    depth: int = 0
    seen: set[tuple[int, str]] = field(default_factory=set)
    verdicts: dict[tuple[int, str], bool] = field(default_factory=dict)
    walked: tuple[Item, object, list[Item]] | None = None
    _entries: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, severity: str, code: str, place: str, diagnostics: str) -> None:
        """Note a finding, as long as there is room."""
        if len(self.found) < ISSUES_MAX:
            self.found.append(Issue(severity, code, diagnostics, place))

    def step(self, count: int = 1) -> None:
        """Count steps. Raises: OutOfStepsError."""
        self.steps += count
        if self.steps > STEPS_MAX:
            raise OutOfStepsError

    def keeps(self, name: str, item: Item, check: Check) -> bool:
        """Return whether ``check``, which goes by ``name``, finds no error in ``item``; nothing of it is noted.

        What is being looked at already counts as kept: a circle of references is no fault.
        """
        key = (id(item.value), name)
        if key not in self.verdicts:
            self.verdicts[key] = True
            noted, seen = self.found, self.seen
            self.found, self.seen = [], set()
            self.depth += 1
            try:
                if self.depth <= DEPTH_MAX:
                    check(item, self)
                self.verdicts[key] = all(issue.severity != "error" for issue in self.found)
            finally:
                self.depth -= 1
                self.found, self.seen = noted, seen
        return self.verdicts[key]

    def inside(self, root: dict[str, Any], check: Check, item: Item) -> None:
        """Check an item, with references to contained resources leading into ``root``."""
        before, self.root = self.root, root
        check(item, self)
        self.root = before

    def contains(self, resource: Any) -> bool:
        """Return whether ``resource`` is contained in the root."""
        return any(one is resource for one in self.root.get("contained", ()))

    def resolve(self, reference: Any) -> dict[str, Any] | None:
        """Return the resource that a Reference leads to, contained or in the same Bundle; None if it is elsewhere."""
        text = reference.get("reference") if isinstance(reference, dict) else None
        if not isinstance(text, str):
            return None
        if text.startswith("#"):
            contained = [one for one in self.root.get("contained", ()) if one.get("id") == text[1:]]
            return contained[0] if contained else self.root if text == "#" else None
        if self.bundle is not None and not self._entries:
            self._entries.update(_entries(self.bundle))
        return self._entries.get(text)

    def type_of_target(self, reference: Any) -> str | None:
        """Return the resource type of what a Reference leads to; None if that can't be told."""
        resource = self.resolve(reference)
        if resource is not None:
            return str(resource.get("resourceType"))
        if isinstance(reference, dict):
            text = reference.get("reference")
            named = target_type(text) if isinstance(text, str) else None
            return named or (str(reference["type"]) if "type" in reference else None)
        return None


def _entries(bundle: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the resources of a Bundle by what a reference to them says: the whole URL, or type and id."""
    for entry in bundle.get("entry", ()):
        url, resource = entry.get("fullUrl"), entry.get("resource")
        if isinstance(url, str) and isinstance(resource, dict):
            yield "/".join(url.split("/")[-2:]), resource
            yield url, resource


def members_of(members: Iterable[Member]) -> Members:
    """Return the names of an element, for ``items_of``."""
    return tuple((one.name, one.type, f"_{one.name}" if one.is_primitive else "") for one in members)


def items_of(node: Any, members: Members, place: str) -> list[Item]:
    """Return the values of an element in ``node``; ``members`` has its names in JSON."""
    found: list[Item] = []
    if type(node) is not dict:
        return found
    for name, kind, sibling_name in members:
        if name not in node and sibling_name not in node:
            continue  # as with most of what a choice may be called
        value, sibling = node.get(name), node.get(sibling_name)
        if sibling is not None:
            found += _with_siblings(value, sibling, f"{place}.{name}", kind)
        elif value is not None:
            if type(value) is list:
                found += [Item(one, None, f"{place}.{name}[{index}]", kind) for index, one in enumerate(value)]
            else:
                found.append(Item(value, None, f"{place}.{name}", kind))
    return found


def _with_siblings(value: Any, sibling: Any, place: str, kind: str) -> list[Item]:
    """Return the values of an element with their extensions; each may be there without the other."""
    if not isinstance(value, list) and not isinstance(sibling, list):
        return [Item(value, sibling, place, kind)]
    pairs = zip_longest(value or [], sibling or [])
    return [Item(one, other, f"{place}[{index}]", kind) for index, (one, other) in enumerate(pairs)]


def matcher(pattern: Any) -> Matches:
    """Return whether a value has everything that ``pattern`` has: each item of a list has to be matched by some item."""
    if isinstance(pattern, dict):
        leaves = {name: one for name, one in pattern.items() if not isinstance(one, dict | list)}.items()
        parts = [(name, matcher(one)) for name, one in pattern.items() if isinstance(one, dict | list)]

        def has_members(value: Any) -> bool:
            if type(value) is not dict or not leaves <= value.items():
                return False
            for name, part in parts:  # noqa: SIM110 - a third quicker than all()
                if not part(value.get(name)):
                    return False
            return True

        return has_members
    if isinstance(pattern, list):
        wanted = [matcher(one) for one in pattern]

        def has_items(value: Any) -> bool:
            if type(value) is not list:
                return False
            for one in wanted:
                for item in value:
                    if one(item):
                        break
                else:
                    return False
            return True

        return has_items
    return lambda value: bool(value == pattern)
