"""Signing up: nothing is made before the code from the person's phone is right."""

import re

import httpx
import pyotp
import pytest

from tests.support.authorization import World

GOOD = {
    "name": "Maneschijn-Testpersoon",
    "login": "maneschijn@example.test",
    "password": "vier losse woorden hier",
    "again": "vier losse woorden hier",
}


def secret_on(page: str) -> str:
    """Return the key that a code page shows."""
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", page)
    assert found is not None, page
    return found[1].replace(" ", "")


def sealed_on(page: str) -> str:
    """Return the sealed value of a code page."""
    found = re.search(r'name="sealed" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]


async def finished(world: World, page: httpx.Response, code: str | None = None) -> httpx.Response:
    """Return the answer to the second step."""
    right = pyotp.TOTP(secret_on(page.text)).at(world.clock.now)
    return await world.post(
        "/sign-up/code", form_on="/sign-up", sealed=sealed_on(page.text), code=right if code is None else code
    )


async def test_a_person_signs_up_and_is_signed_in(world: World) -> None:
    page = await world.post("/sign-up", **GOOD)
    assert page.status_code == 200
    assert "<svg" in page.text
    answer = await finished(world, page)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login-and-devices/mail/code")
    assert (await world.http.get("/login")).status_code == 303
    account = await world.parts.accounts.by_login(world.parts.database.reader, "Maneschijn@example.test")
    assert account is not None
    assert account.name == "Maneschijn-Testpersoon"
    assert world.new_records == [(account.record_id, "Maneschijn-Testpersoon")]


async def test_the_new_person_logs_in_with_password_and_the_next_code(world: World) -> None:
    page = await world.post("/sign-up", **GOOD)
    await finished(world, page)
    world.http.cookies = httpx.Cookies()
    world.clock.move(seconds=30)
    await world.post("/login", login=GOOD["login"], password=GOOD["password"])
    code = pyotp.TOTP(secret_on(page.text)).at(world.clock.now)
    assert (await world.post("/login/code", code=code)).status_code == 303


async def test_a_wrong_code_makes_nothing_and_keeps_the_key(world: World) -> None:
    page = await world.post("/sign-up", **GOOD)
    again = await finished(world, page, "000000")
    assert again.status_code == 422
    assert secret_on(again.text) == secret_on(page.text)
    assert world.new_records == []
    assert (await finished(world, again)).status_code == 303


@pytest.mark.parametrize(
    "changed",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"login": "ab"},
        {"login": "met spatie"},
        {"login": "zonnestraal"},
        {"login": "ZonneStraal "},
        {"password": "te kort", "again": "te kort"},
        {"password": "maneschijn-testpersoon", "again": "maneschijn-testpersoon"},
        {"again": "iets anders dan eerst"},
    ],
)
async def test_what_is_missing_or_unsafe_is_asked_again(world: World, changed: dict[str, str]) -> None:
    page = await world.post("/sign-up", **{**GOOD, **changed})
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert GOOD["password"] not in page.text


async def test_the_sealed_form_hides_the_hash_and_can_not_be_changed(world: World) -> None:
    page = await world.post("/sign-up", **GOOD)
    sealed = sealed_on(page.text)
    assert "argon2" not in page.text
    changed = ("A" if sealed[20] != "A" else "B").join((sealed[:20], sealed[21:]))
    for text in (changed, "", "\u00e9", sealed[:-8], "=" * 9):
        answer = await world.post("/sign-up/code", form_on="/sign-up", sealed=text, code="000000")
        assert answer.status_code == 400
    assert world.new_records == []


async def test_the_second_step_must_follow_within_a_quarter_of_an_hour(world: World) -> None:
    page = await world.post("/sign-up", **GOOD)
    world.clock.move(minutes=15)
    assert (await finished(world, page)).status_code == 400


async def test_a_form_that_is_sent_twice_makes_one_account(world: World) -> None:
    page = await world.post("/sign-up", **GOOD)
    assert (await finished(world, page)).status_code == 303
    world.http.cookies = httpx.Cookies()
    assert (await finished(world, page)).status_code == 422
    accounts = world.parts.accounts
    assert await accounts.by_login(world.parts.database.reader, GOOD["login"]) is not None
    records = {record_id for record_id, _ in world.new_records}
    held = [record_id for record_id in records if await accounts.of_record(world.parts.database.reader, record_id)]
    assert len(held) == 1


async def test_who_makes_many_accounts_waits(world: World) -> None:
    statuses = []
    for number in range(11):
        page = await world.post("/sign-up", **{**GOOD, "login": f"{number}@example.test"})
        statuses.append(page.status_code)
    assert statuses == [200] * 10 + [429]
