"""The search parameters of each resource type, per release; the CapabilityStatement and the index follow from them.

The facts are in ``data/``, written by ``generate``. A parameter is *supported* if what it points at is indexed, a composite one
if all its parts are; special parameters are known but not supported. Packages add parameters of their own, read by
``custom.py`` and set once when the program starts.

Spec: https://hl7.org/fhir/R4/searchparameter-registry.html, https://hl7.org/fhir/STU3/searchparameter-registry.html
"""

import json
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal

from app.fhir.path import Selector, Step, compile_expression
from app.fhir.release import Release
from app.fhir.releases.definitions import definitions as structure
from app.fhir.search.computed import COMPUTED
from app.fhir.search.structure_types import structure_types

Kind = Literal["token", "reference", "date", "string", "uri", "quantity", "number", "composite", "special"]

INDEXED_TYPES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "token": frozenset(
            {"CodeableConcept", "Coding", "Identifier", "ContactPoint", "code", "boolean", "string", "id", "uri"}
        ),
        "reference": frozenset({"Reference", "canonical", "uri"}),
        "date": frozenset({"date", "dateTime", "instant", "Period", "Timing"}),
        "string": frozenset({"string", "markdown", "HumanName", "Address"}),
        "uri": frozenset({"uri", "url", "canonical", "oid"}),
        "quantity": frozenset({"Quantity", "Age", "Duration", "Count", "Distance", "Money", "Range"}),
        "number": frozenset({"decimal", "integer", "positiveInt", "unsignedInt", "Duration", "Range"}),
        "composite": frozenset(),
        "special": frozenset(),
    }
)
"""What a parameter of each kind is indexed for; a value of another type, such as SampledData, is passed over."""

WITHOUT_SYSTEM = frozenset({"code", "boolean", "string", "id", "uri"})
"""Token types that are kept without a system: it is implied, or there is none."""

_OF_BOOLEANS = {
    Release.STU3: "http://hl7.org/fhir/special-values",
    Release.R4: "http://terminology.hl7.org/CodeSystem/special-values",
}


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """A search parameter of one resource type.

    ``targets`` is empty where any type may be referred to. ``types`` are the FHIR types of the values. ``repeats`` says that a
    resource may have more than one value. ``url`` is that of its definition. ``number`` is what the index tables keep:
    positive, 31 bits, the same in every installation.
    """

    name: str
    kind: Kind
    resource_type: str
    release: Release
    expression: str = ""
    types: tuple[str, ...] = ()
    targets: frozenset[str] = frozenset()
    repeats: bool = False
    components: tuple[tuple[str, str], ...] = ()
    url: str = ""
    number: int = field(default=0, compare=False)

    @property
    def supported(self) -> bool:
        """Return whether resources can be found by it now."""
        return bool(self.parts) or not INDEXED_TYPES[self.kind].isdisjoint(self.types)

    @property
    def parts(self) -> tuple["SearchParameter", ...]:
        """Return the parameters that a composite one is made of, in the order of its values; empty for any other."""
        return _parts(self)

    @property
    def is_column(self) -> bool:
        """Return whether it is answered from a column of the record, and so not in the index."""
        return self.name in ("_id", "_lastUpdated")

    @property
    def stored_in(self) -> tuple["SearchParameter", ...]:
        """Return the parameters whose index rows answer it: itself, or those that it is nothing but the union of.

        ``combo-code`` is ``code`` or ``component-code``: rows of its own would tell nothing new. ``subject`` has rows for what is
        not in those of ``patient`` already, which comes first then.
        """
        return _stored_in(self)

    @property
    def has_rows(self) -> bool:
        """Return whether the index has rows of its own for it."""
        return not self.is_column and self in self.stored_in

    @property
    def has_system(self) -> bool:
        """Return whether the tokens have a system of their own."""
        return not WITHOUT_SYSTEM.issuperset(self.types)

    @property
    def implied(self) -> Mapping[str, frozenset[str]]:
        """Return the codes by the system that they are of without saying so: by the required binding of each element.

        Empty where that is not known, and where the tokens have a system of their own, or may have one.
        """
        return _implied(self)

    @property
    def ignores_case(self) -> bool:
        """Return whether its tokens are plain strings, such as a lot number, of which capitals are small letters."""
        return self.kind == "token" and self.types == ("string",)

    @property
    def computed(self) -> Callable[[Any], list[tuple[str, Any]]] | None:
        """Return the function from tree to (FHIR type, value) pairs, None if ``expression`` is FHIRPath."""
        return COMPUTED[self.expression.removeprefix("computed:")] if self.expression.startswith("computed:") else None

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """Return where its values are; empty for a computed, composite or special one."""
        return _selectors(self)


