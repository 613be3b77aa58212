"""What the CapabilityStatements of the official Dutch packages ask of a server is promised by Regie's own.

They are of the packages that stand beside the test scripts; without those the tests are skipped.
"""

from collections.abc import Iterator

import pytest

from app.fhir.elements import listed
from app.fhir.release import Release
from app.rest.capabilities import statement_tree
from tests.support.official import read_resource
from tests.support.suites import PACKAGES, package_folder
from tests.support.world import Tree

NO_INCLUDES = {
    *(f"Task {name}" for name in ("Organization", "Patient", "Practitioner", "PractitionerRole")),
    "CarePlan DeviceUseStatement:device:Device",
}
"""What stands in a list of includes and is none of that type: a type alone, or a parameter of what another one finds."""
NOT_DONE = {"http://nictiz.nl/fhir/OperationDefinition/Medication-Overview"}
"""Operations that docs/conformance.md says are not done, and why."""
SENT_AND_NOT_KEPT = {"Bundle"}
"""Sent as a transaction to the base."""


def requirements(release: Release) -> Iterator[tuple[str, Tree]]:
    """Yield the name and the ``rest`` of each statement; what is asked of a client it asks of its server."""
    for name in PACKAGES[release.name]:
        for path in sorted(package_folder(name).rglob("*apability*tatement*.xml")):
            tree = read_resource(release, path.suffix, path.read_bytes())
            if tree["resourceType"] == "CapabilityStatement":
                yield from ((path.name, rest) for rest in tree.get("rest", ()))


def named(entry: Tree) -> str:
    """Return the URL by which a parameter or an operation is defined, empty if it is not said."""
    definition = entry.get("definition", "")
    return str(definition["reference"] if isinstance(definition, dict) else definition)


def missing(release: Release, asked: Tree) -> Iterator[str]:
    """Yield what a statement asks for and Regie's does not have."""
    (own,) = statement_tree(release, "https://regie.example")["rest"]
    promised = {resource["type"]: resource for resource in own["resource"]}
    operations = {named(one) for place in (own, *promised.values()) for one in place.get("operation", ())}
    for place in (asked, *asked.get("resource", ())):
        yield from {named(one) for one in place.get("operation", ())} - operations - NOT_DONE
    yield from codes(asked) - codes(own)
    for resource in asked.get("resource", ()):
        kind = resource["type"]
        if kind in SENT_AND_NOT_KEPT:
            continue
        yield from (f"{kind} {code}" for code in codes(resource) - codes(promised[kind]))
        known = {one["name"]: (one["type"], one.get("definition")) for one in promised[kind]["searchParam"]}
        for parameter in resource.get("searchParam", ()):
            name = parameter["name"]
            defined = named(parameter) or known.get(name, ("", None))[1]
            if known.get(name) != (parameter["type"].replace("special", "date"), defined):
                yield f"{kind}?{name}"
        for include in resource.get("searchInclude", ()):
            by_parameter = ":".join(include.split(":")[:2])
            if by_parameter not in promised[kind]["searchInclude"] and f"{kind} {include}" not in NO_INCLUDES:
                yield f"{kind} {include}"


def codes(place: Tree) -> set[str]:
    """Return the codes of the interactions of a type, or of the whole system."""
    return {str(one["code"]) for one in listed(place.get("interaction"))}


@pytest.mark.suites
@pytest.mark.parametrize("release", Release)
def test_what_the_official_statements_ask_is_promised(release: Release) -> None:
    found = {name: sorted(missing(release, rest)) for name, rest in requirements(release)}
    assert len(found) >= (15 if release is Release.STU3 else 3)
    assert {name: lacking for name, lacking in found.items() if lacking} == {}
