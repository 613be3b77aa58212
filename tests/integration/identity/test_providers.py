"""Logging in at another party: who was asked, for this login, with enough proof, by who linked it."""

import html
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey

from app.audit.log import entries_of
from app.identity.openid import providers_of
from tests.support.authorization import RECORD, Clock, World, world_in
from tests.support.provider import CLIENT_ID, CLIENT_SECRET, SUBSTANTIAL, Provider, provider

SETTINGS = "/login-and-devices"
SESSION = "regie-session"


@pytest.fixture
def elsewhere() -> Any:
    """A provider that runs on this machine."""
    with provider(Clock()) as told:
        yield told


def listed(elsewhere: Provider, key: str = "makelaar") -> dict[str, Any]:
    """Return a provider as the settings have it."""
    return {
        "key": key,
        "name": "Makelaar-Test",
        "issuer": elsewhere.issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "levels": {SUBSTANTIAL: "substantial"},
    }


@pytest.fixture
async def site(tmp_path: Path, elsewhere: Provider) -> AsyncIterator[World]:
    """The application with two keys for one provider."""
    settings = json.dumps([listed(elsewhere), listed(elsewhere, "ander")])
    async with world_in(tmp_path, openid_providers=settings) as world:
        elsewhere.clock = world.clock
        yield world


async def begun(site: World) -> str:
    """Return where a browser that wants to log in is sent."""
    await site.http.get("/login")
    answer = await site.http.get("/login/with/makelaar", params={"next": "/menu"})
    assert answer.status_code == 303
    return answer.headers["location"]


async def logged_in(site: World, elsewhere: Provider, **changed: str) -> httpx.Response:
    """Return the answer to who comes back from the provider."""
    returned = {**elsewhere.visited(await begun(site)), **changed}
    return await site.http.get("/login/from/makelaar", params={name: one for name, one in returned.items() if one})


async def linked(site: World, elsewhere: Provider) -> None:
    """Let the person link the provider, and be signed out."""
    await site.log_in()
    page = await site.post(f"{SETTINGS}/provider/makelaar", form_on=SETTINGS)
    (url,) = re.findall(r'href="(http://127[^"]+)"', page.text)
    answer = await site.http.get("/login/from/makelaar", params=elsewhere.visited(html.unescape(url)))
    assert answer.headers["location"] == f"{SETTINGS}?done=linked"
    site.http.cookies = httpx.Cookies()


async def details(site: World) -> list[str]:
    """Return the details in the log of the person, newest first."""
    entries = await entries_of(site.parts.database.reader, RECORD, (2**62, 2**62), 50)
    return [entry.event.detail for entry in entries]


async def test_a_linked_login_opens_the_record_and_the_log_says_with_which_level(
    site: World, elsewhere: Provider
) -> None:
    await linked(site, elsewhere)
    assert (await details(site))[0] == "linked to Makelaar-Test, substantial"
    answer = await logged_in(site, elsewhere)
    assert (answer.status_code, answer.headers["location"]) == (303, "/menu")
    assert (await details(site))[0] == "provider, Makelaar-Test, substantial"
    assert "substantial" in (await site.http.get(SETTINGS)).text


async def test_a_login_that_nobody_linked_opens_nothing(site: World, elsewhere: Provider) -> None:
    assert (await logged_in(site, elsewhere)).status_code == 401
    await linked(site, elsewhere)
    elsewhere.subject = "iemand-anders"
    assert (await logged_in(site, elsewhere)).status_code == 401
    assert SESSION not in site.http.cookies


WRONG: list[dict[str, Any]] = [
    {"iss": "https://evil.example"},
    {"aud": "somebody-else"},
    {"aud": None},
    {"aud": [CLIENT_ID, "somebody-else"]},
    {"aud": [CLIENT_ID, "somebody-else"], "azp": "somebody-else"},
    {"azp": "somebody-else"},
    {"exp": 1},
    {"exp": None},
    {"exp": "never"},
    {"iat": 9_999_999_999},
    {"iat": None},
    {"nonce": "of-another-login"},
    {"nonce": None},
    {"acr": "http://eidas.europa.eu/LoA/low"},
    {"acr": None},
    {"at_hash": "of-another-token"},
    {"sub": ""},
    {"sub": 7},
    {"sub": None},
    {"auth_time": 1},
    {"auth_time": 9_999_999_999},
    {"auth_time": "now"},
    {"auth_time": None},
]


