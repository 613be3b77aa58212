"""Who is told of what stands out in their log: each new thing once, nothing from before, nothing that was switched off."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.audit import alerts
from app.audit.doings import Doing
from app.audit.events import Event
from app.audit.unusual import MANY, Unusual
from app.db.database import Transaction
from tests.integration.audit.test_own_chain import HER, HIM, Place, place

__all__ = ["place"]
ZONE = ZoneInfo("Europe/Amsterdam")
NOON_US = 12 * 3_600_000_000
LOOK: dict[str, Any] = {"kind": "practice", "actor": "practice:p1", "display": "Praktijk De Proef", "count": 1}


@pytest.fixture
async def watched(place: Place) -> Place:
    """Give a log at noon that was watched until now, with an entry of the practice about her."""
    place.now = NOON_US + 1000 * alerts.DAY_US
    await place.write(Event("read", record_id=HER, **LOOK))
    assert await told(place) == []
    return place


async def told(place: Place) -> list[int]:
    return list(await told_of(place))


async def told_of(place: Place) -> alerts.Found:
    found: alerts.Found = {}
    while True:
        begin, end, signs = await alerts.look(place.database.reader, ZONE)
        if begin == end:
            return found

        async def job(
            transaction: Transaction, begin: int = begin, end: int = end, signs: alerts.Found = signs
        ) -> alerts.Found:
            return await alerts.tell(transaction, begin, end, signs, place.now)

        found |= await place.database.write(job)


async def switch(place: Place, *off: alerts.Sign) -> None:
    await place.database.write(lambda transaction: alerts.switch(transaction, HER, frozenset(off)))


async def test_a_usual_look_is_told_to_nobody(watched: Place) -> None:
    await watched.write(Event("read", record_id=HER, **LOOK))
    assert await told(watched) == []


async def test_who_is_looked_at_by_a_practice_for_the_first_time_is_told_once(watched: Place) -> None:
    await watched.write(Event("read", record_id=HIM, **LOOK), Event("read", record_id=HER, **LOOK))
    assert await told(watched) == [HIM]
    await watched.write(Event("read", record_id=HIM, **LOOK))
    assert await told(watched) == []


async def test_one_kind_is_told_once_a_day_and_another_kind_at_once(watched: Place) -> None:
    much = Event("search-type", record_id=HER, **{**LOOK, "count": MANY})
    await watched.write(much)
    assert await told(watched) == [HER]
    await watched.write(much)
    assert await told(watched) == []
    await watched.write(Event("read", record_id=HER, outcome="refused", status=403, **LOOK))
    assert await told(watched) == [HER]
    watched.now += alerts.DAY_US
    await watched.write(much)
    assert await told(watched) == [HER]


async def test_a_kind_of_a_newer_release_is_passed_over(watched: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await switch(watched, Unusual.MANY, Unusual.NIGHT)
    monkeypatch.delitem(alerts.SIGNS, Unusual.MANY.value)  # as a server of before knows them
    assert await alerts.switched_off(watched.database.reader, HER) == {Unusual.NIGHT}
    assert await alerts.told(watched.database.reader, HER) == {}


async def test_what_was_switched_off_is_not_told_and_the_rest_is(watched: Place) -> None:
    await switch(watched, Unusual.MANY)
    assert await alerts.switched_off(watched.database.reader, HER) == {Unusual.MANY}
    await watched.write(Event("search-type", record_id=HER, **{**LOOK, "count": MANY}))
    assert await told(watched) == []
    await watched.write(Event("read", record_id=HER, outcome="refused", status=403, **LOOK))
    assert await told(watched) == [HER]
    await switch(watched)
    await watched.write(Event("search-type", record_id=HER, **{**LOOK, "count": MANY}))
    assert await told(watched) == [HER]


async def test_what_another_process_told_is_not_told_again(watched: Place) -> None:
    await watched.write(Event("read", record_id=HIM, **LOOK))
    begin, end, signs = await alerts.look(watched.database.reader, ZONE)
    assert await told(watched) == [HIM]
    again = await watched.database.write(
        lambda transaction: alerts.tell(transaction, begin, end, signs, watched.now + 2 * alerts.DAY_US)
    )
    assert again == {}


async def test_what_a_practice_writes_for_a_person_is_told_once_a_day_of_each_kind(watched: Place) -> None:
    for_her = [Event("create", record_id=HER, resource_type=name, **LOOK) for name in ("Task", "Task", "Communication")]
    await watched.write(*for_her)
    assert await told_of(watched) == {HER: {Doing.TASK, Doing.MESSAGE}}
    await watched.write(*for_her, Event("update", record_id=HER, resource_type="Goal", **LOOK))
    assert await told_of(watched) == {HER: {Doing.PLAN}}
    await switch(watched, Doing.TASK)
    watched.now += alerts.DAY_US
    await watched.write(*for_her)
    assert await told_of(watched) == {HER: {Doing.MESSAGE}}


async def test_what_happens_once_is_told_once_and_is_no_kind_to_switch_off(watched: Place) -> None:
    async def job(transaction: Transaction) -> bool:
        return await alerts.tell_once(transaction, HER, "may-agree", watched.now)

    assert [await watched.database.write(job) for _ in range(2)] == [True, False]
    assert await alerts.told(watched.database.reader, HER) == {}
    await switch(watched, Doing.PLAN)
    assert not await watched.database.write(job)
