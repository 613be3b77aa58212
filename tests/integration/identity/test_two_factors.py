"""Two factors always: one alone opens nothing, at whatever address it is sent to."""

import re

import httpx
import pytest
from starlette.routing import Route

from app.db.database import Transaction
from app.identity import resets
from app.identity.mail_addresses import MailAddresses
from tests.support.authorization import World
from tests.support.passwords import PASSWORD

SESSION = "regie-session"
NEW = "vijf heel andere woorden nu"


async def known_of(world: World, factor: str) -> dict[str, str]:
    """Return the fields of a form with which somebody tries who has this factor and no other."""
    login = {"login": "zonnestraal"}
    if factor == "password":
        return {**login, "password": PASSWORD, "current": PASSWORD, "again": PASSWORD, "code": PASSWORD}
    if factor == "phone":
        return {**login, "code": world.code(), "password": world.code(), "token": world.code()}
    if factor == "recovery code":
        await world.log_in()
        page = await world.post("/login-and-devices/recovery")
        code = re.findall(r"<code>([A-Z2-7-]{19})</code>", page.text)[0]
        return {**login, "code": code, "password": code, "token": code}
    account = await world.parts.accounts.by_login(world.parts.database.reader, "zonnestraal")
    assert account is not None

    async def job(transaction: Transaction) -> str:
        now = world.clock.now
        addresses = MailAddresses(world.parts.settings.key("mail codes"))
        code = await addresses.begin(transaction, account.account_id, "zonnestraal@example.test", now)
        await addresses.confirm(transaction, account.account_id, code, now)
        made = await resets.begin(transaction, "zonnestraal", now)
        assert made is not None
        return made.token

    token = await world.parts.database.write(job)
    return {**login, "token": token, "password": NEW, "again": NEW, "code": token}


@pytest.mark.parametrize("factor", ["password", "phone", "recovery code", "mailbox"])
async def test_one_factor_opens_nothing_wherever_it_is_sent(world: World, factor: str) -> None:
    form = await known_of(world, factor)
    urls = [
        re.sub(r"{\w+}", "x", route.path)
        for route in world.routes
        if isinstance(route, Route) and "POST" in (route.methods or set())
    ]
    assert {"/login", "/login/code", "/login/again", "/login/reset", "/sign-up"} <= set(urls)
    for url in urls:
        world.http.cookies = httpx.Cookies()
        token = await world.form_token("/login")
        await world.http.post(url, data={"csrf_token": token, **form})
        assert (await world.http.get("/login")).status_code == 200, url
        assert (await world.http.get("/login-and-devices")).headers["location"].startswith("/login?"), url


async def test_half_a_session_is_taken_at_no_page_but_that_of_the_code(world: World) -> None:
    await world.post("/login", login="zonnestraal", password=PASSWORD)
    half = world.http.cookies[SESSION]
    for url in ("/login-and-devices", "/login-and-devices/recovery", "/login/again", "/apps"):
        assert (await world.http.get(url)).headers["location"].startswith("/login?"), url
    token = await world.form_token("/login/code")
    for url in ("/login-and-devices/recovery", "/login/again", "/login-and-devices/others/end"):
        answer = await world.http.post(url, data={"csrf_token": token, "code": world.code()})
        assert answer.headers["location"].startswith("/login?"), url
    assert world.http.cookies[SESSION] == half


async def test_a_password_and_the_mailbox_are_not_enough(world: World) -> None:
    form = await known_of(world, "mailbox")
    await world.post("/login", login="zonnestraal", password=PASSWORD)
    answer = await world.post("/login/reset", form_on="/login/code", **{**form, "code": PASSWORD})
    assert answer.status_code == 401
    assert (await world.http.get("/login")).status_code == 200
