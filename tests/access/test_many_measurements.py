"""Pages of a large record: all values count, the peaks are seen, and it takes few statements, rows and bytes."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import httpx
import pytest

from app.access.categories import ALL_PARTS, Category
from app.db.database import Reader, Row
from app.db.statements import Statement
from app.fhir.release import Release
from tests.access.test_pages import session
from tests.end_to_end.browser.places import PERSON, PRACTICE
from tests.support.acting import browser_of, go_in, let_act
from tests.support.counting import counting
from tests.support.importing import imported
from tests.support.large import PLACES_OF_LARGE, UCUM, Large, glucose, large_in
from tests.support.world import World, restricted

COUNT = 1200
DUTCH = {"accept-language": "nl"}
BYTES_MAX = 60_000
"""Of a page alone: style and programs are 43 kB more at a first visit."""

STATEMENTS_MAX, ROWS_MAX = 48, 300
STATEMENTS = {
    "/": 136,
    "/measurements": 78,
    "/care-plan": 145,
    "/visit/new": 144,
    "/summary": 145,
    "/other": 125,
    "/practice/people/{person}/measurements": 95,
    "/practice/people/{person}/care-plan": 172,
    "/practice/people/{person}/care-plan/history": 58,
    "/practice/people/{person}/summary": 172,
    "/practice/people/{person}/other": 138,
    "/practice/people/{person}/medication/list": 58,
    "/practice/people/{person}/measurements/glucose": 57,
}
ROWS = {
    "/": 2600,
    "/care-plan": 700,
    "/practice/people/{person}/care-plan": 700,
    "/activity?who=all": 2500,
}
"""Statements and rows of the pages that take more than most, with little to spare: what takes more gets its reason here."""

MANY = re.compile("measurements|visit/new|summary")
"""Pages with measurements and results, of each of which a row is read."""

GOES_THROUGH_ALL = "/activity/check"
"""The page that checks every change and every entry of the log, and so reads all of them."""


async def fill(world: World, count: int, hours: float) -> None:
    """Put glucose values of 5 and 7, by turns, into Zonnestraal's record, one of 21.5 and one of 2.5 that was a mistake."""
    patient, now = world.zonnestraal.patient(), datetime.now(UTC) - timedelta(hours=2)
    bodies = [glucose(patient, now - timedelta(hours=hours * n), 5.0 + 2 * (n % 2)) for n in range(count)]
    bodies[count // 2] = glucose(patient, now - timedelta(hours=hours * count / 2), 21.5)
    bodies.append(glucose(patient, now - timedelta(days=3), 2.5, status="entered-in-error"))
    assert (await imported(world.parts, bodies)).counts == (count + 1, 0, 0)


async def page(
    world: World, path: str = "/measurements/glucose?period=quarter", who: str = "zonnestraal"
) -> httpx.Response:
    async with await session(world, who) as browser:
        return await browser.get(path, headers=DUTCH)


async def test_of_very_many_values_all_count_and_the_peak_is_seen(world: World) -> None:
    await fill(world, COUNT, 1)
    shown = (await page(world)).text
    assert "21,5" in shown
    assert "2,5" not in shown
    facts = shown.partition('id="short"')[2].partition("</section>")[0]
    mean = (5 * COUNT / 2 + 7 * COUNT / 2 + 21.5 - 5) / COUNT
    assert f"{mean:.1f}".replace(".", ",") in facts
    assert "5,0" in facts
    assert 100 < shown.count("<circle") < 700
    assert f"En nog {COUNT - 50}." in shown
    assert "Door de dag heen" in shown


async def test_very_many_and_few_are_told_alike(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(world, COUNT, 1)
    many = (await page(world)).text
    monkeypatch.setattr("app.portal.measurements.DENSE", COUNT + 10)
    few = (await page(world)).text
    for name in ("short", "table"):
        own, other = (text.partition(f'aria-labelledby="{name}"')[2].partition("</section>")[0] for text in (many, few))
        assert own == other


async def test_few_values_of_one_release_count_among_very_many_of_the_other(world: World) -> None:
    await fill(world, COUNT, 1)
    few, now = 40, datetime.now(UTC) - timedelta(hours=2, minutes=30)
    patient = world.zonnestraal.patient(Release.STU3)
    bodies = [glucose(patient, now - timedelta(days=n), 24.5 if n == few // 2 else 15.0) for n in range(few)]
    assert (await imported(world.parts, bodies, Release.STU3)).counts == (few, 0, 0)
    shown = (await page(world)).text
    facts = shown.partition('id="short"')[2].partition("</section>")[0]
    mean = (5 * COUNT / 2 + 7 * COUNT / 2 + 21.5 - 5 + 15 * few + 24.5 - 15) / (COUNT + few)
    assert f"{mean:.1f}".replace(".", ",") in facts
    assert "24,5" in facts


async def test_what_was_measured_long_ago_is_no_last_value(world: World) -> None:
    patient, now = world.zonnestraal.patient(), datetime.now(UTC)
    bodies = [glucose(patient, now - timedelta(days=days), value) for days, value in ((390, 8.5), (410, 21.5))]
    assert (await imported(world.parts, [bodies[1]])).counts == (1, 0, 0)
    assert "21,5" not in (await page(world, "/measurements")).text
    assert (await imported(world.parts, [bodies[0]])).counts == (1, 0, 0)
    assert "8,5" in (await page(world, "/measurements")).text


async def test_values_in_another_unit_count_among_very_many(world: World) -> None:
    await fill(world, COUNT, 1)
    patient, now = world.zonnestraal.patient(), datetime.now(UTC) - timedelta(hours=2, minutes=30)
    milligrams = {"value": 500, "unit": "mg/dL", "system": UCUM, "code": "mg/dL"}
    both = {"coding": [{"system": "http://loinc.org", "code": code} for code in ("14743-9", "14770-2")]}
    trees = [json.loads(glucose(patient, now - timedelta(days=n), 1)) for n in range(3)]
    bodies = [json.dumps(tree | {"valueQuantity": milligrams, "code": both}).encode() for tree in trees]
    assert (await imported(world.parts, bodies)).counts == (3, 0, 0)
    facts = (await page(world)).text.partition('id="short"')[2].partition("</section>")[0]
    assert facts.count("27,8") == 3  # as mean, lowest and highest of its own series, once each
    assert "21,5" in facts


async def test_of_very_many_values_nobody_sees_what_was_not_opened(world: World) -> None:
    await fill(world, COUNT, 1)
    opened = await let_act(world, world.maanlicht)
    closed = await let_act(world, world.maanlicht, categories=ALL_PARTS & ~Category.OWN_MEASUREMENTS)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, opened)
        assert "21,5" in (await browser.get("/measurements/glucose?period=quarter")).text.replace("21.5", "21,5")
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, closed)
        answer = await browser.get("/measurements/glucose?period=quarter")
        assert answer.status_code == 403
    assert "21,5" not in (await page(world, who="maanlicht")).text


async def test_how_many_values_are_hidden_does_not_show_in_the_period_that_is_chosen(world: World) -> None:
    patient, now = world.zonnestraal.patient(), datetime.now(UTC) - timedelta(hours=2)
    bodies = [glucose(patient, now - timedelta(minutes=9 * n), 21.5, meta=restricted()) for n in range(COUNT)]
    assert (await imported(world.parts, [*bodies, glucose(patient, now, 5.5)])).counts == (COUNT + 1, 0, 0)
    grant = await let_act(world, world.maanlicht, categories=ALL_PARTS & ~Category.SENSITIVE)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        few = (await browser.get("/measurements/glucose", headers=DUTCH)).text
    many = (await page(world, "/measurements/glucose")).text
    assert "laatste 14 dagen" in many
    assert "laatste 3 maanden" in few
    assert "21,5" not in few


async def test_a_search_that_goes_through_all_of_a_type_and_finds_nothing_is_run_once(world: World) -> None:
    asked = Counter[str]()
    kind = type(world.parts.database.reader)
    own = kind.all

    async def every(reader: Reader, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        asked[f"{id(statement)} {sorted(parameters.items(), key=str)}"] += 1
        return await own(reader, statement, parameters)

    app = world.caller("zonnestraal")
    with patch.object(kind, "all", every):
        assert await app.found("/Observation?code:not=http://loinc.org|29463-7") == []
    assert set(asked.values()) == {1}


@pytest.fixture(scope="module")
async def large(tmp_path_factory: pytest.TempPathFactory, database_kind: str) -> AsyncIterator[Large]:
    async with large_in(tmp_path_factory.mktemp("large")) as made:
        yield made


@pytest.mark.parametrize("who", [PERSON, PRACTICE])
async def test_every_page_of_a_large_record_takes_few_statements_rows_and_bytes(large: Large, who: str) -> None:
    faults = []
    async with large.browser(who) as browser:
        for _, place in (one for one in PLACES_OF_LARGE if one[0] == who):
            await browser.get(large.path(place))
            with counting(large.world.parts.database.reader) as counted:
                answer = await browser.get(large.path(place))
            assert answer.status_code == 200, place
            path = place.partition("?period=")[0]
            if counted.statements > STATEMENTS.get(path, STATEMENTS_MAX):
                faults.append(f"{place}: {counted.statements} statements")
            if counted.rows > ROWS.get(path, 1000 if MANY.search(place) else ROWS_MAX) and path != GOES_THROUGH_ALL:
                faults.append(f"{place}: {counted.rows} rows")
            if len(answer.content) > BYTES_MAX:
                faults.append(f"{place}: {len(answer.content)} bytes")
    assert faults == []
