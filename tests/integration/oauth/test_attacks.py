"""Attacks on the authorization server that no other file is about: keys named by the attacker, tokens in the wrong place.

Sources: https://www.rfc-editor.org/rfc/rfc8725, https://www.rfc-editor.org/rfc/rfc9700
"""

import base64
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA384
from joserfc import jwe, jwt
from joserfc.jwk import ECKey, RSAKey

from app.consent import grants
from app.db.database import Transaction
from app.identity import sessions
from app.oauth import clients, tokens
from app.oauth.assertions import PrivateKeyJwt
from app.oauth.remote_keys import RemoteKeys
from app.wiring import open_database
from tests.support.authorization import ISSUER, RECORD, REDIRECT_URI, SCOPE, Authorization, Clock, World, world_in
from tests.support.database import file_of

ATTACKER = ECKey.generate_key("P-384", {"kid": "system-1"})
EVIL = "https://evil.example/keys"


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[World]:
    """Give a server that fails the test when it looks up any host."""

    def resolve(host: str, _: int) -> list[str]:
        raise AssertionError(host)

    async with world_in(tmp_path, RemoteKeys(Clock(), resolve=resolve)) as world:
        yield world


async def asked(world: World, assertion: str) -> tuple[int, str]:
    """Return status and error of a request with this assertion."""
    form = {**world.assertion(), "client_assertion": assertion}
    answer = await world.token(grant_type="client_credentials", scope="system/Goal.rs", **form)
    return answer.status_code, answer.json().get("error", "")


REFUSED = (400, "invalid_client")


@pytest.mark.parametrize(
    "header",
    [
        {"jku": EVIL},
        {"x5u": EVIL},
        {"jwk": ATTACKER.as_dict(private=False)},
        {"x5c": ["bm90IGEgY2VydGlmaWNhdGU="]},
        {"kid": "../../../../dev/null"},
        {"kid": "' OR '1'='1"},
        {"kid": EVIL},
        {"kid": ""},
        {"kid": ["system-1"]},
        {"kid": None},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["https://evil.example/claim"], "https://evil.example/claim": True},
        {"crit": ["b64"], "b64": False},
        {"crit": []},
    ],
)
async def test_a_key_that_the_assertion_brings_along_or_names_proves_nobody(
    alone: World, header: dict[str, Any]
) -> None:
    form = alone.assertion()
    claims = jwt.decode(form["client_assertion"], alone.system_key, algorithms=["ES384"]).claims
    text = _signed({"alg": "ES384", "kid": "system-1", **header}, claims, ATTACKER)
    assert await asked(alone, text) == REFUSED


@pytest.mark.parametrize("header", [{"jku": EVIL}, {"x5u": EVIL}, {"jwk": ATTACKER.as_dict(private=False)}])
async def test_where_an_assertion_says_its_key_is_nobody_looks(alone: World, header: dict[str, Any]) -> None:
    form = alone.assertion()
    claims = jwt.decode(form["client_assertion"], alone.system_key, algorithms=["ES384"]).claims
    text = _signed({"alg": "ES384", "kid": "system-1", **header}, claims, alone.system_key)
    assert (await asked(alone, text))[0] in (200, 400)


@pytest.mark.parametrize("header", [{"crit": ["b64"], "b64": False}, {"crit": ["sub"], "sub": "x"}, {"crit": "exp"}])
async def test_what_an_assertion_calls_critical_and_nobody_knows_is_refused(
    alone: World, header: dict[str, Any]
) -> None:
    form = alone.assertion()
    claims = jwt.decode(form["client_assertion"], alone.system_key, algorithms=["ES384"]).claims
    text = _signed({"alg": "ES384", "kid": "system-1", **header}, claims, alone.system_key)
    assert await asked(alone, text) == REFUSED


async def test_an_assertion_that_is_encrypted_or_wrapped_proves_nobody(alone: World) -> None:
    inner = alone.assertion()["client_assertion"]
    key = RSAKey.generate_key(2048)
    encrypted = jwe.encrypt_compact({"alg": "RSA-OAEP", "enc": "A256GCM"}, inner.encode(), key)
    for text in (
        encrypted,
        f"{inner}.",
        f".{inner}",
        inner.replace(".", ".."),
        inner.upper(),
        json.dumps({"jwt": inner}),
    ):
        assert await asked(alone, text) == REFUSED
    assert (await asked(alone, inner))[0] == 200