class Definitions:
    """The search parameters of one release: those of the specification, and the ``custom`` ones of packages."""

    custom: tuple[SearchParameter, ...] = ()

    def __init__(self, release: Release) -> None:
        self.release = release
        data = json.loads((files(__package__) / "data" / f"{release.path}.json").read_bytes())
        self.summaries: Mapping[str, frozenset[str]] = {
            name: frozenset(found.split()) for name, found in data["summaries"].items()
        }
        self._parameters = {
            resource_type: MappingProxyType(
                {name: _parameter(release, resource_type, name, facts) for name, facts in found.items()}
            )
            for resource_type, found in data["parameters"].items()
        }

    def with_custom(self, custom: tuple[SearchParameter, ...]) -> "Definitions":
        """Return the same with the parameters of packages besides."""
        found = copy(self)
        found.custom = custom
        found._parameters = {  # noqa: SLF001 - a copy of this
            resource_type: MappingProxyType(
                {**known, **{one.name: one for one in custom if one.resource_type == resource_type}}
            )
            for resource_type, known in self._parameters.items()
        }
        return found

    @property
    def resource_types(self) -> frozenset[str]:
        """Return the types that have parameters."""
        return frozenset(self._parameters)

    def of(self, resource_type: str) -> Mapping[str, SearchParameter]:
        """Return the parameters of ``resource_type`` by name; empty for a type that is not served."""
        return self._parameters.get(resource_type, MappingProxyType({}))

    def supported(self, resource_type: str) -> Mapping[str, SearchParameter]:
        """Return those that resources can be found by; what the CapabilityStatement lists."""
        # Types come from whoever asks, and nothing is kept of those that there are none of.
        return _supported(self, resource_type) if resource_type in self._parameters else MappingProxyType({})

    def referring(self, resource_type: str) -> list[SearchParameter]:
        """Return the parameters, of any type, that may refer to ``resource_type``."""
        return [
            parameter
            for source_type in sorted(self._parameters)
            for parameter in self.supported(source_type).values()
            if parameter.kind == "reference" and (not parameter.targets or resource_type in parameter.targets)
        ]


@cache
def _supported(known: Definitions, resource_type: str) -> Mapping[str, SearchParameter]:
    return MappingProxyType({name: one for name, one in known.of(resource_type).items() if one.supported})


@cache
def core_definitions(release: Release) -> Definitions:
    """Return the search parameters of the specification: what may not depend on packages, such as whose a resource is."""
    return Definitions(release)


_with_packages: dict[Release, Definitions] = {}


def definitions(release: Release) -> Definitions:
    """Return the search parameters of ``release``, with those of the packages that were loaded when the program started."""
    return _with_packages.get(release) or core_definitions(release)


def install(release: Release, custom: tuple[SearchParameter, ...]) -> None:
    """Set what packages add, before anything is looked up; setting the same again changes nothing."""
    if definitions(release).custom != custom:
        _with_packages[release] = core_definitions(release).with_custom(custom)


def parameter_number(release: Release, resource_type: str, name: str) -> int:
    """Return the number under which the index keeps a parameter; a test checks that no two are the same."""
    text = f"{release.value}/{resource_type}.{name}".encode()
    return int.from_bytes(blake2b(text, digest_size=4).digest()) & 0x7FFF_FFFF or 1


