"""Passkeys: two factors in one, good for this server, this browser and this moment only."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.audit.log import entries_of
from app.identity import passkeys
from tests.support.authorization import RECORD, World, world_in
from tests.support.passkey import PRESENT, Device

SITE = "http://localhost:8000"
SETTINGS = "/login-and-devices"
SESSION = "regie-session"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[World]:
    """The application under a name, since browsers have no passkeys for an IP address."""
    async with world_in(tmp_path, base_url=SITE) as world:
        yield world


async def options_of(site: World, url: str, form_on: str, **values: str) -> dict[str, Any]:
    """Return the options that a page's script gets."""
    answer = await site.post(url, form_on=form_on, **values)
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json()
    return options


async def with_passkey(site: World, name: str = "Mijn telefoon") -> Device:
    """Return a device with a passkey of the person, who is signed out afterwards."""
    await site.log_in()
    device = Device(SITE, "localhost")
    options = await options_of(site, f"{SETTINGS}/passkey/options", SETTINGS)
    credential = device.made(options)
    answer = await site.post(f"{SETTINGS}/passkey", form_on=SETTINGS, credential=credential, name=name)
    assert answer.headers["location"] == f"{SETTINGS}?done=passkey-added"
    site.http.cookies = httpx.Cookies()
    return device


async def logged_in(site: World, device: Device) -> httpx.Response:
    """Return the answer to a login with a device."""
    options = await options_of(site, "/login/passkey/options", "/login")
    return await site.post("/login/passkey", form_on="/login", credential=device.used(options))


async def told(site: World) -> list[tuple[str, str, str]]:
    """Return what the log of the person says, newest first."""
    entries = await entries_of(site.parts.database.reader, RECORD, (2**62, 2**62), 50)
    return [(entry.event.action, entry.event.outcome, entry.event.detail) for entry in entries]


async def test_a_passkey_signs_in_without_a_login_name(site: World) -> None:
    device = await with_passkey(site)
    answer = await logged_in(site, device)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (await site.http.get("/login")).status_code == 303
    assert [entry for entry in await told(site) if entry[2] == "passkey"] == [("login", "success", "passkey")]
    assert ("login-changed", "success", "passkey added") in await told(site)


async def test_the_options_of_a_login_tell_nothing_about_anyone(site: World) -> None:
    await with_passkey(site)
    options = await options_of(site, "/login/passkey/options", "/login")
    assert options["allowCredentials"] == []
    assert options["userVerification"] == "required"
    assert options["rpId"] == "localhost"


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://regie.example"},
        {"origin": "http://localhost:8001"},
        {"host": "regie.example"},
        {"flags": PRESENT},
        {"flags": 0x04},
        {"user_handle": b"somebody-else"},
        {"user_handle": b""},
        {"credential_id": b"x" * 32},
    ],
)
async def test_what_is_not_all_right_does_not_sign_in(site: World, wrong: dict[str, Any]) -> None:
    device = await with_passkey(site)
    for name, value in wrong.items():
        setattr(device, name, value)
    answer = await logged_in(site, device)
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert SESSION not in site.http.cookies


async def test_a_key_that_is_not_the_one_kept_does_not_sign_in_and_the_person_reads_it(site: World) -> None:
    device = await with_passkey(site)
    device.key = Device(SITE, "localhost").key
    assert (await logged_in(site, device)).status_code == 401
    assert (await told(site))[0] == ("login", "refused", "passkey")


async def test_a_counter_that_goes_back_is_a_copied_key(site: World) -> None:
    device = await with_passkey(site)
    device.count = 7
    assert (await logged_in(site, device)).status_code == 303
    site.http.cookies = httpx.Cookies()
    device.count = 3
    assert (await logged_in(site, device)).status_code == 401


async def test_a_challenge_is_good_once(site: World) -> None:
    device = await with_passkey(site)
    credential = device.used(await options_of(site, "/login/passkey/options", "/login"))
    assert (await site.post("/login/passkey", form_on="/login", credential=credential)).status_code == 303
    site.http.cookies.delete(SESSION)
    assert (await site.post("/login/passkey", form_on="/login", credential=credential)).status_code == 401


async def test_a_challenge_is_used_up_by_a_wrong_answer(site: World) -> None:
    device = await with_passkey(site)
    credential = device.used(await options_of(site, "/login/passkey/options", "/login"))
    assert (await site.post("/login/passkey", form_on="/login", credential="{}")).status_code == 401
    assert (await site.post("/login/passkey", form_on="/login", credential=credential)).status_code == 401