async def test_an_assertion_is_good_once_whichever_process_gets_it(world: World) -> None:
    """Two servers on one database, as two processes are: the second knows what the first took."""
    form = world.assertion()
    assert (await world.token(grant_type="client_credentials", **form)).status_code == 200
    claims = jwt.decode(form["client_assertion"], world.system_key, algorithms=["ES384"]).claims
    other = open_database(f"sqlite:///{file_of(world.parts.database)}")
    try:
        second = PrivateKeyJwt(other, [f"{ISSUER}/token"], RemoteKeys(world.clock), world.clock)
        assert not second.validate_jti(claims, claims["jti"])
        assert second.validate_jti(claims, "another")
        assert not second.validate_jti(claims, "another")
    finally:
        other.close()


async def another_app(world: World, **changed: Any) -> str:
    """Return the client_id of another client with the same scope and redirect URI."""

    async def job(transaction: Transaction) -> str:
        told = {"name": "Andere-app-Test", "scope": SCOPE, "redirect_uris": [REDIRECT_URI], "public": True, **changed}
        return await clients.add(transaction, now=world.clock.now, **told)

    return await world.parts.database.write(job)


async def test_a_refresh_token_is_of_use_to_no_other_client(world: World) -> None:
    await world.log_in()
    body = (await (await world.allowed()).exchanged()).json()
    for form in ({"client_id": await another_app(world)}, {"client_id": world.system_id}, world.assertion()):
        answer = await world.refreshed(body["refresh_token"], **form)
        assert answer.status_code == 400
        assert answer.json()["error"] in ("invalid_grant", "invalid_client", "unauthorized_client")
    assert (await world.refreshed(body["refresh_token"])).status_code == 200


async def test_the_refresh_token_of_a_client_with_keys_needs_its_proof(world: World) -> None:
    key = ECKey.generate_key("P-384", {"kid": "app-1"})
    keys = {"keys": [key.as_dict(private=False)]}
    world.app_id = await another_app(world, public=False, jwks=keys)
    await world.log_in()
    authorization = await world.allowed()
    proof: dict[str, Any] = {"iss": world.app_id, "sub": world.app_id, "key": key, "header": {"kid": "app-1"}}
    assert (await authorization.exchanged()).json()["error"] == "invalid_client"
    body = (await authorization.exchanged(**world.assertion(**proof))).json()
    for form in ({}, {"client_id": world.app_id}, {"client_id": world.app_id, "client_secret": "geheim"}):
        assert (await world.refreshed(body["refresh_token"], **form)).json()["error"] == "invalid_client", form
    assert (await world.refreshed(body["refresh_token"], **world.assertion(**proof))).status_code == 200


@pytest.mark.parametrize("end", ["the grant's time", "the login"])
async def test_a_client_is_told_nothing_by_a_token_whose_grant_or_login_is_over(world: World, end: str) -> None:
    """Neither withdraws a token, and what a token tells is who the person is and which Patient."""
    key = ECKey.generate_key("P-384", {"kid": "app-1"})
    scope = "openid fhirUser patient/Observation.rs online_access"
    world.app_id = await another_app(world, public=False, jwks={"keys": [key.as_dict(private=False)]}, scope=scope)
    await world.log_in()

    def proof() -> dict[str, str]:
        return world.assertion(iss=world.app_id, sub=world.app_id, key=key, header={"kid": "app-1"})

    async def told(token: str) -> dict[str, Any]:
        answer: dict[str, Any] = (await world.http.post("/introspect", data={"token": token, **proof()})).json()
        return answer

    body = (await (await world.allowed(scope=scope)).exchanged(**proof())).json()
    kinds = ["access_token", "refresh_token"]
    assert [(await told(body[kind]))["patient"] for kind in kinds] == ["r4-zonnestraal"] * 2
    (grant,) = await grants.of_record(world.parts.database.reader, RECORD)

    async def job(transaction: Transaction) -> None:
        if end == "the login":
            await sessions.end(transaction, world.http.cookies["regie-session"])
        else:
            until = world.clock.now + timedelta(seconds=1)
            given: dict[str, Any] = {"categories": grant.categories, "actions": grant.actions}
            await grants.change(transaction, RECORD, grant.grant_id, **given, until=until, now=world.clock.now)

    await world.parts.database.write(job)
    world.clock.move(seconds=2)
    closed = kinds if end != "the login" else ["refresh_token"]
    assert [await told(body[kind]) for kind in closed] == [{"active": False}] * len(closed)
    assert (await world.refreshed(body["refresh_token"], **proof())).json()["error"] == "invalid_grant"


