"""Profiles that whoever made them meant no good with, or did not look at: checking ends, and says what it left out."""

from collections.abc import Mapping
from copy import deepcopy
from itertools import pairwise
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.validation.profile import Profiles

URL = "http://example.org/it"
CORE = "http://hl7.org/fhir/StructureDefinition/"
CODES = [{"system": "urn:a", "code": str(number)} for number in range(300)]
TREE: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": CODES},
    "method": {"text": "a" * 900 + "!"},
    "component": [{"code": {"coding": [one]}, "valueString": "a"} for one in CODES],
}
SECONDS_MAX = 5.0
"""Far more than it takes; without a bound these take minutes, or for ever."""


def profile(url: str, *elements: Mapping[str, Any], base: str = f"{CORE}Observation", **members: Any) -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "type": "Observation",
        "baseDefinition": base,
        "differential": {"element": list(elements)},
        **members,
    }


def found(*known: Mapping[str, Any], tree: Mapping[str, Any] = TREE) -> list[Issue]:
    """Return what is said of a resource, within the time that it may take."""
    by_url = {str(one["url"]): one for one in known}
    start = process_time()
    issues = Profiles(Release.R4, by_url.get).validate(dict(tree), [URL])
    assert process_time() - start < SECONDS_MAX
    assert not [one for one in issues if one.severity == "error"]
    return issues


def rule(expression: str, path: str = "Observation") -> dict[str, Any]:
    return {"path": path, "constraint": [{"key": "x-1", "severity": "error", "human": "x", "expression": expression}]}


def test_profiles_that_are_their_own_base_are_told() -> None:
    (issue,) = found(
        profile(URL, {"path": "Observation"}, base="http://example.org/other"),
        profile("http://example.org/other", {"path": "Observation"}, base=URL),
    )
    assert (issue.severity, issue.code) == ("warning", "not-supported")
    assert "circles" in issue.diagnostics


def test_profiles_that_name_each_other_for_ever_end() -> None:
    names = [URL, *(f"http://example.org/{number}" for number in range(3000))]
    kinds = [
        {"path": "Observation.hasMember", "type": [{"code": "Reference", "targetProfile": [name]}]}
        for name in names[1:]
    ]
    chain = [profile(name, kind) for name, kind in zip(names, kinds, strict=False)]
    tree = {**TREE, "contained": [{"resourceType": "Observation", "id": "a", "status": "final", "code": {"text": "x"}}]}
    tree["contained"][0]["hasMember"] = [{"reference": "#a"}]
    found(*chain, profile(names[-1]), tree={**tree, "hasMember": [{"reference": "#a"}]})


def test_a_type_whose_profile_names_a_profile_of_the_same_value_ends() -> None:
    names = [URL, *(f"http://example.org/{number}" for number in range(3000))]
    first = profile(URL, {"path": "Observation.code", "type": [{"code": "CodeableConcept", "profile": [names[1]]}]})
    others = [
        {
            **profile(name, {"path": "CodeableConcept", "type": [{"code": "CodeableConcept", "profile": [following]}]}),
            "type": "CodeableConcept",
            "baseDefinition": f"{CORE}CodeableConcept",
        }
        for name, following in pairwise(names[1:])
    ]
    assert [issue.code for issue in found(first, *others)] == ["too-costly"]


def test_more_slices_than_can_be_tried_are_told_as_too_costly() -> None:
    slicing = {"discriminator": [{"type": "value", "path": "code"}], "rules": "open"}
    slices = [
        {
            "id": f"Observation.component:s{number}.code",
            "path": "Observation.component.code",
            "patternCodeableConcept": {"coding": [{"code": f"no-{number}"}]},
        }
        for number in range(4900)
    ]
    made = profile(URL, {"path": "Observation.component", "slicing": slicing}, *slices)
    assert [issue.code for issue in found(made)] == ["too-costly"]


def test_more_elements_than_are_read_are_told() -> None:
    (issue,) = found(profile(URL, *({"path": "Observation.method"} for _ in range(6000))))
    assert "more than" in issue.diagnostics


@pytest.mark.parametrize(
    "expression",
    [
        "component.where(%resource.component.where(%resource.component.exists()).exists()).exists()",
        "descendants().where(%resource.descendants().exists()).exists()",
        "code.coding" + ".select($this)" * 3000 + ".exists()",
        "true" + " and true" * 20000,
        "(" * 5000 + "true" + ")" * 5000,
        "method.text.matches('^a*a*a*a*$')",
        "method.text.matches('(a|a)*$')",
        "method.text.matches('((((a+)+)+)+)$')",
    ],
)
def test_a_rule_that_would_run_long_is_left_and_told(expression: str) -> None:
    (issue,) = found(profile(URL, rule(expression)))
    assert issue.code in ("too-costly", "not-supported")


def test_an_element_many_levels_deep_is_told() -> None:
    (issue,) = found(profile(URL, {"path": "Observation" + ".extension" * 2000, "min": 1}))
    assert "levels" in issue.diagnostics


@pytest.mark.parametrize(
    "element",
    [
        {"path": "Observation.method", "min": "many"},
        {"path": "Observation.method", "max": "many"},
        {"path": "Observation.method", "max": "9" * 5000},
        {"path": "Observation.method", "max": "²"},
        {"path": "Observation.method", "type": "CodeableConcept"},
        {"path": "Observation.method", "type": [None]},
        {"path": "Observation.method", "slicing": []},
        {"path": "Observation.method", "constraint": {"expression": "true"}},
        {"path": ["Observation.method"]},
        {"path": "Observation.nothing", "min": 1},
        "Observation.method",
        None,
    ],
)
def test_a_profile_that_is_no_fhir_is_told_and_breaks_nothing(element: Any) -> None:
    (issue,) = found(profile(URL, element))
    assert (issue.severity, issue.code) == ("warning", "not-supported")
    base = profile(URL, base="http://example.org/other")
    (issue,) = found(base, profile("http://example.org/other", element))
    assert (issue.severity, issue.code) == ("warning", "not-supported")


SOUND = profile(
    URL,
    {
        "path": "Observation.component",
        "slicing": {"discriminator": [{"type": "value", "path": "code"}], "rules": "open"},
    },
    {"id": "Observation.component:a", "path": "Observation.component", "sliceName": "a", "min": 1, "max": "2"},
    {
        "id": "Observation.component:a.code",
        "path": "Observation.component.code",
        "patternCodeableConcept": {"text": "a"},
    },
    {"path": "Observation.value[x]", "type": [{"code": "Quantity", "profile": [URL]}]},
    {"path": "Observation.method", "binding": {"strength": "required", "valueSet": "urn:none"}, "maxLength": 3},
    {"path": "Observation.subject", "type": [{"code": "Reference", "targetProfile": [f"{CORE}Patient"]}]},
    rule("component.exists()"),
)
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=4)
    | st.sampled_from([URL, "*", "$this", "Observation"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def places(node: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [one for key, value in items for one in [(*way, key), *places(value, (*way, key))]]


@given(st.sampled_from(places(SOUND["differential"], ("differential",))), ODD)
def test_whatever_stands_in_a_profile_a_resource_is_checked(way: tuple[Any, ...], odd: Any) -> None:
    changed = deepcopy(SOUND)
    node: Any = changed
    for step in way[:-1]:
        node = node[step]
    node[way[-1]] = odd
    issues = Profiles(Release.R4, {URL: changed}.get).validate(dict(TREE), [URL])
    assert all(isinstance(one, Issue) for one in issues)