@pytest.mark.parametrize("claims", WRONG)
async def test_an_id_token_that_is_not_for_this_login_opens_nothing(
    site: World, elsewhere: Provider, claims: dict[str, Any]
) -> None:
    await linked(site, elsewhere)
    elsewhere.claims = claims
    assert (await logged_in(site, elsewhere)).status_code == 401
    assert SESSION not in site.http.cookies


async def test_who_sits_at_an_open_screen_shows_no_factor_by_the_session_at_the_provider(
    site: World, elsewhere: Provider
) -> None:
    await linked(site, elsewhere)
    assert (await logged_in(site, elsewhere)).status_code == 303
    assert (elsewhere.asked["prompt"], elsewhere.asked["max_age"]) == ("login", "600")
    first = int(site.clock.now.timestamp())
    site.clock.move(minutes=12)
    elsewhere.claims = {"auth_time": first}
    assert (await logged_in(site, elsewhere)).status_code == 401
    assert (await site.http.get(SETTINGS)).headers["location"].startswith("/login/again")
    elsewhere.claims = {"auth_time": int(site.clock.now.timestamp())}
    assert (await logged_in(site, elsewhere)).status_code == 303
    assert (await site.http.get(SETTINGS)).status_code == 200


async def test_what_is_asked_of_the_provider_can_not_be_taken_out_of_the_address(
    site: World, elsewhere: Provider
) -> None:
    await linked(site, elsewhere)
    url = await begun(site)
    cut = re.sub(r"&(prompt|max_age)=[^&]*", "", url)
    assert len(cut) < len(url)
    assert (await site.http.get("/login/from/makelaar", params=elsewhere.visited(cut))).status_code == 401
    assert SESSION not in site.http.cookies
    assert (await logged_in(site, elsewhere)).status_code == 303


@pytest.mark.parametrize("how", ["another key", "none", "shared secret"])
async def test_an_id_token_that_the_provider_did_not_sign_opens_nothing(
    site: World, elsewhere: Provider, how: str
) -> None:
    await linked(site, elsewhere)
    if how == "another key":
        elsewhere.signing = ECKey.generate_key("P-256", {"kid": "provider-1"})
    elif how == "none":
        elsewhere.header = {"alg": "none"}
    else:
        elsewhere.header = {"alg": "HS256", "kid": "provider-1"}
        elsewhere.signing = OctKey.import_key(json.dumps(elsewhere.key.as_dict(private=False)))
    assert (await logged_in(site, elsewhere)).status_code == 401


@pytest.mark.parametrize(
    "changed", [{"state": "forged"}, {"state": ""}, {"iss": "https://evil.example"}, {"code": ""}, {"code": "forged"}]
)
async def test_an_answer_that_is_not_to_this_login_opens_nothing(
    site: World, elsewhere: Provider, changed: dict[str, str]
) -> None:
    await linked(site, elsewhere)
    assert (await logged_in(site, elsewhere, **changed)).status_code in (401, 503)
    assert SESSION not in site.http.cookies


async def test_who_says_that_it_names_itself_has_to(site: World, elsewhere: Provider) -> None:
    await linked(site, elsewhere)
    assert (await logged_in(site, elsewhere, iss="")).status_code == 303
    site.http.cookies = httpx.Cookies()
    elsewhere.metadata = {"authorization_response_iss_parameter_supported": True}
    assert (await logged_in(site, elsewhere, iss="")).status_code == 401


async def test_an_answer_at_the_address_of_another_provider_opens_nothing(site: World, elsewhere: Provider) -> None:
    await linked(site, elsewhere)
    returned = elsewhere.visited(await begun(site))
    assert (await site.http.get("/login/from/ander", params=returned)).status_code == 401


