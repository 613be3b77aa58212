"""An app that asks for it learns who the person is: id_token, userinfo, and the keys to check it with."""

import json
import sqlite3
from base64 import urlsafe_b64decode
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from app.audit.log import entries_of
from app.consent import grants
from app.db.database import Transaction
from app.oauth import clients
from tests.integration.oauth.test_pushed import page_of
from tests.support.authorization import ISSUER, RECORD, REDIRECT_URI, Authorization, World
from tests.support.database import file_of

SCOPE = "openid fhirUser patient/Observation.rs offline_access"


@pytest.fixture
async def signed_in(world: World) -> World:
    """The world with an app that may ask who the person is, and the person signed in."""

    async def job(transaction: Transaction) -> str:
        return await clients.add(
            transaction, name="Wie-ben-ik-Test", scope=SCOPE, redirect_uris=[REDIRECT_URI], public=True,
            now=world.clock.now,
        )  # fmt: skip

    world.app_id = await world.parts.database.write(job)
    await world.log_in()
    return world


async def tokens_of(world: World, **changed: str) -> dict[str, Any]:
    """Return what the app gets."""
    answer = await (await world.allowed(ticked=None, scope=SCOPE, **changed)).exchanged()
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def key_set(world: World) -> KeySet:
    """Return the keys that the server publishes."""
    return KeySet.import_key_set((await world.http.get("/jwks")).json())


async def kids(world: World) -> list[str | None]:
    """Return which keys the server publishes."""
    return [key.kid for key in (await key_set(world)).keys]


async def checked(world: World, id_token: str) -> dict[str, Any]:
    """Return the claims of an id_token, checked as an app does it."""
    found = jwt.decode(id_token, await key_set(world), algorithms=["RS256"])
    registry = JWTClaimsRegistry(
        now=int(world.clock.now.timestamp()),
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": world.app_id},
        exp={"essential": True},
    )
    registry.validate(found.claims)
    return found.claims


async def userinfo(world: World, access_token: str) -> Any:
    """Return the answer of the UserInfo endpoint."""
    return await world.http.get("/userinfo", headers={"Authorization": f"Bearer {access_token}"})


async def test_an_id_token_says_who_the_person_is_and_which_patient(signed_in: World) -> None:
    body = await tokens_of(signed_in, nonce="n-0S6_WzA2Mj")
    claims = await checked(signed_in, body["id_token"])
    assert claims["nonce"] == "n-0S6_WzA2Mj"
    assert claims["fhirUser"] == f"{ISSUER}/fhir/r4/Patient/r4-zonnestraal"
    assert claims["exp"] - claims["iat"] == body["expires_in"]
    assert str(RECORD) not in claims["sub"]


async def test_the_same_person_has_the_same_sub_each_time_and_in_userinfo(signed_in: World) -> None:
    first, second = await tokens_of(signed_in), await tokens_of(signed_in, aud=f"{ISSUER}/fhir/stu3")
    told = [await checked(signed_in, body["id_token"]) for body in (first, second)]
    assert told[0]["sub"] == told[1]["sub"]
    assert told[1]["fhirUser"] == f"{ISSUER}/fhir/stu3/Patient/stu3-zonnestraal"
    answer = await userinfo(signed_in, first["access_token"])
    assert answer.json() == {"sub": told[0]["sub"], "fhirUser": told[0]["fhirUser"]}
    assert answer.headers["cache-control"] == "no-store"
    (newest, *_) = await entries_of(signed_in.parts.database.reader, RECORD, (2**62, 2**62), 1)
    assert (newest.event.client, newest.event.detail) == (signed_in.app_id, "asked who the person is")


async def test_without_openid_nothing_is_told(signed_in: World) -> None:
    body = (await (await signed_in.allowed(scope="patient/Observation.rs fhirUser")).exchanged()).json()
    assert "id_token" not in body
    answer = await userinfo(signed_in, body["access_token"])
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


async def test_without_fhir_user_the_patient_is_not_told(signed_in: World) -> None:
    body = (await (await signed_in.allowed(scope="patient/Observation.rs openid")).exchanged()).json()
    assert "fhirUser" not in await checked(signed_in, body["id_token"])
    assert set((await userinfo(signed_in, body["access_token"])).json()) == {"sub"}


