"""The diary: kept once, corrected, taken back by who wrote it; seen by whom measurements were granted to, and by nobody else."""

import asyncio
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.access.categories import ALL_PARTS, EVERYTHING, Category
from app.access.smart_scope import LOOK, Action
from app.fhir.diary import CODES
from app.fhir.release import Release
from tests.access.test_pages import form_token, session
from tests.access.test_practice_pages import person_url
from tests.support.acting import browser_of, go_in, let_act, send
from tests.support.world import World, weight

DUTCH = {"accept-language": "nl"}
ADD, TEXT = "/diary/add", "Benauwd na de trap."
AT = datetime.now(UTC) - timedelta(hours=3)
"""The same for all forms of this process: what is sent twice says the same minute."""


def typed(**other: str) -> dict[str, str]:
    """Return the fields of a complaint of some hours ago."""
    return {"kind": "complaint", "text": TEXT, "day": str(AT.date()), "clock": f"{AT:%H:%M}", "key": "first"} | other


async def post(world: World, path: str, who: str = "zonnestraal", **fields: str) -> httpx.Response:
    async with await session(world, who) as browser:
        return await browser.post(path, data={"csrf_token": await form_token(browser), **fields}, headers=DUTCH)


async def page(world: World, path: str = "/diary", who: str = "zonnestraal") -> httpx.Response:
    async with await session(world, who) as browser:
        return await browser.get(path, headers=DUTCH)


async def kept(world: World, release: Release = Release.STU3, who: str = "zonnestraal") -> list[dict[str, Any]]:
    """Return the diary as somebody reads it by the API."""
    patient = world.zonnestraal.patients[release]
    answer = await world.caller(who, release)("GET", f"/Observation?patient={patient}&code={CODES}")
    return [one["resource"] for one in answer.json().get("entry", [])] if answer.status_code == 200 else []


async def test_what_is_sent_twice_is_kept_once_and_shown_by_day(world: World) -> None:
    for _ in range(2):
        answer = await post(world, ADD, **typed())
        assert (answer.status_code, answer.headers["location"]) == (303, "/diary?saved=added")
    (one,) = await kept(world)
    assert one["valueString"] == TEXT
    assert one["performer"] == [one["subject"]]
    shown = (await page(world, "/diary?saved=added")).text
    assert shown.count(TEXT) == 1
    assert "Klacht" in shown


async def test_the_same_form_with_another_text_is_asked_about(world: World) -> None:
    await post(world, ADD, **typed())
    answer = await post(world, ADD, **typed(text="Iets heel anders."))
    assert answer.status_code == 422
    assert "al bewaard, met een andere tekst" in answer.text
    assert len(await kept(world)) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text": " "}, "Schrijf in uw eigen woorden"),
        ({"text": "a\x07b"}, "Schrijf in uw eigen woorden"),
        ({"text": "x" * 2001}, "te lang"),
        ({"kind": "unknown"}, "Kies wat u opschrijft"),
        ({"day": "2999-01-01"}, "moet nog komen"),
        ({"day": "31-02-2026"}, "Kies een dag"),
        ({"clock": "25:00"}, "Schrijf een tijd"),
    ],
)
async def test_what_can_not_be_kept_comes_back_with_its_place(world: World, fields: dict[str, str], said: str) -> None:
    answer = await post(world, ADD, **typed(**fields))
    assert answer.status_code == 422
    assert said in answer.text
    assert await kept(world) == []


