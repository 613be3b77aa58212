"""The official Dutch profiles: all can be used, their own examples keep them, and faults in these are found in place."""

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from app.fhir.packages.package import read_package
from app.fhir.release import Release
from app.fhir.tree import decode_tree
from app.fhir.validation.profile import Profiles
from app.fhir.xml.read import to_json
from tests.support.suites import package_folder

NAMES = {
    Release.STU3: ("nictiz-stu3-zib2017", "nictiz-stu3-medicationprocess", "nictiz-stu3-questionnaires"),
    Release.R4: ("nictiz-r4-zib2020", "nictiz-r4-medicationprocess", "nictiz-r4-patientcorrections"),
}
BOTH = pytest.mark.parametrize("release", list(Release))
pytestmark = pytest.mark.suites


@cache
def official(release: Release) -> tuple[Profiles, list[str]]:
    """Return the official profiles of a release, and their URLs."""
    packages = [read_package(package_folder(name), pin=f"{name}#1", release=release) for name in NAMES[release]]
    definitions = {one.url: one for package in packages for one in package.definitions}

    def find(url: str) -> dict[str, Any] | None:
        return decode_tree(definitions[url].body) if url in definitions else None

    urls = [url for url, one in definitions.items() if one.resource_type == "StructureDefinition"]
    return Profiles(release, find), urls


@cache
def examples(release: Release) -> dict[str, dict[str, Any]]:
    """Return the examples of the packages by the names of their files."""
    found = {}
    for name in NAMES[release]:
        for path in sorted(package_folder(name).rglob("*")):
            if "examples" in str(path.parent).lower() and path.suffix in (".xml", ".json"):
                body = path.read_bytes()
                tree = decode_tree(to_json(release, body) if path.suffix == ".xml" else body)
                if "resourceType" in tree:
                    found[path.stem] = tree
    return found


@BOTH
def test_every_official_profile_can_be_used(release: Release) -> None:
    profiles, urls = official(release)
    assert len(urls) > 200
    assert [url for url in urls if profiles.root(url) is None] == []


@BOTH
def test_the_official_examples_have_no_errors(release: Release) -> None:
    profiles, _ = official(release)
    found = examples(release)
    assert len(found) > 200
    errors = {
        (name, issue.expression, issue.diagnostics)
        for name, tree in found.items()
        for issue in profiles.validate(tree)
        if issue.severity == "error"
    }
    assert errors == set()


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
    tree = deepcopy(examples(release)[name])
    fault(tree)
    issues = official(release)[0].validate(tree)
    assert place in [issue.expression for issue in issues if issue.severity == "error"]


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
    profiles, found = official(release)[0], examples(release)
    lines = [line.split("\t") for line in MUTATIONS.read_text(encoding="utf-8").splitlines()]
    missed = [
        (name, kind, way, place)
        for path, name, kind, way, place in lines
        if path == release.path
        and place not in [issue.expression for issue in profiles.validate(mutated(found[name], kind, way))]
    ]
    assert len(lines) >= 300
    assert missed == []
