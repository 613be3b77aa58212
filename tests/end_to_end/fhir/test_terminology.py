"""``$expand``, ``$validate-code``, ``$lookup`` and ``$subsumes`` over HTTP."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from app.fhir.release import Release
from tests.support.world import Caller, Tree, World, tree_of

GENDER = "http://hl7.org/fhir/administrative-gender"
GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"
IDENTIFIERS = {Release.STU3: "http://hl7.org/fhir/v2/0203", Release.R4: "http://terminology.hl7.org/CodeSystem/v2-0203"}
ROLES = {
    Release.STU3: "http://hl7.org/fhir/v3/RoleCode",
    Release.R4: "http://terminology.hl7.org/CodeSystem/v3-RoleCode",
}
OWN = {
    "resourceType": "ValueSet",
    "status": "active",
    "compose": {"include": [{"system": GENDER, "concept": [{"code": "male"}]}]},
}


@pytest.fixture(params=Release)
def me(request: pytest.FixtureRequest, world: World) -> Caller:
    """Give a person who asks, in each release."""
    return world.caller("zonnestraal", request.param)


def holding(**given: Any) -> Tree:
    """Parameters with values by their names and kinds: ``code__valueCode="male"``, ``valueSet__resource={...}``."""
    parts = [{"name": name.split("__")[0], name.split("__")[1]: value} for name, value in given.items()]
    return {"resourceType": "Parameters", "parameter": parts}


def values(answer: Tree) -> dict[str, Any]:
    """The simple values of Parameters by name."""
    return {
        one["name"]: value for one in answer["parameter"] for name, value in one.items() if name.startswith("value")
    }


async def asked(me: Caller, operation: str, **query: str) -> Tree:
    return await me.get(f"/{operation}?{urlencode(query)}")


async def refused(me: Caller, operation: str, **query: str) -> tuple[int, str]:
    answer = await me("GET", f"/{operation}?{urlencode(query)}")
    return answer.status_code, tree_of(answer)["issue"][0]["code"]


def codes(value_set: Tree) -> list[str]:
    return [one["code"] for one in value_set["expansion"].get("contains", ())]


async def test_a_value_set_is_listed_in_its_order_with_what_each_code_is_called(me: Caller) -> None:
    found = await asked(me, "ValueSet/$expand", url=GENDERS)
    assert (found["resourceType"], found["url"], found["status"]) == ("ValueSet", GENDERS, found["status"])
    assert codes(found) == ["male", "female", "other", "unknown"]
    assert found["expansion"]["total"] == 4
    assert found["expansion"]["contains"][0] == {"system": GENDER, "code": "male", "display": "Male"}
    assert "compose" not in found
    with_definition = await asked(me, "ValueSet/$expand", url=GENDERS, includeDefinition="true")
    assert with_definition["compose"]["include"] == [{"system": GENDER}]


async def test_pages_of_an_expansion_are_parts_of_the_whole(me: Caller) -> None:
    pages = [await asked(me, "ValueSet/$expand", url=GENDERS, count="3", offset=str(offset)) for offset in (0, 3, 6)]
    assert [codes(page) for page in pages] == [["male", "female", "other"], ["unknown"], []]
    assert {page["expansion"]["total"] for page in pages} == {4}
    assert [page["expansion"]["offset"] for page in pages] == [0, 3, 6]


async def test_a_filter_looks_for_words_in_codes_and_names(me: Caller) -> None:
    found = await asked(me, "ValueSet/$expand", url=GENDERS, filter="MALE")
    assert codes(found) == ["male", "female"]
    assert {"name": "filter", "valueString": "MALE"} in found["expansion"]["parameter"]


async def test_a_value_set_that_is_sent_is_listed_in_json_and_xml(me: Caller) -> None:
    body = holding(valueSet__resource=OWN, includeDesignations__valueBoolean=True)
    answer = await me("POST", "/ValueSet/$expand", body)
    assert codes(tree_of(answer)) == ["male"]
    as_xml = await me("POST", "/ValueSet/$expand?_format=xml", body)
    assert as_xml.headers["content-type"].startswith("application/fhir+xml")
    assert '<code value="male"/>' in as_xml.text
    sent_as_xml = (
        '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="url"/>'
        f'<valueUri value="{GENDERS}"/></parameter></Parameters>'
    )
    answer = await me("POST", "/ValueSet/$expand", sent_as_xml, Content_Type="application/fhir+xml")
    assert len(codes(tree_of(answer))) == 4


async def test_names_come_in_the_language_that_is_asked(me: Caller) -> None:
    system = IDENTIFIERS[me.release]
    include = [{"system": system, "concept": [{"code": "MR"}]}]
    sent = {**OWN, "compose": {"include": include}}
    shown = []
    for language in ("en", "nl"):
        body = holding(valueSet__resource=sent, displayLanguage__valueCode=language)
        (one,) = tree_of(await me("POST", "/ValueSet/$expand", body))["expansion"]["contains"]
        shown.append(one["display"])
        said = await asked(me, "CodeSystem/$lookup", system=system, code="MR", displayLanguage=language)
        assert values(said)["display"] == one["display"]
    assert shown[0] != shown[1]


async def test_a_code_belongs_or_does_not_and_the_answer_says_why(me: Caller) -> None:
    found = await asked(me, "ValueSet/$validate-code", url=GENDERS, system=GENDER, code="male", display="male")
    assert values(found) == {"result": True, "display": "Male"}
    found = await asked(me, "ValueSet/$validate-code", url=GENDERS, system=GENDER, code="male", display="Boy")
    assert values(found)["result"] is False
    assert values(found)["display"] == "Male"
    found = await asked(me, "ValueSet/$validate-code", url=GENDERS, system=GENDER, code="car")
    assert values(found)["result"] is False
    assert "car" in values(found)["message"]
    body = holding(url__valueUri=GENDERS, codeableConcept__valueCodeableConcept={
        "coding": [{"system": "urn:other", "code": "m"}, {"display": "Female"}, {"system": GENDER, "code": "female"}]
    })  # fmt: skip
    assert values(tree_of(await me("POST", "/ValueSet/$validate-code", body)))["result"] is True
    body = holding(valueSet__resource=OWN, coding__valueCoding={"system": GENDER, "code": "female"})
    assert values(tree_of(await me("POST", "/ValueSet/$validate-code", body)))["result"] is False


async def test_a_code_is_looked_for_in_its_code_system(me: Caller) -> None:
    found = await asked(me, "CodeSystem/$validate-code", url=GENDER, code="male")
    assert values(found) == {"result": True, "display": "Male"}
    assert values(await asked(me, "CodeSystem/$validate-code", url=GENDER, code="car"))["result"] is False
    abstract = {"url": ROLES[me.release], "code": "_AffiliationRoleType"}
    assert values(await asked(me, "CodeSystem/$validate-code", **abstract))["result"] is False
    assert values(await asked(me, "CodeSystem/$validate-code", **abstract, abstract="true"))["result"] is True


async def test_a_look_up_tells_what_lies_around_a_code(me: Caller) -> None:
    found = await asked(me, "CodeSystem/$lookup", system=ROLES[me.release], code="MTH")
    assert values(found)["display"] == "mother"
    said = [values({"parameter": one["part"]}) for one in found["parameter"] if one["name"] == "property"]
    assert {"code": "parent", "value": "PRN"} in said
    only = await asked(me, "CodeSystem/$lookup", system=ROLES[me.release], code="MTH", property="child")
    names = {values({"parameter": one["part"]})["code"] for one in only["parameter"] if one["name"] == "property"}
    assert names <= {"child"}
    body = holding(coding__valueCoding={"system": ROLES[me.release], "code": "MTH"})
    assert values(tree_of(await me("POST", "/CodeSystem/$lookup", body)))["display"] == "mother"


@pytest.mark.parametrize(
    ("one", "other", "outcome"),
    [
        ("PRN", "MTH", "subsumes"),
        ("MTH", "FAMMEMB", "subsumed-by"),
        ("MTH", "MTH", "equivalent"),
        ("MTH", "FTH", "not-subsumed"),
    ],
)
async def test_codes_lie_below_each_other_or_do_not(me: Caller, one: str, other: str, outcome: str) -> None:
    system = ROLES[me.release]
    found = await asked(me, "CodeSystem/$subsumes", system=system, codeA=one, codeB=other)
    assert values(found) == {"outcome": outcome}
    body = holding(
        codingA__valueCoding={"system": system, "code": one}, codingB__valueCoding={"system": system, "code": other}
    )
    assert values(tree_of(await me("POST", "/CodeSystem/$subsumes", body))) == {"outcome": outcome}


@pytest.mark.parametrize(
    ("operation", "query", "expected"),
    [
        ("ValueSet/$expand", {}, (400, "invalid")),
        ("ValueSet/$expand", {"url": "urn:nothing"}, (404, "not-found")),
        ("ValueSet/$expand", {"url": GENDERS, "valueSetVersion": "99"}, (404, "not-found")),
        ("ValueSet/$expand", {"url": GENDERS, "count": "many"}, (400, "invalid")),
        ("ValueSet/$expand", {"url": GENDERS, "activeOnly": "perhaps"}, (400, "invalid")),
        ("ValueSet/$expand", {"url": GENDERS, "context": "a"}, (400, "invalid")),
        ("ValueSet/$expand", {"url": GENDERS, "valueSet": "{}"}, (400, "invalid")),
        ("ValueSet/$expand", {"url": "http://hl7.org/fhir/ValueSet/device-action"}, (422, "not-supported")),
        ("ValueSet/$expand", {"url": GENDERS, "filter": "a\x00"}, (400, "invalid")),
        ("ValueSet/$expand", {"url": GENDERS, "displayLanguage": "a b"}, (400, "invalid")),
        ("CodeSystem/$lookup", {"system": "urn:\ufffe", "code": "a"}, (400, "invalid")),
        ("ValueSet/$validate-code", {"url": GENDERS, "code": "male"}, (400, "invalid")),
        ("ValueSet/$validate-code", {"url": "urn:nothing", "system": GENDER, "code": "male"}, (404, "not-found")),
        ("CodeSystem/$validate-code", {"url": "urn:nothing", "code": "male"}, (404, "not-found")),
        ("CodeSystem/$lookup", {"system": GENDER, "code": "car"}, (404, "not-found")),
        ("CodeSystem/$lookup", {"system": GENDER}, (400, "invalid")),
        ("CodeSystem/$subsumes", {"system": GENDER, "codeA": "male"}, (400, "invalid")),
        ("CodeSystem/$subsumes", {"system": GENDER, "codeA": "male", "codeB": "car"}, (404, "not-found")),
    ],
)
async def test_what_cannot_be_answered_is_refused_with_the_reason(
    me: Caller, operation: str, query: dict[str, str], expected: tuple[int, str]
) -> None:
    assert await refused(me, operation, **query) == expected


def costly() -> Tree:
    """A value set that takes one code system very often."""
    return {**OWN, "compose": {"include": [{"system": IDENTIFIERS[Release.R4]}] * 20_000}}


def circular() -> Tree:
    """A value set that includes itself."""
    return {**OWN, "url": "urn:it", "compose": {"include": [{"valueSet": ["urn:it"]}]}}


@pytest.mark.parametrize(("sent", "code"), [(costly, "too-costly"), (circular, "not-supported")])
async def test_a_value_set_that_would_take_any_work_is_refused(
    world: World, sent: Callable[[], Tree], code: str
) -> None:
    me = world.caller("zonnestraal")
    answer = await me("POST", "/ValueSet/$expand", holding(valueSet__resource=sent()))
    assert (answer.status_code, tree_of(answer)["issue"][0]["code"]) == (422, code)


async def test_an_answer_leaves_no_entry_in_the_log_for_it_is_about_nobody(me: Caller) -> None:
    for url, entries in (("urn:nothing", 1), (GENDERS, 0)):
        await me("GET", f"/ValueSet/$expand?url={url}", X_Request_ID=f"the-one-{entries}")
        log = await me.of(Release.R4)("GET", "/AuditEvent?_count=200")
        assert (f"the-one-{entries}" in log.text) is bool(entries)
