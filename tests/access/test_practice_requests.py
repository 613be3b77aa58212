"""Somebody of a practice asks for access on the page: who may, what they learn, and what the person sees."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.consent import requests
from app.consent.requests import AccessRequest
from tests.access.test_pages import session
from tests.access.test_request_pages import made_code, sent
from tests.support.world import World, staff_name, world_in

PAGE = "/practice/requests"
FORM = {"category": "medication", "action": "look", "purpose": "treatment", "period": "3-months"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_in(tmp_path) as world:
        yield world


async def code_of(world: World) -> str:
    """Return a code that Zonnestraal made on the page."""
    async with await session(world, "zonnestraal") as browser:
        return await made_code(browser)


async def waiting(world: World) -> list[AccessRequest]:
    """Return what waits for Zonnestraal."""
    found, _ = await requests.of_record(world.parts.database.reader, world.zonnestraal.record_id, world.parts.clock())
    return found


@pytest.mark.parametrize("who", ["gp of no grant", "assistant of granted"])
async def test_whoever_has_a_role_in_care_asks_and_the_person_sees_who_it_was(world: World, who: str) -> None:
    code = await code_of(world)
    async with await session(world, who) as browser:
        answer = await sent(browser, PAGE, PAGE, code=code.lower(), words="Voor de controle", **FORM)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?done=asked")
        assert "Voor de controle" in (await browser.get(PAGE)).text
    (request,) = await waiting(world)
    async with await session(world, "zonnestraal") as person:
        assert staff_name(who) in (await person.get(f"/access/requests/{request.request_id}")).text
        assert staff_name(who) in (await person.get("/activity")).text


async def test_a_wrong_code_looks_the_same(world: World) -> None:
    pages = []
    for code in (await code_of(world), "AAAA-AAAA"):
        async with await session(world, "gp of no grant") as browser:
            answer = await sent(browser, PAGE, PAGE, code=code, **FORM)
            pages.append((answer.status_code, answer.headers["location"]))
            text = (await browser.get(PAGE)).text
    assert pages[0] == pages[1]
    assert text.count("Nog geen antwoord") == 2
    assert len(await waiting(world)) == 1


async def test_who_has_no_role_in_care_or_left_asks_nothing(world: World) -> None:
    code = await code_of(world)
    async with await session(world, "administrator of granted") as browser:
        assert "geen rol in de zorg" in (await browser.get(PAGE)).text
        assert (await sent(browser, "/practice/staff", PAGE, code=code, **FORM)).status_code == 403
    async with await session(world, "left granted") as browser:
        assert (await browser.get(PAGE)).status_code == 303
    assert await waiting(world) == []


async def test_one_practice_does_not_see_what_another_asked(world: World) -> None:
    async with await session(world, "gp of no grant") as browser:
        await sent(browser, PAGE, PAGE, code=await code_of(world), words="Voor de controle", **FORM)
    async with await session(world, "gp of granted") as browser:
        assert "Voor de controle" not in (await browser.get(PAGE)).text


async def test_to_ask_opens_nothing(world: World) -> None:
    async with await session(world, "gp of no grant") as browser:
        await sent(browser, PAGE, PAGE, code=await code_of(world), **FORM)
        assert world.zonnestraal.family not in (await browser.get("/practice")).text
        assert world.zonnestraal.family not in (await browser.get(PAGE)).text


@pytest.mark.parametrize("missing", ["code", *FORM])
async def test_what_is_missing_is_said_at_its_field_and_the_code_is_still_good(world: World, missing: str) -> None:
    code = await code_of(world)
    form = {name: value for name, value in {"code": code, **FORM}.items() if name != missing}
    async with await session(world, "gp of no grant") as browser:
        refused = await sent(browser, PAGE, PAGE, **form)
        assert refused.status_code == 422
        assert f'href="#{missing}"' in refused.text
        assert (await sent(browser, PAGE, PAGE, code=code, **FORM)).status_code == 303
    assert len(await waiting(world)) == 1


async def test_a_person_has_no_such_page(world: World) -> None:
    async with await session(world, "zonnestraal") as browser:
        answer = await browser.get(PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
