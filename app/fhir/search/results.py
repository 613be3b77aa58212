"""The parameters of a query that say how what is found is answered: sorted, counted, included, shown in part.

Spec: https://hl7.org/fhir/R4/search.html#return, https://hl7.org/fhir/STU3/search.html#return
"""

import re
from dataclasses import dataclass, field
from typing import cast

from app.errors import BadRequestError, UnknownParameterError
from app.fhir.search.definitions import Definitions, SearchParameter
from app.fhir.search.expression import Include, SortKey, Total
from app.fhir.search.subset import Shown, element_names
from app.fhir.search.values import split

MAXIMUM_SORT_KEYS = 8
"""More than any known client asks; beyond, a query is refused."""

UNSORTED = frozenset({"composite", "special"})
"""Kinds that have no order."""

_SAFE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:\-]{0,159}")


def shown(name: str) -> str:
    """Return a parameter's name for an error; a name that isn't one is not repeated."""
    return name if _SAFE_NAME.fullmatch(name) else "(unreadable name)"


def unknown(name: str, why: str) -> UnknownParameterError:
    """Return the error that says what is not supported of a parameter."""
    return UnknownParameterError(f"The parameter {shown(name)} {why}.", expression=f"http.{shown(name)}")


def may_refer(parameter: SearchParameter, resource_type: str) -> bool:
    """Return whether a parameter may refer to a type."""
    return not parameter.targets or resource_type in parameter.targets


