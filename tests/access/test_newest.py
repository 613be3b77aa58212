"""The overview of measurements: one look for all kinds, only of the record in view, and few statements however many there are."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.access.requester import Requester, RequesterKind
from app.audit.events import Trace
from app.audit.log import entries_of
from app.errors import AccessDeniedError
from app.fhir.release import Release
from app.interactions import newest
from app.interactions.newest import Newest, newest_of_each
from app.portal.session import SCOPES
from tests.support.world import World, bundle, entry, weight

NEWEST = (1 << 62, 1 << 62)
WEIGHT = [("code", "http://loinc.org|29463-7")]
HEIGHT = [("code", "http://loinc.org|8302-2")]


def person(world: World, name: str = "zonnestraal") -> Requester:
    record_id = world.made.people[name].record_id
    return Requester(RequesterKind.PERSON, "person", name, SCOPES, record_id=record_id)


async def weights(world: World, count: int) -> None:
    """Put weights of ``count`` days into Zonnestraal's record, the oldest last: 1 kg is the oldest."""
    patient, now = world.zonnestraal.patient(), datetime.now(UTC)
    made = [
        weight(Release.R4, patient, str(count - day), effectiveDateTime=(now - timedelta(days=day)).date().isoformat())
        for day in range(count)
    ]
    await world.caller("zonnestraal")(
        "POST", "", bundle("transaction", *(entry("POST", "Observation", one) for one in made))
    )


def kilograms(found: list[Any]) -> set[float]:
    return {float(one.tree()["valueQuantity"]["value"]) for one in found}


@pytest.mark.parametrize("count", [newest.FEW - 10, newest.FEW + 40])
async def test_the_latest_by_date_are_among_what_comes_back(world: World, count: int) -> None:
    await weights(world, count)
    found, none = await newest_of_each(
        world.parts.context, person(world), Trace.EMPTY, Newest(Release.R4, "Observation", [WEIGHT, HEIGHT], 5)
    )
    assert {count, count - 1, count - 2, count - 3, count - 4} <= kilograms(found)
    assert none == []
    assert len(found) <= newest.FEW


async def test_all_kinds_are_one_look_in_the_log(world: World) -> None:
    async def looks() -> int:
        entries = await entries_of(world.parts.database.reader, world.zonnestraal.record_id, NEWEST, 1000)
        return len(entries)

    before = await looks()
    await newest_of_each(
        world.parts.context, person(world), Trace.EMPTY, Newest(Release.R4, "Observation", [WEIGHT, HEIGHT] * 4, 5)
    )
    assert await looks() == before + 1


async def test_another_person_finds_nothing_of_it(world: World) -> None:
    await weights(world, 3)
    (found,) = await newest_of_each(
        world.parts.context, person(world, "maanlicht"), Trace.EMPTY, Newest(Release.R4, "Observation", [WEIGHT], 100)
    )
    own = world.made.people["maanlicht"].record_id
    assert {one.record_id for one in found} <= {own}


async def test_a_practice_without_a_grant_is_refused(world: World) -> None:
    stranger = Requester(
        RequesterKind.PRACTICE,
        "practice",
        "Praktijk",
        SCOPES,
        practice_id=world.made.practices["no grant"],
        only_record=world.zonnestraal.record_id,
    )
    with pytest.raises(AccessDeniedError):
        await newest_of_each(world.parts.context, stranger, Trace.EMPTY, Newest(Release.R4, "Observation", [WEIGHT], 5))
