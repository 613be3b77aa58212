"""A practice's system proves itself with a signed assertion and gets a token of the practice."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, RSAKey

from app.access.categories import Category
from app.access.grant import Grantee
from app.access.requester import RequesterKind
from app.access.smart_scope import LOOK
from app.audit.log import entries_of
from app.consent import grants
from app.db.database import Transaction
from app.errors import BadRequestError
from app.identity.instants import to_us
from app.oauth import client_keys, clients, tokens
from app.oauth.remote_keys import RemoteKeys
from tests.support.authorization import ISSUER, RECORD, World, world_in


async def system_token(world: World, **assertion: Any) -> Any:
    """Return the answer to a request of the practice's system."""
    form = world.assertion(**assertion)
    return await world.token(grant_type="client_credentials", scope="system/Goal.rs", **form)


async def registered(world: World, **client: Any) -> str:
    """Return the client_id of another client."""

    async def job(transaction: Transaction) -> str:
        return await clients.add(transaction, now=world.clock.now, **client)

    return await world.parts.database.write(job)


async def test_a_system_gets_a_token_of_its_practice_that_opens_what_people_granted(world: World) -> None:
    async def job(transaction: Transaction) -> None:
        await grants.give(
            transaction,
            record_id=RECORD,
            grantee=Grantee.PRACTICE,
            grantee_id=world.practice_id,
            categories=Category.CARE_PLAN,
            actions=LOOK,
            until=world.clock.now + timedelta(days=30),
            purpose="treatment",
            now=world.clock.now,
        )

    await world.parts.database.write(job)
    answer = await system_token(world)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["scope"] == "system/Goal.rs"
    assert "refresh_token" not in body
    assert "patient" not in body
    requester = await tokens.find(world.parts.database.reader, body["access_token"], world.clock.now)
    assert requester is not None
    assert (requester.kind, requester.practice_id) == (RequesterKind.PRACTICE, world.practice_id)
    assert requester.display == "Praktijk De Klaproos-Test"
    assert requester.actor == f"practice:{world.practice_id}"
    held = await grants.candidates(world.parts.database.reader, requester, world.clock.now)
    assert [grant.record_id for grant in held] == [RECORD]


async def test_the_issuer_is_a_name_of_the_server_too(world: World) -> None:
    assert (await system_token(world, aud=ISSUER)).status_code == 200
    assert (await system_token(world, aud=["https://other.example", f"{ISSUER}/token"])).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://other.example/token"},
        {"aud": None},
        {"iss": "somebody-else"},
        {"sub": "somebody-else"},
        {"sub": None},
        {"sub": ["list"]},
        {"jti": None},
        {"jti": ""},
        {"jti": 5},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 1_000},
        {"exp": 99_999_999_999},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"nbf": 99_999_999_999},
        {"key": ECKey.generate_key("P-384")},
        {"header": {"kid": "unknown"}},
        {"header": {"alg": "ES256"}, "key": ECKey.generate_key("P-256")},
        {"header": {"alg": "RS384"}, "key": RSAKey.generate_key(2048)},
    ],
)
async def test_an_assertion_with_a_fault_is_refused(world: World, changed: dict[str, Any]) -> None:
    answer = await system_token(world, **changed)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384"])
