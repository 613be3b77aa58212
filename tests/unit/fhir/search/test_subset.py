"""Parts of a resource are cut out of its bytes: no digit changes, and they say that they are parts."""

import json
from typing import Any

import pytest

from app.fhir.release import Release
from app.fhir.search.definitions import definitions
from app.fhir.search.subset import Shown, subset
from app.fhir.validation.structure import parse
from tests.support.examples import published_examples

BODY = (
    b'{"resourceType":"Observation","id":"1","meta":{"versionId":"2","tag":[{"code":"own"}]},'
    b'"text":{"status":"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">80</div>"},'
    b'"contained":[{"resourceType":"Device","id":"d"}],"status":"final","_status":{"id":"s"},'
    b'"category":[{"text":"own"}],"code":{"text":"Weight"},"subject":{"reference":"Patient/1"},'
    b'"valueQuantity":{"value":80.100,"unit":"kg"},"bodySite":{"text":"all"},'
    b'"component":[{"code":{"text":"part"},"valueQuantity":{"value":1.50},"interpretation":INTERPRETATION,'
    b'"referenceRange":[{"low":{"value":1}}]}]}'
)
ALWAYS = {"resourceType", "id", "meta", "status", "_status", "code"}


def shown(release: Release, wanted: Shown) -> tuple[bytes, dict[str, Any]]:
    """Return the part as bytes and as a tree."""
    own = b'{"text":"high"}' if release is Release.STU3 else b'[{"text":"high"}]'
    part = subset(release, "Observation", BODY.replace(b"INTERPRETATION", own), wanted)
    return part, json.loads(part)


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize(
    ("wanted", "members"),
    [
        ("text", {"text"}),
        ("true", {"subject", "valueQuantity", "component"}),
        ("data", {"contained", "category", "subject", "valueQuantity", "bodySite", "component"}),
        (frozenset({"value"}), {"valueQuantity"}),
        (frozenset({"category", "bodySite"}), {"category", "bodySite"}),
        (frozenset({"id"}), set()),
    ],
)
def test_what_every_resource_must_have_is_always_there(release: Release, wanted: Shown, members: set[str]) -> None:
    _, tree = shown(release, wanted)
    assert set(tree) == ALWAYS | members


@pytest.mark.parametrize("release", Release)
def test_a_part_is_marked_and_keeps_the_tags_that_there_were(release: Release) -> None:
    for wanted in ("true", "text", "data", frozenset({"code"})):
        _, tree = shown(release, wanted)
        assert tree["meta"]["versionId"] == "2"
        assert [tag["code"] for tag in tree["meta"]["tag"]] == ["own", "SUBSETTED"]
    without = json.loads(subset(release, "Patient", b'{"resourceType":"Patient","id":"1"}', "true"))
    assert [tag["code"] for tag in without["meta"]["tag"]] == ["SUBSETTED"]


@pytest.mark.parametrize("release", Release)
def test_digits_stay_as_they_are(release: Release) -> None:
    for wanted in ("true", "data", frozenset({"value", "component"})):
        part, _ = shown(release, wanted)
        assert b'"value":80.100' in part
        assert b'"value":1.50' in part


@pytest.mark.parametrize("release", Release)
def test_a_summary_goes_on_inside_the_parts_of_a_resource(release: Release) -> None:
    _, tree = shown(release, "true")
    assert [set(component) for component in tree["component"]] == [{"code", "valueQuantity"}]


@pytest.mark.parametrize("release", Release)
def test_a_summary_names_only_what_there_is(release: Release) -> None:
    known = definitions(release)
    assert known.resource_types <= set(known.summaries)
    assert "identifier" in known.summaries["Patient"]
    assert "photo" not in known.summaries["Patient"]


@pytest.mark.parametrize("release", Release)
def test_a_part_of_a_published_example_is_valid(release: Release) -> None:
    parts = 0
    for name, example in published_examples(release):
        if example["resourceType"] not in definitions(release).resource_types - {"Bundle", "CapabilityStatement"}:
            continue
        body = json.dumps(example).encode()
        for wanted in ("true", "text", "data", frozenset({"id"})):
            part = subset(release, example["resourceType"], body, wanted)
            assert parse(release, part).resource_type == example["resourceType"], name
            parts += 1
    assert parts > 200
