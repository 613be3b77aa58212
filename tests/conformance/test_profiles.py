"""The official Dutch profiles: all can be used, their own examples keep them, and faults in these are found in place."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from app.fhir.release import Release
from tests.support.official import official_definitions, official_examples, official_profiles
from tests.support.verdict import errors_of_regie

BOTH = pytest.mark.parametrize("release", list(Release))
pytestmark = pytest.mark.suites


@BOTH
def test_every_official_profile_can_be_used(release: Release) -> None:
    profiles, found = official_profiles(release), official_definitions(release)
    urls = [url for url, one in found.items() if one["resourceType"] == "StructureDefinition"]
    assert len(urls) > 200
    assert [url for url in urls if profiles.root(url) is None] == []


BROKEN = {
    # A Bundle without the Patient that a profile wants in it; HL7's validator reports it at the same place.
    Release.STU3: {("mp9-Bundle-d46e352", "Bundle.entry[0].resource.subject", "subject must lead to what is bundled.")},
    Release.R4: set(),
}


@BOTH
def test_the_official_examples_have_no_errors_but_one(release: Release) -> None:
    profiles, found = official_profiles(release), official_examples(release)
    assert len(found) > 200
    errors = {
        (name, issue.expression, issue.diagnostics)
        for name, tree in found.items()
        for issue in profiles.validate(tree)
        if issue.severity == "error"
    }
    assert errors == BROKEN[release]


FAULTS: list[tuple[Release, str, Callable[[dict[str, Any]], object], str]] = [
    (
        Release.STU3,
        "zib-BloodPressure-01",
        lambda tree: tree["component"].pop(0),
        "Observation.component",
    ),
    (
        Release.STU3,
        "zib-BloodPressure-01",
        lambda tree: tree["component"][0].pop("valueQuantity"),
        "Observation.component[0].value",
    ),
    (
        Release.STU3,
        "zib-BloodPressure-01",
        lambda tree: tree["code"]["coding"][0].update(code="55284-4"),
        "Observation.code.coding",
    ),
    (
        Release.R4,
        "nl-core-BloodPressure-01",
        lambda tree: tree["code"]["coding"][0].update(code="55284-4"),
        "Observation.code",
    ),
    (
        Release.R4,
        "nl-core-BloodPressure-01",
        lambda tree: tree.pop("effectiveDateTime"),
        "Observation.effective",
    ),
    (
        Release.R4,
        "nl-core-BloodPressure-01",
        lambda tree: tree.update(subject={"reference": "Device/1"}),
        "Observation.subject",
    ),
]


@pytest.mark.parametrize(("release", "name", "fault", "place"), FAULTS, ids=[f"{one[1]}-{one[3]}" for one in FAULTS])
def test_a_fault_in_an_official_example_is_found_in_its_place(
    release: Release, name: str, fault: Callable[[dict[str, Any]], object], place: str
) -> None:
    tree = deepcopy(official_examples(release)[name])
    fault(tree)
    assert place in [where for where, _ in errors_of_regie(official_profiles(release), tree)]


MUTATIONS = Path(__file__).with_name("profile_mutations.tsv")
"""Changes to the official examples that HL7's validator reports as errors, each with the place that both agree on."""


def mutated(tree: dict[str, Any], kind: str, way: str) -> dict[str, Any]:
    """Return an example with one change: a member taken out, a list that is longer, a code or system that is another."""
    copy = deepcopy(tree)
    node: Any = copy
    *steps, last = [int(step) if step.isdigit() else step for step in way.split(".")]
    for step in steps:
        node = node[step]
    if kind == "del":
        del node[last]
    elif kind == "dup":
        node.append(deepcopy(node[last]))
    else:
        node[last] += {"code": "9", "sys": "x"}[kind]
    return copy


@BOTH
def test_faults_that_another_validator_finds_are_found_in_their_place(release: Release) -> None:
    profiles, found = official_profiles(release), official_examples(release)
    lines = [line.split("\t") for line in MUTATIONS.read_text(encoding="utf-8").splitlines()]
    missed = [
        (name, kind, way, place)
        for path, name, kind, way, place in lines
        if path == release.path
        and place not in [where for where, _ in errors_of_regie(profiles, mutated(found[name], kind, way))]
    ]
    assert len(lines) >= 300
    assert missed == []
