"""What a translation promises, for real resources, mutations of them, and resources with any element there is.

It is valid in the other release, and what it does not name as lost comes back from there.
"""

import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.demo.people import demo_people
from app.fhir.release import Release
from app.fhir.releases.definitions import definitions
from app.fhir.translate.tables import TRANSLATED
from app.fhir.translate.translation import Translated, translate
from app.fhir.tree import encode_tree
from app.fhir.validation.invariants import broken_rules
from app.fhir.validation.issues import find_issues
from app.fhir.validation.references import target_type
from app.fhir.validation.structure import decode, parse
from tests.property.test_structure import mutated
from tests.support.examples import published_examples, suite_fixtures
from tests.support.made import Maker

DEPTH = 80
OTHER = {Release.STU3: Release.R4, Release.R4: Release.STU3}
# Where what comes back says the same in other words: absent for false, the nearest type, the parts of a wrapper in it.
SAME_IN_OTHER_WORDS = {
    "notDone",
    "notGiven",
    "effectiveInstant",
    "_effectiveInstant",
    "performer",
    "requester",
    "related",
    "context",
    "input",
    "output",
}
STRICTER_THERE = {"con-3", "con-4", "lst-3"}
"""What one release demands and the other doesn't: in STU3 a status of each problem; in R4 no end of one that is active (STU3 compared
a code with a Boolean), and no dates in a list that isn't worked on."""

thorough = settings(
    max_examples=300,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def issues(release: Release, tree: dict[str, Any]) -> list[str]:
    found = find_issues(release, decode(encode_tree(tree)), maximum_depth=DEPTH)
    return [f"{issue.expression}: {issue.diagnostics}" for issue in found]


def rules(release: Release, tree: dict[str, Any]) -> set[str]:
    """Return the names of the specification's rules that a resource breaks."""
    parsed = parse(release, encode_tree(tree), maximum_depth=DEPTH)
    found = broken_rules(release, parsed, parsed.resource_type)
    return {name for issue in found for name in re.findall(r"\b[a-z]{2,3}-[0-9]+[a-z]?\b", issue.diagnostics)[:1]}


def demo_data(release: Release) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every fifth resource of the invented people, which are many of a kind."""
    for person in demo_people(date(2026, 11, 25)):
        for _, resource in person.resources[release][::5]:
            yield person.login, resource


def unordered(node: Any) -> Any:
    """Return a node with its arrays sorted, and without the type of a reference that says it already."""
    if isinstance(node, dict):
        said = "type" if node.get("type") == target_type(str(node.get("reference", ""))) else ""
        return {name: unordered(value) for name, value in node.items() if name != said}
    if isinstance(node, list):
        return sorted(
            (unordered(value) for value in node), key=lambda one: json.dumps(one, default=str, sort_keys=True)
        )
    return node


def named_as_lost(*translated: Translated) -> set[str]:
    names = (re.sub(r"\[\d+\]", "", loss.expression).split(".") for one in translated for loss in one.losses)
    return {part[1] for part in names if len(part) > 1}


def not_given_back(tree: dict[str, Any], release: Release) -> list[str]:
    """Return the elements that a translation there and back changed without saying so."""
    there = translate(tree, release, OTHER[release])
    back = translate(there.tree, OTHER[release], release)
    lost = named_as_lost(there, back) | {"meta", "extension", "modifierExtension"} | SAME_IN_OTHER_WORDS
    return [
        name
        for name, value in tree.items()
        if unordered(back.tree.get(name)) != unordered(value)
        and not any(name.lstrip("_").startswith(one) for one in lost)  # valueQuantity is lost as value
    ]


@pytest.mark.parametrize("release", list(Release))
def test_real_resources_are_valid_in_the_other_release(release: Release) -> None:
    tried = 0
    for name, resource in [*published_examples(release), *suite_fixtures(release), *demo_data(release)]:
        tree = decode(encode_tree(resource))
        if resource.get("resourceType") in TRANSLATED and not issues(release, tree):
            tried += 1
            told = translate(tree, release, OTHER[release]).tree
            assert issues(OTHER[release], told) == [], name
            assert rules(OTHER[release], told) <= rules(release, tree) | STRICTER_THERE, name
            assert not_given_back(tree, release) == [], name
    assert tried > 40


@thorough
@given(mutated())
def test_mutated_resources_are_valid_in_the_other_release(case: tuple[Release, dict[str, Any]]) -> None:
    release, resource = case
    if resource.get("resourceType") not in list(TRANSLATED):
        return
    tree = decode(json.dumps(resource).encode())
    if not issues(release, tree):
        assert issues(OTHER[release], translate(tree, release, OTHER[release]).tree) == []


@thorough
@given(st.sampled_from(Release), st.sampled_from(sorted(TRANSLATED)), st.integers(0, 10_000))
def test_any_element_is_told_kept_or_named_as_lost(release: Release, resource_type: str, seed: int) -> None:
    tree = Maker(release, seed).resource(resource_type)
    assert issues(release, tree) == []
    assert issues(OTHER[release], translate(tree, release, OTHER[release]).tree) == []
    assert not_given_back(tree, release) == []


@thorough
@given(st.sampled_from(Release), st.sampled_from(sorted(TRANSLATED)), st.integers(0, 10_000))
def test_a_translation_leaves_the_original_as_it_is(release: Release, resource_type: str, seed: int) -> None:
    tree, same = (Maker(release, seed).resource(resource_type) for _ in range(2))
    translated = translate(tree, release, OTHER[release]).tree
    assert tree == same
    assert translated["id"] == tree["id"]
    kept = ("versionId", "lastUpdated", "security")
    assert all(translated["meta"].get(name) == tree["meta"].get(name) for name in kept if name in tree.get("meta", {}))


@st.composite
def claimed(draw: st.DrawFn) -> tuple[Release, dict[str, Any]]:
    """Return a made-up resource with extensions that claim to keep elements of the other release, and what not."""
    release = draw(st.sampled_from(Release))
    resource_type, seed = draw(st.sampled_from(sorted(TRANSLATED))), draw(st.integers(0, 10_000))
    maker = Maker(release, seed)
    tree = maker.resource(resource_type)
    names = [element.name.removesuffix("[x]") for element in definitions(OTHER[release])[resource_type].elements]
    value = definitions(release)["Extension"].members
    for _ in range(draw(st.integers(1, 4))):
        version, name = OTHER[release].mime_version, draw(st.sampled_from(names))
        extension: dict[str, Any] = {
            "url": f"http://hl7.org/fhir/{version}/StructureDefinition/extension-{resource_type}.{name}"
        }
        if draw(st.booleans()):
            member = value[draw(st.sampled_from(sorted(name for name in value if name.startswith("value"))))]
            extension[member.name] = maker.value(member)
        else:
            inner = draw(st.sampled_from(["type", "agent", "actor", "status", "value", "text", "url", "nothing"]))
            extension["extension"] = [{"url": inner, "valueString": "A line"}]
        tree.setdefault("extension", []).append(extension)
    return release, tree


@thorough
@given(claimed())
def test_an_extension_that_claims_to_keep_an_element_makes_nothing_invalid(
    case: tuple[Release, dict[str, Any]],
) -> None:
    release, tree = case
    if issues(release, tree):
        return
    told = translate(tree, release, OTHER[release]).tree
    assert issues(OTHER[release], told) == []
    assert told["id"] == tree["id"]
    assert told["meta"].get("security") == tree.get("meta", {}).get("security")
    if "subject" in tree and "reference" in tree["subject"]:
        assert told["subject"]["reference"] == tree["subject"]["reference"]
