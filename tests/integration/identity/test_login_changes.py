"""Recovery codes, another phone, another password, sessions elsewhere: each with a fresh second factor."""

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pyotp
import pytest

from app.audit.log import entries_of
from tests.support.authorization import RECORD, World
from tests.support.database import file_of
from tests.support.passwords import PASSWORD

SETTINGS = "/login-and-devices"
SESSION = "regie-session"
NEW = "vijf heel andere woorden nu"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def details(world: World) -> list[str]:
    """Return the details in the log of the person, newest first."""
    entries = await entries_of(world.parts.database.reader, RECORD, (2**62, 2**62), 50)
    return [entry.event.detail for entry in entries]


async def codes_of(world: World) -> list[str]:
    """Return new recovery codes of the person who is signed in."""
    page = await world.post(f"{SETTINGS}/recovery")
    return re.findall(r"<code>([A-Z2-7-]{19})</code>", page.text)


async def left_alone(world: World) -> None:
    """Forget the browser's cookies, and let the next one-time code be a new one."""
    world.http.cookies = httpx.Cookies()
    world.clock.move(seconds=30)


@asynccontextmanager
async def elsewhere(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Give another browser in which the same person is signed in."""
    home, other = world.http, httpx.AsyncClient(transport=world.http._transport, base_url=world.http.base_url)
    other.headers["user-agent"] = FIREFOX
    world.http = other
    world.clock.move(seconds=30)
    await world.log_in()
    world.http = home
    yield other


async def is_signed_in(browser: httpx.AsyncClient) -> bool:
    """Return whether a browser is past the login page."""
    return (await browser.get("/login")).status_code == 303


async def test_ten_recovery_codes_each_stand_in_for_the_phone_once(world: World) -> None:
    await world.log_in()
    codes = await codes_of(world)
    assert len(set(codes)) == 10
    for typed in (codes[0], codes[1].lower().replace("-", " ")):
        await left_alone(world)
        await world.post("/login", login="zonnestraal", password=PASSWORD)
        assert (await world.post("/login/code", code=typed)).status_code == 303
        assert (await details(world))[0] == "password and recovery code"
    await left_alone(world)
    await world.post("/login", login="zonnestraal", password=PASSWORD)
    assert (await world.post("/login/code", code=codes[0])).status_code == 401
    assert (await world.post("/login/code", code=world.code())).status_code == 303
    assert "8 codes left" in (await world.http.get(SETTINGS, headers={"accept-language": "en"})).text


async def test_a_recovery_code_alone_opens_nothing(world: World) -> None:
    await world.log_in()
    codes = await codes_of(world)
    await left_alone(world)
    token = await world.form_token("/login")
    assert (await world.http.post("/login/code", data={"csrf_token": token, "code": codes[0]})).status_code == 401
    assert (await world.post("/login", login="zonnestraal", password=codes[0])).status_code == 401


async def test_new_recovery_codes_end_the_old_ones(world: World) -> None:
    await world.log_in()
    old = await codes_of(world)
    await codes_of(world)
    await left_alone(world)
    await world.post("/login", login="zonnestraal", password=PASSWORD)
    assert (await world.post("/login/code", code=old[0])).status_code == 401


async def test_recovery_codes_are_guessed_no_faster_than_other_codes(world: World) -> None:
    await world.post("/login", login="zonnestraal", password=PASSWORD)
    statuses = [(await world.post("/login/code", code="AAAA-AAAA-AAAA-AAAA")).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


async def test_the_database_has_no_recovery_code_in_it(world: World) -> None:
    await world.log_in()
    codes = await codes_of(world)
    with sqlite3.connect(file_of(world.parts.database)) as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert not [code for code in codes if code in dump or code.replace("-", "") in dump]


async def test_another_phone_takes_the_place_of_the_first(world: World) -> None:
    await world.log_in()
    page = await world.http.get(f"{SETTINGS}/phone")
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", page.text)
    sealed = re.search(r'name="sealed" value="([^"]+)"', page.text)
    assert found is not None
    assert sealed is not None
    phone = pyotp.TOTP(found[1].replace(" ", ""))
    form = {"form_on": SETTINGS, "sealed": sealed[1]}
    assert (await world.post(f"{SETTINGS}/phone", code="000000", **form)).status_code == 422
    answer = await world.post(f"{SETTINGS}/phone", code=phone.at(world.clock.now), **form)
    assert answer.headers["location"] == f"{SETTINGS}?done=phone"
    assert (await details(world))[0] == "phone with codes"
    await left_alone(world)
    await world.post("/login", login="zonnestraal", password=PASSWORD)
    assert (await world.post("/login/code", code=world.code())).status_code == 401
    assert (await world.post("/login/code", code=phone.at(world.clock.now))).status_code == 303


async def test_the_form_of_another_account_connects_no_phone(world: World) -> None:
    await world.log_in()
    for sealed in ("", "x" * 200):
        answer = await world.post(f"{SETTINGS}/phone", form_on=SETTINGS, sealed=sealed, code="000000")
        assert answer.status_code == 400
    await left_alone(world)
    assert (await world.log_in()).status_code == 303


async def test_a_new_password_ends_all_sessions_but_this_one(world: World) -> None:
    await world.log_in()
    before = world.http.cookies[SESSION]
    async with elsewhere(world) as other:
        assert await is_signed_in(other)
        answer = await world.post(f"{SETTINGS}/password", current=PASSWORD, password=NEW, again=NEW)
        assert answer.headers["location"] == f"{SETTINGS}?done=password"
        assert await is_signed_in(world.http)
        assert world.http.cookies[SESSION] != before
        assert not await is_signed_in(other)
    await left_alone(world)
    assert (await world.log_in()).status_code == 401
    assert (await world.log_in(password=NEW)).status_code == 303


@pytest.mark.parametrize(
    "changed",
    [
        {"current": "wrong"},
        {"current": ""},
        {"password": "kort", "again": "kort"},
        {"again": "iets anders dan eerst"},
        {"password": "zonnestraal is mijn naam", "again": "zonnestraal is mijn naam"},
    ],
)
async def test_a_password_that_is_not_right_changes_nothing(world: World, changed: dict[str, str]) -> None:
    await world.log_in()
    answer = await world.post(f"{SETTINGS}/password", **{"current": PASSWORD, "password": NEW, "again": NEW, **changed})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    await left_alone(world)
    assert (await world.log_in()).status_code == 303


@pytest.mark.parametrize("page", ["", "/password", "/phone", "/recovery"])
async def test_each_page_asks_for_a_fresh_second_factor(world: World, page: str) -> None:
    await world.log_in()
    assert (await world.http.get(SETTINGS + page)).status_code == 200
    world.clock.move(minutes=11)
    token = await world.form_token("/login/again")
    assert (await world.http.get(SETTINGS + page)).headers["location"] == f"/login/again?next={SETTINGS}{page}"
    if page:
        answer = await world.http.post(SETTINGS + page, data={"csrf_token": token})
        assert answer.headers["location"] == f"/login/again?next={SETTINGS}"


async def test_a_person_sees_where_they_are_logged_in_and_logs_out_there(world: World) -> None:
    await world.log_in()
    async with elsewhere(world) as other:
        page = (await world.http.get(SETTINGS)).text
        assert "Firefox, Windows" in page
        (session_id,) = re.findall(r"/session/([0-9a-f]{16})/end", page)
        answer = await world.post(f"{SETTINGS}/session/{session_id}/end", form_on=SETTINGS)
        assert answer.headers["location"] == f"{SETTINGS}?done=ended"
        assert not await is_signed_in(other)
        assert await is_signed_in(world.http)
        assert (await world.post(f"{SETTINGS}/session/{session_id}/end", form_on=SETTINGS)).status_code == 404


async def test_a_person_logs_out_everywhere_else_at_once(world: World) -> None:
    await world.log_in()
    async with elsewhere(world) as other, elsewhere(world) as third:
        await world.post(f"{SETTINGS}/others/end", form_on=SETTINGS)
        assert [await is_signed_in(one) for one in (world.http, other, third)] == [True, False, False]
    assert (await details(world))[0] == "other sessions ended"
