"""A practice asks a person to fill in a questionnaire and reads the answers: once, as far as it was granted, and nobody else."""

import re
from typing import Any

import httpx
import pytest

from app.access.categories import Category
from app.access.smart_scope import LOOK, Action
from app.fhir.release import Release
from tests.access.test_practice_pages import at_work, person_url, posted
from tests.access.test_questionnaires import questionnaire
from tests.support.world import World, never_made, staff_name

BOTH = Category.CARE_PLAN | Category.QUESTIONNAIRES
TITLE = "Hoe gaat het &lt;met u&gt;?"
RELEASES = pytest.mark.parametrize("release", list(Release))


def url(world: World) -> str:
    return f"{person_url(world)}/questionnaires"


async def ask(browser: httpx.AsyncClient, page: str, **form: str) -> httpx.Response:
    return await posted(browser, "/practice/requests", page, **{"key": "first", **form})


async def tasks(world: World, release: Release) -> list[dict[str, Any]]:
    found = await world.caller("zonnestraal", release).get("/Task")
    return [one["resource"] for one in found.get("entry", [])]


@RELEASES
async def test_what_is_asked_twice_by_one_form_waits_once_for_the_person(world: World, release: Release) -> None:
    made = await world.caller("zonnestraal", release).made(questionnaire(release))
    await world.give("granted", world.zonnestraal, BOTH, LOOK | Action.CREATE)
    async with at_work(world, "nurse of granted") as browser:
        assert TITLE in (await browser.get(url(world))).text
        form = {"questionnaire": f"{release.path}/{made['id']}", "due": "2030-01-01"}
        for _ in range(2):
            answer = await ask(browser, url(world), **form)
            assert (answer.status_code, answer.headers.get("location")) == (303, f"{url(world)}?done=asked"), (
                answer.text
            )
        shown = (await browser.get(answer.headers["location"])).text
        assert "Asked. The person sees it" in shown
        assert f"Asked by {staff_name('nurse of granted')}, Praktijk Granted-Test" in shown
        other = await ask(browser, url(world), **form | {"due": ""})
        assert (other.status_code, "asked before" in other.text) == (409, True)
    (task,) = await tasks(world, release)
    assert task["input"][0]["valueReference"]["reference"] == f"Questionnaire/{made['id']}"
    assert task["restriction"]["period"]["end"] == "2030-01-01"
    async with at_work(world, "zonnestraal") as browser:
        waiting = (await browser.get("/questionnaires")).text
        assert f"/questionnaires/{release.path}/{made['id']}" in waiting
        assert staff_name("nurse of granted") in waiting
        assert (await browser.get(f"/questionnaires/{release.path}/{made['id']}")).status_code == 200


async def test_answers_are_shown_where_questionnaires_were_granted(world: World) -> None:
    me = world.caller("zonnestraal")
    made = await me.made(questionnaire(Release.R4))
    response = await me.made(
        {
            "resourceType": "QuestionnaireResponse",
            "status": "completed",
            "questionnaire": f"{made['url']}|1",
            "subject": {"reference": world.zonnestraal.patient()},
            "authored": "2026-03-01T08:00:00+01:00",
            "item": [{"linkId": "where", "answer": [{"valueString": "In de knie"}]}],
        }
    )
    page = f"{url(world)}/answers/r4/{response['id']}"
    async with at_work(world, "gp of granted") as browser:
        for one in (url(world), page):
            answer = await browser.get(one)
            assert (answer.status_code, "In de knie" in answer.text) == (403, False)
    await world.give("granted", world.zonnestraal, Category.QUESTIONNAIRES)
    for who, status in (("gp of granted", 200), ("nurse of granted", 200), ("assistant of granted", 403)):
        async with at_work(world, who) as browser:
            shown = (await browser.get(url(world))).text
            assert (page in shown) == (status == 200)
            assert "Ask to fill in" not in shown
            answer = await browser.get(page)
            assert (answer.status_code, "In de knie" in answer.text) == (status, status == 200), who
    foreign, never = f"{url(world)}/answers/r4/{never_made(world.maanlicht)}", f"{url(world)}/answers/r4/{never_made()}"
    async with at_work(world, "gp of granted") as browser:
        texts = [await browser.get(one) for one in (foreign, never)]
        assert [one.status_code for one in texts] == [404, 404]
        same = [one.text.replace(one.headers["x-request-id"], "").replace(one.request.url.path, "") for one in texts]
        assert same[0] == same[1]
    async with at_work(world, "gp of no grant") as browser:
        assert (await browser.get(page)).status_code == 404