def usual_url(resource_type: str, name: str) -> str:
    """Return where the specification defines a parameter, unless it has it together with those of other types."""
    of_it = f"Resource-{name[1:]}" if name.startswith("_") else f"{resource_type}-{name}"
    return f"http://hl7.org/fhir/SearchParameter/{of_it}"


def _parameter(release: Release, resource_type: str, name: str, facts: Mapping[str, Any]) -> SearchParameter:
    return SearchParameter(
        name=name,
        kind=facts["kind"],
        resource_type=resource_type,
        release=release,
        expression=facts.get("expression", ""),
        types=tuple(facts.get("types", ())),
        targets=frozenset(facts.get("targets", ())),
        repeats=facts.get("repeats", False),
        components=tuple((code, expression) for code, expression in facts.get("components", ())),
        url=facts.get("url") or usual_url(resource_type, name),
        number=parameter_number(release, resource_type, name),
    )


@cache
def _parts(parameter: SearchParameter) -> tuple[SearchParameter, ...]:
    known = core_definitions(parameter.release).of(parameter.resource_type)
    names = [definition.partition("-")[2] for definition, _ in parameter.components]
    return tuple(known[name] for name in names) if all(name in known for name in names) else ()


@cache
def _stored_in(parameter: SearchParameter) -> tuple[SearchParameter, ...]:
    known = core_definitions(parameter.release).supported(parameter.resource_type)
    patient = known.get("patient")
    if patient is not None and patient is not parameter and _is_part(patient, parameter):
        return (patient, parameter)
    wanted = _united(parameter)
    if len(wanted) == 1:
        return (parameter,)
    found = [
        other
        for other in known.values()
        if (other.kind, other.targets) == (parameter.kind, parameter.targets) and _united(other) < wanted
    ]
    found.sort(key=lambda other: parameter.expression.index(other.expression.partition(" | ")[0]))
    united = [part for other in found for part in _united(other)]
    return tuple(found) if len(united) == len(wanted) and set(united) == wanted else (parameter,)


def _united(parameter: SearchParameter) -> frozenset[str]:
    """Return the expressions of which that of a parameter is the union."""
    return frozenset(part.strip() for part in parameter.expression.split(" | "))


def _is_part(patient: SearchParameter, parameter: SearchParameter) -> bool:
    """Return whether all that ``patient`` finds, ``parameter`` finds at the same place."""
    if parameter.kind != "reference" or not (not parameter.targets or parameter.targets > patient.targets):
        return False
    return bool(patient.selectors) and {_unguarded(one) for one in patient.selectors} == set(parameter.selectors)


def _unguarded(selector: Selector) -> Selector:
    *before, last = selector.steps
    return Selector((*before, Step(last.member, None, last.position)), selector.fhir_type)


@cache
def _implied(parameter: SearchParameter) -> Mapping[str, frozenset[str]]:
    if parameter.types == ("boolean",):
        return {_OF_BOOLEANS[parameter.release]: frozenset({"true", "false"})}
    found: dict[str, frozenset[str]] = {}
    for selector in parameter.selectors if parameter.types == ("code",) else ():
        codes = _bound(parameter, selector)
        if not codes:
            return {}
        found |= {system: codes[system] | found.get(system, frozenset()) for system in codes}
    return found


def _bound(parameter: SearchParameter, selector: Selector) -> Mapping[str, frozenset[str]]:
    """Return the codes by system that the element at the end of a selector may have, empty where that is not known."""
    types, place = structure(parameter.release), parameter.resource_type
    codes: Mapping[str, frozenset[str]] = {}
    for step in selector.steps:
        member = types[place].members[step.member]
        place, codes = member.type, member.element.codes
    return codes


@cache
def _selectors(parameter: SearchParameter) -> tuple[Selector, ...]:
    if parameter.computed or parameter.kind in ("composite", "special"):
        return ()
    return compile_expression(parameter.expression, structure_types(parameter.release))