async def test_its_person_corrects_it_and_takes_it_back_and_the_history_stays(world: World) -> None:
    await post(world, ADD, **typed())
    (one,) = await kept(world)
    path = f"/diary/stu3/{one['id']}"
    assert TEXT in (await page(world, path)).text
    right = typed(text="Het ging\nbeter.", kind="remark", version="1")
    for answer in [
        *await asyncio.gather(*(post(world, path, **right) for _ in range(3))),
        await post(world, path, **right),
    ]:
        assert (answer.status_code, answer.headers.get("location")) == (303, "/diary?saved=corrected")
    late = await post(world, path, **typed(text="Te laat.", version="1"))
    assert (late.status_code, "intussen veranderd" in late.text) == (422, True)
    assert "Te laat.</textarea>" in late.text, "what was typed is not lost"
    assert "Er staat nu: Het ging\nbeter." in late.text
    (corrected,) = await kept(world)
    assert (corrected["status"], corrected["valueString"]) == ("amended", "Het ging\nbeter.")
    assert "Opmerking" in (await page(world)).text
    back = [post(world, path, do="take-back", version="2") for _ in range(3)]
    for answer in [*await asyncio.gather(*back), await post(world, path, do="take-back", version="2")]:
        assert answer.headers.get("location") == "/diary?saved=taken-back"
    assert "Het ging" not in (await page(world)).text
    assert (await page(world, path)).status_code == 404
    history = await world.caller("zonnestraal", Release.STU3).get(f"/Observation/{one['id']}/_history")
    assert [entry["resource"]["status"] for entry in history["entry"]] == ["entered-in-error", "amended", "final"]


async def test_only_who_was_granted_measurements_reads_the_diary(world: World) -> None:
    await post(world, ADD, **typed())
    await world.give("no grant", world.zonnestraal, ALL_PARTS & ~Category.OWN_MEASUREMENTS)
    assert len(await kept(world, who="granted")) == 1
    for who in ("no grant", "expired", "not yet", "withdrawn", "sensitive", "partial", "maanlicht"):
        assert await kept(world, who=who) == [], who
    assert TEXT not in (await page(world, who="maanlicht")).text


async def test_what_is_sensitive_is_seen_by_those_only_who_were_given_that_too(world: World) -> None:
    await post(world, ADD, **typed(sensitive="on"))
    assert len(await kept(world)) == 1
    assert "gevoelig" in (await page(world)).text
    assert await kept(world, who="granted") == []
    await world.give("no grant", world.zonnestraal, EVERYTHING)
    assert len(await kept(world, who="no grant")) == 1
    (one,) = await kept(world)
    await post(world, f"/diary/stu3/{one['id']}", **typed(version="1"))
    assert len(await kept(world, who="granted")) == 1


def written(world: World, at: datetime, **other: Any) -> dict[str, Any]:
    """Return a line of the diary as an app sends it."""
    code = {"coding": [{"system": "http://loinc.org", "code": "75325-1"}]}
    patient = {"reference": f"Patient/{world.zonnestraal.patient()}"}
    made = {"resourceType": "Observation", "status": "final", "code": code, "subject": patient, "performer": [patient]}
    return made | {"effectiveDateTime": at.isoformat(timespec="seconds"), "valueString": TEXT} | other


async def test_page_by_page_each_line_of_the_diary_is_shown_and_none_twice(world: World) -> None:
    caller, noon = world.caller("zonnestraal"), datetime.now(UTC).replace(hour=11, minute=0)
    for number in range(150):
        at = noon - timedelta(days=2 + number // 7, minutes=number)
        await caller.made(written(world, at, valueString=f"Regel {number}."))
        if number % 5 == 0:
            await caller.made(written(world, at, status="entered-in-error"))
            coded = written(world, at, valueCodeableConcept={"text": "Klacht"})
            del coded["valueString"]
            await caller.made(coded)
    seen, path = Counter[str](), "/diary"
    for _ in range(10):
        shown = (await page(world, path)).text
        seen.update(re.findall(r"Regel \d+\.", shown))
        further = re.search(r'href="(/diary\?until=[0-9-]+)"', shown)
        if further is None:
            break
        path = further[1]
    assert seen == Counter(f"Regel {number}." for number in range(150))


async def test_a_day_with_more_lines_than_a_page_is_shown_whole(world: World) -> None:
    caller, noon = world.caller("zonnestraal"), datetime.now(UTC).replace(hour=11, minute=0) - timedelta(days=2)
    for number in range(70):
        await caller.made(written(world, noon + timedelta(minutes=number), valueString=f"Regel {number}."))
    await caller.made(written(world, noon - timedelta(days=1), valueString="Eerder."))
    shown = (await page(world)).text
    assert len(set(re.findall(r"Regel \d+\.", shown))) == 70
    (further,) = re.findall(r'href="(/diary\?until=[0-9-]+)"', shown)
    assert "Eerder." in (await page(world, further)).text


@pytest.mark.parametrize("actions", [LOOK, LOOK | Action.UPDATE])
async def test_a_helper_who_may_not_add_writes_nothing_and_sees_only_what_was_opened(
    world: World, actions: Action
) -> None:
    await post(world, ADD, **typed())
    grant = await let_act(world, world.maanlicht, actions=actions)
    closed = await let_act(world, world.maanlicht, categories=Category.CARE_PLAN)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        shown = (await browser.get("/diary", headers=DUTCH)).text
        assert TEXT in shown
        assert 'href="/diary/add"' not in shown
        assert (await browser.get(ADD)).status_code == 403
        assert (await send(browser, ADD, **typed(key="second"))).status_code == 403
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, closed)
        assert (await browser.get("/diary")).status_code == 403
    assert len(await kept(world)) == 1