async def test_an_answer_counts_once_and_in_the_browser_that_asked(site: World, elsewhere: Provider) -> None:
    await linked(site, elsewhere)
    returned = elsewhere.visited(await begun(site))
    home, site.http.cookies = site.http.cookies, httpx.Cookies()
    assert (await site.http.get("/login/from/makelaar", params=returned)).status_code == 401
    await site.http.get("/login")
    assert (await site.http.get("/login/from/makelaar", params=returned)).status_code == 401
    site.http.cookies = home
    assert (await site.http.get("/login/from/makelaar", params=returned)).status_code == 303
    site.http.cookies.delete(SESSION)
    assert (await site.http.get("/login/from/makelaar", params=returned)).status_code == 401


async def test_what_is_linked_goes_to_who_began_it_only(site: World, elsewhere: Provider) -> None:
    await site.log_in()
    page = await site.post(f"{SETTINGS}/provider/makelaar", form_on=SETTINGS)
    (url,) = re.findall(r'href="(http://127[^"]+)"', page.text)
    returned = elsewhere.visited(html.unescape(url))
    site.http.cookies = httpx.Cookies()
    await site.http.get("/login")
    assert (await site.http.get("/login/from/makelaar", params=returned)).status_code == 401
    assert (await logged_in(site, elsewhere)).status_code == 401


async def test_linking_takes_the_token_of_a_form(site: World) -> None:
    await site.log_in()
    assert (await site.http.post(f"{SETTINGS}/provider/makelaar", data={})).status_code == 403


async def test_a_login_that_is_linked_is_not_linked_twice_and_can_be_unlinked(site: World, elsewhere: Provider) -> None:
    await linked(site, elsewhere)
    await logged_in(site, elsewhere)
    page = await site.post(f"{SETTINGS}/provider/makelaar", form_on=SETTINGS)
    (url,) = re.findall(r'href="(http://127[^"]+)"', page.text)
    answer = await site.http.get("/login/from/makelaar", params=elsewhere.visited(html.unescape(url)))
    assert answer.headers["location"] == f"{SETTINGS}?done=not-linked"
    answer = await site.post(f"{SETTINGS}/provider/makelaar/remove", form_on=SETTINGS)
    assert answer.headers["location"] == f"{SETTINGS}?done=unlinked"
    site.http.cookies = httpx.Cookies()
    assert (await logged_in(site, elsewhere)).status_code == 401


@pytest.mark.parametrize("metadata", [{"issuer": "https://evil.example"}, {"authorization_endpoint": 7}])
async def test_a_provider_that_is_not_who_it_should_be_is_not_asked(
    site: World, elsewhere: Provider, metadata: dict[str, Any]
) -> None:
    elsewhere.metadata = metadata
    await site.http.get("/login")
    assert (await site.http.get("/login/with/makelaar")).status_code == 503


async def test_a_provider_that_fails_is_told_in_words(site: World, elsewhere: Provider) -> None:
    elsewhere.status = 500
    answer = await logged_in(site, elsewhere)
    assert answer.status_code == 503
    assert 'role="alert"' in answer.text


async def test_an_unknown_provider_is_not_there(site: World) -> None:
    for url in ("/login/with/nobody", "/login/from/nobody"):
        assert (await site.http.get(url)).status_code == 404


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "x",
        '[{"key": "a"}]',
        '[{"key": "a", "name": "a", "issuer": "http://evil.example", "client_id": "a", "client_secret": "s", "levels": {"a": "b"}}]',
        '[{"key": "a", "name": "a", "issuer": "https://a.example", "client_id": "a", "client_secret": "s", "levels": {}}]',
        '[{"key": "a/b", "name": "a", "issuer": "https://a.example", "client_id": "a", "client_secret": "s", "levels": {"a": "b"}}]',
    ],
)
def test_settings_that_are_not_safe_are_refused_without_repeating_them(text: str) -> None:
    with pytest.raises(ValueError, match="REGIE_OPENID_PROVIDERS"):
        providers_of(text)
