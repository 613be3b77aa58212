"""Who sends a body ever more slowly is told so in time, by FHIR, OAuth and the pages alike, and nothing of it is done."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.errors import TooSlowError
from app.fhir.release import Release
from app.web import slow_bodies
from tests.support.world import World

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def _stops(*parts: bytes) -> AsyncIterator[bytes]:
    """Yield the beginning of a body, of which nothing more comes."""
    for part in parts:
        yield part
    await asyncio.Event().wait()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a body next to no time, and none for what has come of it."""
    monkeypatch.setattr(slow_bodies, "BEGIN_S", 0.05)
    monkeypatch.setattr(slow_bodies, "BYTES_A_SECOND", 2**30)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("release", list(Release))
async def test_a_resource_that_does_not_come_in_time_is_refused_as_an_outcome(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    before = await me.changes()
    headers = {"Authorization": f"Bearer {me.token}", "Content-Type": "application/fhir+json"}
    for method, url in (
        ("POST", "/Observation"),
        ("PUT", "/Observation/a"),
        ("POST", ""),
        ("POST", "/Observation/$validate"),
    ):
        answer = await world.http.request(method, me.base + url, content=_stops(b"{", b'"'), headers=headers)
        assert answer.status_code == 408
        assert answer.json()["issue"][0]["code"] == "timeout"
    answer = await world.http.post(f"{me.base}/Observation/_search", content=_stops(b"code=a"), headers=headers | FORM)
    assert answer.status_code == 408
    assert await me.changes() == before


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("path", ["/token", "/revoke", "/introspect", "/login"])
async def test_a_form_that_does_not_come_in_time_is_refused(world: World, path: str) -> None:
    answer = await world.http.post(path, content=_stops(b"a=", b"b"), headers=FORM)
    assert answer.status_code == 408


async def test_what_has_come_gives_time_for_more_and_what_is_behind_a_body_has_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slow_bodies, "BEGIN_S", -3600.0)  # long past: whoever has to wait is too late
    monkeypatch.setattr(slow_bodies, "BYTES_A_SECOND", 0.1)
    parts = [(b"x" * 1000, True), (b"x", False), (b"", False)]

    async def received() -> dict[str, Any]:
        if len(parts) < 3:
            await asyncio.sleep(0)
        body, more = parts.pop(0)
        return {"type": "http.request", "body": body, "more_body": more}

    receive = slow_bodies.in_time(received)
    assert [len((await receive())["body"]) for _ in range(3)] == [1000, 1, 0]
    parts = [(b"x", True), (b"x", False)]
    receive = slow_bodies.in_time(received)
    with pytest.raises(TooSlowError):
        await receive()
