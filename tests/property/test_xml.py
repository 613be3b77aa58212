"""JSON -> XML -> JSON gives the same resource: over everything published, everything invented here, and changes to it.

The same is two trees that are equal with their decimals as text, the order of members aside; and where only extensions
stand in an array of primitives, JSON has two ways to say so. The XML itself is read by another parser, too.
"""

import copy
import json
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lxml import etree

from app.demo.people import demo_people
from app.errors import InvalidResourceError
from app.fhir.release import Release
from app.fhir.releases.definitions import TypeDefinition, definitions
from app.fhir.validation.structure import parse
from app.fhir.xml.read import to_json
from app.fhir.xml.write import to_xml
from tests.property.test_structure import mutated, resources, thorough
from tests.support.examples import FHIR, PLACEHOLDERS, published_examples, suite_fixtures
from tests.support.suites import conformance_folder

BOTH = pytest.mark.parametrize("release", list(Release))
OF_4_3_0 = "subscriptionstatus/54f808cf-d159-4c9b-accb-c33eb20f0ecc"
# A fixture whose elements are not in the order of the specification: they are when it is written again.
OUT_OF_ORDER = "eAfspraak-Appointment-medmij-bgz-test-patA-plannedencounter2.xml"
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'


def tree(body: bytes) -> Any:
    """Return what ``body`` says: numbers as the text that stands there, arrays of extensions in one of their two forms."""
    return settled(json.loads(body, parse_float=str, parse_int=str))


def settled(node: Any) -> Any:
    if isinstance(node, list):
        return [settled(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {name: settled(value) for name, value in node.items()}
    for name, value in list(made.items()):
        if name.startswith("_") and isinstance(value, list):
            values = made.setdefault(name[1:], [])
            length = max(len(values), len(value))
            for part in (values, value):
                part.extend([None] * (length - len(part)))
    if "div" in made:
        made["div"] = made["div"].strip()
    return made


def same_in_both(release: Release, body: bytes) -> None:
    """Assert that a resource comes back from XML as it was."""
    xml = to_xml(release, body)
    etree.fromstring(xml)
    assert tree(to_json(release, xml)) == tree(body)


def demo_resources(release: Release) -> Iterator[dict[str, Any]]:
    for person in demo_people(date(2026, 11, 25)):
        yield from (resource for _, resource in person.resources[release])


@BOTH
def test_every_published_example_comes_back(release: Release) -> None:
    types = definitions(release).resource_types
    count = 0
    for name, resource in published_examples(release):
        if resource["resourceType"] in types and name != OF_4_3_0:
            same_in_both(release, json.dumps(resource, ensure_ascii=False).encode())
            count += 1
    assert count > 100


@BOTH
def test_every_fixture_of_the_test_scripts_comes_back(release: Release) -> None:
    if conformance_folder() is None:
        pytest.skip("The published test scripts are not on this machine (REGIE_CONFORMANCE_SUITES).")
    fixtures = list(suite_fixtures(release))
    for _, resource in fixtures:
        same_in_both(release, json.dumps(resource, ensure_ascii=False).encode())
    assert len(fixtures) > 100


@BOTH
def test_all_that_the_demo_people_have_comes_back(release: Release) -> None:
    count = 0
    for resource in demo_resources(release):
        same_in_both(release, json.dumps(resource, ensure_ascii=False, default=float).encode())
        count += 1
    assert count > 100


def elements(root: Any) -> list[Any]:
    """Return names, attributes and children of all elements, without what makes no difference."""
    return [
        (
            child.tag,
            {name: value for name, value in child.attrib.items() if not name.endswith("schemaLocation")},
            elements(child),
        )
        for child in root.iterchildren(tag=etree.Element)
    ]


@BOTH
def test_xml_of_others_is_the_same_xml_again(release: Release) -> None:
    folder = conformance_folder()
    if folder is None:
        pytest.skip("The published test scripts are not on this machine (REGIE_CONFORMANCE_SUITES).")
    types = definitions(release).resource_types - {"TestScript"}
    count = 0
    for path in sorted((folder / "suites" / release.name).rglob("*.xml")):
        text = path.read_text(encoding="utf-8-sig")
        for pattern, value in PLACEHOLDERS:
            text = pattern.sub(value, text)
        root = etree.fromstring(text.encode())
        if root.tag.removeprefix(FHIR) in types:
            body = to_json(release, text.encode())
            again = to_xml(release, body)
            if path.name == OUT_OF_ORDER:
                assert tree(to_json(release, again)) == tree(body)
            else:
                assert elements(etree.fromstring(again)) == elements(root), path.name
                assert to_json(release, again) == body, path.name
            count += 1
    assert count > 100


@thorough
@given(mutated(), st.booleans())
def test_what_is_valid_after_a_mutation_comes_back(case: tuple[Release, dict[str, Any]], is_ascii: bool) -> None:
    release, resource = case
    body = json.dumps(resource, ensure_ascii=is_ascii).encode()
    try:
        parse(release, body)
    except InvalidResourceError:
        return
    same_in_both(release, body)


INSIDE_DIV = ["a", "<p>b<br/></p>", "&#13;&lt;", "c\r\nd", "<!-- e -->f"]
DIGITS = st.from_regex(r"-?(0|[1-9][0-9]{0,20})\.[0-9]{1,20}([eE][+-]?[1-9][0-9]?)?", fullmatch=True)
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\ufffe\uffff") | st.sampled_from("&<>\"'\r\n\t \u0085]"),
    min_size=1,
).filter(lambda text: text.strip() and not any(character < " " and character not in "\r\n\t" for character in text))
EXTENSIONS = st.fixed_dictionaries(
    {"url": st.just("http://example.org/e")},
    optional={"id": st.just("e"), "valueString": TEXTS, "extension": st.just([{"url": "a", "valueBoolean": False}])},
).filter(len)


