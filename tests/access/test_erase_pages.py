"""A person erases their record on the pages: in two steps, with a fresh proof of who they are and a typed word."""

import json
import re
from base64 import b64decode
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from app.consent import grants
from app.db.database import Transaction
from tests.access.test_pages import form_token, session
from tests.support.acting import browser_of, go_in, let_act, send
from tests.support.database import tamper
from tests.support.filled import traces
from tests.support.world import World

NOW = "/my-data/erase/now"
DUTCH = {"accept-language": "nl"}


async def erased(world: World, browser: httpx.AsyncClient, word: str = "wissen") -> httpx.Response:
    """Send the last form."""
    return await browser.post(NOW, data={"csrf_token": await form_token(browser), "word": word}, headers=DUTCH)


async def test_what_goes_and_what_stays_is_said_before(world: World) -> None:
    async with await session(world, "zonnestraal") as browser:
        assert 'href="/my-data/erase"' in (await browser.get("/my-data")).text
        page = (await browser.get("/my-data/erase", headers=DUTCH)).text
    for words in ("Bewaar eerst uw dossier", "/my-data/archive", "Wat weggaat", "Wat blijft", "Na vijf jaar"):
        assert words in page


@pytest.mark.parametrize("word", ["", "erase", "wis"])
async def test_without_the_word_nothing_is_erased(world: World, word: str) -> None:
    async with await session(world, "zonnestraal") as browser:
        answer = await erased(world, browser, word)
        assert (answer.status_code, "Er is niets gewist" in answer.text) == (422, True)
        assert (await browser.get("/measurements")).status_code == 200


async def test_without_a_fresh_second_factor_it_is_asked_for_first(world: World) -> None:
    tamper(world.parts.database, "UPDATE portal_session SET proven_at = proven_at - 700000000")
    async with await session(world, "zonnestraal") as browser:
        for answer in (await browser.get(NOW), await erased(world, browser)):
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login/again")
        assert (await browser.get("/measurements")).status_code == 200


async def test_a_form_from_elsewhere_erases_nothing(world: World) -> None:
    async with await session(world, "zonnestraal") as browser:
        assert (await browser.post(NOW, data={"word": "wissen"}, headers=DUTCH)).status_code == 403
        assert (await browser.get("/measurements")).status_code == 200


async def test_the_person_is_left_with_a_proof_and_everybody_else_with_nothing(world: World) -> None:
    him = world.zonnestraal
    app, practice = world.caller("app of zonnestraal"), world.caller("granted")
    assert (await app("GET", him.url("weight"))).status_code == 200
    assert (await practice("GET", him.url("weight"))).status_code == 200
    async with await session(world, "zonnestraal") as browser:
        answer = await erased(world, browser)
        assert answer.status_code == 200
        assert "Uw dossier is gewist" in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert 'regie-session=""' in answer.headers["set-cookie"]
        (encoded,) = re.findall(
            r'download="regie-erased.ndjson" href="data:application/x-ndjson;base64,([^"]+)"', answer.text
        )
        assert (await browser.get("/measurements")).status_code == 303
    lines = [json.loads(line) for line in b64decode(encoded).splitlines()]
    assert [line["line"] for line in lines] == ["erasure", "counted", "audit", "seal"]
    assert (lines[2]["event"]["kind"], lines[2]["event"]["action"]) == ("person", "erase")
    assert lines[0]["record_id"] == him.record_id
    assert (await app("GET", him.url("weight"))).status_code == 401
    refused = await practice("GET", him.url("weight"))
    assert refused.status_code in (403, 404)
    assert (await world.caller("app of maanlicht")("GET", world.maanlicht.url("weight"))).status_code == 200


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("/settings/mails", {}),
        ("/login-and-devices/recovery", {}),
        ("/login-and-devices/mail", {"mail": "somebody@example.test"}),
        ("/access/new", {"category": "own-measurements", "period": "1-year", "action": "look"}),
        ("/access/code", {}),
    ],
)
async def test_a_page_that_is_under_way_when_the_record_is_erased_writes_nothing(
    world: World, url: str, form: dict[str, str]
) -> None:
    account = await world.parts.accounts.by_login(world.parts.database.reader, "zonnestraal")
    assert account is not None
    own = (world.zonnestraal.record_id, account.account_id)
    write = world.parts.database.write
    is_erased = False

    async def erase_first(job: Callable[[Transaction], Awaitable[Any]], *, lane: int | None = None) -> Any:
        nonlocal is_erased
        if not is_erased:
            is_erased = True
            assert (await erased(world, other)).status_code == 200
        return await write(job, lane=lane)

    async with await session(world, "zonnestraal") as first, await session(world, "zonnestraal") as other:
        sent = {"csrf_token": await form_token(first), "practice": world.made.practices["no grant"], **form}
        world.parts.database.write = erase_first  # type: ignore[method-assign]
        answer = await first.post(url, data=sent, headers=DUTCH)
        world.parts.database.write = write  # type: ignore[method-assign]
    assert is_erased
    assert answer.status_code == 401, answer.text
    assert set(traces(world.parts.database.url, *own)) == {"outbox"}, "nothing but what is still to be done about it"


async def test_a_parent_in_the_record_of_a_child_erases_nothing(world: World) -> None:
    grant = await let_act(world, world.maanlicht)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert "/my-data/erase" not in (await browser.get("/my-data")).text
        for url in ("/my-data/erase", NOW):
            assert (await browser.get(url)).status_code == 403
        assert (await send(browser, NOW, word="erase")).status_code == 403
    assert (await world.caller("app of zonnestraal")("GET", world.zonnestraal.url("weight"))).status_code == 200


async def test_a_helper_who_is_in_a_record_as_it_is_erased_is_back_in_their_own(world: World) -> None:
    grant = await let_act(world, world.maanlicht)
    async with await browser_of(world, world.maanlicht) as helping, await session(world, "zonnestraal") as browser:
        await go_in(helping, grant)
        assert (await erased(world, browser)).status_code == 200
        page = await helping.get("/measurements")
        assert (page.status_code, world.zonnestraal.family in page.text) == (200, False)


async def test_who_helped_others_is_forgotten_there_too(world: World) -> None:
    grant = await let_act(world, world.maanlicht)
    account = await world.parts.accounts.by_login(world.parts.database.reader, "maanlicht")
    assert account is not None
    async with await session(world, "maanlicht") as browser:
        assert (await erased(world, browser)).status_code == 200
    (kept,) = [
        one
        for one in await grants.of_record(world.parts.database.reader, world.zonnestraal.record_id)
        if one.grant_id == grant.grant_id
    ]
    assert (kept.grantee_id, kept.is_in_force(world.parts.clock())) == ("", False)
    assert set(traces(world.parts.database.url, account.account_id)) <= {"outbox"}
