"""Whatever is asked, and whatever goes wrong: the log has nothing of anybody in it."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from app.interactions.gate import Gate
from app.rest.routes import ROUTES
from tests.end_to_end.fhir.test_any_request import CALLERS, sent
from tests.support.odd_requests import OddRequests
from tests.support.world import World, world_in

REQUESTS = 300
ROUTES_KNOWN = {f"/fhir/{release}{route.path}" for release in ("stu3", "r4") for route in ROUTES} | {"(none)"}


def secrets_of(world: World) -> set[str]:
    """Return what a line of the log must not hold: names, numbers, ids, tokens, what is in the records."""
    found = {*world.made.tokens.values(), *world.made.cookies.values()}
    for person in world.made.people.values():
        found |= {person.family, person.bsn, str(person.record_id), *person.patients.values(), *person.ids.values()}
        found |= {person.marker(thing) for _, thing in person.ids}
    return {one.lower() for one in found if one}


def lines_of(world: World, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the lines of the log, in which nothing is that must not be there."""
    world.application.ends.write()
    text = capsys.readouterr().err
    lines = [json.loads(line) for line in text.splitlines()]
    for secret in secrets_of(world):
        assert secret not in text.lower(), [line for line in lines if secret in json.dumps(line).lower()]
    return lines


async def test_odd_requests_leave_a_line_each_and_nothing_of_what_was_in_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with world_in(tmp_path) as world:
        lines_of(world, capsys)
        requests, chance = OddRequests(world, 7), random.Random(7)
        for _ in range(REQUESTS):
            await sent(world, requests.next(), world.made.tokens[chance.choice(CALLERS)])
        ended = [line for line in lines_of(world, capsys) if line["event"] == "request answered"]
    assert len(ended) == REQUESTS
    assert {line["route"] for line in ended} <= ROUTES_KNOWN
    assert {"request_id", "method", "route", "status", "duration_ms", "event", "level", "timestamp"} == ended[0].keys()


async def test_a_fault_of_ours_is_logged_with_its_places_and_no_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world_in(tmp_path) as world:
        person = world.zonnestraal
        told = f"{person.family} {person.bsn} {world.made.tokens['zonnestraal']}"

        async def fail(*_: object, **__: object) -> None:
            try:
                raise IntegrityError(f"INSERT {told}", {"name": person.family}, ValueError(told))
            except IntegrityError as error:
                raise RuntimeError(told) from error

        monkeypatch.setattr(Gate, "look", fail)
        lines_of(world, capsys)
        headers = {"Authorization": f"Bearer {world.made.tokens['zonnestraal']}", "X-Request-ID": "fault-1"}
        answer = await world.http.get("/fhir/r4/Patient", headers=headers)
        lines = lines_of(world, capsys)
    assert answer.status_code == 500
    assert person.family not in answer.text
    (fault,) = [line for line in lines if line["level"] == "error"]
    assert (fault["event"], fault["request_id"]) == ("unforeseen", "fault-1")
    assert [one["class"] for one in fault["exception"]][:2] == [
        "builtins.RuntimeError",
        "sqlalchemy.exc.IntegrityError",
    ]
    assert any("fail" in place for place in fault["exception"][0]["at"])
