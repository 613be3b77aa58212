"""What SMART App Launch 2.2 asks of a server and no other test here holds.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html, conformance.html of the same
"""

from typing import Any

import pytest

from app.db.database import Transaction
from app.oauth import clients
from tests.support.authorization import ISSUER, SCOPE, Authorization, World

REQUIRED = {
    "issuer": str,
    "jwks_uri": str,
    "authorization_endpoint": str,
    "token_endpoint": str,
    "grant_types_supported": list,
    "capabilities": list,
    "code_challenge_methods_supported": list,
}
RECOMMENDED = {"scopes_supported": list, "response_types_supported": list, "management_endpoint": str}


async def test_discovery_has_what_clients_may_count_on(world: World) -> None:
    answer = await world.http.get("/.well-known/smart-configuration", headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/json"
    for name, kind in (REQUIRED | RECOMMENDED).items():
        assert isinstance(answer.json()[name], kind), name
    assert "plain" not in answer.json()["code_challenge_methods_supported"]


async def test_where_people_manage_their_apps_is_a_page_for_who_logged_in(world: World) -> None:
    place = (await world.http.get("/.well-known/smart-configuration")).json()["management_endpoint"]
    assert place == f"{ISSUER}/access"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "patient/Immunization.rs"}, "invalid_scope"),
        ({"scope": "system/*.rs"}, "invalid_scope"),
        ({"aud": "https://other.example/fhir"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
async def test_an_error_goes_back_with_the_state_and_who_says_so(
    world: World, changed: dict[str, str], error: str
) -> None:
    authorization = Authorization(world, state="a+b/c=&d é")
    authorization.redirect = (await world.http.get(authorization.url(**changed))).headers["location"]
    back = authorization.returned
    assert (back["error"], back["state"], back["iss"]) == (error, "a+b/c=&d é", ISSUER)
    assert "code" not in back


async def test_the_token_answer_has_what_clients_may_count_on(world: World) -> None:
    await world.log_in()
    answer = await (await world.allowed(aud=f"{ISSUER}/fhir/r4/")).exchanged()
    body = answer.json()
    assert (body["token_type"], body["patient"]) == ("Bearer", "r4-zonnestraal")
    assert isinstance(body["expires_in"], int)
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    again = await world.refreshed(body["refresh_token"])
    assert (again.json()["scope"], again.json()["patient"]) == (body["scope"], body["patient"])
    assert again.headers["cache-control"] == "no-store"


async def test_scopes_of_version_1_come_back_as_they_were_asked(world: World) -> None:
    await world.log_in()
    asked = "patient/Observation.read launch/patient"
    body = (await (await world.allowed(scope=asked)).exchanged()).json()
    assert sorted(body["scope"].split()) == sorted(asked.split())


async def registered(world: World, redirect_uri: str) -> str:
    """Return the client_id of another app."""

    async def job(transaction: Transaction) -> str:
        app: dict[str, Any] = {
            "name": "Computer-Test",
            "scope": SCOPE,
            "redirect_uris": [redirect_uri],
        }
        return await clients.add(transaction, public=True, now=world.clock.now, **app)

    return await world.parts.database.write(job)


async def test_an_app_on_a_computer_comes_back_at_the_port_that_was_free(world: World) -> None:
    await world.log_in()
    world.app_id = await registered(world, "http://127.0.0.1/back")
    here = "http://127.0.0.1:49152/back"
    authorization = await world.allowed(redirect_uri=here)
    assert authorization.redirect.startswith(f"{here}?code=")
    assert (await authorization.exchanged(redirect_uri="http://127.0.0.1:49153/back")).status_code == 400
    authorization = await world.allowed(redirect_uri=here)
    assert (await authorization.exchanged(redirect_uri=here)).status_code == 200
