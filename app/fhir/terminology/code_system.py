"""A CodeSystem: its concepts in their order, and which lie below which.

Spec: https://hl7.org/fhir/R4/codesystem.html, https://hl7.org/fhir/STU3/codesystem.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

_PARENTS = frozenset({"parent", "subsumedBy"})
_NOT_IN_USE = frozenset({"retired", "inactive"})
_NO_HIERARCHY = frozenset({"part-of", "grouped-by"})


@dataclass(frozen=True, slots=True)
class Concept:
    """A code with what it is called; ``designations`` are (language, text), ``properties`` (code, value) as they came."""

    code: str
    display: str = ""
    designations: tuple[tuple[str, str], ...] = ()
    definition: str = ""
    properties: tuple[tuple[str, Any], ...] = ()

    @property
    def is_inactive(self) -> bool:
        """Whether the code is not to be used any more."""
        return any(
            (name == "inactive" and value is True) or (name == "status" and value in _NOT_IN_USE)
            for name, value in self.properties
        )

    @property
    def is_abstract(self) -> bool:
        """Whether the code is there to group others, and not for use in data."""
        return ("notSelectable", True) in self.properties

    def display_in(self, language: str) -> str:
        """Return the text in a language such as ``nl`` or ``nl-NL``, else the display; empty if there is neither."""
        wanted = language.lower()
        named = {name.lower(): text for name, text in reversed(self.designations)}
        if wanted in named:
            return named[wanted]
        return next((text for name, text in named.items() if name.split("-")[0] == wanted.split("-")[0]), self.display)


@dataclass(frozen=True)
class CodeSystem:
    """A code system as far as it is at hand: all of its codes if ``is_complete``."""

    url: str
    version: str
    name: str
    is_complete: bool
    concepts: Mapping[str, Concept]
    parents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    properties: frozenset[str] = frozenset()

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """The codes right below each code that has any."""
        found: dict[str, list[str]] = {}
        for code, above in self.parents.items():
            for one in above:
                found.setdefault(one, []).append(code)
        return {code: tuple(below) for code, below in found.items()}

    def below(self, code: str) -> set[str]:
        """Return the codes below one at any depth, without itself unless it is on a circle."""
        return _reached(self.children, code)

    def above(self, code: str) -> set[str]:
        """Return the codes above one at any height."""
        return _reached(self.parents, code)


def code_system(tree: Mapping[str, Any]) -> CodeSystem:
    """Return the code system that a CodeSystem resource describes."""
    concepts: dict[str, Concept] = {}
    parents: dict[str, list[str]] = {}
    is_nested = tree.get("hierarchyMeaning") not in _NO_HIERARCHY
    for item, parent in _with_parents(tree.get("concept", ())):
        concept = concept_of(item)
        concepts.setdefault(concept.code, concept)
        above = parents.setdefault(concept.code, [])
        if parent is not None and is_nested:
            above.append(parent)
        above += [value for name, value in concept.properties if name in _PARENTS and isinstance(value, str)]
        for name, value in concept.properties:
            if name == "child" and isinstance(value, str):
                parents.setdefault(value, []).append(concept.code)
    declared = {str(one.get("code")) for one in tree.get("property", ())}
    return CodeSystem(
        str(tree.get("url", "")),
        str(tree.get("version", "")),
        str(tree.get("title") or tree.get("name") or tree.get("url", "")),
        tree.get("content") == "complete",
        concepts,
        {code: tuple(dict.fromkeys(above)) for code, above in parents.items() if above},
        frozenset(declared),
    )


def concept_of(item: Mapping[str, Any], otherwise: Concept | None = None) -> Concept:
    """Return a concept as a CodeSystem or ValueSet lists it; what it doesn't say is as in ``otherwise``."""
    fallback = otherwise or Concept("")
    said = tuple((str(one.get("language", "")), str(one.get("value", ""))) for one in item.get("designation", ()))
    properties = tuple((str(one.get("code", "")), _value(one)) for one in item.get("property", ()))
    return Concept(
        str(item.get("code", "")),
        str(item.get("display") or fallback.display),
        said + fallback.designations,
        str(item.get("definition") or fallback.definition),
        properties or fallback.properties,
    )


def _value(item: Mapping[str, Any]) -> Any:
    return next((value for name, value in item.items() if name.startswith("value")), None)


def _with_parents(items: Any) -> Iterator[tuple[Mapping[str, Any], str | None]]:
    """Yield the concepts in order, each with the code that it stands below."""
    waiting: list[tuple[Mapping[str, Any], str | None]] = [(one, None) for one in reversed(items)]
    while waiting:
        item, parent = waiting.pop()
        if "code" in item:
            yield item, parent
        waiting.extend((one, str(item.get("code"))) for one in reversed(item.get("concept", ())))


def _reached(steps: Mapping[str, tuple[str, ...]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for code in steps.get(waiting.pop(), ()):
            if code not in found:
                found.add(code)
                waiting.append(code)
    return found
