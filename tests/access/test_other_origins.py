"""A page of another origin may ask FHIR and the OAuth endpoints, without cookies, and nothing else."""

import pytest

from tests.support.world import World

OPEN = (
    *("/token", "/par", "/revoke", "/introspect", "/register", "/register/nobody", "/userinfo", "/jwks"),
    *("/.well-known/smart-configuration", "/.well-known/openid-configuration"),
    *("/fhir/r4/metadata", "/fhir/r4/Observation", "/fhir/stu3/.well-known/smart-configuration"),
)
ASKING = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}


@pytest.mark.parametrize("path", OPEN)
async def test_a_browser_app_of_any_origin_may_ask(world: World, path: str) -> None:
    before = await world.http.options(path, headers=ASKING)
    assert before.status_code == 204
    assert before.headers["access-control-allow-origin"] == "*"
    allowed = {name.strip() for name in before.headers["access-control-allow-headers"].split(",")}
    assert {"Authorization", "Content-Type", "DPoP"} <= allowed
    answer = await world.http.get(path, headers=ASKING)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/login", "/apps", "/authorize", "/access", "/tokens", "/parts", "/jwks2", "/health/live"]
)
async def test_a_page_tells_other_origins_nothing(world: World, path: str) -> None:
    for answer in (await world.http.get(path, headers=ASKING), await world.http.options(path, headers=ASKING)):
        assert "access-control-allow-origin" not in answer.headers


async def test_what_smart_clients_read_names_places_that_are_there(world: World) -> None:
    smart = (await world.http.get("/fhir/r4/.well-known/smart-configuration")).json()
    assert smart == (await world.http.get("/.well-known/smart-configuration")).json()
    places = [url for name, url in smart.items() if name.endswith(("_endpoint", "_uri"))]
    assert len(places) == 9
    for url in places:
        answers = [await world.http.get(url), await world.http.post(url)]
        assert any(answer.status_code not in (404, 405) for answer in answers), url
