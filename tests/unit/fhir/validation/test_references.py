"""Which references a resource holds, and what a literal reference tells."""

import pytest

from app.errors import MalformedError
from app.fhir.release import Release
from app.fhir.validation.bundles import parse_bundle
from app.fhir.validation.references import links_of, references, target_type, ways_to_links
from app.fhir.validation.structure import is_resource_type, parse
from tests.support.examples import published_examples


def test_every_reference_is_found_with_its_place() -> None:
    tree = {
        "resourceType": "Observation",
        "subject": {"reference": "Patient/1"},
        "performer": [{"display": "somebody"}, {"reference": "#p"}],
        "contained": [{"resourceType": "Practitioner", "id": "p", "extension": [{"url": "urn:a", "valueReference": {"reference": "Organization/2"}}]}],
        "component": [{"extension": [{"url": "urn:b", "valueReference": {"reference": "urn:uuid:c"}}]}],
    }  # fmt: skip
    assert list(references(tree)) == [
        ("Observation.subject.reference", "Patient/1"),
        ("Observation.performer[1].reference", "#p"),
        ("Observation.contained[0].extension[0].valueReference.reference", "Organization/2"),
        ("Observation.component[0].extension[0].valueReference.reference", "urn:uuid:c"),
    ]


@pytest.mark.parametrize("release", Release)
def test_the_ways_of_a_type_lead_to_all_that_is_in_no_extension(release: Release) -> None:
    plain = [
        tree
        for _, tree in published_examples(release)
        if is_resource_type(release, tree["resourceType"]) and "xtension" not in str(tree)
    ]
    assert len(plain) > 20
    ways = ways_to_links(release)
    for tree in plain:
        assert links_of(tree, ways[tree["resourceType"]]) == links_of(tree)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("Patient/1", "Patient"),
        ("Patient/1/_history/2", "Patient"),
        ("http://example.org/fhir/Patient/1", "Patient"),
        ("http://example.org/fhir/Patient/1/_history/2", "Patient"),
        ("Patient?identifier=a|b/c", "Patient"),
        ("#contained", None),
        ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", None),
        ("1", None),
    ],
)
def test_a_literal_reference_names_its_type(reference: str, name: str | None) -> None:
    assert target_type(reference) == name


@pytest.mark.parametrize("name", ["reference", "\\u0072eference"])
@pytest.mark.parametrize("space", ["", " \n"])
def test_what_is_parsed_knows_all_that_it_refers_to(name: str, space: str) -> None:
    text = f'{{"resourceType":"Observation","status":"final","code":{{"text":"a"}},"subject":{{"{name}"{space}:{space}"Patient/1"}}}}'
    parsed = parse(Release.R4, text.encode())
    assert parsed.references == references(parsed.tree) == [("Observation.subject.reference", "Patient/1")]


def test_what_a_bundle_has_is_read_as_if_it_came_alone() -> None:
    resource = (
        '{"resourceType":"Observation","status":"final","code":{"text":"a"},"performer":[{"reference":"Practitioner/2"}],'
        '"extension":[{"url":"urn:a","valueReference":{"reference":"#b"}},{"url":"urn:c","valueDecimal":1.50}]}'
    )
    bundle = (
        '{"resourceType":"Bundle","type":"batch","entry":[{"resource":' + resource + ","
        '"request":{"method":"POST","url":"Observation"}}]}'
    )
    (entry,) = parse_bundle(Release.R4, bundle.encode()).entries
    assert entry.plain_tree is not None
    assert entry.resource == resource.encode()
    assert parse(Release.R4, entry.resource, plain_tree=entry.plain_tree) == parse(Release.R4, entry.resource)


def test_a_name_that_a_bundle_has_twice_is_looked_for_in_each_resource() -> None:
    resource = b'{"resourceType":"Observation","status":"final","code":{"text":"a"},"code":{"text":"b"}}'
    bundle = b'{"resourceType":"Bundle","type":"batch","entry":[{"resource":' + resource
    with pytest.raises(MalformedError):
        parse_bundle(Release.R4, bundle + b',"request":{"method":"POST","url":"Observation"}}]}')
