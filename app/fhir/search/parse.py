"""Query string -> ``Search``: what is asked, checked against the parameters that exist. Pure.

Strict by default: a parameter or modifier that isn't supported, or an empty value, is an error, because leaving a filter out
would answer more than was asked. With ``Prefer: handling=lenient`` these are left out and listed in ``ignored``; a value that
can't be read stays an error. ``_totalMethod``, which some clients send and which filters nothing, is always left out.

Spec: https://hl7.org/fhir/R4/search.html#errors, https://hl7.org/fhir/STU3/search.html#errors
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

from app.errors import NO_NUL, BadRequestError, UnknownParameterError
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.search.coded import CODES_MAX, coded_modifiers, read_coded
from app.fhir.search.current import CURRENT
from app.fhir.search.definitions import Definitions, SearchParameter, definitions
from app.fhir.search.expression import (
    Asked,
    Chained,
    Combined,
    Criterion,
    Link,
    Modifier,
    Referred,
    Search,
    Together,
    Told,
    Worded,
)
from app.fhir.search.filter import MAXIMUM_COMPARISONS, comparisons_in, read_filter
from app.fhir.search.filtered import meaning
from app.fhir.search.results import Results, may_refer, shown, unknown
from app.fhir.search.strings import words
from app.fhir.search.subset import element_names
from app.fhir.search.told import read_told, told_modifiers
from app.fhir.search.values import Surroundings, malformed, read_value, split, unescape
from app.fhir.terminology.core import core_terminology
from app.fhir.terminology.terminology import Terminology

MAXIMUM_PARAMETERS = 64
MAXIMUM_VALUES = 500
MAXIMUM_LINKS = 5
MAXIMUM_TYPES = 64
MAXIMUM_READ = 8
MAXIMUM_WORDS = 32
MAXIMUM_LENGTH = 64 * 1024
"""More than any known client asks; beyond, a query is refused rather than let it cost the others.

