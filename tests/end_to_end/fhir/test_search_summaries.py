"""Parts of what is found: ``_summary`` and ``_elements``."""

import pytest

from app.fhir.release import Release
from tests.support.world import Tree, World, identifier, ids_of, tree_of, weight

NOTED: Tree = {"note": [{"text": "after breakfast"}]}


@pytest.mark.parametrize("release", Release)
async def test_a_summary_leaves_out_and_says_so(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    note: Tree = {"comment": "after breakfast"} if release is Release.STU3 else NOTED
    made = await me.made(weight(release, patient, "72.50", identifier=identifier("w"), **note))
    whole = (await me("GET", "/Observation?identifier=w")).text
    assert "breakfast" in whole
    answer = await me("GET", "/Observation?identifier=w&_summary=true&_include=Observation:patient&_total=accurate")
    page = tree_of(answer)
    assert (page["total"], ids_of(page), ids_of(page, "include")) == (1, [made["id"]], [patient.split("/")[1]])
    for one in page["entry"]:
        assert [tag["code"] for tag in one["resource"]["meta"]["tag"]] == ["SUBSETTED"]
    observation = page["entry"][0]["resource"]
    assert observation["meta"]["versionId"] == made["meta"]["versionId"]
    assert "breakfast" not in answer.text
    assert '"value":72.5' in whole.replace(" ", "")
    assert (await me("GET", "/Observation?identifier=w&_summary=false")).text.replace("&_summary=false", "") == whole
    assert (await me("GET", f"/Observation/{made['id']}")).json() == made


@pytest.mark.parametrize("release", Release)
async def test_elements_are_those_that_were_named_of_the_matches(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    await me.made(weight(release, patient, identifier=identifier("w")))
    page = await me.get("/Observation?identifier=w&_elements=value,issued&_include=Observation:patient")
    match, included = (one["resource"] for one in page["entry"])
    assert set(match) == {"resourceType", "id", "meta", "status", "code", "valueQuantity"}
    assert "tag" not in included["meta"]
    assert "name" in included
    newest = await me.get("/Observation/$lastn?_elements=status&identifier=w")
    assert set(newest["entry"][0]["resource"]) == {"resourceType", "id", "meta", "status", "code"}


async def test_the_pages_of_a_summary_are_summaries(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    for number in range(3):
        await me.made(weight(Release.R4, patient, identifier=identifier(f"n{number}"), **NOTED))
    url: str | None = "/Observation?identifier=n0,n1,n2&_summary=true&_count=2"
    seen = 0
    while url is not None:
        page = await me.get(url)
        assert all("note" not in one["resource"] for one in page["entry"])
        seen += len(page["entry"])
        url = next((one["url"] for one in page["link"] if one["relation"] == "next"), None)
    assert seen == 3
