"""A client that is held to the FAPI 2.0 Security Profile: docs/fapi.md says what by."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from app.db.database import Transaction
from app.errors import BadRequestError
from app.oauth import clients
from tests.support.authorization import ISSUER, REDIRECT_URI, Authorization, World
from tests.support.proofs import proof

KEY, OTHER = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
TOKEN_URL = f"{ISSUER}/token"
SCOPE = "openid patient/Observation.rs offline_access"
ES256 = {"alg": "ES256"}


async def added(world: World, **client: Any) -> str:
    """Return the client_id of a client that is held to FAPI."""

    async def job(transaction: Transaction) -> str:
        return await clients.add(
            transaction, now=world.clock.now, name="Fapi-Test", scope=SCOPE, is_fapi=True, **client
        )

    return await world.parts.database.write(job)


@pytest.fixture
async def ready(world: World) -> World:
    """A world whose app is held to FAPI, with the key of the practice's system, and whose person is signed in."""
    world.system_key = ECKey.generate_key("P-256", {"kid": "system-1"})
    keys = {"keys": [world.system_key.as_dict(private=False)]}
    world.app_id = world.system_id = await added(world, jwks=keys, redirect_uris=[REDIRECT_URI])
    await world.log_in()
    return world


def proven(world: World) -> dict[str, str]:
    """Return the fields with which the client proves itself."""
    return world.assertion(header=ES256, aud=ISSUER)


async def pushed(world: World, authorization: Authorization, **changed: str) -> httpx.Response:
    """Return the answer to a pushed request."""
    parameters = dict(parse_qsl(urlsplit(authorization.url(scope=SCOPE, **changed)).query))
    return await world.http.post("/par", data=parameters | proven(world))


async def allowed(world: World) -> Authorization:
    """Return an authorization that was pushed, and allowed by the person."""
    authorization = Authorization(world)
    answer = await pushed(world, authorization)
    url = str(httpx.URL("/authorize", params={"client_id": world.app_id, "request_uri": answer.json()["request_uri"]}))
    decided = await world.post(url, decision="allow", category=["own-measurements"], look="yes", period="1-year")
    authorization.redirect = decided.headers["location"]
    return authorization


async def sent(
    world: World, form: Mapping[str, str], key: ECKey | RSAKey | None = KEY, alg: str = "ES256"
) -> httpx.Response:
    """Return the answer of the token endpoint to a form, with the client's proof and one of ``key``."""
    headers = {}
    if key is not None:
        headers["DPoP"] = proof(key, "POST", TOKEN_URL, world.clock.now, header={"alg": alg})
    return await world.http.post("/token", data={**form, **proven(world)}, headers=headers)


def code_form(authorization: Authorization) -> dict[str, str]:
    """Return the form that exchanges a code."""
    return {
        "grant_type": "authorization_code",
        "code": authorization.returned["code"],
        "redirect_uri": REDIRECT_URI,
        "code_verifier": authorization.verifier,
    }


async def test_a_request_is_pushed_by_a_client_that_proved_itself(ready: World) -> None:
    authorization = Authorization(ready)
    assert "error=invalid_request" in (await ready.http.get(authorization.url())).headers["location"]
    parameters = dict(parse_qsl(urlsplit(authorization.url()).query))
    assert (await ready.http.post("/par", data=parameters)).json()["error"] == "invalid_client"
    answer = await pushed(ready, authorization)
    assert 0 < answer.json()["expires_in"] < 600


@pytest.mark.parametrize("changed", [{"redirect_uri": ""}, {"code_challenge": ""}, {"code_challenge_method": "plain"}])
async def test_a_pushed_request_names_its_redirect_uri_and_an_s256_challenge(
    ready: World, changed: dict[str, str]
) -> None:
    assert (await pushed(ready, Authorization(ready), **changed)).json()["error"] == "invalid_request"


async def test_every_token_is_bound_and_the_answer_names_the_server(ready: World) -> None:
    authorization = await allowed(ready)
    assert authorization.returned["iss"] == ISSUER
    assert (await sent(ready, code_form(authorization), None)).json()["error"] == "invalid_request"
    assert (await sent(ready, code_form(authorization))).json()["token_type"] == "DPoP"


async def test_an_assertion_is_for_the_issuer_alone(ready: World) -> None:
    parameters = dict(parse_qsl(urlsplit(Authorization(ready).url()).query))
    for aud in (TOKEN_URL, [ISSUER], [ISSUER, TOKEN_URL], f"{ISSUER}/"):
        answer = await ready.http.post("/par", data=parameters | ready.assertion(header=ES256, aud=aud))
        assert answer.json()["error"] == "invalid_client", aud


async def test_an_assertion_from_a_clock_that_is_a_little_ahead_is_taken_and_one_from_the_future_is_not(
    ready: World,
) -> None:
    now = int(ready.clock.now.timestamp())
    parameters = dict(parse_qsl(urlsplit(Authorization(ready).url(scope=SCOPE)).query))
    for claim in ("iat", "nbf"):
        for ahead, status in ((10, 201), (61, 400)):
            claims: dict[str, Any] = {claim: now + ahead}
            shown = ready.assertion(header=ES256, aud=ISSUER, **claims)
            assert (await ready.http.post("/par", data=parameters | shown)).status_code == status, (claim, ahead)


async def test_a_code_holds_a_minute(ready: World) -> None:
    authorization = await allowed(ready)
    ready.clock.move(seconds=60)
    assert (await sent(ready, code_form(authorization))).json()["error"] == "invalid_grant"


async def test_a_refresh_token_stays_and_each_access_token_is_bound(ready: World) -> None:
    first = (await sent(ready, code_form(await allowed(ready)))).json()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    for key in (KEY, OTHER):
        answer = (await sent(ready, form, key)).json()
        assert answer["token_type"] == "DPoP"
        assert "refresh_token" not in answer
    assert (await sent(ready, form, None)).json()["error"] == "invalid_request"
    ready.clock.move(days=90)
    assert (await sent(ready, form)).json()["error"] == "invalid_grant"


async def test_a_refresh_token_that_was_given_back_is_over(ready: World) -> None:
    first = (await sent(ready, code_form(await allowed(ready)))).json()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    await ready.http.post("/revoke", data={"token": first["refresh_token"], **proven(ready)})
    assert (await sent(ready, form)).json()["error"] == "invalid_grant"


async def test_an_id_token_is_signed_with_ps256(ready: World) -> None:
    body = (await sent(ready, code_form(await allowed(ready)))).json()
    keys = KeySet.import_key_set((await ready.http.get("/jwks")).json())
    assert jwt.decode(body["id_token"], keys, algorithms=["PS256"]).claims["aud"] == ready.app_id


async def test_a_proof_is_signed_with_es256_or_ps256(ready: World) -> None:
    rsa = RSAKey.generate_key(2048)
    authorization = await allowed(ready)
    for key, alg in ((rsa, "RS256"), (ECKey.generate_key("P-384"), "ES384")):
        assert (await sent(ready, code_form(authorization), key, alg)).json()["error"] == "invalid_dpop_proof"
    assert (await sent(ready, code_form(authorization), rsa, "PS256")).status_code == 200


async def test_a_public_client_can_not_be_held_to_fapi(ready: World) -> None:
    with pytest.raises(BadRequestError, match="FAPI"):
        await added(ready, public=True, redirect_uris=[REDIRECT_URI])