@pytest.mark.parametrize("token", ["", "unknown"])
async def test_userinfo_asks_for_a_token(signed_in: World, token: str) -> None:
    answer = await userinfo(signed_in, token)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_userinfo_is_closed_to_refresh_tokens_old_tokens_and_withdrawn_grants(signed_in: World) -> None:
    body = await tokens_of(signed_in)
    assert (await userinfo(signed_in, body["refresh_token"])).status_code == 401
    (grant,) = await grants.of_record(signed_in.parts.database.reader, RECORD)

    async def job(transaction: Transaction) -> None:
        await grants.withdraw(transaction, RECORD, grant.grant_id, signed_in.clock.now)

    await signed_in.parts.database.write(job)
    assert (await userinfo(signed_in, body["access_token"])).status_code == 401
    other = await tokens_of(signed_in)
    signed_in.clock.move(minutes=15)
    assert (await userinfo(signed_in, other["access_token"])).status_code == 401


async def test_a_request_for_an_answer_without_a_page_is_told_why_there_is_none(signed_in: World) -> None:
    answer = await signed_in.http.get("/authorize", params={"prompt": "none"})
    assert answer.status_code == 400

    async def told(**changed: str) -> str:
        answer = await signed_in.http.get(Authorization(signed_in).url(scope=SCOPE, state="s-1", **changed))
        assert "state=s-1" in answer.headers["location"]
        return parse_qs(urlsplit(answer.headers["location"]).query)["error"][0]

    assert await told(prompt="none") == "consent_required"
    assert await told(prompt="none", max_age="60") == "consent_required"
    assert await told(prompt="none login") == "invalid_request"
    assert await told(prompt="none", nonce="n" * 256) == "invalid_request"
    signed_in.clock.move(seconds=61)
    assert await told(prompt="none", max_age="60") == "login_required"
    signed_in.http.cookies.clear()
    assert await told(prompt="none") == "login_required"


@pytest.mark.parametrize("max_age", ["-1", "1.5", "a", "9" * 10])
async def test_a_max_age_that_is_no_number_of_seconds_is_refused(signed_in: World, max_age: str) -> None:
    answer = await signed_in.http.get(Authorization(signed_in).url(scope=SCOPE, max_age=max_age))
    assert "error=invalid_request" in answer.headers["location"]


async def test_a_login_that_is_young_enough_is_not_asked_for_again_and_its_time_is_told(signed_in: World) -> None:
    at = int(signed_in.clock.now.timestamp())
    signed_in.clock.move(seconds=60)
    claims = await checked(signed_in, (await tokens_of(signed_in, max_age="60"))["id_token"])
    assert (claims["auth_time"], claims["iat"]) == (at, at + 60)
    assert "auth_time" not in await checked(signed_in, (await tokens_of(signed_in))["id_token"])


ANEW = pytest.mark.parametrize(
    "wish", [{"prompt": "login"}, {"max_age": "0"}, {"max_age": "59"}, {"prompt": "consent login"}]
)


@ANEW
async def test_an_app_may_ask_that_the_person_logs_in_anew(signed_in: World, wish: dict[str, str]) -> None:
    signed_in.clock.move(seconds=60)
    authorization = Authorization(signed_in)
    asked = await signed_in.http.get(authorization.url(scope=SCOPE, **wish))
    assert (asked.status_code, urlsplit(asked.headers["location"]).path) == (303, "/login/again")
    back = parse_qs(urlsplit(asked.headers["location"]).query)["next"][0]
    not_done = await signed_in.http.get(back)
    assert urlsplit(not_done.headers["location"]).path == "/login/again", "to come back is not to log in"
    token = await signed_in.form_token("/login/again")
    allowing = {"decision": "allow", "category": "own-measurements", "look": "yes", "change": "yes", "period": "1-year"}
    refused = await signed_in.http.post(back, data={"csrf_token": token, **allowing})
    assert urlsplit(refused.headers["location"]).path == "/login/again", "nor is to answer"
    again = await signed_in.post("/login/again", code=signed_in.code(), next=back)
    assert (again.status_code, again.headers["location"]) == (303, back)
    signed_in.clock.move(seconds=100)
    answer = await signed_in.post(back, **allowing)
    authorization.redirect = answer.headers["location"]
    claims = await checked(signed_in, (await authorization.exchanged()).json()["id_token"])
    assert claims["iat"] - claims["auth_time"] == 100
    other = await signed_in.http.get(back.replace("state=", "state=other"))
    assert urlsplit(other.headers["location"]).path == "/login/again", "a login for another request is not for this one"
    signed_in.clock.move(minutes=15)
    assert urlsplit((await signed_in.http.get(back)).headers["location"]).path == "/login/again"


