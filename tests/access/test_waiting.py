"""Measurements and lines of a diary that waited on a phone: kept once, in the record of whose they are, and of nobody else."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.portal.kept_form import own_mark
from app.portal.measuring import FORMS
from tests.support.acting import account_id, browser_of, send, token_on
from tests.support.world import Person, World

SENDING = "/measurements/waiting"


async def entry(world: World, person: Person, **changed: str) -> dict[str, str]:
    """Return a weight as a phone sends it that belongs to somebody."""
    mark = own_mark(world.application.settings, await account_id(world, person))
    now = world.parts.clock()
    usual = {"key": str(uuid4()), "kind": "weight", "value": "81,25", "day": f"{now:%Y-%m-%d}", "clock": "00:00"}
    return {"whose": mark, **usual, **changed}


async def kept(browser: httpx.AsyncClient, value: str = "81,25") -> int:
    """Return how often a weight stands on the page of the person's weights."""
    return (await browser.get("/measurements/weight")).text.count(f'<td class="value">{value.replace(",", ".")}')


async def test_what_is_sent_again_is_kept_once_also_after_logging_in_again(world: World) -> None:
    waits = await entry(world, world.zonnestraal)
    for _ in range(2):
        browser = await browser_of(world, world.zonnestraal)
        for _ in range(2):
            answer = await send(browser, SENDING, **waits)
            assert (answer.status_code, answer.json()) == (200, {"kept": waits["key"]}), answer.text
    assert await kept(browser) == 1


async def test_what_belongs_to_another_is_refused(world: World) -> None:
    other = await browser_of(world, world.maanlicht)
    answer = await send(other, SENDING, **await entry(world, world.zonnestraal))
    assert answer.status_code == 403
    assert await kept(other) == 0


async def test_without_a_login_or_a_token_nothing_is_kept(world: World) -> None:
    waits = await entry(world, world.zonnestraal)
    assert (await world.http.post(SENDING, data=waits)).status_code in (303, 403)
    browser = await browser_of(world, world.zonnestraal)
    assert (await browser.post(SENDING, data=waits)).status_code == 403
    assert await kept(browser) == 0


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"value": "heavy"}, 422),
        ({"value": "900"}, 422),
        ({"value": "25"}, 422),
        ({"day": "2999-01-01"}, 422),
        ({"day": "1930-01-01"}, 422),
        ({"kind": "happiness"}, 400),
        ({"key": "one"}, 400),
        ({"whose": ""}, 403),
    ],
)
async def test_what_is_not_right_is_said_and_not_kept(world: World, changed: dict[str, Any], status: int) -> None:
    browser = await browser_of(world, world.zonnestraal)
    answer = await send(browser, SENDING, **await entry(world, world.zonnestraal, **changed))
    assert answer.status_code == status, answer.text
    if status == 422:
        assert answer.json()["problems"]


async def test_a_note_with_what_no_text_has_is_kept_without_that(world: World) -> None:
    browser = await browser_of(world, world.zonnestraal)
    answer = await send(browser, SENDING, **await entry(world, world.zonnestraal, note="na\x07het\x1b[0m \ufffeeten"))
    assert answer.status_code == 200, answer.text
    assert "na het [0m eten" in (await browser.get("/measurements/weight")).text


async def test_a_rare_value_is_kept_of_who_said_that_it_is_right(world: World) -> None:
    browser = await browser_of(world, world.zonnestraal)
    answer = await send(browser, SENDING, **await entry(world, world.zonnestraal, value="25", sure="yes"))
    assert answer.status_code == 200
    assert await kept(browser, "25") == 1


async def test_the_same_key_with_another_value_is_said_and_not_kept(world: World) -> None:
    browser = await browser_of(world, world.zonnestraal)
    waits = await entry(world, world.zonnestraal)
    await send(browser, SENDING, **waits)
    assert (await send(browser, SENDING, **{**waits, "value": "82"})).status_code == 422
    assert await kept(browser, "82") == 0


async def test_a_line_of_the_diary_that_waited_is_kept_once_and_its_mark_with_it(world: World) -> None:
    browser = await browser_of(world, world.zonnestraal)
    words = {"kind": "complaint", "text": "Hoofdpijn\r\nsinds vanmorgen", "sensitive": "on"}
    waits = await entry(world, world.zonnestraal, **words)
    for _ in range(2):
        answer = await send(browser, SENDING, **waits)
        assert (answer.status_code, answer.json()) == (200, {"kept": waits["key"]}), answer.text
    page = (await browser.get("/diary")).text
    assert page.count("Hoofdpijn") == 1
    assert "Complaint · sensitive" in page
    changed = await send(browser, SENDING, **{**waits, "text": "Iets anders"})
    assert changed.status_code == 422


@pytest.mark.parametrize("text", ["", "  \n ", "a" * 2001])
async def test_a_line_of_the_diary_without_words_or_with_too_many_is_said_and_not_kept(world: World, text: str) -> None:
    browser = await browser_of(world, world.zonnestraal)
    waits = await entry(world, world.zonnestraal, kind="remark", text=text)
    answer = await send(browser, SENDING, **waits)
    assert answer.status_code == 422
    assert answer.json()["problems"]


def fields(text: str) -> set[str]:
    """Return the names of what can be filled in."""
    return set(re.findall(r'<(?:input|select|textarea) id="[^"]+" name="(\w+)"', text))


@pytest.mark.parametrize("kind", FORMS)
async def test_the_form_without_a_network_asks_what_the_one_of_the_record_asks(world: World, kind: str) -> None:
    browser = await browser_of(world, world.zonnestraal)
    online = fields((await browser.get(f"/measurements/add/{kind}")).text)
    offline = (await browser.get("/offline")).text
    found = re.search(rf'<fieldset data-kind="{kind}"( data-daily)?[^>]*>(.*?)</fieldset>', offline, re.DOTALL)
    assert found is not None
    asked = fields(found[2]) | {"day", "note"} | (set() if found[1] else {"clock"})
    assert asked == online
    for one in FORMS[kind]:
        limits = [*one.possible, one.digits, *one.usual]
        names = ("least", "most", "digits", "low", "high")
        said = " ".join(f'data-{name}="{value}"' for name, value in zip(names, limits, strict=True))
        assert re.search(rf'name="{one.name}"[^>]* {said}>', found[2]) is not None


async def test_logging_out_empties_the_browser_unless_something_waits_in_it(world: World) -> None:
    for waiting, said in (({}, '"cache", "storage"'), ({"waiting": "1"}, '"cache"')):
        browser = await browser_of(world, world.zonnestraal)
        token = await token_on(browser)
        answer = await browser.post("/logout", data={"csrf_token": token, **waiting})
        assert answer.headers["clear-site-data"] == said


async def test_the_form_and_the_worker_are_the_same_for_everybody(world: World) -> None:
    browser = await browser_of(world, world.zonnestraal)
    for path in ("/offline", "/worker.js", "/manifest.webmanifest"):
        own, anybody = await browser.get(path), await world.http.get(path, headers={"accept-language": "en"})
        assert own.status_code == 200
        assert own.text == anybody.text
