"""``_text`` and ``_content``: what is found by its words."""

import pytest

from app.fhir.release import Release
from tests.end_to_end.fhir.test_search import make, named
from tests.support.world import World, bundle

NAMES = "identifier=a,b,c"


def narrative(text: str) -> dict[str, str]:
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'}


@pytest.mark.parametrize("release", Release)
async def test_words_are_found_in_the_narrative_or_in_all_texts(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    said = "note" if release is Release.R4 else "comment"
    remark = [{"text": "Na het hardlopen"}] if release is Release.R4 else "Na het hardlopen"
    await make(me, release, patient, "a", text=narrative("Gewicht <b>cr&egrave;me</b>-dag"))
    await make(me, release, patient, "b", text=narrative('<p title="creme">Licht</p><!-- crème -->'), **{said: remark})
    await make(me, release, patient, "c")
    for query, found in (
        ("_text=creme", ["a"]),
        ("_text=CR%C3%88ME%20gewicht", ["a"]),
        ("_text=gewi", ["a"]),
        ("_text=wicht", []),
        ("_text=gewicht%20licht", []),
        ("_text=gewicht&_text=licht", []),
        ("_text=gewicht,licht", ["a", "b"]),
        ("_text=div", []),
        ("_text=hardlopen", []),
        ("_content=hardlopen%20licht", ["b"]),
        ("_content=na%20hard", ["b"]),
        ("_content=29463-7", ["a", "b", "c"]),
        ("_content=29463-7&_text=licht", ["b"]),
        ("_content=xhtml", []),
        ("_content=hardlopen&date=ge2100", []),
    ):
        assert sorted(await named(me, f"{query}&{NAMES}")) == found, query
        assert sorted(await named(me, f"{query}&{NAMES}&_sort=-date")) == found, query
        total = (await me.get(f"/Observation?{query}&{NAMES}&_summary=count"))["total"]
        assert total == len(found), query


async def test_words_are_found_at_the_end_of_a_chain(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    name = world.maanlicht.family
    made = await make(me, Release.R4, patient, "a")
    assert made["id"] in await me.found(f"/Observation?subject:Patient._content={name}")
    assert await me.found("/Observation?subject:Patient._content=nobody") == []


async def test_what_is_hidden_is_found_by_none_of_its_words(world: World) -> None:
    marker = world.zonnestraal.marker("secret")
    url = f"/Condition?_content={marker}&_total=accurate"
    assert (await world.caller("zonnestraal").get(url))["total"] == 1
    assert (await world.caller("granted").get(url))["total"] == 0


@pytest.mark.parametrize("query", ["_text=%00", "_text=-", "_content=,", "_text:exact=a", "_content:missing=true"])
async def test_what_has_no_word_is_refused(world: World, query: str) -> None:
    answer = await world.caller("zonnestraal")("GET", f"/Observation?{query}")
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == [f"http.{query.split('=', maxsplit=1)[0]}"]


async def test_a_type_without_narrative_is_not_searched_by_it(world: World) -> None:
    me = world.caller("zonnestraal")
    assert (await me("GET", "/Binary?_text=a")).status_code == 400
    assert (await me("GET", "/Binary?_content=a")).status_code == 200


async def test_a_condition_may_be_about_words(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    made = await make(me, Release.R4, patient, "a")
    again = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": patient}}
    entry = {
        "resource": again,
        "request": {"method": "POST", "url": "Observation", "ifNoneExist": "_content=a-unheard"},
    }
    answer = await me("POST", "", bundle("transaction", entry))
    assert answer.status_code == 200, answer.text
    assert made["id"] not in answer.text


async def test_a_search_asks_for_a_bounded_number_of_words(world: World) -> None:
    me = world.caller("maanlicht")
    assert (await me("GET", "/Observation?_content=" + "%20".join(["body"] * 32))).status_code == 200
    for query in ("%20".join(["body"] * 33), "body," * 33 + "body"):
        assert (await me("GET", f"/Observation?_content={query}")).status_code == 400, query
