"""A bound token is of no use to who finds it: DPoP keys, client certificates, and clients that are held to FAPI."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey

from app.db.database import Transaction
from app.oauth import clients
from tests.support.authorization import ISSUER, REDIRECT_URI, Authorization, World, world_in
from tests.support.proofs import certificate, proof

KEY = ECKey.generate_key("P-256")
OTHER = ECKey.generate_key("P-256")
TOKEN_URL = f"{ISSUER}/token"
WHO = "openid patient/Observation.rs offline_access"
CERTIFICATE_HEADER = "Client-Cert"


@pytest.fixture
async def ready(tmp_path: Path) -> AsyncIterator[World]:
    """A world behind a proxy that hands certificates on, with the person signed in and an app that may know them."""
    async with world_in(tmp_path, certificate_header=CERTIFICATE_HEADER) as world:
        world.app_id = await registered(world, name="Gebonden-Test", scope=WHO, public=True)
        await world.log_in()
        yield world


async def registered(world: World, **client: Any) -> str:
    """Return the client_id of another client."""

    async def job(transaction: Transaction) -> str:
        return await clients.add(transaction, now=world.clock.now, redirect_uris=[REDIRECT_URI], **client)

    return await world.parts.database.write(job)


async def exchanged(world: World, authorization: Authorization, **headers: str) -> httpx.Response:
    """Return the answer to a code, asked with these headers."""
    form = {
        "grant_type": "authorization_code",
        "code": authorization.returned["code"],
        "redirect_uri": REDIRECT_URI,
        "client_id": world.app_id,
        "code_verifier": authorization.verifier,
    }
    return await world.http.post("/token", data=form, headers=headers)


async def dpop_token(world: World, key: ECKey = KEY) -> dict[str, Any]:
    """Return the answer to a code that came with a proof."""
    authorization = await world.allowed(ticked=None, scope=WHO)
    answer = await exchanged(world, authorization, DPoP=proof(key, "POST", TOKEN_URL, world.clock.now))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def userinfo(world: World, token: str, *, scheme: str = "DPoP", **headers: str) -> int:
    """Return the status of a use of a token."""
    headers["Authorization"] = f"{scheme} {token}"
    return (await world.http.get("/userinfo", headers=headers)).status_code


def used(world: World, token: str, key: ECKey = KEY, **changed: Any) -> str:
    """Return a proof for the use of a token."""
    return proof(key, "GET", f"{ISSUER}/userinfo", world.clock.now, **{"access_token": token, **changed})


async def test_a_token_is_bound_to_the_key_of_the_proof(ready: World) -> None:
    body = await dpop_token(ready)
    token = body["access_token"]
    assert body["token_type"] == "DPoP"
    assert await userinfo(ready, token, DPoP=used(ready, token)) == 200
    assert await userinfo(ready, token) == 401
    assert await userinfo(ready, token, scheme="Bearer") == 401
    assert await userinfo(ready, token, scheme="Bearer", DPoP=used(ready, token)) == 401
    assert await userinfo(ready, token, DPoP=used(ready, token, OTHER)) == 401


async def test_a_proof_is_good_once_for_one_token_one_place_and_one_minute(ready: World) -> None:
    token = (await dpop_token(ready))["access_token"]
    once = used(ready, token)
    assert await userinfo(ready, token, DPoP=once) == 200
    assert await userinfo(ready, token, DPoP=once) == 401
    for wrong in (
        {"access_token": "another"}, {"access_token": None}, {"htm": "POST"}, {"htu": f"{ISSUER}/fhir/r4"}, {"htu": "http://["},
        {"htu": None}, {"jti": None}, {"jti": ""}, {"jti": "x" * 300}, {"iat": None}, {"iat": "now"},
        {"iat": int(ready.clock.now.timestamp()) - 61}, {"iat": int(ready.clock.now.timestamp()) + 61},
    ):  # fmt: skip
        assert await userinfo(ready, token, DPoP=used(ready, token, **wrong)) == 401, wrong
    assert await userinfo(ready, token, DPoP=used(ready, token, htu=f"{ISSUER}/userinfo?a=b#c")) == 200


async def test_a_proof_of_a_clock_that_is_ahead_is_good_once_in_its_last_second_too(ready: World) -> None:
    token = (await dpop_token(ready))["access_token"]
    ahead = used(ready, token, iat=int(ready.clock.now.timestamp()) + 60)
    assert await userinfo(ready, token, DPoP=ahead) == 200
    ready.clock.move(seconds=120.5)
    assert await userinfo(ready, token, DPoP=ahead) == 401
    old = {age: used(ready, token, iat=int(ready.clock.now.timestamp()) - age) for age in (59, 60)}
    assert [await userinfo(ready, token, DPoP=one) for one in old.values()] == [200, 401]
    endless = used(ready, token, iat=10**400)
    assert await userinfo(ready, token, DPoP=endless) == 401


async def test_a_proof_is_a_jwt_with_a_public_key_that_signed_it(ready: World) -> None:
    token = (await dpop_token(ready))["access_token"]
    wrong = [
        used(ready, token, header={"typ": "JWT"}),
        used(ready, token, header={"jwk": OTHER.as_dict(private=False)}),
        used(ready, token, header={"jwk": KEY.as_dict(private=True)}),
        used(ready, token, header={"jwk": OctKey.generate_key(256).as_dict(private=True)}),
        used(ready, token, header={"jwk": {}}),
        "x", "a.b.c", "\u00e9", "x" * 5000,
    ]  # fmt: skip
    for one in wrong:
        headers = {b"Authorization": f"DPoP {token}".encode(), b"DPoP": one.encode("latin-1")}
        assert (await ready.http.get("/userinfo", headers=headers)).status_code == 401, one


async def test_a_token_that_is_not_bound_is_no_dpop_token(ready: World) -> None:
    token = (await (await ready.allowed(ticked=None, scope=WHO)).exchanged()).json()["access_token"]
    assert await userinfo(ready, token, DPoP=used(ready, token)) == 401
    assert await userinfo(ready, token, scheme="Bearer") == 200


async def test_the_refresh_token_of_an_app_needs_the_same_key(ready: World) -> None:
    first = await dpop_token(ready)
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    stolen = proof(OTHER, "POST", TOKEN_URL, ready.clock.now)
    for headers in ({}, {"DPoP": stolen}):
        answer = await ready.http.post("/token", data=form, headers=headers)
        assert answer.json()["error"] == "invalid_grant"
    own = proof(KEY, "POST", TOKEN_URL, ready.clock.now)
    answer = await ready.http.post("/token", data=form, headers={"DPoP": own})
    assert answer.json()["token_type"] == "DPoP"
    again = await ready.http.post("/token", data=form, headers={"DPoP": own})
    assert again.json()["error"] == "invalid_dpop_proof"


async def test_a_code_may_be_bound_to_a_key_beforehand(ready: World) -> None:
    authorization = await ready.allowed(ticked=None, scope=WHO, dpop_jkt=KEY.thumbprint())
    for headers in ({}, {"DPoP": proof(OTHER, "POST", TOKEN_URL, ready.clock.now)}):
        assert (await exchanged(ready, authorization, **headers)).json()["error"] == "invalid_grant"
    own = proof(KEY, "POST", TOKEN_URL, ready.clock.now)
    assert (await exchanged(ready, authorization, DPoP=own)).status_code == 200


async def test_a_token_that_is_asked_for_with_a_certificate_is_bound_to_it(ready: World) -> None:
    mine, other = certificate("mine"), certificate("other")
    authorization = await ready.allowed(ticked=None, scope=WHO)
    body = (await exchanged(ready, authorization, **{CERTIFICATE_HEADER: mine})).json()
    assert body["token_type"] == "Bearer"
    token = body["access_token"]
    assert await userinfo(ready, token, scheme="Bearer", **{CERTIFICATE_HEADER: mine}) == 200
    assert await userinfo(ready, token, scheme="Bearer", **{CERTIFICATE_HEADER: other}) == 401
    assert await userinfo(ready, token, scheme="Bearer", **{CERTIFICATE_HEADER: "nonsense"}) == 401
    assert await userinfo(ready, token, scheme="Bearer") == 401


async def test_without_a_proxy_that_says_so_no_certificate_is_believed(world: World) -> None:
    await world.log_in()
    authorization = await world.allowed()
    body = (await exchanged(world, authorization, **{CERTIFICATE_HEADER: certificate("mine")})).json()
    assert (await world.refreshed(body["refresh_token"])).status_code == 200


async def test_a_system_hears_what_its_token_is_bound_to(ready: World) -> None:
    form = {"grant_type": "client_credentials", "scope": "system/Goal.rs", **ready.assertion()}
    made = proof(KEY, "POST", TOKEN_URL, ready.clock.now)
    token = (await ready.http.post("/token", data=form, headers={"DPoP": made})).json()["access_token"]
    told = (await ready.http.post("/introspect", data={"token": token, **ready.assertion()})).json()
    assert (told["token_type"], told["cnf"]) == ("DPoP", {"jkt": KEY.thumbprint()})
