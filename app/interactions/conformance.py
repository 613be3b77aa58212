"""Whether a resource that is written has to keep the profiles that it claims, and what happens if it does not.

Only profiles of packages that are loaded can be broken; without packages nothing is looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from app.access.requester import RequesterKind
from app.errors import InvalidResourceError
from app.fhir.issues import Issue
from app.fhir.packages.library import Library
from app.fhir.release import Release
from app.fhir.validation.profile import Profiles


class ProfileMode(StrEnum):
    """What is done with a resource that breaks a profile: nothing is looked at, it is kept and told, or it is refused."""

    OFF = "off"
    WARN = "warn"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class Conformance:
    """The profiles that are loaded, for the releases that have any, and what they are to writes, by who writes."""

    modes: Mapping[RequesterKind, ProfileMode] = field(default_factory=dict)
    profiles: Mapping[Release, Profiles] = field(default_factory=dict)

    def hold(self, source: RequesterKind, release: Release, tree: dict[str, Any], location: str) -> tuple[Issue, ...]:
        """Return what is to be told of a valid resource that is about to be kept, as warnings; ``location`` is its place.

        Raises: InvalidResourceError, if it breaks a profile and these are enforced for its source.
        """
        mode = self.modes.get(source, ProfileMode.OFF)
        if mode is ProfileMode.OFF or release not in self.profiles:
            return ()
        found = self.profiles[release].validate(tree)
        issues = tuple(_placed(issue, str(tree.get("resourceType")), location) for issue in found)
        if mode is ProfileMode.ENFORCE and any(issue.severity == "error" for issue in issues):
            raise InvalidResourceError(issues)
        return tuple(replace(issue, severity="warning") if issue.severity == "error" else issue for issue in issues)


def conformance(library: Library, modes: Mapping[RequesterKind, ProfileMode]) -> Conformance:
    """Return the profiles of a library, as it is now."""
    found = {release: library.definitions(release) for release in Release}
    return Conformance(
        modes, {release: Profiles(release, one.resolved) for release, one in found.items() if len(one) > 0}
    )


def _placed(issue: Issue, resource_type: str, location: str) -> Issue:
    """Return an issue with the place of the resource in what was sent before its own."""
    if issue.expression is None:
        return replace(issue, expression=location)
    return replace(issue, expression=location + issue.expression[len(resource_type) :])