async def test_a_token_is_good_for_its_own_use_and_for_no_other(world: World) -> None:
    await world.log_in()
    world.app_id = await another_app(world, scope=f"openid fhirUser {SCOPE}")
    authorization = await world.allowed(scope=f"openid fhirUser {SCOPE}")
    code = authorization.returned["code"]
    body = (await authorization.exchanged()).json()
    system = (await world.token(grant_type="client_credentials", **world.assertion())).json()["access_token"]
    wrong = {
        "code": code,
        "id_token": body["id_token"],
        "refresh token": body["refresh_token"],
        "assertion": world.assertion()["client_assertion"],
        "request_uri": "urn:ietf:params:oauth:request_uri:x",
        "client_id": world.app_id,
        "nothing": " ",
    }
    for name, value in wrong.items():
        assert await tokens.find(world.parts.database.reader, value, world.clock.now) is None, name
        answer = await world.http.get("/userinfo", headers={"Authorization": f"Bearer {value}"})
        assert answer.status_code == 401, name
        if name != "refresh token":
            assert (await world.refreshed(value)).status_code == 400, name
    for name, value in {**wrong, "access token": body["access_token"]}.items():
        form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT_URI, "client_id": world.app_id}
        answer = await world.token(**form, code=value, code_verifier=authorization.verifier)
        assert answer.json()["error"] in ("invalid_grant", "invalid_request"), name
    answer = await world.http.get("/userinfo", headers={"Authorization": f"Bearer {system}"})
    assert answer.status_code == 403
    assert "zonnestraal" not in answer.text.lower()


async def test_a_code_is_of_no_use_in_the_session_of_somebody_else(world: World) -> None:
    """What a thief took goes with the verifier of its own request only, also where the thief has one of their own."""
    await world.log_in()
    hers, thief = await world.allowed(), await world.allowed()
    answer = await thief.exchanged(code=hers.returned["code"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert (await hers.exchanged()).status_code == 200
    assert (await thief.exchanged()).status_code == 200


@pytest.mark.parametrize("told", ["fragment", "form_post", "web_message", "query.jwt"])
async def test_a_code_goes_back_in_the_query_or_not_at_all(world: World, told: str) -> None:
    await world.log_in()
    answer = await world.http.get(Authorization(world).url(response_mode=told))
    assert "#" not in answer.headers.get("location", "")
    assert "postMessage" not in answer.text


async def test_every_answer_to_an_app_says_from_which_server_it_comes(world: World) -> None:
    for changed in (
        {"response_type": "token"},
        {"scope": "nothing"},
        {"code_challenge": ""},
        {"aud": "https://x.example"},
    ):
        authorization = Authorization(world)
        authorization.redirect = (await world.http.get(authorization.url(**changed))).headers["location"]
        assert authorization.returned["iss"] == ISSUER, changed


def _signed(header: dict[str, Any], claims: dict[str, Any], key: ECKey) -> str:
    """Return a JWT with any header at all, which a good library would not write."""

    def part(value: bytes) -> bytes:
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    text = part(json.dumps(header).encode()) + b"." + part(json.dumps(claims).encode())
    private = key.private_key
    assert private is not None
    first, second = utils.decode_dss_signature(private.sign(text, ec.ECDSA(SHA384())))
    return (text + b"." + part(first.to_bytes(48, "big") + second.to_bytes(48, "big"))).decode()
