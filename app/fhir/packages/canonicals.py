"""Which definition a canonical URL means, where several versions of it are loaded.

- ``url|version`` is exactly that version.
- In a definition, a URL without one is what its own package has, then what the packages have on which that one depends.
- In data, and where that leads to nothing, it is what the pinned version of a package has; without a pin the newest version.

A definition that is read for its meaning has its URLs led to where they go: ``url|version|name#version``, which nobody else
writes. Where a URL is loaded once, it stays as it is.

Spec: https://hl7.org/fhir/R4/references.html#canonical
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.fhir.packages.package import Pin

_CANONICAL = frozenset({"baseDefinition", "profile", "targetProfile", "valueSet", "valueSetUri"})
"""The members of a StructureDefinition and of a ValueSet that refer to another definition."""
_VALUES = ("fixed", "pattern", "defaultValue", "example")
"""How members begin that hold a value of a resource, which is left as it is."""
_ANY = frozenset({"", "*", "x", "latest", "current"})
_ANY_PART = frozenset({"x", "X", "*"})


@dataclass(frozen=True, slots=True)
class Held:
    """A definition in a package: what it is found by, and ``read``, which returns it.

    ``on`` is the type that a profile is on, empty for everything else.
    """

    url: str
    version: str
    resource_type: str
    on: str
    package: Pin
    read: Callable[[], dict[str, Any]]


class Definitions:
    """The definitions of one release by canonical URL; one is read from its file when it is asked for."""

    def __init__(self, pins: Iterable[str] = ()) -> None:
        self._pins = frozenset(pins)
        self._held: dict[str, list[Held]] = {}
        self._dependencies: dict[str, Mapping[str, str]] = {}
        self._reach: dict[str, list[str]] = {}
        self._has_versions = False

    def add(self, package: Pin, held: Iterable[Held], dependencies: Mapping[str, str]) -> None:
        """Add what a package holds, and on which packages it depends."""
        self._dependencies[str(package)] = dependencies
        self._reach.clear()
        for one in held:
            holders = self._held.setdefault(one.url, [])
            holders.append(one)
            if len(holders) > 1:
                self._held[one.url] = _by_preference(holders, self._pins)
                self._has_versions = True

    def __len__(self) -> int:
        return len(self._held)

    def all(self) -> Iterator[Held]:
        """Yield what each URL leads to that has no version, in no order."""
        return (holders[0] for holders in self._held.values())

    def find(self, url: str) -> dict[str, Any] | None:
        """Return the definition that goes by a canonical URL, as it was published; None if there is none."""
        held = self._find(url)
        return None if held is None else held.read()

    def resolved(self, url: str) -> dict[str, Any] | None:
        """Return the same with the URLs in it led to where its package means them to go."""
        held = self._find(url)
        if held is None:
            return None
        tree = held.read()
        return _led(tree, lambda inner: self._lead(inner, str(held.package))) if self._has_versions else tree

    def _find(self, url: str) -> Held | None:
        if "|" not in url:
            return next(iter(self._held.get(url, ())), None)
        parts = url.split("|")
        if "" in parts or len(parts) > 3:
            return None  # or one definition would have as many names as anybody makes up
        base, version, package = (*parts, "", "")[:3]
        for held in self._held.get(base, ()):
            if version in ("", held.version) and package in ("", str(held.package)):
                return held
        return None

    def _lead(self, url: str, package: str) -> str:
        base, _, version = url.partition("|")
        holders = self._held.get(base, ())
        if len(holders) < 2 or "|" in version:
            return url
        reach = self._reach.setdefault(package, list(self._reached(package)))
        near = [one for one in holders if str(one.package) in reach and version in ("", one.version)]
        if not near:
            return url
        found = min(near, key=lambda one: reach.index(str(one.package)))
        return f"{base}|{found.version}|{found.package}"

    def _reached(self, package: str) -> Iterator[str]:
        """Yield a package and those on which it depends, the nearest first, each once."""
        waiting, seen = [package], {package}
        for one in waiting:
            yield one
            for name, wanted in self._dependencies.get(one, {}).items():
                found = chosen(name, wanted, self._dependencies)
                if found is not None and found not in seen:
                    seen.add(found)
                    waiting.append(found)


def _by_preference(holders: list[Held], pins: frozenset[str]) -> list[Held]:
    """Return the pinned first, of one package its newest version first, of several packages what is itself newer."""
    packages: dict[str, list[Held]] = {}
    for one in holders:
        packages.setdefault(one.package.name, []).append(one)
    for versions in packages.values():
        versions.sort(key=lambda one: (str(one.package) in pins, order(one.package.version)), reverse=True)
    groups = sorted(
        packages.values(),
        key=lambda one: (str(one[0].package) in pins, order(one[0].version), one[0].package.name),
        reverse=True,
    )
    return [one for versions in groups for one in versions]


def chosen(name: str, wanted: str, loaded: Iterable[str]) -> str | None:
    """Return the newest of the packages ``loaded``, written ``name#version``, that is a dependency; None if none is.

    ``wanted`` is a version, with ``x`` for a part that may be anything, or ``latest`` or ``current``.
    """
    versions = [pin.partition("#")[2] for pin in loaded if pin.partition("#")[0] == name]
    fitting = [version for version in versions if _fits(version, wanted)]
    return f"{name}#{max(fitting, key=order)}" if fitting else None


def _fits(version: str, wanted: str) -> bool:
    if version == wanted or wanted in _ANY:
        return True
    parts, asked = version.split("."), wanted.split(".")
    has_any = not _ANY_PART.isdisjoint(asked)
    return has_any and all(
        one in _ANY_PART or one == part for one, part in zip(asked, [*parts, *[""] * len(asked)], strict=False)
    )


def order(version: str) -> tuple[list[int], bool, list[tuple[int, str]]]:
    """Return the key by which versions follow each other: 2.9 before 2.10, and 2.0.0-rc.7 before 2.0.0."""
    numbers, _, suffix = version.partition("+")[0].partition("-")
    parts = [(int(part), "") if _is_number(part) else (-1, part) for part in re.split(r"[.-]", suffix) if part]
    return [int(part) if _is_number(part) else -1 for part in numbers.split(".")], not suffix, parts


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,18}", text) is not None


def _led(node: Any, lead: Callable[[str], str], name: str = "") -> Any:
    if name.startswith(_VALUES):
        return node
    if isinstance(node, dict):
        in_reference = name == "valueSetReference"  # of a binding in STU3
        return {key: _led(value, lead, "valueSet" if in_reference else key) for key, value in node.items()}
    if isinstance(node, list):
        return [_led(one, lead, name) for one in node]
    return lead(node) if name in _CANONICAL and isinstance(node, str) else node