async def test_a_signature_made_with_the_public_key_as_a_secret_is_refused(world: World, algorithm: str) -> None:
    form = world.assertion()
    form["client_assertion"] = _hand_signed(world, algorithm, world.system_key.as_pem(private=False))
    answer = await world.token(grant_type="client_credentials", **form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


async def test_an_assertion_without_signature_is_refused(world: World) -> None:
    form = world.assertion()
    form["client_assertion"] = _hand_signed(world, "none", b"")
    answer = await world.token(grant_type="client_credentials", **form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


@pytest.mark.parametrize("text", ["", "a.b.c", "not-a-jwt", "x" * 10_000, "\u00e9.\u00e9.\u00e9"])
async def test_what_is_no_assertion_is_refused(world: World, text: str) -> None:
    form = {**world.assertion(), "client_assertion": text}
    answer = await world.token(grant_type="client_credentials", **form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


async def test_an_assertion_is_good_once(world: World) -> None:
    form = world.assertion(jti="only-once")
    assert (await world.token(grant_type="client_credentials", **form)).status_code == 200
    again = await world.token(grant_type="client_credentials", **form)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_client")
    assert "used before" in again.json()["error_description"]


async def test_an_assertion_is_used_up_also_by_a_request_that_is_refused(world: World) -> None:
    form = world.assertion()
    refused = await world.token(grant_type="client_credentials", scope="patient/*.rs", **form)
    assert refused.json()["error"] == "invalid_scope"
    assert (await world.token(grant_type="client_credentials", **form)).json()["error"] == "invalid_client"


async def test_an_assertion_ends(world: World) -> None:
    form = world.assertion()
    world.clock.move(minutes=5)
    answer = await world.token(grant_type="client_credentials", **form)
    assert "expired" in answer.json()["error_description"]


async def test_a_client_id_beside_the_assertion_must_be_the_same(world: World) -> None:
    form = world.assertion()
    answer = await world.token(grant_type="client_credentials", client_id="another", **form)
    assert answer.json()["error"] == "invalid_client"


@pytest.mark.parametrize("scope", ["patient/*.rs", "openid", "offline_access"])
async def test_a_system_gets_system_scopes_only(world: World, scope: str) -> None:
    answer = await world.token(grant_type="client_credentials", scope=scope, **world.assertion())
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


async def test_without_a_scope_a_system_gets_what_it_may_have(world: World) -> None:
    answer = await world.token(grant_type="client_credentials", **world.assertion())
    assert answer.json()["scope"] == "system/*.cruds"


async def test_a_public_app_gets_no_token_of_its_own(world: World) -> None:
    answer = await world.token(grant_type="client_credentials", client_id=world.app_id)
    assert answer.json()["error"] == "invalid_client"


async def test_rsa_keys_and_key_rotation_work(world: World) -> None:
    old, new = RSAKey.generate_key(2048, {"kid": "old"}), ECKey.generate_key("P-256", {"kid": "new"})
    world.system_id = await registered(
        world,
        name="Ander systeem",
        scope="system/Goal.rs",
        jwks={"keys": [old.as_dict(private=True), new.as_dict(private=False)]},
        practice_id=world.practice_id,
    )
    assert (await system_token(world, key=old, header={"alg": "RS384", "kid": "old"})).status_code == 200
    assert (await system_token(world, key=old, header={"alg": "RS256", "kid": "old"})).status_code == 200
    assert (await system_token(world, key=new, header={"alg": "ES256", "kid": "new"})).status_code == 200
    assert (await system_token(world, key=new, header={"alg": "ES256", "kid": "old"})).status_code == 400
    kept = await clients.get(world.parts.database.reader, world.system_id)
    assert kept is not None
    assert kept.jwks is not None
    assert '"d"' not in kept.jwks


async def test_old_and_new_keys_are_good_until_the_old_one_is_retired(world: World) -> None:
    old, new = ECKey.generate_key("P-384"), ECKey.generate_key("P-384")
    world.system_id = await registered(
        world, name="Ander systeem", scope="system/Goal.rs", jwks={"keys": [old.as_dict(private=False)]},
        practice_id=world.practice_id,
    )  # fmt: skip

    async def add(transaction: Transaction) -> str:
        return await client_keys.add_key(transaction, world.system_id, new.as_dict(private=False))

    async def retire(transaction: Transaction) -> None:
        now_us = to_us(world.clock.now)
        await client_keys.retire_key(transaction, world.system_id, old.thumbprint(), now_us)

    async def asked(key: ECKey) -> Any:
        return await system_token(world, key=key, header={"kid": key.thumbprint()})

    assert (await asked(new)).json()["error"] == "invalid_client"
    assert await world.parts.database.write(add) == new.thumbprint()
    token = (await asked(old)).json()["access_token"]
    assert (await asked(new)).status_code == 200
    await world.parts.database.write(retire)
    assert (await asked(old)).json()["error"] == "invalid_client"
    assert (await asked(new)).status_code == 200
    assert await tokens.find(world.parts.database.reader, token, world.clock.now) is None


async def test_a_system_looks_into_its_own_token_and_into_no_other(world: World) -> None:
    await world.log_in()
    of_app = (await (await world.allowed()).exchanged()).json()["access_token"]
    own = (await system_token(world)).json()["access_token"]
    about_own = (
        await world.http.post("/introspect", data={"token": own, "token_type_hint": "pct", **world.assertion()})
    ).json()
    assert about_own["active"] is True
    assert about_own["client_id"] == world.system_id
    assert about_own["scope"] == "system/Goal.rs"
    for other in (of_app, "unknown"):
        answer = await world.http.post("/introspect", data={"token": other, **world.assertion()})
        assert (answer.status_code, answer.json()) == (200, {"active": False})
    of_public = await world.http.post("/introspect", data={"token": of_app, "client_id": world.app_id})
    assert of_public.json()["error"] == "invalid_client"


async def test_a_revoked_token_is_not_active(world: World) -> None:
    own = (await system_token(world)).json()["access_token"]
    revoked = await world.http.post("/revoke", data={"token": own, **world.assertion()})
    assert revoked.status_code == 200
    answer = await world.http.post("/introspect", data={"token": own, **world.assertion()})
    assert answer.json() == {"active": False}


async def test_nobody_revokes_the_token_of_another_client(world: World) -> None:
    own = (await system_token(world)).json()["access_token"]
    answer = await world.http.post("/revoke", data={"token": own, "client_id": world.app_id})
    assert answer.json()["error"] == "invalid_grant"
    assert await tokens.find(world.parts.database.reader, own, world.clock.now) is not None


async def test_what_happened_with_tokens_of_a_record_stands_in_its_log(world: World) -> None:
    await world.log_in()
    authorization = await world.allowed()
    await authorization.exchanged()
    await authorization.exchanged()
    entries = await entries_of(world.parts.database.reader, RECORD, (2**62, 2**62), 10)
    told = [(entry.event.action, entry.event.outcome) for entry in entries]
    assert told == [("token", "refused"), ("token", "success"), ("grant", "success"), ("login", "success")]


@pytest.mark.parametrize(
    "client",
    [
        {"redirect_uris": ["https://app.example/#x"]},
        {"redirect_uris": ["http://app.example/done"]},
        {"redirect_uris": ["https://*.example/done"]},
        {"redirect_uris": ["https://me@app.example/done"]},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": ["myapp:/done"]},
        {"redirect_uris": ["//app.example/done"]},
        {"redirect_uris": []},
        {"redirect_uris": ["https://app.example/"], "scope": "everything"},
        {"redirect_uris": ["https://app.example/"], "scope": "openid"},
        {"redirect_uris": ["https://app.example/"], "public": False},
        {"redirect_uris": ["https://app.example/"], "public": False, "jwks": {"keys": []}},
        {"redirect_uris": ["https://app.example/"], "public": False, "jwks": {"keys": [{"kty": "oct", "k": "A" * 64}]}},
    ],
)
async def test_an_unsafe_registration_is_refused(world: World, client: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError):
        await registered(world, **{"name": "App", "scope": "patient/*.rs", "public": True, **client})


@pytest.mark.parametrize("uri", ["nl.voorbeeld.app:/klaar", "http://127.0.0.1:3000/done", "http://[::1]/done"])
async def test_an_app_on_the_device_itself_can_be_registered(world: World, uri: str) -> None:
    client_id = await registered(world, name="App", scope="patient/*.rs", public=True, redirect_uris=[uri])
    assert client_id


def _hand_signed(world: World, algorithm: str, secret: bytes) -> str:
    """Return an assertion with an algorithm that a good library would not sign with."""

    def part(value: bytes) -> bytes:
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    claims = {
        "iss": world.system_id,
        "sub": world.system_id,
        "aud": f"{ISSUER}/token",
        "exp": int(world.clock.now.timestamp()) + 240,
        "jti": algorithm,
    }
    signed = part(json.dumps({"alg": algorithm, "kid": "system-1"}).encode()) + b"." + part(json.dumps(claims).encode())
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384}.get(algorithm)
    signature = b"" if digest is None else hmac.new(secret, signed, digest).digest()
    return (signed + b"." + part(signature)).decode()


async def test_a_system_may_publish_its_keys_at_a_url_and_change_them(tmp_path: Path) -> None:
    published = [ECKey.generate_key("P-384", {"kid": "old"})]
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def handle(_: httpx.Request) -> httpx.Response:
        keys = {"keys": [key.as_dict(private=False) for key in published]}
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(keys).encode()))

    remote = RemoteKeys(lambda: now, resolve=lambda *_: ["93.184.215.14"], transport=httpx.MockTransport(handle))
    async with world_in(tmp_path, remote) as world:
        world.system_id = await registered(
            world, name="Verre-sleutels-Test", scope="system/*.rs", practice_id=world.practice_id,
            jwks_uri="https://system.example/keys",
        )  # fmt: skip
        assert (await system_token(world, key=published[0], header={"kid": "old"})).status_code == 200
        published[:] = [ECKey.generate_key("P-384", {"kid": "new"})]
        assert (await system_token(world, key=published[0], header={"kid": "new"})).json()["error"] == "invalid_client"
        now += timedelta(minutes=1)
        assert (await system_token(world, key=published[0], header={"kid": "new"})).status_code == 200
        other = ECKey.generate_key("P-384", {"kid": "new"})
        assert (await system_token(world, key=other, header={"kid": "new"})).json()["error"] == "invalid_client"


async def test_keys_that_can_not_be_fetched_are_said_to_be_the_reason(tmp_path: Path) -> None:
    remote = RemoteKeys(lambda: datetime(2026, 3, 1, tzinfo=UTC), resolve=lambda *_: ["169.254.169.254"])
    async with world_in(tmp_path, remote) as world:
        world.system_id = await registered(
            world, name="Binnen-Test", scope="system/*.rs", practice_id=world.practice_id,
            jwks_uri="https://system.example/keys",
        )  # fmt: skip
        answer = await system_token(world)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")
        assert answer.json()["error_description"] == "The host of the keys is not on the public Internet."
