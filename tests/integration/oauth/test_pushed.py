"""A client pushes its request; the browser brings only its name, once, within a minute."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from app.consent import grants
from app.db.database import Transaction
from app.oauth import clients
from tests.support.authorization import ISSUER, RECORD, REDIRECT_URI, SCOPE, Authorization, World

CHOICE: dict[str, Any] = {"category": ["own-measurements"], "look": "yes", "change": "yes", "period": "1-year"}


async def pushed(world: World, authorization: Authorization, **changed: str) -> httpx.Response:
    """Return the answer to a pushed request; a change to an empty text leaves a parameter out."""
    parameters = dict(parse_qsl(urlsplit(authorization.url(**changed)).query))
    return await world.http.post("/par", data=parameters)


async def page_of(world: World, authorization: Authorization, **changed: str) -> str:
    """Return the URL that the browser opens after the request was pushed."""
    answer = await pushed(world, authorization, **changed)
    assert answer.status_code == 201, answer.text
    return str(httpx.URL("/authorize", params={"client_id": world.app_id, "request_uri": answer.json()["request_uri"]}))


async def registered(world: World, **client: Any) -> str:
    """Return the client_id of another client."""

    async def job(transaction: Transaction) -> str:
        return await clients.add(transaction, now=world.clock.now, redirect_uris=[REDIRECT_URI], scope=SCOPE, **client)

    return await world.parts.database.write(job)


async def test_a_pushed_request_is_decided_about_once(world: World) -> None:
    authorization = Authorization(world)
    answer = await pushed(world, authorization)
    assert answer.json()["expires_in"] == 60
    assert answer.headers["cache-control"] == "no-store"
    url = str(httpx.URL("/authorize", params={"client_id": world.app_id, "request_uri": answer.json()["request_uri"]}))
    await world.log_in()
    form = await world.form_token(url)
    answer = await world.http.post(url, data={"csrf_token": form, "decision": "allow", **CHOICE})
    authorization.redirect = answer.headers["location"]
    assert (authorization.returned["state"], authorization.returned["iss"]) == (authorization.state, ISSUER)
    assert (await authorization.exchanged()).status_code == 200

    again = await world.http.post(url, data={"csrf_token": form, "decision": "allow", **CHOICE})
    assert (again.status_code, "location" in again.headers) == (400, False)
    assert (await world.http.get(url)).status_code == 400
    assert len(await grants.of_record(world.parts.database.reader, RECORD)) == 1


async def test_what_the_browser_adds_to_a_pushed_request_is_of_no_account(world: World) -> None:
    await world.log_in()
    authorization = Authorization(world)
    url = f"{await page_of(world, authorization, scope='patient/Goal.rs')}&scope=patient%2F*.cruds&state=other"
    answer = await world.post(url, decision="allow", category=["care-plan"], period="1-year")
    authorization.redirect = answer.headers["location"]
    assert authorization.returned["state"] == authorization.state
    assert (await authorization.exchanged()).json()["scope"] == "patient/Goal.rs"


async def test_a_refused_request_is_over_too(world: World) -> None:
    await world.log_in()
    url = await page_of(world, Authorization(world))
    answer = await world.post(url, decision="deny")
    assert "error=access_denied" in answer.headers["location"]
    assert (await world.http.get(url)).status_code == 400


async def test_a_request_has_to_be_opened_within_a_minute_and_then_there_is_time(world: World) -> None:
    await world.log_in()
    late, opened = await page_of(world, Authorization(world)), await page_of(world, Authorization(world))
    world.clock.move(seconds=59)
    assert (await world.http.get(opened)).status_code == 200
    world.clock.move(seconds=1)
    assert (await world.http.get(late)).status_code == 400
    world.clock.move(minutes=14)
    assert (await world.http.get(opened)).status_code == 200
    world.clock.move(minutes=1)
    assert (await world.http.get(opened)).status_code == 400


async def test_another_client_can_not_use_it(world: World) -> None:
    await world.log_in()
    other = await registered(world, name="Andere-app-Test", public=True)
    url = await page_of(world, Authorization(world))
    assert (await world.http.get(url.replace(world.app_id, other))).status_code == 400
    assert (await world.http.get(url)).status_code == 200


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"redirect_uri": "https://evil.example/done"}, "invalid_request"),
        ({"client_id": "unknown"}, "invalid_client"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"scope": "patient/Condition.rs"}, "invalid_scope"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
        ({"state": "s" * 9000}, "invalid_request"),
    ],
)
async def test_a_request_that_could_not_be_shown_is_refused_when_it_is_pushed(
    world: World, changed: dict[str, str], error: str
) -> None:
    answer = await pushed(world, Authorization(world), **changed)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize("request_uri", ["urn:ietf:params:oauth:request_uri:x", "https://evil.example/request", "x"])
async def test_an_unknown_request_uri_gets_a_page_and_is_never_fetched(world: World, request_uri: str) -> None:
    answer = await world.http.get("/authorize", params={"client_id": world.app_id, "request_uri": request_uri})
    assert (answer.status_code, "location" in answer.headers) == (400, False)


async def test_a_client_that_has_to_push_can_not_do_without(world: World) -> None:
    await world.log_in()
    world.app_id = await registered(world, name="Duw-app-Test", public=True, requires_par=True)
    answer = await world.http.get(Authorization(world).url())
    assert "error=invalid_request" in answer.headers["location"]
    assert (await world.http.get(await page_of(world, Authorization(world)))).status_code == 200


async def test_a_client_with_keys_proves_itself_when_it_pushes(world: World) -> None:
    world.system_id = await registered(
        world, name="Sleutel-app-Test", jwks={"keys": [world.system_key.as_dict(private=False)]}
    )
    parameters = dict(parse_qsl(urlsplit(Authorization(world).url(client_id=world.system_id)).query))
    answer = await world.http.post("/par", data=parameters)
    assert answer.json()["error"] == "invalid_client"
    del parameters["client_id"]
    answer = await world.http.post("/par", data=parameters | world.assertion(aud=f"{ISSUER}/par"))
    assert answer.status_code == 201, answer.text
    world.app_id = world.system_id
    await world.log_in()
    url = httpx.URL("/authorize", params={"client_id": world.app_id, "request_uri": answer.json()["request_uri"]})
    assert (await world.http.get(url)).status_code == 200
