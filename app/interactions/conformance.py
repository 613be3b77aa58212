"""Whether a resource that is written has to keep the profiles that it claims, and what happens if it does not.

Only profiles of packages that are loaded can be broken. The rules of FHIR itself need no package. A CapabilityStatement of a
package may say, in ``rest.resource.profile``, what every resource of a type has to keep, whatever it claims.

Spec: https://hl7.org/fhir/R4/profiling.html#CapabilityStatement, https://hl7.org/fhir/STU3/profiling.html#CapabilityStatement
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any

from app.access.requester import RequesterKind
from app.errors import InvalidResourceError
from app.fhir.issues import Issue
from app.fhir.packages.canonicals import Definitions
from app.fhir.packages.library import Library
from app.fhir.packages.package import Pin
from app.fhir.release import Release
from app.fhir.terminology.core import core_terminology
from app.fhir.terminology.terminology import Terminology
from app.fhir.validation.invariants import broken_rules
from app.fhir.validation.profile import Profiles
from app.fhir.validation.service_rules import broken_service_rules
from app.fhir.validation.structure import Parsed


class ProfileMode(StrEnum):
    """What is done with a resource that breaks a profile: nothing is looked at, it is kept and told, or it is refused."""

    OFF = "off"
    WARN = "warn"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class Declared:
    """Pairs of a resource type and a profile: what all resources of the type have to keep, and what can be checked."""

    demanded: tuple[tuple[str, str], ...] = ()
    supported: tuple[tuple[str, str], ...] = ()

    def of(self, resource_type: str) -> list[str]:
        """Return the profiles that all resources of a type have to keep."""
        return [url for name, url in self.demanded if name == resource_type]


@dataclass(frozen=True, slots=True)
class Findings:
    """What is told to who sent a resource, as warnings, and what it breaks, as it is remembered with the resource."""

    told: tuple[Issue, ...] = ()
    broken: tuple[Issue, ...] = ()


NOTHING_FOUND = Findings()


@dataclass(frozen=True, slots=True)
class Conformance:
    """The profiles that are loaded, for the releases that have any, and what they are to writes, by who writes."""

    modes: Mapping[RequesterKind, ProfileMode] = field(default_factory=dict)
    profiles: Mapping[Release, Profiles] = field(default_factory=dict)
    declared: Mapping[Release, Declared] = field(default_factory=dict)

    def issues(
        self, release: Release, tree: dict[str, Any], asked: Iterable[str] = (), *, has_extensions: bool = True
    ) -> list[Issue]:
        """Return what in a valid resource breaks its profiles, those of its type, and those that are ``asked`` for.

        Without packages it is nothing. ``has_extensions`` is false where the resource surely has none.
        """
        if release not in self.profiles:
            return []
        of_type = self.declared[release].of(str(tree.get("resourceType"))) if release in self.declared else ()
        return self.profiles[release].validate(tree, [*of_type, *asked], has_extensions=has_extensions)

    def hold(self, source: RequesterKind, release: Release, parsed: Parsed, location: str) -> Findings:
        """Return what is to be told of a valid resource that is about to be kept, and remembered; ``location`` is its place.

        The rules of the specification, and those by which a standard has a server refuse something, are held against
        everybody as the structure is; what is imported is held to them as it
        is to profiles, so that nothing is lost that others sent.
        Raises: InvalidResourceError, if it breaks such a rule, or a profile where these are enforced for its source.
        """
        mode = self.modes.get(source, ProfileMode.OFF)
        is_import = source is RequesterKind.OPERATOR
        name = parsed.resource_type
        found = []
        if mode is not ProfileMode.OFF or not is_import:
            found = broken_rules(release, parsed, name) + broken_service_rules(release, parsed.tree)
        if found and not is_import:
            raise InvalidResourceError([_placed(issue, name, location) for issue in found])
        if mode is not ProfileMode.OFF:
            found += self.issues(release, parsed.tree, has_extensions=parsed.has_extensions)
        if not found:
            return NOTHING_FOUND
        broken = tuple(issue for issue in found if issue.severity == "error")
        told = tuple(_placed(issue, name, location) for issue in found)
        if mode is ProfileMode.ENFORCE and broken:
            raise InvalidResourceError(told)
        return Findings(
            tuple(replace(issue, severity="warning") if issue.severity == "error" else issue for issue in told), broken
        )

    def looks_at(self, source: RequesterKind) -> bool:
        """Return whether what such a source writes is held against profiles."""
        return self.modes.get(source, ProfileMode.OFF) is not ProfileMode.OFF

    def ask_elsewhere(self, verdict: Callable[[Release, str, str, str], bool | None]) -> None:
        """Let checks go by ``verdict`` (of a value set, a system and a code) where what is at hand does not tell."""
        for release, profiles in self.profiles.items():
            profiles.terminology.elsewhere = partial(verdict, release)

    def terminology(self, release: Release) -> Terminology:
        """Return the code systems and value sets that are at hand: those of the packages, and of the specification."""
        profiles = self.profiles.get(release)
        return core_terminology(release) if profiles is None else profiles.terminology


OWN_STATEMENT, NO_STATEMENT = "own", "none"


def conformance(
    library: Library, modes: Mapping[RequesterKind, ProfileMode], statement: str = OWN_STATEMENT
) -> Conformance:
    """Return the profiles of a library, as it is now.

    ``statement`` is the canonical URL of the CapabilityStatement that says which profiles hold for all resources of a type;
    ``own`` is that of Regie's own package, ``none`` is no statement.
    """
    found = {release: one for release in Release if len(one := library.definitions(release)) > 0}
    return Conformance(
        modes,
        {release: Profiles(release, one.resolved) for release, one in found.items()},
        {
            release: Declared(
                tuple(_demanded(_statement(one, statement, library.own_pin(release)))),
                tuple(sorted((held.on, held.url) for held in one.all() if held.on)),
            )
            for release, one in found.items()
        },
    )


def _statement(definitions: Definitions, wanted: str, own: Pin | None) -> dict[str, Any]:
    """Return the CapabilityStatement that was chosen; empty if this release has none."""
    if wanted == OWN_STATEMENT:
        of_own = [one for one in definitions.all() if (one.resource_type, one.package) == ("CapabilityStatement", own)]
        return of_own[0].read() if of_own else {}
    tree = definitions.find(wanted) if wanted != NO_STATEMENT else None
    return tree if tree is not None and tree.get("resourceType") == "CapabilityStatement" else {}


def _demanded(statement: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (resource type, profile) of what a server has to keep; a profile is a Reference in STU3."""
    for rest in statement.get("rest", ()):
        for resource in rest.get("resource", ()) if rest.get("mode") == "server" else ():
            profile = resource.get("profile")
            url = profile.get("reference") if isinstance(profile, dict) else profile
            if url:
                yield str(resource.get("type")), str(url)


def _placed(issue: Issue, resource_type: str, location: str) -> Issue:
    """Return an issue with the place of the resource in what was sent before its own."""
    if location == resource_type and issue.expression is not None:
        return issue
    inside = "" if issue.expression is None else issue.expression[len(resource_type) :]
    return Issue(issue.severity, issue.code, issue.diagnostics, location + inside)