@cache
def convertible(release: Release) -> list[dict[str, Any]]:
    """Return real resources, without one of a release that is not served."""
    return [one for one in resources(release) if "SubscriptionStatus" not in json.dumps(one)]


@st.composite
def enriched(draw: st.DrawFn) -> tuple[Release, bytes, list[str]]:
    """Return a real resource with other texts and numbers, ids, extensions, and another order of members."""
    release = draw(st.sampled_from(Release))
    resource = copy.deepcopy(draw(st.sampled_from(convertible(release))))
    digits: list[str] = []
    types = definitions(release)

    def enrich(definition: TypeDefinition, node: dict[str, Any]) -> dict[str, Any]:
        made = {}
        for name, value in node.items():
            member = definition.members.get(name)
            if member is None:
                made[name] = value
            elif member.is_primitive:
                made[name] = primitive(member.type, value)
                if member.has_sibling and f"_{name}" not in node and draw(st.integers(0, 9)) == 0:
                    own = {"id": "x", "extension": draw(st.lists(EXTENSIONS, min_size=1, max_size=2))}
                    made[f"_{name}"] = [own] if member.element.many else own
            else:
                many = value if isinstance(value, list) else [value]
                inner = [enrich(types[one.get("resourceType", member.type)], one) for one in many]
                made[name] = inner if isinstance(value, list) else inner[0]
        return {name: made[name] for name in draw(st.permutations(sorted(made)))} if draw(st.booleans()) else made

    def primitive(kind: str, value: Any) -> Any:
        if kind == "decimal":
            digits.append(draw(DIGITS))
            return f"number {len(digits) - 1} "
        if kind == "xhtml" and draw(st.booleans()):
            return f"{DIV}{draw(st.sampled_from(INSIDE_DIV))}</div>"
        if kind in {"string", "markdown"} and isinstance(value, str) and draw(st.integers(0, 3)) == 0:
            return draw(TEXTS)
        return value

    made = enrich(types[resource["resourceType"]], resource)
    text = json.dumps(made, ensure_ascii=draw(st.booleans()))
    for number, one in enumerate(digits):
        text = text.replace(f'"number {number} "', one)
    return release, text.encode(), digits


@thorough
@given(enriched())
def test_other_texts_digits_extensions_and_orders_come_back(case: tuple[Release, bytes, list[str]]) -> None:
    release, body, digits = case
    try:
        parse(release, body)
    except InvalidResourceError:
        assume(False)
    xml = to_xml(release, body)
    assert all(f'value="{one}"'.encode() in xml for one in digits)
    same_in_both(release, body)


@thorough
@given(st.sampled_from(Release), st.data())
def test_broken_xml_is_read_or_refused_in_order(release: Release, data: st.DataObject) -> None:
    xml = bytearray(to_xml(release, json.dumps(data.draw(st.sampled_from(convertible(release)))).encode()))
    pieces = [
        b"<",
        b">",
        b"/>",
        b'"',
        b"&",
        b"&#0;",
        b"<!--",
        b"]]>",
        b"<![CDATA[",
        b"<div/>",
        b' id="a"',
        b" xmlns=''",
        b"\0",
    ]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(xml)))
        xml[at : at + data.draw(st.integers(0, 12))] = data.draw(st.sampled_from(pieces) | st.binary(max_size=4))
    try:
        body = to_json(release, bytes(xml))
        parse(release, body)
    except InvalidResourceError:
        return
    same_in_both(release, body)
