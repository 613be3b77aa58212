"""A record with 250,000 values of a sensor: every page answers, all values of a year count, and programs find what they ask for."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.access.categories import ALL_PARTS, Category
from tests.access.test_pages import session
from tests.support.acting import browser_of, go_in, let_act
from tests.support.long_series import measured_for_long
from tests.support.world import World, world_in

SHORT, TIMES = 2500, 100
COUNT = SHORT * TIMES
LOW, HIGH = 5.0, 7.0
PEAK = 21.5
PAGES = (
    "/",
    "/measurements",
    "/measurements/glucose",
    "/measurements/glucose?period=fortnight",
    "/measurements/weight?period=year",
    "/diary",
    "/care-plan",
    "/visit/new",
    "/summary",
    "/other",
    "/activity?who=all",
    "/activity/misfits",
    "/my-data",
    "/my-data/archive",
)
GLUCOSE = "code=http://loinc.org|14743-9"
BYTES_MAX = 60_000


@pytest.fixture(scope="module")
async def long_world(tmp_path_factory: pytest.TempPathFactory, database_kind: str) -> AsyncIterator[World]:
    async with world_in(tmp_path_factory.mktemp("long")) as world:
        person, end = world.zonnestraal, datetime.now(UTC) - timedelta(hours=1)
        values = [PEAK if n == SHORT // 2 else LOW + (HIGH - LOW) * (n % 2) for n in range(SHORT)]
        await measured_for_long(world.parts, person.record_id, person.patient(), values, TIMES, end)
        yield world


async def asked(world: World, path: str) -> httpx.Response:
    async with await session(world, "zonnestraal") as browser:
        return await browser.get(path, headers={"accept-language": "nl"})


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_of_the_person_answers(long_world: World, path: str) -> None:
    answer = await asked(long_world, path)
    assert answer.status_code == 200
    assert len(answer.content) < BYTES_MAX


async def test_all_values_of_a_year_count_and_the_peaks_are_seen(long_world: World) -> None:
    shown = (await asked(long_world, "/measurements/glucose?period=year")).text
    facts = shown.partition('id="short"')[2].partition("</section>")[0]
    mean = ((LOW + HIGH) / 2 * (SHORT - 1) + PEAK) / SHORT
    assert f"{mean:.1f}".replace(".", ",") in facts
    assert "21,5" in facts
    assert shown.count(": 21,5") > 55  # a peak in each of sixty stretches of the year, about six days each
    assert f"En nog {COUNT - 50}." in shown
    assert 100 < shown.count("<circle") < 700


async def test_who_was_given_another_part_sees_no_value(long_world: World) -> None:
    opened, closed = [
        await let_act(long_world, long_world.maanlicht, categories=parts)
        for parts in (ALL_PARTS, ALL_PARTS & ~Category.OWN_MEASUREMENTS)
    ]
    for grant, status in ((opened, 200), (closed, 403)):
        async with await browser_of(long_world, long_world.maanlicht) as browser:
            await go_in(browser, grant)
            answer = await browser.get("/measurements/glucose?period=year", headers={"accept-language": "nl"})
            assert (answer.status_code, "21,5" in answer.text) == (status, status == 200)


async def test_programs_find_the_newest_and_how_many_there_are(long_world: World) -> None:
    person = long_world.caller("zonnestraal")
    newest = await person.get(f"/Observation?{GLUCOSE}&_sort=-date&_count=20")
    assert len(newest["entry"]) == 20
    assert (await person.get(f"/Observation?{GLUCOSE}&_summary=count"))["total"] == COUNT
    last = await person.get("/Observation/$lastn?code=http://loinc.org|14743-9")
    assert len(last["entry"]) == 1
