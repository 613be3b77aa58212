"""DPoP nonces (RFC 9449 sections 8 and 9): a proof made without one, or for another day, is of no use."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from app.oauth import clients
from app.oauth.nonces import Nonces
from tests.support.authorization import ISSUER, REDIRECT_URI, Authorization, World, world_in
from tests.support.proofs import proof

KEY, OTHER = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
PRACTICE = {"grant_type": "client_credentials", "scope": "system/Goal.rs"}


@pytest.fixture
async def ready(tmp_path: Path) -> AsyncIterator[World]:
    """A world whose server wants nonces."""
    async with world_in(tmp_path) as world:
        world.parts.oauth.nonces = Nonces(bytes(32))
        yield world


async def asked(world: World, **claims: Any) -> httpx.Response:
    """Return the answer to a practice's system that shows a proof with these claims."""
    made = proof(KEY, "POST", f"{ISSUER}/token", world.clock.now, **claims)
    return await world.http.post("/token", data=PRACTICE | world.assertion(), headers={"DPoP": made})


async def test_a_proof_without_a_nonce_is_told_which_one_to_use(ready: World) -> None:
    answer = await asked(ready)
    assert (answer.status_code, answer.json()["error"]) == (400, "use_dpop_nonce")
    again = await asked(ready, nonce=answer.headers["DPoP-Nonce"])
    assert again.json()["token_type"] == "DPoP"
    assert again.headers["DPoP-Nonce"]


async def test_a_nonce_is_good_for_some_minutes(ready: World) -> None:
    nonce = (await asked(ready)).headers["DPoP-Nonce"]
    ready.clock.move(minutes=2)
    assert (await asked(ready, nonce=nonce)).status_code == 200
    ready.clock.move(minutes=1)
    assert (await asked(ready, nonce=nonce)).json()["error"] == "use_dpop_nonce"


@pytest.mark.parametrize("nonce", ["", "x", 5, ["x"], {"a": 1}, "\u00e9" * 40])
async def test_what_is_no_nonce_of_this_server_is_refused(ready: World, nonce: Any) -> None:
    assert (await asked(ready, nonce=nonce)).json()["error"] == "use_dpop_nonce"


async def test_a_proof_that_is_wrong_is_not_asked_for_a_nonce(ready: World) -> None:
    assert (await asked(ready, htm="GET")).json()["error"] == "invalid_dpop_proof"


async def test_processes_know_the_nonces_of_each_other(ready: World) -> None:
    assert (await asked(ready, nonce=Nonces(bytes(32)).current(ready.clock.now))).status_code == 200
    assert (await asked(ready, nonce=Nonces(bytes(31) + b"x").current(ready.clock.now))).status_code == 400


async def test_userinfo_asks_for_a_nonce_too(ready: World) -> None:
    await ready.log_in()
    ready.parts.oauth.nonces, wanted = None, ready.parts.oauth.nonces
    scope = "openid patient/Observation.rs"
    ready.app_id = await _app(ready, scope)
    authorization = await ready.allowed(scope=scope)
    form = {
        "grant_type": "authorization_code",
        "code": authorization.returned["code"],
        "redirect_uri": REDIRECT_URI,
        "client_id": ready.app_id,
        "code_verifier": authorization.verifier,
    }
    made = proof(KEY, "POST", f"{ISSUER}/token", ready.clock.now)
    token = (await ready.http.post("/token", data=form, headers={"DPoP": made})).json()["access_token"]
    ready.parts.oauth.nonces = wanted

    async def used(**claims: Any) -> httpx.Response:
        shown = proof(KEY, "GET", f"{ISSUER}/userinfo", ready.clock.now, access_token=token, **claims)
        return await ready.http.get("/userinfo", headers={"Authorization": f"DPoP {token}", "DPoP": shown})

    answer = await used()
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'DPoP error="use_dpop_nonce"')
    assert (await used(nonce=answer.headers["DPoP-Nonce"])).status_code == 200


async def _app(world: World, scope: str) -> str:
    return await world.parts.database.write(
        lambda transaction: clients.add(
            transaction, name="Nonce-Test", scope=scope, redirect_uris=[REDIRECT_URI], public=True, now=world.clock.now
        )
    )


async def pushed(world: World, key: ECKey, **changed: str) -> httpx.Response:
    """Return the answer to a pushed request that comes with a proof."""
    parameters = dict(httpx.URL(Authorization(world).url(**changed)).params)
    made = proof(key, "POST", f"{ISSUER}/par", world.clock.now)
    return await world.http.post("/par", data=parameters, headers={"DPoP": made})


async def test_a_proof_with_a_pushed_request_binds_the_code(world: World) -> None:
    await world.log_in()
    authorization = Authorization(world)
    made = proof(KEY, "POST", f"{ISSUER}/par", world.clock.now)
    parameters = dict(httpx.URL(authorization.url()).params)
    answer = await world.http.post("/par", data=parameters, headers={"DPoP": made})
    query = {"client_id": world.app_id, "request_uri": answer.json()["request_uri"]}
    decided = await world.post(
        str(httpx.URL("/authorize", params=query)),
        decision="allow",
        category=["own-measurements"],
        look="yes",
        change="yes",
        period="1-year",
    )
    authorization.redirect = decided.headers["location"]
    form = {
        "grant_type": "authorization_code",
        "code": authorization.returned["code"],
        "redirect_uri": REDIRECT_URI,
        "client_id": world.app_id,
        "code_verifier": authorization.verifier,
    }
    for key, status in ((OTHER, 400), (KEY, 200)):
        shown = proof(key, "POST", f"{ISSUER}/token", world.clock.now)
        assert (await world.http.post("/token", data=form, headers={"DPoP": shown})).status_code == status


async def test_a_pushed_request_that_names_another_key_than_its_proof_is_refused(world: World) -> None:
    assert (await pushed(world, KEY, dpop_jkt=KEY.thumbprint())).status_code == 201
    answer = await pushed(world, KEY, dpop_jkt=OTHER.thumbprint())
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    assert (await pushed(world, KEY, dpop_jkt="short")).json()["error"] == "invalid_request"
