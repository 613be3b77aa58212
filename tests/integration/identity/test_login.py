"""Logging in on the pages: two factors, sessions, forms, guessing."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import httpx
import pytest

from app.audit.log import entries_of
from app.db.database import Transaction
from app.errors import ConflictError
from app.identity import practices, sessions
from app.identity.instants import to_us
from app.jobs import outbox
from app.jobs.notices import Notice
from app.jobs.texts import NoticeKind
from tests.support.authorization import RECORD, Authorization, World
from tests.support.database import file_of
from tests.support.passwords import PASSWORD

SESSION = "regie-session"


async def is_signed_in(world: World) -> bool:
    """Return whether the browser is past the login page."""
    return (await world.http.get("/login")).status_code == 303


async def told(world: World) -> list[tuple[str, str, str]]:
    """Return what the log of the person says, newest first."""
    entries = await entries_of(world.parts.database.reader, RECORD, (2**62, 2**62), 50)
    return [(entry.event.action, entry.event.outcome, entry.event.detail) for entry in entries]


async def test_password_and_code_together_sign_in(world: World) -> None:
    answer = await world.log_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert await is_signed_in(world)
    assert await told(world) == [("login", "success", "password and one-time code")]


async def test_the_password_alone_opens_nothing(world: World) -> None:
    answer = await world.post("/login", login="zonnestraal", password=PASSWORD)
    assert answer.headers["location"] == "/login/code?next=/"
    assert not await is_signed_in(world)
    assert (await world.http.get(Authorization(world).url())).headers["location"].startswith("/login")


async def test_the_session_has_another_cookie_after_the_second_factor(world: World) -> None:
    await world.post("/login", login="zonnestraal", password=PASSWORD)
    half = world.http.cookies[SESSION]
    await world.post("/login/code", code=world.code())
    assert world.http.cookies[SESSION] != half
    world.http.cookies = httpx.Cookies({SESSION: half})
    assert not await is_signed_in(world)


async def test_cookies_are_kept_from_scripts_and_other_sites(world: World) -> None:
    answer = await world.log_in()
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


async def test_the_database_has_no_cookie_password_or_secret_in_it(world: World) -> None:
    await world.log_in()
    with sqlite3.connect(file_of(world.parts.database)) as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    for secret in (world.http.cookies[SESSION], PASSWORD, world.totp_secret, world.totp_secret.encode().hex()):
        assert secret.lower() not in dump.lower()


@pytest.mark.parametrize(
    ("login", "password"), [("zonnestraal", "wrong"), ("nobody", PASSWORD), ("", ""), ("x" * 9999, "y")]
)
async def test_a_wrong_login_and_a_wrong_password_look_alike(world: World, login: str, password: str) -> None:
    answer = await world.post("/login", login=login, password=password)
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert SESSION not in world.http.cookies


async def test_a_failed_login_stands_in_the_log_of_the_person(world: World) -> None:
    await world.log_in(password="wrong")
    assert await told(world) == [("login", "refused", "password")]


async def test_a_wrong_code_is_refused(world: World) -> None:
    await world.post("/login", login="zonnestraal", password=PASSWORD)
    wrong = f"{(int(world.code()) + 1) % 1_000_000:06}"
    answer = await world.post("/login/code", code=wrong)
    assert answer.status_code == 401
    assert not await is_signed_in(world)
    assert await told(world) == [("login", "refused", "one-time code")]


async def test_a_code_is_good_once(world: World) -> None:
    await world.log_in()
    await world.post("/logout", form_on=Authorization(world).url())
    answer = await world.log_in()
    assert answer.status_code == 401
    world.clock.move(seconds=30)
    assert (await world.post("/login/code", code=world.code())).status_code == 303


async def test_a_code_of_the_step_before_is_taken_and_one_of_two_before_is_not(world: World) -> None:
    code = world.code()
    world.clock.move(seconds=60)
    await world.post("/login", login="zonnestraal", password=PASSWORD)
    assert (await world.post("/login/code", code=code)).status_code == 401
    code = world.code()
    world.clock.move(seconds=30)
    assert (await world.post("/login/code", code=f"{code[:3]} {code[3:]}")).status_code == 303


async def test_the_code_must_follow_within_five_minutes(world: World) -> None:
    await world.post("/login", login="zonnestraal", password=PASSWORD)
    token = await world.form_token("/login/code")
    world.clock.move(minutes=5)
    answer = await world.http.post("/login/code", data={"csrf_token": token, "code": world.code()})
    assert answer.status_code == 401
    assert not await is_signed_in(world)


async def test_a_session_ends_without_use_and_lasts_with_use(world: World) -> None:
    await world.log_in()
    for _ in range(5):
        world.clock.move(minutes=20)
        assert await is_signed_in(world)
    world.clock.move(minutes=31)
    assert not await is_signed_in(world)


async def test_a_session_ends_after_half_a_day_whatever_happens(world: World) -> None:
    await world.log_in()
    for _ in range(12 * 3):
        world.clock.move(minutes=20)
        last = await is_signed_in(world)
    assert not last


async def test_logging_out_ends_the_session_also_for_who_kept_the_cookie(world: World) -> None:
    await world.log_in()
    kept = world.http.cookies[SESSION]
    answer = await world.post("/logout", form_on=Authorization(world).url())
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    world.http.cookies = httpx.Cookies({SESSION: kept})
    assert not await is_signed_in(world)
    assert (await told(world))[0] == ("logout", "success", "")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/measurements?period=90", "/measurements?period=90"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
async def test_after_the_login_people_stay_on_this_server(world: World, given: str, expected: str) -> None:
    await world.post("/login", login="zonnestraal", password=PASSWORD)
    answer = await world.post("/login/code", code=world.code(), next=given)
    assert answer.headers["location"] == expected


@pytest.mark.parametrize("token", [None, "", "0" * 64, "\u00e9"])
@pytest.mark.parametrize("url", ["/login", "/login/code", "/logout"])
async def test_a_form_without_its_token_does_nothing(world: World, url: str, token: str | None) -> None:
    await world.http.get("/login")
    form = {"login": "zonnestraal", "password": PASSWORD, "code": world.code()}
    answer = await world.http.post(url, data=form if token is None else {**form, "csrf_token": token})
    assert answer.status_code == 403
    assert SESSION not in world.http.cookies


async def test_the_token_of_another_browser_is_worth_nothing(world: World) -> None:
    theirs = await world.form_token("/login")
    world.http.cookies = httpx.Cookies()
    await world.http.get("/login")
    form = {"csrf_token": theirs, "login": "zonnestraal", "password": PASSWORD}
    assert (await world.http.post("/login", data=form)).status_code == 403


async def test_a_consent_without_the_token_of_its_form_grants_nothing(world: World) -> None:
    await world.log_in()
    form = {"decision": "allow", "category": "own-measurements", "look": "yes", "period": "1-year"}
    answer = await world.http.post(Authorization(world).url(), data=form)
    assert answer.status_code == 403
    assert await told(world) == [("login", "success", "password and one-time code")]


async def test_who_guesses_passwords_waits_and_then_also_the_right_one_has_to_wait(world: World) -> None:
    for _ in range(5):
        assert (await world.log_in(password="wrong")).status_code == 401
    assert (await world.log_in()).status_code == 429
    world.clock.move(seconds=16)
    assert (await world.log_in()).status_code == 303


async def test_many_guesses_at_once_are_counted_one_by_one(world: World) -> None:
    token = await world.form_token("/login")
    form = {"csrf_token": token, "login": "zonnestraal", "password": "wrong"}
    answers = await asyncio.gather(*(world.http.post("/login", data=form) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 7


async def test_guessing_at_somebodys_login_does_not_lock_them_out(world: World) -> None:
    home = world.http
    transport = httpx.ASGITransport(app=home._transport.app, client=("203.0.113.9", 1))  # type: ignore[attr-defined]
    async with httpx.AsyncClient(transport=transport, base_url=home.base_url) as attacker:
        world.http = attacker
        for _ in range(8):
            last = await world.log_in(password="wrong")
        assert last.status_code == 429
        world.http = home
        assert (await world.log_in()).status_code == 303


@asynccontextmanager
async def at(world: World, address: str, cookies: httpx.Cookies | None = None) -> AsyncIterator[None]:
    """Let the browser be another one, at an address."""
    home = world.http
    transport = httpx.ASGITransport(app=home._transport.app, client=(address, 1))  # type: ignore[attr-defined]
    async with httpx.AsyncClient(transport=transport, base_url=home.base_url, cookies=cookies) as other:
        world.http = other
        yield
    world.http = home


async def test_guessing_from_many_addresses_is_stopped_and_leaves_known_devices_usable(world: World) -> None:
    await world.log_in()
    known = httpx.Cookies({"regie-device": world.http.cookies["regie-device"]})
    for number in range(101):
        async with at(world, f"203.0.113.{number}"):
            last = await world.post("/login", login="zonnestraal", password="x" * 300)
    assert last.status_code == 429
    world.clock.move(seconds=1)
    async with at(world, "198.51.100.1"):
        assert (await world.log_in()).status_code == 429
    world.clock.move(seconds=30)
    async with at(world, "198.51.100.2", known):
        assert (await world.log_in()).status_code == 303


async def test_who_knows_the_password_and_guesses_codes_does_not_lock_out_a_known_device(world: World) -> None:
    await world.log_in()
    known = httpx.Cookies({"regie-device": world.http.cookies["regie-device"]})
    async with at(world, "203.0.113.9"):
        await world.post("/login", login="zonnestraal", password=PASSWORD)
        statuses = [(await world.post("/login/code", code="000000")).status_code for _ in range(6)]
        assert statuses == [401] * 5 + [429]
    world.clock.move(seconds=30)
    async with at(world, "198.51.100.2", known):
        assert (await world.log_in()).status_code == 303


async def test_the_mark_of_a_known_device_has_its_limit_too_and_opens_nothing(world: World) -> None:
    await world.log_in()
    known = httpx.Cookies({"regie-device": world.http.cookies["regie-device"]})
    async with at(world, "203.0.113.9", known):
        assert not await is_signed_in(world)
        statuses = [(await world.post("/login", login="zonnestraal", password="x")).status_code for _ in range(6)]
        assert statuses == [401] * 5 + [429]


async def test_a_login_on_a_device_that_is_not_known_is_told_once(world: World) -> None:
    reader, now_us = world.parts.database.reader, to_us(world.clock.now)
    assert not await outbox.is_due(reader, now_us)
    await world.log_in()
    jobs = await world.parts.database.write(
        lambda transaction: outbox.claim(transaction, now_us=now_us, lease_us=10**12, limit=10)
    )
    assert [(job.record_id, job.decoded(Notice).kind) for job in jobs] == [(RECORD, NoticeKind.NEW_DEVICE)]
    world.clock.move(seconds=30)
    world.http.cookies.delete(SESSION)
    assert (await world.log_in()).status_code == 303
    assert not await outbox.is_due(reader, to_us(world.clock.now))


async def test_guessing_at_many_logins_from_one_address_is_stopped(world: World) -> None:
    token = await world.form_token("/login")
    statuses = []
    for number in range(52):
        form = {"csrf_token": token, "login": f"nobody-{number}", "password": "x" * 300}
        statuses.append((await world.http.post("/login", data=form)).status_code)
    assert statuses == [401] * 50 + [429] * 2


async def test_who_guesses_codes_waits(world: World) -> None:
    await world.post("/login", login="zonnestraal", password=PASSWORD)
    wrong = f"{(int(world.code()) + 1) % 1_000_000:06}"
    statuses = [(await world.post("/login/code", code=wrong)).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    assert (await world.post("/login/code", code=world.code())).status_code == 429


async def test_a_login_is_given_once(world: World) -> None:
    async def job(transaction: Transaction) -> str:
        return await world.parts.accounts.create(
            transaction,
            login="ZONNESTRAAL",
            password_hash="x",
            name="Maneschijn-Testpersoon",
            record_id=1,
            totp_secret="JBSWY3DPEHPK3PXP",
            now=world.clock.now,
        )

    with pytest.raises(ConflictError):
        await world.parts.database.write(job)


async def test_practices_are_listed_by_name(world: World) -> None:
    async def job(transaction: Transaction) -> str:
        return await practices.add(
            transaction, name="Huisartsen Aardbei-Test", city="Testdam", now=world.clock.now, organization_r4="a1"
        )

    added = await world.parts.database.write(job)
    reader = world.parts.database.reader
    for words, most, names in (
        ("", 9, ["Huisartsen Aardbei-Test", "Praktijk De Klaproos-Test"]),
        ("", 1, ["Huisartsen Aardbei-Test"]),
        ("test", 9, ["Huisartsen Aardbei-Test", "Praktijk De Klaproos-Test"]),
        ("test", 1, ["Huisartsen Aardbei-Test"]),
        (" testdam  AARDBEI ", 9, ["Huisartsen Aardbei-Test"]),
        ("aardbei elders", 9, []),
        ("%", 9, []),
    ):
        assert [one.name for one in await practices.sought(reader, words, most)] == names, words
    found = await practices.get(reader, added)
    assert found is not None
    assert found.organization_r4 == "a1"
    assert await practices.get(reader, "unknown") is None
    assert await practices.of(reader, [added, added, "unknown"]) == {added: found}
    assert await practices.of(reader, []) == {}
    assert await practices.of_organization(reader, "a1") == [found]
    assert await practices.of_organization(reader, "unknown") == []


async def test_a_login_knows_when_its_person_was_here_last_before_it(world: World) -> None:
    async def before() -> datetime | None:
        session = await sessions.find(world.parts.database.reader, world.http.cookies[SESSION], world.parts.clock())
        assert session is not None
        return session.seen_before

    await world.log_in()
    assert await before() is None
    world.clock.move(minutes=10)
    last = world.parts.clock()
    assert await is_signed_in(world)
    assert await before() is None
    world.clock.move(days=1)
    world.http.cookies.clear()
    await world.log_in()
    assert await before() == last