async def test_a_measurement_is_not_corrected_as_a_line_of_the_diary(world: World) -> None:
    weight_id = world.zonnestraal.ids[Release.STU3, "weight"]
    assert (await page(world, f"/diary/stu3/{weight_id}")).status_code == 404
    assert (await post(world, f"/diary/stu3/{weight_id}", **typed(version="1"))).status_code == 404


async def test_it_stands_beside_the_measurements_of_its_days_and_as_a_mark_in_their_chart(world: World) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    await world.caller("zonnestraal").made(weight(Release.R4, world.zonnestraal.patient(), effectiveDateTime=now))
    await post(world, ADD, **typed())
    shown = (await page(world, "/measurements/weight")).text
    assert f": {TEXT}</title>" in shown
    assert TEXT in shown.partition('id="diary"')[2].partition("</section>")[0]
    earlier = (await page(world, "/measurements/weight?period=month&until=2020-01-01")).text
    assert TEXT not in earlier


async def test_a_practice_that_may_see_measurements_sees_the_diary_beside_them_and_nobody_else(world: World) -> None:
    await post(world, ADD, **typed())
    async with await session(world, "gp of granted") as doctor:
        shown = await doctor.get(f"{person_url(world)}/measurements/weight", headers=DUTCH)
    assert TEXT in shown.text
    grant = await world.give("no grant", world.zonnestraal, ALL_PARTS & ~Category.OWN_MEASUREMENTS)
    async with await session(world, "gp of no grant") as doctor:
        refused = await doctor.get(f"/practice/people/{grant.grant_id}/measurements/weight", headers=DUTCH)
    assert refused.status_code == 403
    assert TEXT not in refused.text


async def test_a_line_with_the_same_id_in_both_releases_is_corrected_in_its_own(world: World) -> None:
    chosen, at = "5a1ad000-0000-4000-8000-00000000beef", datetime.now(UTC) - timedelta(hours=3)
    for release in Release:
        patient = {"reference": world.zonnestraal.patient(release)}
        said = f"Regel van {release.path}."
        line = written(world, at, id=chosen, valueString=said, subject=patient, performer=[patient])
        made = await world.caller("zonnestraal", release)("PUT", f"/Observation/{chosen}", line)
        assert made.status_code == 201, made.text
    shown = (await page(world)).text
    for release in Release:
        path = f"/diary/{release.path}/{chosen}"
        assert path in shown
        assert f"Regel van {release.path}.</textarea>" in (await page(world, path)).text
        answer = await post(world, path, **typed(text=f"Anders in {release.path}.", version="1"))
        assert answer.headers.get("location") == "/diary?saved=corrected", answer.text
        assert f"Anders in {release.path}." in (await page(world)).text
    assert (await post(world, f"/diary/r4/{chosen}", do="take-back", version="2")).status_code == 303
    assert (await page(world, f"/diary/r4/{chosen}")).status_code == 404
    assert (await page(world, f"/diary/stu3/{chosen}")).status_code == 200