@pytest.mark.parametrize(
    ("who", "actions", "parts", "status"),
    [
        ("gp of granted", LOOK, BOTH, 403),
        ("gp of granted", LOOK | Action.CREATE, Category.QUESTIONNAIRES, 403),
        ("assistant of granted", LOOK | Action.CREATE, BOTH, 403),
        ("administrator of granted", LOOK | Action.CREATE, BOTH, 403),
        ("gp of no grant", LOOK | Action.CREATE, BOTH, 404),
    ],
)
async def test_who_may_not_add_to_the_care_plan_asks_nothing(
    world: World, who: str, actions: Action, parts: Category, status: int
) -> None:
    made = await world.caller("zonnestraal").made(questionnaire(Release.R4))
    await world.give("granted", world.zonnestraal, parts, actions)
    async with at_work(world, who) as browser:
        answer = await ask(browser, url(world), questionnaire=f"r4/{made['id']}")
        assert answer.status_code == status
    assert await tasks(world, Release.R4) == []


async def test_what_is_not_in_the_list_is_not_asked(world: World) -> None:
    other = await world.caller("maanlicht").made(questionnaire(Release.R4))
    mine = await world.caller("zonnestraal").made(questionnaire(Release.R4))
    await world.give("granted", world.zonnestraal, BOTH, LOOK | Action.CREATE)
    async with at_work(world, "gp of granted") as browser:
        wrong = ({"questionnaire": ""}, {"questionnaire": f"r4/{other['id']}"}, {"questionnaire": f"stu3/{mine['id']}"})
        for form in (*wrong, {"questionnaire": f"r4/{mine['id']}", "due": "2001-01-01"}):
            answer = await ask(browser, url(world), **form)
            assert (answer.status_code, 'aria-invalid="true"' in answer.text) == (422, True), form
            assert re.search(r"Choose from the list\.|still to come", answer.text)
    assert await tasks(world, Release.R4) == []


async def test_a_grant_that_ends_closes_the_page_and_asks_nothing(world: World) -> None:
    made = await world.caller("zonnestraal").made(questionnaire(Release.R4))
    grant = await world.give("granted", world.zonnestraal, BOTH, LOOK | Action.CREATE)
    async with at_work(world, "gp of granted") as browser:
        assert (await browser.get(url(world))).status_code == 200
        await world.withdraw(grant)
        answer = await ask(browser, url(world), questionnaire=f"r4/{made['id']}")
        assert (answer.status_code, "not open to you now" in answer.text, TITLE in answer.text) == (403, True, False)
    assert await tasks(world, Release.R4) == []


@RELEASES
async def test_what_was_asked_is_asked_no_more_by_who_may_change_the_plan(world: World, release: Release) -> None:
    made = await world.caller("zonnestraal", release).made(questionnaire(release))
    grant = await world.give("granted", world.zonnestraal, BOTH, LOOK | Action.CREATE)
    form = {"questionnaire": f"{release.path}/{made['id']}"}
    async with at_work(world, "gp of granted") as browser, at_work(world, "gp of no grant") as stranger:
        await ask(browser, url(world), **form)
        (task,) = await tasks(world, release)
        page, before = (f"{url(world)}/{path}{task['id']}/withdraw" for path in (f"{release.path}/", ""))
        assert "Ask no more" not in (await browser.get(url(world))).text
        assert (await ask(browser, page)).status_code == 403
        assert (await ask(stranger, page)).status_code == 404
        assert (await tasks(world, release)) == [task]
        await world.withdraw(grant)
        await world.give("granted", world.zonnestraal, BOTH, LOOK | Action.UPDATE)
        assert page in (await browser.get(url(world))).text
        for sent in (page, page, before):
            assert (await ask(browser, sent)).headers.get("location") == f"{url(world)}?done=withdrawn"
        assert "It is not asked any more." in (await browser.get(f"{url(world)}?done=withdrawn")).text
        for other in (never_made(), world.maanlicht.ids[Release.R4, "goal"]):
            for path in ("", "stu3/", "r4/"):
                assert (await ask(browser, f"{url(world)}/{path}{other}/withdraw")).status_code == 404
    (task,) = await tasks(world, release)
    assert (task["status"], task["meta"]["versionId"]) == ("cancelled", "2")
    async with at_work(world, "zonnestraal") as browser:
        assert made["id"] not in (await browser.get("/questionnaires")).text