@ANEW
async def test_who_is_not_logged_in_logs_in_once(signed_in: World, wish: dict[str, str]) -> None:
    signed_in.http.cookies.clear()
    asked = await signed_in.http.get(Authorization(signed_in).url(scope=SCOPE, **wish))
    assert urlsplit(asked.headers["location"]).path == "/login"
    signed_in.clock.move(seconds=60)
    await signed_in.log_in()
    back = parse_qs(urlsplit(asked.headers["location"]).query)["next"][0]
    assert "Wie-ben-ik-Test" in (await signed_in.http.get(back)).text


async def test_a_pushed_request_is_held_to_the_login_that_it_asks_for(signed_in: World) -> None:
    authorization = Authorization(signed_in)
    signed_in.clock.move(seconds=30)
    asked = await signed_in.http.get(await page_of(signed_in, authorization, scope=SCOPE, prompt="login"))
    back = parse_qs(urlsplit(asked.headers["location"]).query)["next"][0]
    await signed_in.post("/login/again", code=signed_in.code(), next=back)
    assert "Wie-ben-ik-Test" in (await signed_in.http.get(back)).text
    none = await signed_in.http.get(await page_of(signed_in, authorization, scope=SCOPE, prompt="none"))
    assert "error=consent_required" in none.headers["location"]


async def test_a_new_key_is_published_before_it_signs_and_the_old_one_until_its_tokens_end(signed_in: World) -> None:
    old = (await tokens_of(signed_in))["id_token"]
    keys = signed_in.parts.oauth.keys
    await signed_in.parts.database.write(keys.rotate)
    assert len(await kids(signed_in)) == 2
    assert kid_of((await tokens_of(signed_in))["id_token"]) == kid_of(old)

    signed_in.clock.move(hours=1)
    await signed_in.log_in()
    new = (await tokens_of(signed_in))["id_token"]
    assert kid_of(new) != kid_of(old)
    signed_in.clock.move(minutes=15)
    assert kid_of(old) in await kids(signed_in)
    signed_in.clock.move(minutes=11)
    assert await kids(signed_in) == [kid_of(new)]


async def test_a_key_that_leaked_is_gone_at_once(signed_in: World) -> None:
    old = kid_of((await tokens_of(signed_in))["id_token"])

    async def job(transaction: Transaction) -> None:
        await signed_in.parts.oauth.keys.rotate(transaction, at_once=True)

    await signed_in.parts.database.write(job)
    (left,) = await kids(signed_in)
    assert left != old
    assert kid_of((await tokens_of(signed_in))["id_token"]) == left


async def test_only_public_parts_of_the_keys_are_published(signed_in: World) -> None:
    await tokens_of(signed_in)
    (key,) = (await signed_in.http.get("/jwks")).json()["keys"]
    assert set(key) == {"kty", "kid", "use", "n", "e"}


async def test_the_database_alone_does_not_hold_a_key_that_signs(signed_in: World) -> None:
    await tokens_of(signed_in)
    (key,) = (await signed_in.http.get("/jwks")).json()["keys"]
    modulus = urlsafe_b64decode(key["n"] + "==")
    with sqlite3.connect(file_of(signed_in.parts.database)) as connection:
        ((kept,),) = connection.execute("SELECT private_key FROM signing_key").fetchall()
    connection.close()
    assert len(kept) > 4 * len(modulus)
    assert modulus not in kept


def kid_of(token: str) -> str:
    """Return which key signed a token."""
    head = token.partition(".")[0]
    kid: str = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]
    return kid
