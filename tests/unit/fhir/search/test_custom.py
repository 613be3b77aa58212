"""SearchParameters of packages: what is taken up, and why the rest is not."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fhir.packages.library import Library
from app.fhir.packages.own import PROFILES
from app.fhir.release import Release
from app.fhir.search.custom import EXPRESSION_LENGTH_MAX, OF_TYPE_MAX, custom_parameters, of_library
from app.fhir.search.definitions import SearchParameter, core_definitions

URL = "https://elders.example/fhir/SearchParameter/one"


def resource(**members: Any) -> dict[str, Any]:
    known = {
        "url": URL,
        "code": "body-part",
        "type": "token",
        "base": ["Observation"],
        "expression": "Observation.bodySite",
    }
    return {"resourceType": "SearchParameter", **known, **members}


def taken(*resources: dict[str, Any], release: Release = Release.R4) -> list[SearchParameter]:
    return list(custom_parameters(release, resources).parameters)


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize(
    ("kind", "expression", "types"),
    [
        ("token", "Observation.bodySite", ("CodeableConcept",)),
        ("token", "Observation.extension('urn:x').value.as(code)", ("code",)),
        ("date", "Observation.issued", ("instant",)),
        ("date", "(Observation.effective as Period)", ("Period",)),
        ("string", "Observation.referenceRange.text", ("string",)),
        ("quantity", "Observation.referenceRange.low", ("Quantity",)),
        ("reference", "Observation.specimen", ("Reference",)),
        ("number", "Observation.value.as(SampledData).dimensions", ("positiveInt",)),
        ("uri", "Observation.implicitRules", ("uri",)),
        ("token", "Patient.gender | Observation.component.interpretation", ("CodeableConcept",)),
    ],
)
def test_an_expression_of_each_kind_is_taken_up(
    release: Release, kind: str, expression: str, types: tuple[str, ...]
) -> None:
    (found,) = taken(resource(type=kind, expression=expression), release=release)
    assert (found.name, found.kind, found.types, found.url) == ("body-part", kind, types, URL)
    assert found.supported
    assert found.selectors


def test_it_is_there_for_each_type_that_it_is_for() -> None:
    found = taken(resource(base=["Condition", "Observation"], expression="Condition.bodySite | Observation.bodySite"))
    assert [(one.resource_type, one.expression) for one in found] == [
        ("Condition", "Condition.bodySite"),
        ("Observation", "Observation.bodySite"),
    ]


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"code": "code"}, "is a parameter that this server has itself"),
        ({"code": "_id"}, "no name of a parameter"),
        ({"code": "a:b"}, "no name of a parameter"),
        ({"code": 5}, "no name of a parameter"),
        ({"type": "composite"}, "can't come from a package"),
        ({"type": "special"}, "can't come from a package"),
        ({"type": "date"}, "can't be of the type CodeableConcept"),
        ({"base": ["Nonsense"]}, "for no resource type"),
        ({"base": "Observation"}, "for no resource type"),
        ({"expression": "Condition.code"}, "says nothing of Observation"),
        ({"expression": ""}, "says nothing of Observation"),
        ({"expression": "Observation.nonsense"}, "no types are known"),
        ({"expression": "Observation.code.exists()"}, "not a search parameter's expression"),
        ({"expression": "Observation.code["}, "not a search parameter's expression"),
        ({"expression": "Observation.code[x]"}, "not a search parameter's expression"),
        ({"expression": "Observation.where(code="}, "not a search parameter's expression"),
        ({"expression": "computed:deceased"}, "says nothing of Observation|not a search"),
        ({"expression": "(" * 21 + "Observation.code" + ")" * 21}, "too long"),
        ({"expression": "Observation.code" + ".coding" * EXPRESSION_LENGTH_MAX}, "too long"),
        ({"expression": " | ".join(f"Observation.value[{n}]" for n in range(6))}, "too many places"),
    ],
)
def test_what_can_not_be_done_is_left_out_with_a_reason(members: dict[str, Any], why: str) -> None:
    found = custom_parameters(Release.R4, [resource(**members)])
    assert found.parameters == ()
    (left_out,) = found.left_out
    assert left_out.url == URL
    assert re.search(why, left_out.why), left_out.why


def test_of_two_with_one_code_the_one_whose_url_comes_first_is_taken() -> None:
    first, second = resource(url="urn:a"), resource(url="urn:b", expression="Observation.method")
    for order in ([first, second], [second, first]):
        found = custom_parameters(Release.R4, order)
        assert [one.url for one in found.parameters] == ["urn:a"]
        assert [one.url for one in found.left_out] == ["urn:b"]


def test_a_type_has_room_for_so_many_and_no_more() -> None:
    found = custom_parameters(Release.R4, [resource(code=f"p{n}", url=f"urn:{n}") for n in range(OF_TYPE_MAX + 5)])
    assert (len(found.parameters), len(found.left_out)) == (OF_TYPE_MAX, 5)


def test_a_parameter_of_the_specification_is_stored_as_before_whatever_is_added() -> None:
    union = core_definitions(Release.R4).of("Observation")["combo-code"]
    before = union.stored_in
    taken(resource(code="same", expression="Observation.code"))
    assert union.stored_in == before


@given(st.text(alphabet="Observation.code()[]|'= as where resolve is extension value 0") | st.text())
def test_any_expression_is_taken_up_or_left_out(expression: str) -> None:
    found = custom_parameters(Release.R4, [resource(expression=expression)])
    assert len(found.parameters) + len(found.left_out) == 1


@pytest.mark.parametrize("release", Release)
def test_all_that_regie_itself_brings_is_taken_up(release: Release) -> None:
    found = of_library(Library(PROFILES / "none-loaded", PROFILES), release)
    assert found.left_out == ()
    assert {(one.resource_type, one.name) for one in found.parameters} >= {("Goal", "target-measure"), ("Task", "due")}