``MAXIMUM_LINKS`` is how many references one parameter may follow, ``MAXIMUM_TYPES`` how often all parameters together may look
at a type on the way: a chain without a type goes to all that the reference may be to. ``MAXIMUM_READ`` is how often resources
may be read to be checked: for each value of a composite parameter, and each ``:text`` and its like. ``MAXIMUM_WORDS`` is how
many words ``_text`` or ``_content`` may ask for, ``MAXIMUM_LENGTH`` how many characters all parameters may have together.
"""

FILTERS_NOTHING = frozenset({"_totalMethod"})
"""Result parameters of other servers that may be left out without changing what is found."""

_MODIFIERS = {
    "string": frozenset({"exact", "contains", "missing"}),
    "token": frozenset({"not", "missing"}),
    "reference": frozenset({"identifier", "missing"}),
    "composite": frozenset(),
}
_ONLY_MISSING = frozenset({"missing"})


class EmptyValueError(BadRequestError):
    """One of the values of a parameter is empty."""


def parse_query(
    release: Release,
    resource_type: str,
    pairs: Sequence[tuple[str, str]],
    *,
    time_zone: ZoneInfo,
    lenient: bool,
    page_size_default: int | None,
    page_size_max: int,
    base_urls: tuple[str, ...] = (),
    now: datetime | None = None,
    terminology: Terminology | None = None,
) -> Search:
    """Return the search that the decoded ``pairs`` of a query string ask.

    ``_count`` is cut to ``page_size_max``; ``page_size_default`` None is everything on one page. A URL below one of
    ``base_urls`` (without final slash) is the same as ``Type/id``. ``now`` (aware) is what ``ap`` measures a date's gap to, the
    present if None. ``terminology`` has the code systems and value sets at hand, None for those of FHIR itself.
    Raises: UnknownParameterError, BadRequestError, CodesNotKnownError, TooCostlyError, naming the parameter and never a value.
    """
    around = Surroundings(time_zone, base_urls, now or datetime.now(UTC))
    codes = terminology or core_terminology(release)
    known = definitions(release)
    results = Results(known, resource_type, page_size_default, page_size_max)
    query = _Query(known, resource_type, around, codes, results)
    if sum(len(name) + len(text) for name, text in pairs) > MAXIMUM_LENGTH:
        raise BadRequestError(f"The parameters of a search have at most {MAXIMUM_LENGTH} characters in all.")
    if len(pairs) > MAXIMUM_PARAMETERS:
        raise BadRequestError(f"A search has at most {MAXIMUM_PARAMETERS} parameters.")
    for name, text in pairs:
        if "\0" in text:
            raise BadRequestError(NO_NUL, expression=f"http.{shown(name)}")
        if name in FILTERS_NOTHING:
            query.ignore(name, f"{name} is not a parameter of FHIR and was ignored.")
            continue
        if not text.strip():
            query.ignore(name, f"The parameter {shown(name)} has no value and was ignored.")
            continue
        try:
            query.add(name, text)
        except (UnknownParameterError, EmptyValueError) as error:
            if not lenient:
                raise
            query.ignore(name, f"Ignored: {error}")
        else:
            query.used.append((name, text))
    return query.search()


@dataclass
class _Query:
    """A search in the making."""

    known: Definitions
    resource_type: str
    around: Surroundings
    terminology: Terminology
    results: Results
    criteria: list[Criterion] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    ignored: list[Issue] = field(default_factory=list)
    used: list[tuple[str, str]] = field(default_factory=list)
    values: int = 0
    types: int = 0
    read: int = 0
    codes_left: int = CODES_MAX
    comparisons: int = 0

    def search(self) -> Search:
        results = self.results
        results.check()
        return Search(
            resource_type=self.resource_type,
            criteria=tuple(self.criteria),
            links=tuple(self.links),
            sort=tuple(results.sort),
            count=results.count,
            includes=tuple(dict.fromkeys(results.includes)),
            total=results.total,
            shown=results.shown,
            ignored=tuple(self.ignored),
            used=tuple(self.used),
        )

    def ignore(self, name: str, diagnostics: str) -> None:
        self.ignored.append(Issue("warning", "not-supported", diagnostics, f"http.{shown(name)}"))

    def add(self, name: str, text: str) -> None:
        if self.results.add(name, text):
            return
        condition = self.condition(self.resource_type, name, name, text)
        if isinstance(condition, Criterion):
            self.criteria.append(condition)
        else:
            self.links.append(condition)

    def condition(self, resource_type: str, name: str, rest: str, text: str, links: int = 0) -> Criterion | Link:
        """Return what ``rest`` of a parameter's ``name`` asks of a type, that many references away from what is searched."""
        if links > MAXIMUM_LINKS:
            raise BadRequestError(
                f"A parameter follows at most {MAXIMUM_LINKS} references.", expression=f"http.{shown(name)}"
            )
        self.types += links > 0
        if self.types > MAXIMUM_TYPES:
            raise BadRequestError("This search goes through too many types: name them, as in subject:Patient.name.")
        base, colon, _ = rest.partition(":")
        if base in _OF_THE_WHOLE:
            if colon:
                raise unknown(name, "has a modifier that is not supported")
            return _OF_THE_WHOLE[base](self, resource_type, name, text, links)
        if rest.startswith("_has:"):
            return self.referred(resource_type, name, rest, text, links)
        head, dot, tail = rest.partition(".")
        if dot:
            return self.chained(resource_type, name, head, tail, text, links)
        return self.criterion(resource_type, name, rest, text)

    def chained(self, resource_type: str, name: str, head: str, tail: str, text: str, links: int) -> Chained:
        """Return a chain such as ``subject:Patient.name``: ``head`` is the reference, ``tail`` what its target must meet."""
        parameter, types = self.refers(resource_type, name, head)
        known = [one for one in types if self.has(one, tail)]
        if not known:
            raise unknown(name, "ends in a parameter that is not known for what it refers to")
        return Chained(parameter, tuple(self.asked(one, name, tail, text, links + 1) for one in known))

    def refers(self, resource_type: str, name: str, head: str) -> tuple[SearchParameter, list[str]]:
        """Return the reference parameter that a chain begins with, and the types that it leads to."""
        base, _, of_type = head.partition(":")
        parameter = self.known.of(resource_type).get(base)
        if parameter is None or parameter.kind != "reference" or not parameter.supported:
            raise unknown(name, f"names no reference of {resource_type} that is known")
        if of_type and (of_type not in self.known.resource_types or not may_refer(parameter, of_type)):
            raise unknown(name, "names a type that the parameter does not refer to")
        if not of_type and not parameter.targets:
            raise unknown(name, "may refer to any type: name it, as in subject:Patient.name")
        if "canonical" in parameter.types:
            raise unknown(name, "goes through a canonical, which leads to no one resource: include it by _include")
        return parameter, [of_type] if of_type else sorted(parameter.targets & self.known.resource_types)

    def referred(self, resource_type: str, name: str, rest: str, text: str, links: int) -> Referred:
        """Return a reverse chain such as ``_has:Observation:patient:code``."""
        _, source_type, base, tail = (*rest.split(":", 3), "", "", "")[:4]
        parameter = self.known.of(source_type).get(base)
        if parameter is None or parameter.kind != "reference" or not parameter.supported:
            raise unknown(name, "names no reference parameter that is known, as in _has:Observation:patient:code")
        if not may_refer(parameter, resource_type):
            raise unknown(name, f"names a parameter that does not refer to {resource_type}")
        if "canonical" in parameter.types:
            raise unknown(name, "goes through a canonical, which leads to no one resource: include it by _revinclude")
        if not self.has(source_type, tail):
            raise unknown(name, f"ends in a parameter that is not known for {source_type}")
        return Referred(self.asked(source_type, name, tail, text, links + 1), parameter)

    def filtered(self, resource_type: str, name: str, text: str, links: int) -> Combined:
        """Return what ``_filter`` asks; an error is about the filter, whichever parameter it names."""
        node = read_filter(text)
        self.comparisons += comparisons_in(node)
        if self.comparisons > MAXIMUM_COMPARISONS:
            raise BadRequestError(
                f"A search has at most {MAXIMUM_COMPARISONS} comparisons in _filter.", expression="http._filter"
            )
        try:
            return Combined("and", (meaning(self, resource_type, node, links),))
        except BadRequestError as error:
            error.expression = f"http.{shown(name)}"
            raise

    def current(self, resource_type: str, name: str, text: str) -> Combined:
        """Return what is asked by the name of a list that is kept by nobody, such as ``$current-problems``."""
        asked = CURRENT.get(text, {}).get(resource_type)
        if asked is None:
            known = [one for one, types in CURRENT.items() if resource_type in types]
            raise unknown(name, " or ".join(["takes ids of Lists", *known]))
        criteria = []
        for parameter_name, values in asked:
            base, _, modifier = parameter_name.partition(":")
            parameter = self.known.of(resource_type)[base]
            criteria.append(self.plain(parameter, name, modifier or None, values))
        return Combined("and", (Asked(resource_type, tuple(criteria)),))

    def listed(self, resource_type: str, name: str, text: str, _: int) -> Referred | Combined:
        """Return what ``_list`` asks: that a List with one of these ids has the resource as an item, or that it is current."""
        if text.startswith("$"):
            return self.current(resource_type, name, text)
        item = self.known.of("List")["item"]
        if not may_refer(item, resource_type):
            raise unknown(name, f"is not known for {resource_type}")
        return Referred(Asked("List", criteria=(self.plain(self.known.of("List")["_id"], name, None, text),)), item)

    def worded(self, resource_type: str, name: str, text: str, _: int) -> Worded:
        """Return what ``_text`` or ``_content`` asks."""
        in_narrative = name.endswith("_text")
        if in_narrative and "_text" not in of_the_whole(self.known.release, resource_type):
            raise unknown(name, f"is not known for {resource_type}")
        self.reads(1)
        alternatives = tuple(tuple(words(unescape(part))) for part in self.parts(name, text))
        if not all(alternatives):
            raise BadRequestError(f"The parameter {name} wants words.", expression=f"http.{name}")
        if sum(map(len, alternatives)) > MAXIMUM_WORDS:
            raise BadRequestError(f"{name} takes at most {MAXIMUM_WORDS} words.", expression=f"http.{name}")
        return Worded(in_narrative, alternatives)

    def asked(self, resource_type: str, name: str, rest: str, text: str, links: int) -> Asked:
        """Return what a resource at the other end of a reference must meet."""
        condition = self.condition(resource_type, name, rest, text, links)
        if isinstance(condition, Criterion):
            return Asked(resource_type, criteria=(condition,))
        return Asked(resource_type, links=(condition,))

    def has(self, resource_type: str, rest: str) -> bool:
        """Return whether the first word of ``rest`` is a parameter of a type."""
        parameter = self.known.of(resource_type).get(re.split(r"[.:]", rest, maxsplit=1)[0])
        if rest in _OF_THE_WHOLE or rest.startswith("_has:"):
            return True
        return parameter is not None and parameter.supported

    def criterion(self, resource_type: str, name: str, rest: str, text: str) -> Criterion | Together | Told:
        """Return what a parameter of the type itself asks; ``rest`` is it with its modifier."""
        base, colon, given = rest.partition(":")
        parameter = self.parameter(resource_type, name, base, given or None)
        if colon and not given:
            raise unknown(name, "has an empty modifier")
        if given in told_modifiers(parameter):
            self.reads(1)
            return read_told(parameter, given, self.parts(name, text))
        if given in coded_modifiers(parameter):
            parts, place = self.parts(name, text), f"http.{shown(name)}"
            found = read_coded(parameter, given, parts, self.terminology, place, self.codes_left)
            self.codes_left -= len(found.values)
            return found
        self.check_modifier(name, parameter, given or None)
        if parameter.kind == "composite":
            return self.together(parameter, self.parts(name, text))
        return self.plain(parameter, name, given or None, text)

    def parts(self, name: str, text: str) -> list[str]:
        """Return the values of a parameter, still escaped."""
        parts = [part.strip() for part in split(text, ",")]
        self.values += len(parts)
        if self.values > MAXIMUM_VALUES:
            raise BadRequestError(f"A search has at most {MAXIMUM_VALUES} values.")
        if not all(parts):
            raise EmptyValueError(f"The parameter {name} has an empty value.", expression=f"http.{name}")
        return parts

    def plain(self, parameter: SearchParameter, name: str, modifier: str | None, text: str) -> Criterion:
        """Return what a parameter asks that is answered by index rows or columns of its own."""
        parts = self.parts(name, text)
        if modifier == "missing" and len(parts) > 1:
            raise BadRequestError(f"The parameter {name} wants true or false.", expression=f"http.{name}")
        values = tuple(dict.fromkeys(read_value(parameter, modifier, part, self.around) for part in parts))
        is_type = modifier in self.known.resource_types
        return Criterion(parameter, None if is_type else cast("Modifier | None", modifier), values)

    def reads(self, times: int) -> None:
        """Count how often resources are read to be checked. Raises: BadRequestError."""
        self.read += times
        if self.read > MAXIMUM_READ:
            raise BadRequestError(
                f"A search has at most {MAXIMUM_READ} values of composite parameters and parameters such as :text."
            )

    def together(self, parameter: SearchParameter, texts: Sequence[str]) -> Together:
        """Return what a composite parameter asks: each text has a value for each part, with ``$`` between them."""
        alternatives = []
        self.reads(len(texts))
        for text in dict.fromkeys(texts):
            values = split(text, "$")
            if len(values) != len(parameter.parts) or not all(values):
                wanted = "$".join(part.name for part in parameter.parts)
                raise malformed(parameter, f"a value for each of {wanted}")
            alternatives.append(
                tuple(
                    Criterion(part, None, (read_value(part, None, value, self.around),))
                    for part, value in zip(parameter.parts, values, strict=True)
                )
            )
        return Together(parameter, tuple(alternatives), self.around.base_urls)

    def parameter(self, resource_type: str, name: str, base: str, modifier: str | None) -> SearchParameter:
        """Return the parameter that a criterion's name means."""
        parameter = self.known.of(resource_type).get(base)
        if parameter is None:
            raise unknown(base, f"is not known for {resource_type}")
        if not parameter.supported:
            raise unknown(base, f"of {resource_type} is not supported")
        if parameter.is_column and modifier not in (None, "not" if base == "_id" else None):
            raise unknown(name, "is not supported")
        return parameter

    def check_modifier(self, name: str, parameter: SearchParameter, modifier: str | None) -> None:
        if modifier is None or modifier in _MODIFIERS.get(parameter.kind, _ONLY_MISSING):
            return
        is_type = parameter.kind == "reference" and modifier in self.known.resource_types
        if is_type and (not parameter.targets or modifier in parameter.targets):
            return
        raise unknown(name, "has a modifier that is not supported")


_OF_THE_WHOLE: dict[str, Callable[[_Query, str, str, str, int], Link]] = {
    "_content": _Query.worded,
    "_filter": _Query.filtered,
    "_list": _Query.listed,
    "_text": _Query.worded,
}
"""Parameters that are about a resource as a whole, and take no modifier."""


def of_the_whole(release: Release, resource_type: str) -> list[str]:
    """Return the parameters about a resource as a whole that a type has; a Binary has no narrative."""
    has_narrative = "text" in element_names(release, resource_type)
    return [name for name in _OF_THE_WHOLE if name != "_text" or has_narrative]
