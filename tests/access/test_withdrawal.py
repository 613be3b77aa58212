"""What a practice or an app had begun to read is closed by a withdrawal, wherever it was, and narrowed by a change."""

import pytest

from app.access.categories import Category
from app.access.smart_scope import LOOK
from app.consent import grants
from app.db.database import Transaction
from app.fhir.release import Release
from tests.access.test_pages import form_token, session
from tests.support.world import Caller, World, condition, link, tree_of, weight

WAYS = (
    "/Observation?patient={patient}&_count=1",
    "/Observation?patient={patient}&_count=1&_sort=-date",
    "/Observation?patient={patient}&_count=1&_release=both",
    "/?_type=Observation,Condition&patient={patient}&_count=1",
    "/Patient/{patient}/Observation?_count=1",
    "/Patient/{patient}/*?_count=1",
    "/Patient/{patient}/$everything?_count=1",
    "/Patient/{patient}/$everything?_count=1&_release=both",
    "/_history?patient={patient}&_count=1",
    "/Observation/_history?patient={patient}&_count=1",
    "/$delta?patient={patient}&since=0&_count=1",
)
"""All that is read a page at a time."""


async def begun(world: World, caller: Caller, way: str) -> str:
    """Return the link to the second page."""
    page = await caller.get(way.replace("{patient}", world.zonnestraal.patients[Release.R4]))
    following = link(page, "next")
    assert following is not None, way
    return following


@pytest.mark.parametrize("way", WAYS)
async def test_the_page_that_comes_next_is_closed_by_a_withdrawn_consent(world: World, way: str) -> None:
    practice, me = world.caller("granted"), world.caller("zonnestraal")
    following = await begun(world, practice, way)
    assert (await practice("GET", following)).status_code == 200
    gone = await me("DELETE", f"/Consent/{world.made.grants['granted of zonnestraal'].grant_id}")
    assert gone.status_code == 204
    refused = await practice("GET", following)
    assert (refused.status_code, tree_of(refused)["issue"][0]["code"]) == (403, "forbidden")
    assert "zonnestraal" not in refused.text


@pytest.mark.parametrize(
    "way", ["/Observation?_count=1", "/Patient/{patient}/$everything?_count=1", "/$delta?_count=1"]
)
async def test_the_page_that_comes_next_is_closed_to_an_app_too(world: World, way: str) -> None:
    app, me = world.caller("app of zonnestraal"), world.caller("zonnestraal")
    following = await begun(world, app, way)
    stopped = await me.get(f"/Consent/{world.made.grants['app of zonnestraal'].grant_id}")
    assert (await me("PUT", f"/Consent/{stopped['id']}", stopped | {"status": "inactive"})).status_code == 200
    assert (await app("GET", following)).status_code in (401, 403)


@pytest.mark.parametrize("way", WAYS)
async def test_the_pages_that_come_next_have_nothing_of_a_part_that_was_taken_out(world: World, way: str) -> None:
    him, practice, me = world.zonnestraal, world.caller("granted"), world.caller("zonnestraal")
    for number in range(3):
        await me.made(weight(Release.R4, him.patient(), f"7{number}.0", note=[{"text": "taken-out"}]))
        await me.made(condition(Release.R4, him.patient()))
    following: str | None = await begun(world, practice, way)
    grant = world.made.grants["granted of zonnestraal"]

    async def job(transaction: Transaction) -> None:
        await grants.change(
            transaction, him.record_id, grant.grant_id, categories=Category.GP_SUMMARY, actions=LOOK,
            until=grant.until, now=world.parts.clock(),
        )  # fmt: skip

    await world.parts.database.write(job)
    while following is not None:
        answer = await practice("GET", following)
        assert answer.status_code == 200, answer.text
        assert '"Observation"' not in answer.text
        following = link(tree_of(answer), "next")


async def test_who_stops_one_of_two_accesses_is_told_that_the_other_one_stays(world: World) -> None:
    first = await world.give("no grant", world.zonnestraal, Category.CARE_PLAN)
    second = await world.give("no grant", world.zonnestraal, Category.MEDICATION)
    stays, stops = "That one stays, until you stop it as well", "sees nothing new from your record"
    async with await session(world, "zonnestraal") as browser:
        browser.headers["accept-language"] = "en"
        for grant, told, untrue in ((first, stays, stops), (second, stops, stays)):
            page = f"/access/{grant.grant_id}/withdraw"
            text = (await browser.get(page)).text
            assert (told in text, untrue in text) == (True, False)
            answer = await browser.post(page, data={"csrf_token": await form_token(browser)})
            assert ("which you see below" in (await browser.get(answer.headers["location"])).text) is (told is stays)
        assert (await browser.get("/activity?who=person")).text.count("stopped access") == 2, (
            "the deed has its own line"
        )
