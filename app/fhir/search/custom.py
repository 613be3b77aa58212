"""Search parameters that packages bring: a SearchParameter resource -> what the search knows of it, or why it is left out.

What the specification defines is never changed: a code that it has for a type is taken. An expression has to be one that
``path.py`` can do. Packages are not trusted: what an expression may cost is bounded.

Spec: https://hl7.org/fhir/R4/searchparameter.html, https://hl7.org/fhir/STU3/searchparameter.html
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from app.fhir.packages.library import Library
from app.fhir.path import compile_expression
from app.fhir.release import Release
from app.fhir.search.definitions import INDEXED_TYPES, Kind, SearchParameter, core_definitions, parameter_number
from app.fhir.search.structure_types import structure_types

EXPRESSION_LENGTH_MAX = 1000
NESTING_MAX = 20
PLACES_MAX = 50
"""Selectors of one parameter: a choice of any type counts as one for each."""

OF_TYPE_MAX = 100
"""Parameters that packages may add to one resource type: each is looked for in every resource that is written."""

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_KINDS = frozenset({"token", "reference", "date", "string", "uri", "quantity", "number"})


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A SearchParameter that is not used, by its canonical URL, and why."""

    url: str
    why: str


@dataclass(frozen=True, slots=True)
class Custom:
    """What packages add to a release, by type and code, and what of them is left out."""

    parameters: tuple[SearchParameter, ...]
    left_out: tuple[LeftOut, ...]


def of_library(library: Library, release: Release) -> Custom:
    """Return what the packages that are loaded now add to a release."""
    found = library.definitions(release).all()
    return custom_parameters(release, (held.read() for held in found if held.resource_type == "SearchParameter"))


def custom_parameters(release: Release, resources: Iterable[Mapping[str, Any]]) -> Custom:
    """Return what SearchParameter resources add; of two with one code for one type, that whose URL comes first."""
    taken: dict[tuple[str, str], SearchParameter] = {}
    left_out: list[LeftOut] = []
    core = core_definitions(release)
    numbers = {one.number for name in core.resource_types for one in core.of(name).values()}
    for resource in sorted(resources, key=lambda one: str(one.get("url"))):
        url = str(resource.get("url"))
        try:
            for parameter in _read(release, url, resource):
                place = parameter.resource_type, parameter.name
                if place in taken or parameter.number in numbers:
                    raise ValueError(f"{parameter.name} of {parameter.resource_type} is another one's already")
                if sum(name == parameter.resource_type for name, _ in taken) == OF_TYPE_MAX:
                    raise ValueError(f"{parameter.resource_type} has {OF_TYPE_MAX} parameters of packages, no more fit")
                taken[place] = parameter
                numbers.add(parameter.number)
        except ValueError as error:
            left_out.append(LeftOut(url, str(error)))
    return Custom(tuple(one for _, one in sorted(taken.items())), tuple(left_out))


def _read(release: Release, url: str, resource: Mapping[str, Any]) -> Iterator[SearchParameter]:
    """Yield a parameter for each type that it is for. Raises: ValueError, with a reason that can be shown."""
    code, kind, expression = (str(resource.get(name, "")) for name in ("code", "type", "expression"))
    if not _CODE.fullmatch(code):
        raise ValueError("its code is no name of a parameter")
    if kind not in _KINDS:
        raise ValueError(f"parameters of type {kind[:20]} can't come from a package")
    if len(expression) > EXPRESSION_LENGTH_MAX or expression.count("(") > NESTING_MAX:
        raise ValueError("its expression is too long")
    bases = resource.get("base")
    served = core_definitions(release).resource_types
    wanted = [base for base in bases if base in served] if isinstance(bases, list) else []
    if not wanted:
        raise ValueError("it is for no resource type that this server has")
    for resource_type in wanted:
        if code in core_definitions(release).of(resource_type):
            raise ValueError(f"{code} of {resource_type} is a parameter that this server has itself")
        yield _parameter(release, url, resource_type, code, cast("Kind", kind), expression, resource.get("target"))


def _parameter(
    release: Release, url: str, resource_type: str, code: str, kind: Kind, expression: str, target: Any
) -> SearchParameter:
    own = own_part(expression, resource_type)
    if not own:
        raise ValueError(f"its expression says nothing of {resource_type}")
    selectors = compile_expression(own, structure_types(release))
    types = tuple(dict.fromkeys(selector.fhir_type for selector in selectors))
    if len(selectors) > PLACES_MAX:
        raise ValueError("its expression has too many places")
    if INDEXED_TYPES[kind].isdisjoint(types):
        raise ValueError(f"a {kind} can't be of the type {' or '.join(types) or 'that it is'}")
    return SearchParameter(
        name=code,
        kind=kind,
        resource_type=resource_type,
        release=release,
        expression=own,
        types=types,
        targets=frozenset(str(one) for one in target)
        if kind == "reference" and isinstance(target, list)
        else frozenset(),
        repeats=True,  # it may, which is all that its order depends on
        url=url,
        number=parameter_number(release, resource_type, code),
    )


def own_part(expression: str, resource_type: str) -> str:
    """Return the alternatives of ``expression`` that start at ``resource_type``; shared parameters name many types."""
    if expression.startswith("computed:"):
        return expression
    expression = re.sub(r"\bResource\.", f"{resource_type}.", expression)
    parts = (part.strip() for part in expression.split("|"))
    own = dict.fromkeys(part for part in parts if re.match(rf"\(?{resource_type}(\.|$)", part))
    return " | ".join(own)
