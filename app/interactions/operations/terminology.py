"""What code systems and value sets say: ``$expand``, ``$validate-code``, ``$lookup`` and ``$subsumes``.

None of these looks at anybody's data, so that they don't pass the gate: any valid token may ask, and an answer leaves no entry in
the log. What can't be known is an error, never a shorter list or a ``false``.

Spec: https://hl7.org/fhir/R4/terminology-service.html, https://hl7.org/fhir/STU3/terminology-service.html
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from app.errors import BadRequestError, CodesNotKnownError, NotFoundError, TooCostlyError
from app.fhir.release import Release
from app.fhir.search.strings import fold
from app.fhir.terminology.code_system import CodeSystem, Concept
from app.fhir.terminology.terminology import Terminology
from app.fhir.terminology.value_set import ValueSet

EXPANSION_MAX = 10_000
"""Codes that one answer may list; a larger value set is asked for in pages."""

_CODE = re.compile(r"\S+( \S+)*")
_TOP = ("resourceType", "url", "version", "name", "title", "status")
Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """The value set that is meant: one that goes by ``url``, or the one that was sent."""

    url: str | None
    sent: Mapping[str, Any] | None

    @property
    def named(self) -> str:
        """What to call it."""
        return "The value set" if self.url is None else f"The value set {self.url}"


@dataclass(frozen=True, slots=True)
class Expansion:
    """How a value set is to be listed: ``filter`` are the words to look for, ``count`` None as many as there are."""

    filter: str = ""
    offset: int = 0
    count: int | None = None
    active_only: bool = False
    for_choosing: bool = False
    designations: bool = False
    definition: bool = False
    language: str = ""


@dataclass(frozen=True, slots=True)
class Coding:
    """A code that is asked about; without ``display`` what it is called isn't."""

    system: str
    code: str
    display: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a code is valid, why not, and what it is called."""

    is_valid: bool
    message: str = ""
    display: str = ""

    def parameters(self) -> Tree:
        """Return the answer as Parameters."""
        return parameters(
            {"name": "result", "valueBoolean": self.is_valid},
            *([{"name": "message", "valueString": self.message}] if self.message else ()),
            *([{"name": "display", "valueString": self.display}] if self.display else ()),
        )


def parameters(*parts: Tree) -> Tree:
    """Return a Parameters resource."""
    return {"resourceType": "Parameters", "parameter": list(parts)}


def definition_of(terminology: Terminology, asked: Asked) -> Mapping[str, Any]:
    """Return the definition of the value set that is meant. Raises: BadRequestError (none is), NotFoundError."""
    if asked.sent is not None:
        return asked.sent
    if asked.url is None:
        raise BadRequestError("Which value set: its canonical URL as url, or the ValueSet itself as valueSet.")
    found = terminology.definition(asked.url)
    if found is None:
        raise NotFoundError(f"{asked.named} is not at hand here.", expression="http.url")
    return found


def codes_of(terminology: Terminology, asked: Asked) -> ValueSet:
    """Return the codes of the value set that is meant. Raises: BadRequestError, NotFoundError, TooCostlyError."""
    definition = definition_of(terminology, asked)
    found = terminology.value_set(asked.url) if asked.sent is None and asked.url else terminology.expand(definition)
    if found is None:
        raise NotFoundError(f"{asked.named} is not at hand here.", expression="http.url")
    if found.is_too_costly:
        raise TooCostlyError(f"{asked.named} takes too many codes to be put together here.")
    return found


def expand(terminology: Terminology, asked: Asked, wanted: Expansion, now: datetime) -> Tree:
    """Return the value set with its codes, each once, in the order of its definition; ``now`` is UTC.

    Raises: BadRequestError, NotFoundError, TooCostlyError, CodesNotKnownError.
    """
    found = codes_of(terminology, asked)
    if not found.is_complete:
        raise not_known(asked.named, found)
    return listed(definition_of(terminology, asked), found, wanted, now)


def not_known(named: str, found: ValueSet) -> CodesNotKnownError:
    """Return the error that says which code systems are missing."""
    systems = found.unclear_systems
    why = f"needs all codes of {', '.join(systems)}" if systems else "takes in value sets"
    return CodesNotKnownError(f"{named} {why}, which this server does not have at hand.")


def belongs_not(asked: Asked, codings: Sequence[Coding]) -> Verdict:
    """Return the answer about codings of which none belongs to a value set."""
    named = ", ".join(f"{one.system}|{one.code}" for one in codings)
    where = f"{asked.named[0].lower()}{asked.named[1:]}"
    message = f"{named} is not in {where}." if len(codings) == 1 else f"None of {named} is in {where}."
    return Verdict(is_valid=False, message=message)


def is_none(coding: Coding) -> Verdict:
    """Return the answer about a code that its code system does not have."""
    return Verdict(is_valid=False, message=f"{coding.system} has no code {coding.code}.")


def _chosen(found: ValueSet, wanted: Expansion) -> list[tuple[str, Concept]]:
    words = fold(wanted.filter).split()
    return [
        (system, concept)
        for system, concepts in found.codes.items()
        for concept in concepts.values()
        if not (wanted.active_only and concept.is_inactive)
        and not (wanted.for_choosing and concept.is_abstract)
        and (not words or _has_words(concept, words))
    ]


def _has_words(concept: Concept, words: Sequence[str]) -> bool:
    text = fold(" ".join((concept.code, concept.display, *(said for _, said in concept.designations))))
    return all(word in text for word in words)


def listed(definition: Mapping[str, Any], found: ValueSet, wanted: Expansion, now: datetime) -> Tree:
    """Return a ValueSet with the part that is wanted of its codes. Raises: TooCostlyError."""
    chosen = _chosen(found, wanted)
    page = chosen[wanted.offset :][: wanted.count]
    if len(page) > EXPANSION_MAX:
        raise TooCostlyError(f"That is {len(page)} codes: ask for {EXPANSION_MAX} at most, with count and offset.")
    expansion: Tree = {
        "identifier": f"urn:uuid:{uuid4()}",
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "total": len(chosen),
    }
    if wanted.offset or wanted.count is not None:
        expansion["offset"] = wanted.offset
    if said := list(_said(wanted)):
        expansion["parameter"] = said
    if page:
        expansion["contains"] = [_contained(system, concept, wanted) for system, concept in page]
    kept = (*_TOP, "compose") if wanted.definition else _TOP
    return {name: definition[name] for name in kept if name in definition} | {"expansion": expansion}


def _said(wanted: Expansion) -> Iterator[Tree]:
    """Yield what was asked, for the answer to say."""
    if wanted.filter:
        yield {"name": "filter", "valueString": wanted.filter}
    if wanted.offset:
        yield {"name": "offset", "valueInteger": wanted.offset}
    if wanted.count is not None:
        yield {"name": "count", "valueInteger": wanted.count}
    for name, value in (
        ("activeOnly", wanted.active_only),
        ("excludeNotForUI", wanted.for_choosing),
        ("includeDesignations", wanted.designations),
    ):
        if value:
            yield {"name": name, "valueBoolean": True}
    if wanted.language:
        yield {"name": "displayLanguage", "valueCode": wanted.language}


def _contained(system: str, concept: Concept, wanted: Expansion) -> Tree:
    found: Tree = {"system": system} if system else {}
    if concept.is_abstract:
        found["abstract"] = True
    if concept.is_inactive:
        found["inactive"] = True
    found["code"] = concept.code
    if display := concept.display_in(wanted.language):
        found["display"] = display
    if wanted.designations and concept.designations:
        found["designation"] = [_designation(language, text) for language, text in concept.designations]
    return found


def _designation(language: str, text: str) -> Tree:
    return {"language": language, "value": text} if language else {"value": text}


def validate_in_value_set(
    terminology: Terminology, asked: Asked, codings: Sequence[Coding], *, abstract: bool, language: str
) -> Verdict:
    """Return whether one of the codings belongs to a value set, and is called what it says.

    Raises: BadRequestError, NotFoundError, TooCostlyError, CodesNotKnownError (that can't be known).
    """
    found = codes_of(terminology, asked)
    verdicts = [(coding, found.has(coding.system, coding.code)) for coding in codings]
    concepts = [found.codes[one.system][one.code] for one, verdict in verdicts if verdict is True]
    if not concepts and any(verdict is None for _, verdict in verdicts):
        raise not_known(asked.named, found)
    if not concepts:
        return belongs_not(asked, codings)
    coding = next(one for one, verdict in verdicts if verdict is True)
    return judged(coding, concepts[0], abstract=abstract, language=language)


def judged(coding: Coding, concept: Concept, *, abstract: bool, language: str) -> Verdict:
    """Return whether a coding that exists may be used, and says what it is called."""
    display = concept.display_in(language)
    if concept.is_abstract and not abstract:
        return Verdict(is_valid=False, message=f"{coding.code} groups other codes and is not for use.", display=display)
    names = {fold(text) for text in (concept.display, *(said for _, said in concept.designations)) if text}
    if coding.display and names and fold(coding.display) not in names:
        return Verdict(is_valid=False, message=f"{coding.code} is not called that.", display=display)
    return Verdict(is_valid=True, display=display)


def system_of(terminology: Terminology, url: str, version: str = "") -> CodeSystem:
    """Return a code system. Raises: NotFoundError."""
    found = terminology.code_system(url, version)
    if found is None:
        named = f"{url}|{version}" if version else url
        raise NotFoundError(f"The code system {named} is not at hand here.")
    return found


def validate_in_system(terminology: Terminology, coding: Coding, *, abstract: bool, language: str) -> Verdict:
    """Return whether a code is in its code system. Raises: NotFoundError, CodesNotKnownError."""
    system = system_of(terminology, coding.system, coding.version)
    concept = system.concepts.get(coding.code)
    if concept is not None:
        return judged(coding, concept, abstract=abstract, language=language)
    if not system.is_complete:
        raise CodesNotKnownError(f"This server has a part of {system.url} at hand, and this code is not in it.")
    return is_none(coding)


def _concept(system: CodeSystem, code: str) -> Concept:
    found = system.concepts.get(code)
    if found is None:
        part = "" if system.is_complete else "The part that is at hand of "
        raise NotFoundError(f"{part}{system.url} has no code {code}.")
    return found


def lookup(release: Release, terminology: Terminology, coding: Coding, wanted: Sequence[str], language: str) -> Tree:
    """Return what a code is called and what is said of it, as Parameters; ``wanted`` empty is everything.

    Raises: NotFoundError (no such code system or code).
    """
    system = system_of(terminology, coding.system, coding.version)
    concept = _concept(system, coding.code)
    parts: list[Tree] = [{"name": "name", "valueString": system.name}]
    if system.version:
        parts.append({"name": "version", "valueString": system.version})
    parts.append({"name": "display", "valueString": concept.display_in(language) or concept.code})
    if not wanted or "designation" in wanted:
        for language_of, text in concept.designations:
            named = [{"name": "language", "valueCode": language_of}] if language_of else []
            parts.append({"name": "designation", "part": [*named, {"name": "value", "valueString": text}]})
    for name, value in _properties(system, concept):
        if not wanted or name in wanted:
            said = {"name": "value", **_valued(release, value)}
            parts.append({"name": "property", "part": [{"name": "code", "valueCode": name}, said]})
    return parameters(*parts)


def _properties(system: CodeSystem, concept: Concept) -> Iterator[tuple[str, Any]]:
    if concept.definition:
        yield "definition", concept.definition
    for code in system.parents.get(concept.code, ()):
        yield "parent", code
    for code in system.children.get(concept.code, ()):
        yield "child", code
    for name, value in concept.properties:
        if name not in ("parent", "child", "subsumedBy") and value is not None:
            yield name, value


def _valued(release: Release, value: Any) -> Tree:
    """Return a property's value as the part of a Parameters; STU3 says that it is a code, where it can be one."""
    if isinstance(value, dict):
        return {"valueCoding": value} if release is Release.R4 else {"valueCode": str(value.get("code", ""))}
    if release is Release.STU3 or isinstance(value, str):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return {"valueCode": text} if _CODE.fullmatch(text) and " " not in text else {"valueString": text}
    if isinstance(value, bool):
        return {"valueBoolean": value}
    return {"valueInteger" if isinstance(value, int) else "valueDecimal": value}


def subsumes(terminology: Terminology, one: Coding, other: Coding) -> Tree:
    """Return how two codes of a system lie to each other, as Parameters.

    Raises: BadRequestError (of two systems), NotFoundError.
    """
    if one.system != other.system:
        raise BadRequestError("Only codes of one code system lie below each other.")
    system = system_of(terminology, one.system, one.version)
    first, second = _concept(system, one.code).code, _concept(system, other.code).code
    if first == second:
        outcome = "equivalent"
    elif first in system.above(second):
        outcome = "subsumes"
    elif first in system.below(second):
        outcome = "subsumed-by"
    else:
        outcome = "not-subsumed"
    return parameters({"name": "outcome", "valueCode": outcome})
