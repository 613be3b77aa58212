"""Structure held against ``fhir.resources``, the authority, on real resources and on mutations of them.

Also here: quick acceptance never accepts what the full walk refuses.
"""

import copy
import importlib
import json
import re
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.errors import InvalidResourceError
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.validation.acceptance import accepts
from app.fhir.validation.issues import find_issues
from app.fhir.validation.structure import DEPTH_MAX, _is_plain, decode, parse, resource_types
from tests.support.examples import FOLDERS, published_examples, suite_fixtures

# Where Regie is stricter on purpose: the end of the message, and why fhir.resources accepts it all the same.
STRICTER = {
    r"must not be empty\.": "FHIR JSON has no empty objects; the models take one for an absent element",
    r"must not be an empty array\.": "FHIR JSON has no empty arrays; the models take one for an absent element",
    r"must not be null: leave it out\.": "null is only a place in an array; the models take it for an absent element",
    r"null in \w+ needs an object in _\w+\.": "null is only a place for an extension; the models don't look for it",
    r"must not hold null only\.": "the same, in the sibling",
    r"must be an array that is not empty\.": "the same, for the array as a whole",
    r"must be a JSON object\.": "the models take text that is an object in JSON for the object",
    r"must be a JSON (string|number|boolean)\.": "the models convert what looks alike, such as the string '1'",
    r"must be a UR[IL] without spaces\.": "the pattern of the models matches the empty string at the start of any text",
    r"must be one of .*\.": "the models don't know which bindings are required",
    r"must have a code that is one of .*\.": "the same, for CodeableConcept and Coding",
    r"is not the name of an element\.": "the models drop fhir_comments, which DSTU2 had, and take Python names",
    r"has no element (resourceType|_\w+)\.": "only resources have a resourceType, and only some primitives a sibling",
    r"must be text that is not blank.*\.": "blank text says nothing, and control characters can't be written in XML",
    r"must be XHTML .*\.": "the models don't look into a narrative",
    r"must be base64 text\.": "the models decode leniently",
    r"must refer to .*\.": "the models don't look at what a reference refers to",
    r"needs a reference, an identifier or a display\.": "a rule of Reference (ref-2 in R5), not of its elements",
    r"must be a code without spaces.*\.": "control characters can't be written in XML",
    r"must be 1 to 64 letters.*\.": "the models leave the length of an id to who uses them",
    r"resourceType of this FHIR release\.": "4.0.1 doesn't have the types that came with 4.3.0",
    r"has no element value(CodeableReference|RatioRange)\.": "the same, for data types",
}
NAMES = """
    foo _status _id extension modifierExtension id valueString valueQuantity valueBoolean _valueString status code
    resourceType text contained language effectiveDateTime effectivePeriod value system reference display unit url
""".split()
VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        1.5,
        10**12,
        "",
        "x",
        " ",
        "a b",
        "a\n",
        "caf\u00e9",
        "\u0001",
        "http://example.org",
    ),
    *(
        "2020",
        "2020-13",
        "2020-02-30",
        "2020-02-29",
        "2020-02-28T10:00:00Z",
        "2020-02-28T10:00:00",
        "10:00:00",
        "24:00:00",
    ),
    *("Patient/1", "#x", [], {}, [None], ["x"], [{}], {"a": 1}, {"id": "1"}, [{"id": "1"}]),
    {"extension": [{"url": "http://example.org", "valueString": "a"}]},
]
# The same cases at each run: two validators that were written apart will differ in some corner that nobody has seen.
thorough = settings(
    max_examples=500,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

ANYTHING = st.recursive(
    st.sampled_from(VALUES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=5,
)


@cache
def resources(release: Release) -> list[dict[str, Any]]:
    """Return real resources of the served types, small enough to be mutated often."""
    fixtures = [fixture for number, fixture in enumerate(suite_fixtures(release)) if number % 6 == 0]
    every = [resource for _, resource in [*published_examples(release), *fixtures]]
    return [one for one in every if one["resourceType"] in resource_types(release) and len(json.dumps(one)) < 8_000]


def nodes(tree: Any) -> list[Any]:
    """Return every object and array in a tree."""
    inner = tree.values() if isinstance(tree, dict) else tree
    return [tree, *(node for item in inner if isinstance(item, dict | list) for node in nodes(item))]


@st.composite
def mutated(draw: st.DrawFn) -> tuple[Release, dict[str, Any]]:
    """Return a real resource with up to two things done to it: dropped, renamed, replaced, added, repeated, retagged."""
    release = draw(st.sampled_from(Release))
    resource = copy.deepcopy(draw(st.sampled_from(resources(release))))
    for _ in range(draw(st.integers(0, 2))):
        node = draw(st.sampled_from(nodes(resource)))
        if not node:
            continue
        value = copy.deepcopy(draw(ANYTHING))
        if isinstance(node, list):
            node[draw(st.integers(0, len(node) - 1))] = value
            continue
        name, other = draw(st.sampled_from(sorted(node))), draw(st.sampled_from(NAMES))
        match draw(st.integers(0, 5)):
            case 0:
                del node[name]
            case 1:
                node[other] = node.pop(name)
            case 2:
                node[name] = value
            case 3:
                node[other] = value
            case 4:
                node[name] = node[name][0] if isinstance(node[name], list) and node[name] else [node[name]]
            case _:
                node[name] = node[name] * 2 if isinstance(node[name], list | str) else f"{node[name]}"
    return release, resource


def verdict(release: Release, body: bytes) -> list[Issue]:
    """Return what Regie finds."""
    try:
        parse(release, body)
    except InvalidResourceError as error:
        return [issue for issue in error.issues if isinstance(issue, Issue)]
    return []


def authority_accepts(release: Release, resource: dict[str, Any]) -> bool:
    """Return what fhir.resources says."""
    name = resource["resourceType"]
    module = importlib.import_module(f"fhir.resources.{FOLDERS[release]}.{name.lower()}")
    try:
        getattr(module, name).model_validate_json(json.dumps(resource))
    except (ValidationError, ValueError, LookupError, TypeError, AttributeError):
        return False
    return True


def is_deliberate(issue: Issue) -> bool:
    return any(re.search(f"{end}$", issue.diagnostics) for end in STRICTER)


@thorough
@given(mutated(), st.booleans())
def test_verdicts_are_those_of_the_authority(case: tuple[Release, dict[str, Any]], is_ascii: bool) -> None:
    release, resource = case
    if not isinstance(resource.get("resourceType"), str) or resource["resourceType"] not in resource_types(release):
        return
    issues = verdict(release, json.dumps(resource, ensure_ascii=is_ascii).encode())
    if authority_accepts(release, resource):
        assert all(is_deliberate(issue) for issue in issues), issues
    else:
        assert issues


@thorough
@given(mutated(), st.booleans())
def test_what_is_accepted_quickly_has_no_issues(case: tuple[Release, dict[str, Any]], is_ascii: bool) -> None:
    release, resource = case
    if not isinstance(resource.get("resourceType"), str) or resource["resourceType"] not in resource_types(release):
        return
    body = json.dumps(resource, ensure_ascii=is_ascii).encode()
    tree = decode(body)
    if _is_plain(body, tree) and accepts(release, body, tree, DEPTH_MAX):
        assert find_issues(release, tree, maximum_depth=DEPTH_MAX) == []


@pytest.mark.parametrize("release", list(Release))
def test_most_real_resources_are_accepted_quickly(release: Release) -> None:
    quick = 0
    for resource in resources(release):
        body = json.dumps(resource).encode()
        tree = decode(body)
        quick += _is_plain(body, tree) and accepts(release, body, tree, DEPTH_MAX)
    assert quick >= 0.9 * len(resources(release))


JSON_TEXT = st.text(st.sampled_from(list('":{}[], \\u0023aé\n\t')), max_size=12)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), JSON_TEXT), max_size=5),
    st.sampled_from([":", " :", ": "]),
    st.booleans(),
)
def test_a_plain_body_has_no_repeated_name_and_nothing_empty_or_blank(
    members: list[tuple[str, str]], colon: str, is_ascii: bool
) -> None:
    """_is_plain may be wrong in one direction only: whatever it lets through has none of these faults."""
    pairs = [f"{json.dumps(name)}{colon}{json.dumps(text, ensure_ascii=is_ascii)}" for name, text in members]
    body = f"{{{','.join(pairs)}}}".encode()
    tree = decode(body)
    if _is_plain(body, tree):
        assert len(members) == len(tree) > 0
        assert all(text.strip(" \t\r\n") for text in tree.values())
