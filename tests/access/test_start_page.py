"""The first page: what is new since the last visit and what waits, for the person it is about and nobody else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, update

from app.access.categories import ALL_PARTS, Category
from app.access.representation import Capacity
from app.access.smart_scope import LOOK, Action
from app.db.database import Transaction
from app.db.statements import hot
from app.fhir.agreed_plan import AskedMeasuring
from app.fhir.own_plan import Moment
from app.fhir.release import Release
from app.identity import sessions
from app.identity.instants import to_us
from app.identity.tables import portal_session
from app.interactions.people import ensure_record
from app.store.ids import new_record_id
from tests.access import test_corrections as corrections
from tests.access import test_questionnaires as questionnaires
from tests.access.test_pages import session
from tests.support.acting import browser_of, go_in, let_act
from tests.support.world import World, condition, weight

DUTCH = {"accept-language": "nl"}
NEW = "Nieuw sinds uw laatste bezoek"


_HERE = hot(update(portal_session).values(seen_before=bindparam("at")))


async def here_before(world: World, by: timedelta = timedelta(hours=1)) -> None:
    """Let everybody have been here so long ago, before the login that they are in."""
    at = to_us(datetime.now(UTC) - by)
    await world.parts.database.write(lambda transaction: transaction.run(_HERE, {"at": at}))


async def start(world: World, who: str = "zonnestraal") -> str:
    async with await session(world, who) as browser:
        answer = await browser.get("/", headers=DUTCH)
    assert answer.status_code == 200
    return answer.text


def part(page: str, name: str) -> str:
    """Return the section of the page whose heading has this id, empty if there is none."""
    return page.partition(f'aria-labelledby="{name}"')[2].partition("</section>")[0]


async def finding(world: World, **members: Any) -> None:
    patient = world.zonnestraal.patient()
    answer = await world.caller("granted")("POST", "/Condition", condition(Release.R4, patient, **members))
    assert answer.status_code == 201, answer.text


async def test_what_a_practice_added_since_the_last_visit_is_told_once_with_from_whom(world: World) -> None:
    await here_before(world)
    assert "Niets nieuws." in part(await start(world), "new")
    for _ in range(3):
        await finding(world)
    new = part(await start(world), "new")
    assert new.count("Van Praktijk Granted-Test") == 1
    assert 'href="/summary"' in new
    assert "Granted-Test" not in part(await start(world, "maanlicht"), "new")


async def test_what_was_changed_is_told_however_often_others_looked_since(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.portal.start.LOOKS_READ", 5)
    await here_before(world)
    await finding(world)
    for _ in range(12):
        await world.caller("granted").get("/Condition")
    assert part(await start(world), "new").count("Van Praktijk Granted-Test") == 1


async def test_what_came_before_the_last_visit_is_not_new(world: World) -> None:
    await finding(world)
    await here_before(world, timedelta(seconds=-1))
    assert "Niets nieuws." in part(await start(world), "new")


async def test_what_the_person_did_is_not_new_to_them(world: World) -> None:
    await here_before(world)
    await world.caller("zonnestraal").made(weight(Release.R4, world.zonnestraal.patient()))
    assert "Niets nieuws." in part(await start(world), "new")


async def test_at_the_first_visit_nothing_is_called_new(world: World) -> None:
    await finding(world)
    assert NEW not in await start(world)


async def test_who_acts_for_another_is_not_told_what_is_new_there(world: World) -> None:
    await here_before(world)
    await finding(world)
    grant = await let_act(world, world.maanlicht, actions=LOOK | Action.CREATE)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert NEW not in (await browser.get("/", headers=DUTCH)).text


async def test_a_questionnaire_waits_until_it_is_filled_in(world: World) -> None:
    assert "vragenlijst voor u klaar" not in await start(world)
    _, task_id = await questionnaires.asked(world, Release.R4)
    assert "Er staat een vragenlijst voor u klaar." in await start(world)
    me = world.caller("zonnestraal")
    task = await me.get(f"/Task/{task_id}")
    assert (await me("PUT", f"/Task/{task_id}", task | {"status": "completed"})).status_code == 200
    assert "vragenlijst voor u klaar" not in await start(world)


async def test_what_became_of_a_request_to_correct_is_told_after_it_was_answered(world: World) -> None:
    await here_before(world)
    await corrections.ask(world, await corrections.open_messages(world))
    said = "over uw verzoek om iets te verbeteren"
    assert said not in await start(world)
    (task,) = await corrections.found(world, "no grant", "Task")
    await world.caller("no grant")("PUT", f"/Task/{task['id']}", {**task, "status": "completed"})
    assert f"{said}: klaar." in await start(world)
    assert said not in await start(world, "maanlicht")


async def test_a_practice_that_looks_for_the_first_time_is_told_until_the_next_visit(world: World) -> None:
    await here_before(world)
    await world.give("no grant", world.zonnestraal, ALL_PARTS)
    await world.caller("no grant")("GET", world.zonnestraal.url("weight"))
    said = "Praktijk No Grant-Test keek in uw dossier: eerste keer."
    assert said in await start(world)
    await here_before(world, timedelta())
    assert said not in await start(world)


async def test_the_last_value_stands_beside_its_target_in_words(world: World) -> None:
    patient, now = world.zonnestraal.patient(), datetime.now(UTC).isoformat(timespec="seconds")
    aim = {"system": "http://unitsofmeasure.org", "code": "kg", "unit": "kg"}
    measure = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
    target = {"measure": measure, "detailRange": {"low": {"value": 70, **aim}, "high": {"value": 75, **aim}}}
    me = world.caller("zonnestraal")
    await me.made(
        {
            "resourceType": "Goal",
            "lifecycleStatus": "active",
            "description": {"text": "Gezond gewicht"},
            "subject": {"reference": patient},
            "target": [target],
        }
    )
    await me.made(weight(Release.R4, patient, "81", effectiveDateTime=now))
    last = part(await start(world), "last")
    assert "Boven uw doel" in last
    assert "Tussen 70 en 75" in last


@pytest.mark.parametrize("release", Release)
async def test_what_a_practice_asks_to_measure_today_waits_in_either_release(world: World, release: Release) -> None:
    moment = Moment(datetime.now(UTC).isoformat(timespec="seconds"), world.zonnestraal.patient(release))
    asked = AskedMeasuring(("http://loinc.org", "29463-7", "Gewicht"), "day", "Huisarts").new(release, moment)
    await world.caller("zonnestraal", release).made(asked)
    assert 'href="/measurements/add/weight"' in part(await start(world), "today")


async def test_who_has_nothing_yet_is_shown_where_to_begin(world: World) -> None:
    record_id, now = new_record_id(), world.parts.clock()
    await ensure_record(world.parts.context, record_id)

    async def join(transaction: Transaction) -> str:
        account_id = await world.parts.accounts.create(
            transaction, login="sneeuwvlok", password_hash="", name="Sneeuwvlok-Testpersoon", record_id=record_id,
            totp_secret="", now=now,
        )  # fmt: skip
        return await sessions.make_whole(transaction, "", account_id, now, timedelta(minutes=30))

    world.made.cookies["sneeuwvlok"] = await world.parts.database.write(join)
    shown = part(await start(world, "sneeuwvlok"), "begin")
    assert "Uw dossier is nog leeg." in shown
    for path in ("/measurements/add", "/access/new", "/my-data/import", "/settings"):
        assert f'href="{path}"' in shown
    assert "Uw dossier is nog leeg." not in await start(world)


async def _appointment(world: World, release: Release, what: str, in_hours: int, status: str = "booked") -> None:
    start = datetime.now(UTC) + timedelta(hours=in_hours)
    at, until = (one.isoformat(timespec="seconds") for one in (start, start + timedelta(minutes=20)))
    actors = [{"reference": world.zonnestraal.patient(release)}, {"display": "Praktijk Vuurtoren-Test"}]
    await world.caller("zonnestraal", release).made(
        {"resourceType": "Appointment", "status": status, "description": what, "start": at, "end": until}
        | {"participant": [{"actor": actor, "status": "accepted"} for actor in actors]}
    )


async def test_the_next_appointments_of_both_releases_stand_there_in_their_order(world: World) -> None:
    for release, what, hours, status in (
        (Release.R4, "Vierde", 90, "booked"),
        (Release.R4, "Tweede", 50, "pending"),
        (Release.STU3, "Eerste", 26, "booked"),
        (Release.STU3, "Derde", 70, "booked"),
        (Release.R4, "Voorbij", -26, "booked"),
        (Release.R4, "Afgezegd", 28, "cancelled"),
    ):
        await _appointment(world, release, what, hours, status)
    shown = part(await start(world), "appointments")
    assert [one.partition("<")[0] for one in shown.split("<h3>")[1:]] == ["Eerste", "Tweede", "Derde"]
    assert shown.count("Praktijk Vuurtoren-Test") == 3
    assert shown.count("Staat nog niet vast") == 1
    assert "Eerste" not in await start(world, "maanlicht")


async def test_an_appointment_that_came_in_both_releases_stands_there_once(world: World) -> None:
    start_at = (datetime.now(UTC) + timedelta(hours=26)).isoformat(timespec="seconds")
    for release in Release:
        await world.caller("zonnestraal", release).made(
            {
                "resourceType": "Appointment",
                "status": "booked",
                "description": "Dubbel",
                "start": start_at,
                "end": start_at,
            }
            | {"participant": [{"actor": {"reference": world.zonnestraal.patient(release)}, "status": "accepted"}]}
        )
    assert part(await start(world), "appointments").count("Dubbel") == 1


async def test_a_long_description_of_an_appointment_does_not_fill_the_page(world: World) -> None:
    await _appointment(world, Release.R4, "Lang verhaal. " * 300, 26)
    assert part(await start(world), "appointments").count("Lang verhaal.") == 14


async def test_a_helper_is_told_of_appointments_only_when_these_were_shared(world: World) -> None:
    await _appointment(world, Release.R4, "Controle", 26)
    grant = await let_act(world, world.maanlicht, Capacity.CARER, categories=ALL_PARTS & ~Category.APPOINTMENTS)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert "Controle" not in (await browser.get("/", headers=DUTCH)).text
    grant = await let_act(world, world.maanlicht, Capacity.CARER, categories=Category.APPOINTMENTS)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert "Controle" in (await browser.get("/", headers=DUTCH)).text


async def test_a_practice_that_looks_often_does_not_hide_another(world: World) -> None:
    await world.give("no grant", world.zonnestraal, ALL_PARTS)
    await world.caller("no grant")("GET", world.zonnestraal.url("weight"))
    for _ in range(5):
        await world.caller("granted")("GET", world.zonnestraal.url("weight"))
    shown = part(await start(world), "looks")
    assert shown.count("Praktijk Granted-Test") == 1
    assert shown.count("Praktijk No Grant-Test") == 1
