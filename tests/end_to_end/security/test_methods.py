"""Only the methods of HTTP that something is there for."""

import pytest

from tests.support.world import World

ODD = ["TRACE", "TRACK", "CONNECT", "PROPFIND", "BREW"]


@pytest.mark.parametrize("method", ODD)
@pytest.mark.parametrize("path", ["/login", "/token", "/fhir/r4/Observation", "/fhir/stu3/metadata", "/static/app.css"])
async def test_a_method_that_nothing_is_there_for_is_refused(world: World, method: str, path: str) -> None:
    answer = await world.http.request(method, path, headers={"Cookie": "a=b", "X-Secret": "not-told"})
    assert answer.status_code in (404, 405), answer.text
    assert "not-told" not in answer.text