async def test_a_challenge_of_another_browser_is_worth_nothing(site: World) -> None:
    device = await with_passkey(site)
    credential = device.used(await options_of(site, "/login/passkey/options", "/login"))
    site.http.cookies = httpx.Cookies()
    assert (await site.post("/login/passkey", form_on="/login", credential=credential)).status_code == 401


async def test_a_challenge_holds_five_minutes(site: World) -> None:
    device = await with_passkey(site)
    credential = device.used(await options_of(site, "/login/passkey/options", "/login"))
    site.clock.move(minutes=5)
    assert (await site.post("/login/passkey", form_on="/login", credential=credential)).status_code == 401


async def test_a_challenge_for_a_registration_does_not_sign_in(site: World) -> None:
    device = await with_passkey(site)
    options = await options_of(
        site, "/sign-up/passkey/options", "/sign-up", name="Maneschijn-Testpersoon", login="maan"
    )
    credential = device.used(options)
    assert (await site.post("/login/passkey", form_on="/login", credential=credential)).status_code == 401


@pytest.mark.parametrize("part", ["clientDataJSON", "authenticatorData", "signature", "userHandle"])
@pytest.mark.parametrize("value", ["", "!", "AA", "\u00e9", None, 7, [], {}, "A" * 9000])
async def test_odd_answers_are_refused(site: World, part: str, value: Any) -> None:
    device = await with_passkey(site)
    credential = json.loads(device.used(await options_of(site, "/login/passkey/options", "/login")))
    credential["response"][part] = value
    answer = await site.post("/login/passkey", form_on="/login", credential=json.dumps(credential))
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "credential", ["", "[]", "null", "{}", '{"id": 1}', "[" * 5000, '{"rawId": "\\ud800"}', "9" * 5000]
)
async def test_what_is_no_credential_is_refused(site: World, credential: str) -> None:
    await options_of(site, "/login/passkey/options", "/login")
    assert (await site.post("/login/passkey", form_on="/login", credential=credential)).status_code == 401


@pytest.mark.parametrize("part", ["clientDataJSON", "attestationObject"])
@pytest.mark.parametrize("value", ["", "!", "AA", "oA", "9_8", "gYGBgYGB", None, 7, {}])
async def test_an_odd_registration_keeps_nothing(site: World, part: str, value: Any) -> None:
    await site.log_in()
    options = await options_of(site, f"{SETTINGS}/passkey/options", SETTINGS)
    credential = json.loads(Device(SITE, "localhost").made(options))
    credential["response"][part] = value
    answer = await site.post(f"{SETTINGS}/passkey", form_on=SETTINGS, credential=json.dumps(credential), name="x")
    assert answer.status_code == 400
    assert "passkey added" not in {detail for _, _, detail in await told(site)}


async def test_a_device_that_did_not_check_its_owner_is_not_kept(site: World) -> None:
    await site.log_in()
    options = await options_of(site, f"{SETTINGS}/passkey/options", SETTINGS)
    credential = Device(SITE, "localhost", flags=PRESENT).made(options)
    assert (await site.post(f"{SETTINGS}/passkey", form_on=SETTINGS, credential=credential)).status_code == 400


async def test_many_answers_from_one_address_have_to_wait(site: World) -> None:
    token = await site.form_token("/login")
    form = {"csrf_token": token, "credential": "{}"}
    statuses = [(await site.http.post("/login/passkey", data=form)).status_code for _ in range(101)]
    assert statuses == [401] * 100 + [429]


async def test_guessed_passwords_leave_passkeys_usable(site: World) -> None:
    device = await with_passkey(site)
    for _ in range(6):
        last = await site.log_in(password="wrong")
    assert last.status_code == 429
    assert (await logged_in(site, device)).status_code == 303


async def test_a_person_sees_names_and_uses_and_removes_one(site: World) -> None:
    device = await with_passkey(site, "Telefoon <van mij>")
    await logged_in(site, device)
    page = await site.http.get(SETTINGS)
    assert "Telefoon &lt;van mij&gt;" in page.text
    account = await site.parts.accounts.by_login(site.parts.database.reader, "zonnestraal")
    assert account is not None
    (kept,) = await passkeys.of_account(site.parts.database.reader, account.account_id)
    assert kept.last_used_at == site.clock.now
    answer = await site.post(f"{SETTINGS}/passkey/{kept.credential_id}/remove", form_on=SETTINGS)
    assert answer.headers["location"] == f"{SETTINGS}?done=passkey-removed"
    site.http.cookies = httpx.Cookies()
    assert (await logged_in(site, device)).status_code == 401


async def test_a_passkey_of_somebody_else_is_not_there(site: World) -> None:
    await site.log_in()
    answer = await site.post(f"{SETTINGS}/passkey/unknown/remove", form_on=SETTINGS)
    assert answer.status_code == 404


