"""A person lets a practice ask, looks at what it asks, and answers: on the pages, as a browser does it."""

import re
from collections.abc import AsyncIterator
from datetime import datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from app.access.categories import Category
from app.access.grant import Grant
from app.access.smart_scope import Action
from app.consent import grants, requests
from tests.access.test_pages import session
from tests.support.world import DAY, UNTIL, Tree, World, world_in

PRACTICE = "no grant"
NAME = "Praktijk No Grant-Test"
WORDS = "Voor de controle <b>van uw hart</b>"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_in(tmp_path) as world:
        yield world


@pytest.fixture
async def browser(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with await session(world, "zonnestraal") as browser:
        yield browser


async def sent(browser: httpx.AsyncClient, page: str, url: str, **form: str | list[str]) -> httpx.Response:
    """Send a form that stands on a page."""
    found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', (await browser.get(page)).text)
    assert found is not None, page
    return await browser.post(url, data={"csrf_token": found[1], **form})


async def made_code(browser: httpx.AsyncClient) -> str:
    """Return a new code, as the page shows it."""
    shown = await sent(browser, "/access/code", "/access/code")
    found = re.search(r'class="code">([2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4})<', shown.text)
    assert found is not None, shown.text
    return found[1]


async def asked(world: World, browser: httpx.AsyncClient, **more: str) -> str:
    """Have the practice ask for medication and measurements, to read and to add; return the address of the request."""
    values = {"code": await made_code(browser), "until": str(UNTIL), "text": WORDS, **more}
    several = [("category", "medication"), ("category", "own-measurements"), ("action", "read"), ("action", "create")]
    named = [{"name": name, "valueString": value} for name, value in [*values.items(), *several]]
    body: Tree = {"resourceType": "Parameters", "parameter": named}
    answer = await world.caller(PRACTICE)("POST", "/Consent/$request-access", body)
    assert answer.status_code == 202, answer.text
    found = re.search(r'href="(/access/requests/[0-9a-f-]{36})"', (await browser.get("/access")).text)
    assert found is not None
    return found[1]


async def given(world: World) -> list[Grant]:
    """Return what the practice has in force."""
    return await grants.of_practice(world.parts.database.reader, world.made.practices[PRACTICE], world.parts.clock())


async def state(world: World) -> str:
    """Return the state that the practice reads of its one request."""
    found = await world.caller(PRACTICE).get("/Consent/$access-requests")
    (one,) = found["parameter"]
    return str(next(part["valueCode"] for part in one["part"] if part["name"] == "state"))


async def test_what_is_asked_is_told_on_both_pages_with_nothing_ticked(
    world: World, browser: httpx.AsyncClient
) -> None:
    url = await asked(world, browser)
    assert url in (await browser.get("/")).text
    text = (await browser.get(url)).text
    assert NAME in text
    assert "Voor de controle &lt;b&gt;van uw hart&lt;/b&gt;" in text
    assert " checked" not in text
    assert re.findall(r'name="category" value="([a-z-]+)"', text) == ["own-measurements", "medication"]
    assert re.findall(r'name="action" value="([a-z-]+)"', text) == ["look", "add"]


async def test_less_than_asked_can_be_given_and_more_can_not(world: World, browser: httpx.AsyncClient) -> None:
    url = await asked(world, browser)
    before = await sent(browser, url, url, decision="accept", period="as-asked")
    assert before.status_code == 422
    assert await given(world) == []
    more = ["medication", "documents", "sensitive"]
    answer = await sent(
        browser, url, url, decision="accept", category=more, action=["look", "change"], period="3-months"
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/access?done=given")
    (grant,) = await given(world)
    assert (grant.categories, grant.actions) == (Category.MEDICATION, Action.READ)
    assert (grant.until - grant.given_at).days == 92
    assert await state(world) == "accepted"


async def test_as_asked_is_all_of_it_until_then_and_no_longer(world: World, browser: httpx.AsyncClient) -> None:
    url = await asked(world, browser)
    form = {"category": ["medication", "own-measurements"], "action": ["look", "add"]}
    assert (await sent(browser, url, url, decision="accept", period="open", **form)).status_code == 422
    assert (await sent(browser, url, url, decision="accept", period="as-asked", **form)).status_code == 303
    (grant,) = await given(world)
    assert grant.categories == Category.MEDICATION | Category.OWN_MEASUREMENTS
    assert grant.actions == Action.READ | Action.CREATE
    assert grant.until == datetime.combine(UNTIL + DAY, time(), ZoneInfo("Europe/Amsterdam"))
    log = (await browser.get("/activity?who=all")).text
    assert "heeft u om toegang gevraagd" in log
    assert "heeft een code voor een praktijk gemaakt" in log


@pytest.mark.parametrize("never", [False, True])
async def test_declining_gives_nothing_and_is_not_told(
    world: World, browser: httpx.AsyncClient, *, never: bool
) -> None:
    url = await asked(world, browser)
    form = {"never": "yes"} if never else {}
    answer = await sent(browser, url, url, decision="decline", **form)
    assert answer.headers["location"] == "/access?done=declined"
    assert (await given(world), await state(world)) == ([], "waiting")
    assert url not in (await browser.get("/access")).text
    text = (await browser.get("/access/code")).text
    assert (NAME in text) == never
    assert "gaf geen toegang" in (await browser.get("/activity?who=all")).text
    if never:
        practice = world.made.practices[PRACTICE]
        await sent(browser, "/access/code", "/access/code/reopen", practice=practice)
        assert NAME not in (await browser.get("/access/code")).text
        assert await asked(world, browser)


@pytest.mark.parametrize("first", ["accept", "decline"])
@pytest.mark.parametrize("second", ["accept", "decline"])
async def test_an_answer_in_a_second_window_changes_nothing(
    world: World, browser: httpx.AsyncClient, first: str, second: str
) -> None:
    url = await asked(world, browser)
    form = {"category": "medication", "action": "look", "period": "as-asked"}
    token = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', (await browser.get(url)).text)
    assert token is not None
    answers = [
        await browser.post(url, data={"csrf_token": token[1], "decision": decision, **form})
        for decision in (first, second)
    ]
    assert [one.status_code for one in answers] == [303, 303]
    assert answers[1].headers["location"] == "/access?done=answered"
    assert len(await given(world)) == (first == "accept")
    assert (await browser.get(url)).headers["location"] == "/access?done=answered"
    assert "wacht niet meer" in (await browser.get("/access?done=answered")).text


async def test_a_request_to_another_is_like_one_that_was_never_made(world: World, browser: httpx.AsyncClient) -> None:
    url = await asked(world, browser)
    async with await session(world, "maanlicht") as other:
        assert NAME not in (await other.get("/access")).text
        never = "/access/requests/5a1ad000-0000-4000-8000-0000000000aa"
        statuses = [(await other.get(one)).status_code for one in (url, never)]
        statuses += [
            (await sent(other, "/access/code", one, decision="accept", category="medication")).status_code
            for one in (url, never)
        ]
    assert statuses == [404] * 4
    assert await given(world) == []


async def test_what_was_given_is_withdrawn_like_any_other_grant(world: World, browser: httpx.AsyncClient) -> None:
    url = await asked(world, browser)
    await sent(browser, url, url, decision="accept", category="own-measurements", action="look", period="as-asked")
    practice, thing = world.caller(PRACTICE), world.zonnestraal.url("weight")
    assert (await practice("GET", thing)).status_code == 200
    (grant,) = await given(world)
    page = f"/access/{grant.grant_id}/withdraw"
    assert (await sent(browser, page, page)).status_code == 303
    assert (await practice("GET", thing)).status_code == 403
    assert await state(world) == "accepted"


async def test_the_person_is_mailed_without_a_word_of_what_or_who(world: World, browser: httpx.AsyncClient) -> None:
    await world.parts.watcher.watch()
    await asked(world, browser)
    waiting, _ = await requests.of_record(world.parts.database.reader, world.zonnestraal.record_id, world.parts.clock())
    assert len(waiting) == 1
    await world.parts.watcher.watch()
    jobs = await world.parts.deliverer.waiting()
    assert jobs.jobs == 1
