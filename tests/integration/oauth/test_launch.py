"""A person opens an app from the portal, and what an app has ends with the person's login where it asked for that."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.consent import grants
from app.db.database import Transaction
from app.fhir.release import Release
from app.identity import sessions
from app.oauth import clients
from tests.support.authorization import ISSUER, RECORD, REDIRECT_URI, Authorization, World

SCOPE = "launch patient/Observation.rs"
LAUNCH_URI = "https://app.example/start?from=portal"


async def registered(world: World, **changed: Any) -> str:
    """Return the client_id of an app."""
    registration = {"scope": f"{SCOPE} online_access offline_access", "redirect_uris": [REDIRECT_URI], **changed}

    async def job(transaction: Transaction) -> str:
        return await clients.add(transaction, public=True, now=world.clock.now, **registration)

    return await world.parts.database.write(job)


@pytest.fixture
async def ready(world: World) -> World:
    """The world with an app that can be opened, and the person signed in."""
    world.app_id = await registered(world, name="Open-app-Test", launch_uri=LAUNCH_URI)
    await world.log_in()
    return world


async def launched(world: World) -> str:
    """Return the launch that the app is opened with."""
    answer = await world.post(f"/apps/{world.app_id}/open", form_on="/apps")
    assert answer.status_code == 303, answer.text
    where, _, rest = answer.headers["location"].partition("&iss=")
    assert where == LAUNCH_URI
    base, _, launch = rest.partition("&launch=")
    assert base == f"{ISSUER}/fhir/r4".replace(":", "%3A").replace("/", "%2F")
    return str(launch)


async def opened(world: World, launch: str) -> int:
    """Return the status of the page that the app's request leads to."""
    return (await world.http.get(Authorization(world).url(scope=SCOPE, launch=launch))).status_code


async def test_an_app_opens_with_the_record_of_who_opened_it(ready: World) -> None:
    page = await ready.http.get("/apps")
    assert "Open-app-Test" in page.text
    assert "form-action 'self' https:" in page.headers["content-security-policy"]
    authorization = await ready.allowed(ticked=None, scope=SCOPE, launch=await launched(ready))
    body = (await authorization.exchanged()).json()
    assert (body["patient"], body["scope"]) == ("r4-zonnestraal", SCOPE)


async def test_only_apps_that_say_where_are_shown_and_can_be_opened(ready: World) -> None:
    other = await registered(ready, name="Dicht-Test")
    assert "Dicht-Test" not in (await ready.http.get("/apps")).text
    assert (await ready.post(f"/apps/{other}/open", form_on="/apps")).status_code == 404
    assert (await ready.post("/apps/unknown/open", form_on="/apps")).status_code == 404


async def test_a_launch_is_good_once(ready: World) -> None:
    launch = await launched(ready)
    await ready.allowed(ticked=None, scope=SCOPE, launch=launch)
    assert await opened(ready, launch) == 400


async def test_a_launch_that_is_used_meanwhile_grants_nothing(ready: World) -> None:
    launch = await launched(ready)
    first, second = (Authorization(ready).url(scope=SCOPE, launch=launch) for _ in range(2))
    token = await ready.form_token(second)
    form = {"csrf_token": token, "decision": "allow", "category": "own-measurements", "period": "1-year"}
    assert (await ready.http.post(first, data=form)).status_code == 303
    answer = await ready.http.post(second, data=form)
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert len(await grants.of_record(ready.parts.database.reader, RECORD)) == 1


async def test_a_launch_is_over_after_five_minutes(ready: World) -> None:
    launch = await launched(ready)
    assert await opened(ready, launch) == 200
    ready.clock.move(minutes=5)
    assert await opened(ready, launch) == 400


async def test_a_launch_is_for_one_app_and_one_login(ready: World) -> None:
    launch, mine = await launched(ready), ready.app_id
    ready.app_id = await registered(ready, name="Andere-app-Test")
    assert await opened(ready, launch) == 400
    ready.app_id = mine
    ready.http.cookies.clear()
    ready.clock.move(minutes=1)
    await ready.log_in()
    assert await opened(ready, launch) == 400
    assert await opened(ready, "unknown") == 400


async def test_without_a_launch_the_scope_of_that_name_is_left_out(ready: World) -> None:
    authorization = await ready.allowed(ticked=None, scope=SCOPE)
    assert (await authorization.exchanged()).json()["scope"] == "patient/Observation.rs"


async def test_online_access_ends_with_the_login(ready: World) -> None:
    authorization = await ready.allowed(ticked=None, scope="patient/Observation.rs online_access")
    first = (await authorization.exchanged()).json()
    second = (await ready.refreshed(first["refresh_token"])).json()
    cookie = ready.http.cookies["regie-session"]

    async def job(transaction: Transaction) -> None:
        await sessions.end(transaction, cookie)

    await ready.parts.database.write(job)
    assert (await ready.refreshed(second["refresh_token"])).json()["error"] == "invalid_grant"


async def test_offline_access_outlives_the_login_also_beside_online_access(ready: World) -> None:
    scope = "patient/Observation.rs online_access offline_access"
    body = (await (await ready.allowed(ticked=None, scope=scope)).exchanged()).json()
    ready.clock.move(hours=13)
    assert (await ready.refreshed(body["refresh_token"])).status_code == 200


@pytest.mark.parametrize(
    ("known", "patients", "expected"),
    [
        ((Release.R4,), {Release.STU3: "1", Release.R4: "2"}, "r4"),
        ((Release.STU3,), {Release.STU3: "1", Release.R4: "2"}, "stu3"),
        ((Release.R4, Release.STU3), {Release.STU3: "1", Release.R4: "2"}, "r4"),
        ((Release.R4, Release.STU3), {Release.STU3: "1"}, "stu3"),
        ((Release.STU3,), {Release.R4: "2"}, "stu3"),
    ],
)
async def test_an_app_is_opened_in_a_release_that_it_knows_and_the_person_has(
    world: World, known: tuple[Release, ...], patients: dict[Release, str], expected: str
) -> None:
    world.parts.oauth._record_patients = lambda _: patients
    world.app_id = await registered(world, name="Open-app-Test", launch_uri=LAUNCH_URI, launch_releases=known)
    await world.log_in()
    answer = await world.post(f"/apps/{world.app_id}/open", form_on="/apps")
    assert parse_qs(urlsplit(answer.headers["location"]).query)["iss"] == [f"{ISSUER}/fhir/{expected}"]


async def test_a_launch_uri_is_as_safe_as_a_redirect_uri(world: World) -> None:
    with pytest.raises(Exception, match="redirect URI"):
        await registered(world, name="Onveilig-Test", launch_uri="javascript:alert(1)")
