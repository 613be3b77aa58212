"""Patient/$summary: one document, from what the requester may see of both releases."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from app.fhir.release import Release
from app.fhir.tree import encode_tree
from app.fhir.validation.narrative import is_safe_narrative
from app.fhir.validation.structure import parse
from tests.support.world import SYSTEM, Caller, Tree, World, condition, identifier

SECTION = {"10160-0": "MedicationStatement", "48765-2": "AllergyIntolerance", "11450-4": "Condition"}
"""The sections that may not be empty, by their LOINC codes, and what they have."""


def resources(document: Tree) -> dict[str, Tree]:
    """Return what is in a document, by full URL."""
    return {one["fullUrl"]: one["resource"] for one in document["entry"]}


def sections(document: Tree) -> dict[str, Tree]:
    """Return the sections by their LOINC codes."""
    composition = document["entry"][0]["resource"]
    return {one["code"]["coding"][0]["code"]: one for one in composition["section"]}


def of_section(document: Tree, code: str) -> list[Tree]:
    """Return the resources that a section shows."""
    found = resources(document)
    return [found[one["reference"]] for one in sections(document).get(code, {}).get("entry", [])]


async def test_it_is_a_valid_document_in_which_every_section_leads_to_its_resources(me: Caller) -> None:
    document = await me.get("/Patient/$summary")
    parse(Release.R4, encode_tree(document))
    assert document["type"] == "document"
    composition, *others = (one["resource"] for one in document["entry"])
    assert composition["type"]["coding"] == [{"system": "http://loinc.org", "code": "60591-5"}]
    urls = set(resources(document))
    assert {composition["subject"]["reference"], composition["author"][0]["reference"]} <= urls
    for section in composition["section"]:
        assert {one["reference"] for one in section["entry"]} <= urls
        assert is_safe_narrative(section["text"]["div"])
    assert [one["resourceType"] for one in others].count("Patient") == 1


async def test_a_section_that_may_not_be_empty_says_that_nothing_is_known(me: Caller) -> None:
    document = await me.get("/Patient/$summary")
    for code, kind in SECTION.items():
        assert {one["resourceType"] for one in of_section(document, code)} == {kind}
    (allergy,) = of_section(document, "48765-2")
    assert allergy["code"]["coding"][0]["code"] == "no-allergy-info"


async def test_what_either_release_has_is_in_it_and_what_both_have_is_there_once(world: World) -> None:
    told = {}
    for release in Release:
        caller = world.caller("zonnestraal", release)
        about = world.zonnestraal.patient(release)
        both = condition(release, about, code={"text": "Dubbele testkwaal"}, identifier=identifier("in-both"))
        await caller.made(both)
        await caller.made(condition(release, about, code={"text": f"Testkwaal {release.path}"}))
        flu = {"coding": [{"system": "http://snomed.info/sct", "code": "6142004"}], "text": "Testgriep"}
        await caller.made(condition(release, about, code=flu, onsetDateTime="2026-02-03"))
        told[release] = caller
    document = await told[Release.R4].get("/Patient/$summary")
    names = [one["code"].get("text") for one in of_section(document, "11450-4")]
    assert (names.count("Dubbele testkwaal"), names.count("Testgriep")) == (1, 1)
    assert {"Testkwaal stu3", "Testkwaal r4"} <= set(names)
    patient = document["entry"][0]["resource"]["subject"]["reference"]
    assert {one["subject"]["reference"] for one in of_section(document, "11450-4")} <= {
        patient, world.zonnestraal.patient(),
    }  # fmt: skip


async def test_the_person_is_found_by_an_identifier(world: World) -> None:
    bsn = f"http://fhir.nl/fhir/NamingSystem/bsn|{world.zonnestraal.bsn}"
    for who in ("zonnestraal", "granted"):
        document = await world.caller(who).get(f"/Patient/$summary?identifier={bsn}")
        assert document["entry"][0]["resource"]["subject"]["reference"].endswith(world.zonnestraal.patient())
    unknown = await world.caller("zonnestraal")("GET", f"/Patient/$summary?identifier={SYSTEM}|nobody")
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    "query", ["profile=https://regie.example/else", "identifier=a&identifier=b", "colour=blue", "graph=x"]
)
async def test_what_it_can_not_do_is_refused(me: Caller, query: str) -> None:
    answer = await me("GET", f"/Patient/$summary?{query}")
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_an_id_and_an_identifier_are_one_too_many(me: Caller, patient: str) -> None:
    assert (await me("GET", f"/{patient}/$summary?identifier=a")).status_code == 400


async def test_stu3_says_where_it_is(world: World) -> None:
    answer = await world.caller("zonnestraal", Release.STU3)("GET", "/Patient/$summary")
    assert answer.status_code == 400
    assert "R4" in answer.text


async def test_its_parameters_may_come_in_a_body_and_it_may_be_xml(me: Caller) -> None:
    asked: dict[str, Any] = {"resourceType": "Parameters"}
    answer = await me("POST", "/Patient/$summary", asked, Accept="application/fhir+xml")
    assert answer.status_code == 200
    assert ET.fromstring(answer.text).tag == "{http://hl7.org/fhir}Bundle"  # noqa: S314 - our own answer


async def test_a_summary_without_the_persons_details_is_refused(world: World) -> None:
    answer = await world.caller("app of zonnestraal")("GET", "/Patient/$summary")
    assert answer.status_code == 403


async def test_the_log_says_that_a_summary_was_made(world: World) -> None:
    await world.caller("granted").get(f"/{world.zonnestraal.patient()}/$summary")
    log = await world.caller("zonnestraal").get("/AuditEvent?_count=1")
    assert "summary" in str(log["entry"][0]["resource"]["subtype"])
