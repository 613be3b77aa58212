"""The log on the page: narrowed to one party, to what was done, to days and to what stands out."""

from app.fhir.release import Release
from tests.access.test_pages import session
from tests.support.world import World, weight


async def shown(world: World, query: str) -> str:
    """Return the list of the page in English."""
    async with await session(world, "zonnestraal") as browser:
        answer = await browser.get(f"/activity?{query}", headers={"accept-language": "en"})
        assert answer.status_code == 200
        return answer.text.partition('id="list"')[2].partition('aria-labelledby="check"')[0]


async def test_a_click_from_who_may_look_shows_what_that_practice_did(world: World) -> None:
    await world.caller("granted").get("/Observation")
    await world.caller("sensitive").get("/Condition")
    practice = world.made.practices["granted"]
    async with await session(world, "zonnestraal") as browser:
        assert f"/activity?who=all&amp;party=practice:{practice}" in (await browser.get("/access")).text
    lines = await shown(world, f"who=all&party=practice:{practice}")
    assert "Praktijk Granted-Test" in lines
    assert "Praktijk Sensitive-Test" not in lines


async def test_what_was_done_is_chosen_in_words(world: World) -> None:
    person, practice = world.zonnestraal, world.caller("granted")
    await practice.get("/Observation")
    await practice.made(weight(Release.R4, person.patient()))
    looks, changes = await shown(world, "who=practice&deed=looks"), await shown(world, "who=practice&deed=changes")
    assert "looked at" in looks
    assert "added data" not in looks
    assert "added data" in changes
    assert "looked at" not in changes
    assert "Praktijk" not in await shown(world, "who=practice&deed=login")


async def test_only_what_stands_out_is_shown_with_its_sign(world: World) -> None:
    await world.caller("granted").get("/Observation")
    await world.caller("app of zonnestraal").get("/Observation")
    lines = await shown(world, "who=all&only=1")
    assert "First time" in lines
    assert "Meetmaatje" not in lines


async def test_a_party_that_was_never_given_anything_is_no_choice(world: World) -> None:
    practice = world.made.practices["no grant"]
    async with await session(world, "zonnestraal") as browser:
        text = (await browser.get(f"/activity?party=practice:{practice}&deed=nonsense&since=x")).text
    assert f'value="practice:{practice}"' not in text
    assert "U ziet wat" not in text
    assert " selected>Alles</option>" in text