async def test_a_person_signs_up_with_a_passkey_and_can_not_remove_the_only_one(site: World) -> None:
    who = {"name": "Maneschijn-Testpersoon", "login": "maneschijn@example.test"}
    device = Device(SITE, "localhost")
    credential = device.made(await options_of(site, "/sign-up/passkey/options", "/sign-up", **who))
    answer = await site.post("/sign-up/passkey", form_on="/sign-up", credential=credential, **who)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{SETTINGS}/mail/code")
    assert [name for _, name in site.new_records] == ["Maneschijn-Testpersoon"]
    site.http.cookies = httpx.Cookies()
    assert (await logged_in(site, device)).status_code == 303
    account = await site.parts.accounts.by_login(site.parts.database.reader, who["login"])
    assert account is not None
    (kept,) = await passkeys.of_account(site.parts.database.reader, account.account_id)
    answer = await site.post(f"{SETTINGS}/passkey/{kept.credential_id}/remove", form_on=SETTINGS)
    assert answer.headers["location"] == f"{SETTINGS}?done=only-way"
    assert len(await passkeys.of_account(site.parts.database.reader, account.account_id)) == 1


async def test_who_has_passkeys_only_is_not_opened_by_any_password(site: World) -> None:
    who = {"name": "Maneschijn-Testpersoon", "login": "maneschijn@example.test"}
    credential = Device(SITE, "localhost").made(await options_of(site, "/sign-up/passkey/options", "/sign-up", **who))
    await site.post("/sign-up/passkey", form_on="/sign-up", credential=credential, **who)
    site.http.cookies = httpx.Cookies()
    for password in ("", "wrong"):
        assert (await site.post("/login", login=who["login"], password=password)).status_code == 401


@pytest.mark.parametrize(
    ("changed", "status"),
    [({"name": ""}, 422), ({"login": "x"}, 422), ({"login": "Zonnestraal"}, 422)],
)
async def test_a_sign_up_says_in_words_what_is_wrong(site: World, changed: dict[str, str], status: int) -> None:
    who = {"name": "Maneschijn-Testpersoon", "login": "maan", **changed}
    answer = await site.post("/sign-up/passkey/options", form_on="/sign-up", **who)
    assert answer.status_code == status
    assert answer.json()["problem"]


async def test_a_sign_up_with_a_passkey_that_was_not_asked_for_makes_nothing(site: World) -> None:
    who = {"name": "Maneschijn-Testpersoon", "login": "maan"}
    answer = await site.post("/sign-up/passkey", form_on="/sign-up", credential="{}", **who)
    assert answer.status_code == 400
    await options_of(site, "/sign-up/passkey/options", "/sign-up", **who)
    answer = await site.post("/sign-up/passkey", form_on="/sign-up", credential="{}", **who)
    assert answer.status_code == 400
    assert (await site.http.get("/login")).status_code == 200
    account = await site.parts.accounts.by_login(site.parts.database.reader, "maan")
    assert account is None


@pytest.mark.parametrize("url", ["/login/passkey", "/login/passkey/options", "/sign-up/passkey", f"{SETTINGS}/passkey"])
async def test_a_form_without_its_token_does_nothing(site: World, url: str) -> None:
    await site.log_in()
    assert (await site.http.post(url, data={"credential": "{}"})).status_code == 403


async def test_where_no_browser_can_have_passkeys_none_are_offered(world: World) -> None:
    assert "data-passkey" not in (await world.http.get("/login")).text
    assert (await world.http.post("/login/passkey/options")).status_code == 404


async def test_how_to_log_in_is_changed_with_a_fresh_second_factor_only(site: World) -> None:
    await site.log_in()
    assert (await site.http.get(SETTINGS)).status_code == 200
    site.clock.move(minutes=11)
    answer = await site.http.get(SETTINGS)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/login/again?next={SETTINGS}")
    token = await site.form_token("/login/again")
    answer = await site.http.post(f"{SETTINGS}/others/end", data={"csrf_token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/login/again?next={SETTINGS}")
    before = site.http.cookies[SESSION]
    answer = await site.post("/login/again", code="000000", next=SETTINGS)
    assert answer.status_code == 401
    answer = await site.post("/login/again", code=site.code(), next=SETTINGS)
    assert (answer.status_code, answer.headers["location"]) == (303, SETTINGS)
    assert site.http.cookies[SESSION] != before
    assert (await site.http.get(SETTINGS)).status_code == 200
    site.http.cookies = httpx.Cookies({SESSION: before})
    assert (await site.http.get(SETTINGS)).headers["location"].startswith("/login?")
