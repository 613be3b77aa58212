"""The code systems and value sets of one release: found by their canonical URL, and put together from their definitions.

A value set that includes itself, or code systems that are not at hand, is known in part; then a stored expansion counts, if
there is one. What would take more than a bounded number of steps is not put together.

Spec: https://hl7.org/fhir/R4/valueset.html#compositions, https://hl7.org/fhir/STU3/valueset.html#compositions
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from app.errors import TooCostlyError
from app.fhir.terminology.code_system import CodeSystem, Concept, code_system, concept_of
from app.fhir.terminology.filters import picked
from app.fhir.terminology.value_set import ValueSet, common

Find = Callable[[str], Mapping[str, Any] | None]
"""From a canonical URL, with or without ``|version``, to the resource that goes by it; None if none is at hand."""

STEPS_MAX = 1_000_000
NESTED_MAX = 20
NESTED_STEPS = 50
"""What reading the definition of a value set counts for."""


class _Steps:
    """How much work is left."""

    def __init__(self) -> None:
        self.left = STEPS_MAX

    def take(self, count: int) -> None:
        """Count steps. Raises: TooCostlyError."""
        self.left -= count
        if self.left < 0:
            raise TooCostlyError("The value set takes too many codes to be put together here.")


class Terminology:
    """What ``find`` knows of code systems and value sets; each is read when it is first asked for, and kept."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._value_sets: dict[str, ValueSet] = {}
        self._code_systems: dict[str, CodeSystem] = {}
        self.elsewhere: Callable[[str, str, str], bool | None] = lambda *_: None
        """What is asked, with a value set, a system and a code, where what is at hand does not tell."""

    def definition(self, url: str) -> Mapping[str, Any] | None:
        """Return the ValueSet with this canonical URL, which may have a version; None if it isn't at hand."""
        found = self._find(url)
        return found if found is not None and found.get("resourceType") == "ValueSet" else None

    def value_set(self, url: str) -> ValueSet | None:
        """Return the codes of the value set with this canonical URL; None if it isn't at hand."""
        if url not in self._value_sets:
            definition = self.definition(url)
            if definition is None:
                return None  # not remembered: there are as many URLs as anybody makes up
            try:
                self._value_sets[url] = self.expand(definition)
            except TooCostlyError:
                self._value_sets[url] = ValueSet(is_unknown=True, is_too_costly=True)
        return self._value_sets[url]

    def belongs(self, url: str, system: str | None, code: str) -> bool | None:
        """Return whether a code belongs to the value set with this URL; None if that is known neither here nor elsewhere."""
        found = self.value_set(url)
        verdict = None if found is None else found.has(system, code)
        return self.elsewhere(url, system, code) if verdict is None and system else verdict

    def code_system(self, url: str, version: str = "") -> CodeSystem | None:
        """Return the code system that goes by a URL, in this version if one is named; None if it isn't at hand."""
        name = f"{url}|{version}" if version and "|" not in url else url
        if name not in self._code_systems:
            found = self._find(name)
            if found is None or found.get("resourceType") != "CodeSystem" or found.get("content") == "not-present":
                return None
            self._code_systems[name] = code_system(found)
        return self._code_systems[name]

    def expand(self, definition: Mapping[str, Any]) -> ValueSet:
        """Return the codes of a ValueSet. Raises: TooCostlyError."""
        return self._expanded(definition, (), _Steps())

    def _expanded(self, definition: Mapping[str, Any], within: tuple[str, ...], steps: _Steps) -> ValueSet:
        url = str(definition.get("url", ""))
        if (url and url in within) or len(within) >= NESTED_MAX:
            return ValueSet(is_unknown=True)
        compose, expansion = definition.get("compose"), definition.get("expansion")
        if compose is not None:
            made = self._composed(compose, (*within, url), steps)
            if made.is_complete or expansion is None:
                return made
        return ValueSet(is_unknown=True) if expansion is None else self._stored(expansion, steps)

    def _stored(self, expansion: Mapping[str, Any], steps: _Steps) -> ValueSet:
        """Return what a stored expansion lists; it may be a page of more."""
        made = ValueSet()
        count = 0
        for item in _all(expansion.get("contains", ())):
            steps.take(1)
            count += 1
            if "code" in item and item.get("abstract") is not True:
                made.add(str(item.get("system", "")), concept_of(item))
        made.is_unknown = expansion.get("total", count) > count
        return made

    def _composed(self, compose: Mapping[str, Any], within: tuple[str, ...], steps: _Steps) -> ValueSet:
        made = ValueSet()
        for part in compose.get("include", ()):
            one = self._part(part, within, steps)
            steps.take(one.size)
            made.unite(one)
        if compose.get("inactive") is False:
            for system, concepts in made.codes.items():
                made.codes[system] = {code: one for code, one in concepts.items() if not one.is_inactive}
        for part in compose.get("exclude", ()):
            steps.take(made.size)
            if "system" in part and not part.keys() & {"concept", "filter", "valueSet", "version"}:
                made.exclude_system(str(part["system"]))
            else:
                made.exclude(self._part(part, within, steps))
        return made

    def _part(self, part: Mapping[str, Any], within: tuple[str, ...], steps: _Steps) -> ValueSet:
        """Return what one include or exclude names: what its system and all its value sets have in common."""
        steps.take(1)
        sets = [self._nested(str(url), within, steps) for url in part.get("valueSet", ())]
        if "system" in part:
            sets.append(self._of_system(part, steps))
        if not sets:
            return ValueSet(is_unknown=True)
        made, *others = sets
        for other in others:
            steps.take(made.size + other.size)
            made = common(made, other)
        return made

    def _nested(self, url: str, within: tuple[str, ...], steps: _Steps) -> ValueSet:
        steps.take(NESTED_STEPS)
        definition = self.definition(url)
        return ValueSet(is_unknown=True) if definition is None else self._expanded(definition, within, steps)

    def _of_system(self, part: Mapping[str, Any], steps: _Steps) -> ValueSet:
        url = str(part["system"])
        system = self.code_system(url, str(part.get("version", "")))
        if "concept" in part:
            known = {} if system is None else system.concepts
            listed = [concept_of(item, known.get(str(item.get("code")))) for item in part["concept"] if "code" in item]
            steps.take(len(listed))
            return ValueSet({url: {one.code: one for one in listed}})
        if system is None or not system.is_complete:
            return ValueSet(open_systems={url})
        steps.take(len(system.concepts) * (1 + len(part.get("filter", ()))))
        codes: set[str] | None = None
        for one in part.get("filter", ()):
            found = picked(system, *(str(one.get(name, "")) for name in ("property", "op", "value")))
            if found is None:
                return ValueSet(open_systems={url})
            codes = found if codes is None else codes & found
        return ValueSet({url: _kept(system, codes)})


def _kept(system: CodeSystem, codes: set[str] | None) -> dict[str, Concept]:
    if codes is None:
        return dict(system.concepts)
    return {code: concept for code, concept in system.concepts.items() if code in codes}


def _all(items: Any) -> Iterator[Mapping[str, Any]]:
    """Yield what an expansion contains and, after each, what is below it."""
    waiting = list(reversed(items))
    while waiting:
        item = waiting.pop()
        yield item
        waiting.extend(reversed(item.get("contains", ())))
