"""Value sets as far as packages hold them: does a code belong to one? Yes, no, or it can't be known.

A value set is known where it lists its codes, or names a code system that a package holds completely. Of a system that
is only filtered, or not at hand, every code may belong.

Spec: https://hl7.org/fhir/R4/valueset.html, https://hl7.org/fhir/STU3/valueset.html
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Find = Callable[[str], Mapping[str, Any] | None]
"""From a canonical URL, or that of a code system, to the resource that goes by it; None if none is at hand."""

CODES_MAX = 100_000
NESTED_MAX = 20


@dataclass(slots=True)
class ValueSet:
    """The codes of a value set by system; of the systems in ``open_systems`` any code may belong."""

    codes: dict[str, set[str]] = field(default_factory=dict)
    open_systems: set[str] = field(default_factory=set)
    is_unknown: bool = False

    def has(self, system: str | None, code: str) -> bool | None:
        """Return whether a code belongs; None if that can't be known. Without a system it may be of any."""
        listed = self.codes.values() if system is None else [self.codes.get(system, set())]
        if any(code in codes for codes in listed):
            return True
        if self.is_unknown or (self.open_systems if system is None else system in self.open_systems):
            return None
        return False


class Terminology:
    """The value sets that ``find`` knows; each is expanded when it is first asked for."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._value_sets: dict[str, ValueSet | None] = {}

    def value_set(self, url: str) -> ValueSet | None:
        """Return the value set with this canonical URL, which may have a version; None if it isn't at hand."""
        if url not in self._value_sets:
            self._value_sets[url] = self._expanded(url, ())
        return self._value_sets[url]

    def _expanded(self, url: str, within: tuple[str, ...]) -> ValueSet | None:
        definition = self._find(url)
        if definition is None or definition.get("resourceType") != "ValueSet":
            return None
        if url in within or len(within) >= NESTED_MAX:
            return ValueSet(is_unknown=True)
        made = ValueSet()
        compose = definition.get("compose")
        if compose is None:
            for item in _all(definition.get("expansion", {}).get("contains", ())):
                _add(made, str(item.get("system", "")), [item])
            made.is_unknown = "expansion" not in definition
            return made
        for part in compose.get("include", ()):
            self._include(made, part, (*within, url))
        for part in compose.get("exclude", ()):
            self._exclude(made, part)
        return made

    def _include(self, made: ValueSet, part: Mapping[str, Any], within: tuple[str, ...]) -> None:
        nested = [self._expanded(url, within) for url in part.get("valueSet", ())]
        system = part.get("system")
        if system is None and len(nested) == 1 and nested[0] is not None:
            for name, codes in nested[0].codes.items():
                made.codes.setdefault(name, set()).update(codes)
            made.open_systems |= nested[0].open_systems
            made.is_unknown |= nested[0].is_unknown
        elif system is None or nested:
            made.is_unknown = True  # what several value sets have in common: none of those at hand says that
        elif "concept" in part:
            _add(made, system, part["concept"])
        elif "filter" in part or not self._add_system(made, system):
            made.open_systems.add(system)

    def _add_system(self, made: ValueSet, system: str) -> bool:
        """Add all codes of a system; return False if they aren't at hand."""
        definition = self._find(system)
        if (
            definition is None
            or definition.get("resourceType") != "CodeSystem"
            or definition.get("content") != "complete"
        ):
            return False
        _add(made, system, _all(definition.get("concept", ()), "concept"))
        return True

    def _exclude(self, made: ValueSet, part: Mapping[str, Any]) -> None:
        system = part.get("system")
        if system is None or "filter" in part or "valueSet" in part:
            made.is_unknown = True
        elif "concept" in part:
            made.codes.get(system, set()).difference_update(str(item.get("code")) for item in part["concept"])
        else:
            made.codes.pop(system, None)
            made.open_systems.discard(system)


def _add(made: ValueSet, system: str, concepts: Any) -> None:
    """Add codes; a value set of more than CODES_MAX is not looked at further."""
    codes = made.codes.setdefault(system, set())
    for concept in concepts:
        if len(codes) >= CODES_MAX:
            made.open_systems.add(system)
            return
        if "code" in concept:
            codes.add(str(concept["code"]))


def _all(items: Any, below: str = "contains") -> Iterator[Mapping[str, Any]]:
    """Yield concepts and, after each, those below it."""
    waiting = list(reversed(items))
    while waiting:
        item = waiting.pop()
        yield item
        waiting.extend(reversed(item.get(below, ())))