@dataclass
class Results:
    """How a search is to be answered, as far as it was read; ``count`` is the page size of the server to begin with."""

    known: Definitions
    resource_type: str
    count: int | None
    page_size_max: int
    sort: list[SortKey] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    total: Total | None = None
    shown: Shown | None = None
    seen: set[str] = field(default_factory=set)

    def add(self, name: str, text: str) -> bool:
        """Take a parameter, and return whether it is one of these. Raises: UnknownParameterError, BadRequestError."""
        base, _, modifier = name.partition(":")
        match base:
            case "_count":
                self._add_count(name, modifier, text)
            case "_summary":
                self._add_summary(name, modifier, text)
            case "_elements":
                self._add_elements(name, modifier, text)
            case "_total":
                self._add_total(name, modifier, text)
            case "_sort":
                self._add_sort(name, modifier, text)
            case "_include" | "_revinclude":
                self._add_include(name, modifier, text)
            case "_contained":
                self._add_contained(name, modifier, text)
            case "_format" | "_pretty":
                _accept(name, modifier)
            case _:
                return False
        return True

    def check(self) -> None:
        """Raise BadRequestError, if what was read does not go together."""
        if self.shown == "text" and self.includes:
            raise BadRequestError("_summary=text goes with no includes.", expression="http._summary")

    def _once(self, name: str, modifier: str) -> None:
        if modifier:
            raise unknown(name, "has a modifier that is not supported")
        if name in self.seen:
            raise BadRequestError(f"The parameter {name} is there more than once.", expression=f"http.{name}")
        self.seen.add(name)

    def _add_count(self, name: str, modifier: str, text: str) -> None:
        self._once(name, modifier)
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise BadRequestError("_count wants a number, 0 or more.", expression="http._count")
        wanted = min(int(text), self.page_size_max)
        self.count = 0 if "_summary" in self.seen and self.count == 0 else wanted

    def _add_summary(self, name: str, modifier: str, text: str) -> None:
        self._once(name, modifier)
        match text:
            case "count":
                self.count = 0
            case "true" | "text" | "data":
                self._show(name, text)
            case "false":
                pass
            case _:
                raise BadRequestError("_summary wants true, text, data, count or false.", expression="http._summary")

    def _add_elements(self, name: str, modifier: str, text: str) -> None:
        self._once(name, modifier)
        elements = frozenset(part.strip() for part in split(text, ","))
        if not elements <= element_names(self.known.release, self.resource_type):
            raise unknown(name, f"names an element that {self.resource_type} does not have")
        self._show(name, elements)

    def _show(self, name: str, shown: Shown) -> None:
        """Take the part that is to be shown. Raises: BadRequestError, when another one was named."""
        if self.shown is not None:
            raise BadRequestError("_summary and _elements don't go together.", expression=f"http.{name}")
        self.shown = shown

    def _add_total(self, name: str, modifier: str, text: str) -> None:
        self._once(name, modifier)
        wanted = "estimate" if text == "estimated" else text  # as HAPI's client writes it
        if wanted not in ("none", "estimate", "accurate"):
            raise BadRequestError("_total wants none, estimate or accurate.", expression="http._total")
        self.total = cast("Total", wanted)

    def _add_sort(self, name: str, modifier: str, text: str) -> None:
        self._once(name, modifier)
        parts = split(text, ",")
        if len(parts) > MAXIMUM_SORT_KEYS:
            raise BadRequestError(f"_sort has at most {MAXIMUM_SORT_KEYS} keys.", expression="http._sort")
        keys = []
        for part in parts:
            key = part.strip()
            sorted_by = key.removeprefix("-")
            parameter = self.known.of(self.resource_type).get(sorted_by)
            if parameter is None or not parameter.supported:
                raise unknown("_sort", f"names a parameter that is not known for {self.resource_type}")
            if parameter.kind in UNSORTED:
                raise unknown("_sort", f"can't be by {parameter.name}, a {parameter.kind}")
            keys.append(SortKey(parameter, descending=key.startswith("-")))
        self.sort += keys  # all or, with handling=lenient, none: the links to further pages have what was used

    def _add_include(self, name: str, modifier: str, text: str) -> None:
        """Take an include such as ``CarePlan:activity-goal:Goal``; ``:recurse`` is how STU3 spells ``:iterate``."""
        if modifier not in ("", "iterate", "recurse"):
            raise unknown(name, "has a modifier that is not supported")
        is_reverse = name.startswith("_revinclude")
        source_type, _, rest = text.partition(":")
        base, _, target_type = rest.partition(":")
        if not is_reverse and text == "*":
            self.includes.append(Include(None, None, None, iterate=bool(modifier)))
            return
        if not is_reverse and rest == "*" and source_type in self.known.resource_types:
            self.includes.append(Include(source_type, None, None, iterate=bool(modifier)))
            return
        if is_reverse and rest == "*":
            self._add_all_of(name, source_type, iterate=bool(modifier))
            return
        parameter = self.known.of(source_type).get(base)
        if parameter is None or parameter.kind != "reference" or not parameter.supported:
            raise unknown(name, "names no reference parameter that is known, as in Observation:performer")
        if target_type and (target_type not in self.known.resource_types or not may_refer(parameter, target_type)):
            raise unknown(name, "names a type that the parameter does not refer to")
        self.includes.append(Include(source_type, parameter, target_type or None, bool(modifier), is_reverse))

    def _add_all_of(self, name: str, source_type: str, *, iterate: bool) -> None:
        """Take the reverse includes of a type, ``Observation:*``; those that go on may refer to what was included."""
        found = [
            one
            for one in self.known.supported(source_type).values()
            if one.kind == "reference" and (iterate or may_refer(one, self.resource_type))
        ]
        if not found:
            raise unknown(name, "names a type of which nothing refers to what is searched")
        self.includes += [Include(source_type, one, None, iterate, is_reverse=True) for one in found]

    def _add_contained(self, name: str, modifier: str, text: str) -> None:
        self._once(name, modifier)
        if text != "false":
            raise unknown(name, "wants false: what is contained in a resource is not found by itself")


def _accept(name: str, modifier: str) -> None:
    """Take a parameter that is answered elsewhere: the format is chosen when the request is read."""
    if modifier:
        raise unknown(name, "has a modifier that is not supported")
