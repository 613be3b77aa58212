"""The history of the care plan: what changed, when and by whom, for the person and who acts for them, and for nobody else."""

import httpx
import pytest

from app.access.categories import Category
from app.access.representation import NO_POWERS, Capacity, Power
from app.access.smart_scope import LOOK, Action
from app.fhir.agreed_plan import AskedMeasuring
from app.fhir.own_plan import Moment
from app.fhir.release import Release
from tests.access.test_own_plan import ACTIONS, GOALS, aim, own, page, plan, post
from tests.access.test_practice_pages import at_work, person_url
from tests.access.test_practice_plan import sent
from tests.support.acting import browser_of, go_in, let_act, send
from tests.support.world import World, goal, restricted, staff_name

HISTORY = "/care-plan/history"


async def test_what_the_person_changed_is_told_with_how_it_was_and_is(world: World) -> None:
    await post(world, f"{GOALS}/add", **aim(measure="29463-7", high="85"))
    (kept,) = await own(world)
    place = f"{GOALS}/r4/{kept['id']}"
    await post(world, place, **aim(text="Elke week fietsen", measure="29463-7", high="82", version="1", key="a"))
    await post(world, place, do="reached", version="2", key="b")
    shown = (await page(world, HISTORY)).text
    ended, changed, added = (shown.index(f"Doel {word}") for word in ("gehaald", "veranderd", "toegevoegd"))
    assert ended < changed < added
    between = shown[changed:added]
    assert "was: Weer naar mijn zus fietsen" in between
    assert "is nu: Elke week fietsen" in between
    assert "hoogstens 85" in between
    assert "hoogstens 82" in between
    assert "U <" in shown


async def test_who_changed_it_is_named_by_practice_and_by_helper(world: World) -> None:
    await world.give("no grant", world.zonnestraal, Category.CARE_PLAN, LOOK | Action.CREATE | Action.UPDATE)
    made = await world.caller("no grant").made(goal(Release.R4, world.zonnestraal.patient()))
    text = {"description": {"text": "Veel minder zout eten"}}
    changed = await world.caller("no grant")(
        "PUT", f"/Goal/{made['id']}", goal(Release.R4, world.zonnestraal.patient(), id=made["id"], **text)
    )
    assert changed.status_code == 200, changed.text
    shown = (await page(world, HISTORY)).text
    after = shown.partition("is nu: Veel minder zout eten")[0].rpartition("<li>")[2]
    assert "Praktijk" in after or "praktijk" in after, after
    grant = await let_act(world, world.maanlicht, categories=Category.CARE_PLAN, actions=LOOK)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert "Veel minder zout eten" in (await browser.get(HISTORY)).text


async def test_a_helper_who_may_not_see_who_looked_reads_no_name_of_who_changed_it(world: World) -> None:
    await world.give("no grant", world.zonnestraal, Category.CARE_PLAN, LOOK | Action.CREATE)
    await world.caller("no grant").made(goal(Release.R4, world.zonnestraal.patient()))
    shown = {}
    for powers in (NO_POWERS, Power.LOG):
        carer = Capacity.CARER
        grant = await let_act(world, world.maanlicht, carer, categories=Category.CARE_PLAN, powers=powers)
        async with await browser_of(world, world.maanlicht) as browser:
            await go_in(browser, grant)
            await send(browser, f"{GOALS}/add", **aim(key=f"{powers}"))
            shown[powers] = (await browser.get(HISTORY)).text.partition("<main")[2]
    assert "Praktijk No Grant-Test" in shown[Power.LOG]
    assert "Praktijk No Grant-Test" not in shown[NO_POWERS]
    for who in ("A practice", "You", world.zonnestraal.family):
        assert f"{who} <" in shown[NO_POWERS], who


@pytest.mark.parametrize("release", Release)
async def test_what_was_asked_to_measure_is_told_in_either_release(world: World, release: Release) -> None:
    moment = Moment("2026-11-02T09:00:00+01:00", world.zonnestraal.patient(release))
    asked = AskedMeasuring(("http://loinc.org", "29463-7", "Nuchter wegen"), "day", "Huisarts").new(release, moment)
    await world.caller("zonnestraal", release).made(asked)
    assert "Nuchter wegen" in (await page(world, HISTORY)).text


async def test_an_action_that_was_deleted_is_told_as_removed(world: World) -> None:
    await post(world, f"{ACTIONS}/add", **plan())
    (kept,) = await own(world, "Task")
    assert (await world.caller("zonnestraal")("DELETE", f"/Task/{kept['id']}")).status_code < 300
    shown = (await page(world, HISTORY)).text
    assert "Afspraak of actie verwijderd" in shown
    assert "Na het eten wandelen" in shown


async def test_a_correction_asked_of_a_practice_is_no_part_of_the_plan(world: World) -> None:
    await world.give("no grant", world.zonnestraal, Category.MESSAGES)
    told = {"practice": world.made.practices["no grant"], "topic": "Adres klopt niet", "wrong": "Fout", "right": "Goed"}
    assert (await post(world, "/my-data/corrections", **told)).status_code == 303
    assert "Adres klopt niet" not in (await page(world, HISTORY)).text


async def test_what_is_sensitive_now_is_in_no_history_of_a_helper_without_that(world: World) -> None:
    patient = world.zonnestraal.patient()
    me = world.caller("zonnestraal")
    made = await me.made(goal(Release.R4, patient, description={"text": "Iets heel gevoeligs"}))
    hidden = goal(Release.R4, patient, id=made["id"], meta=restricted(), description={"text": "Nog gevoeliger"})
    assert (await me("PUT", f"/Goal/{made['id']}", hidden)).status_code == 200
    assert "Iets heel gevoeligs" in (await page(world, HISTORY)).text
    grant = await let_act(world, world.maanlicht, categories=Category.CARE_PLAN)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        shown = (await browser.get(HISTORY)).text
    assert "Minder zout eten" in shown
    assert "evoelig" not in shown


@pytest.mark.parametrize("categories", [Category.OWN_MEASUREMENTS, Category.MESSAGES])
async def test_a_helper_without_the_care_plan_gets_no_history(world: World, categories: Category) -> None:
    grant = await let_act(world, world.maanlicht, categories=categories)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        answer = await browser.get(HISTORY)
        assert answer.status_code == 403
        assert "zout" not in answer.text


async def test_nobody_gets_the_history_of_another(world: World) -> None:
    await post(world, f"{GOALS}/add", **aim())
    assert "mijn zus" not in (await page(world, HISTORY, "maanlicht")).text
    assert (await page(world, HISTORY, "gp of granted")).status_code == 303


async def history_at(world: World, who: str) -> httpx.Response:
    async with at_work(world, who) as browser:
        return await browser.get(f"{person_url(world)}{HISTORY}")


async def test_a_practice_reads_the_history_and_the_names_of_its_own_people_only(world: World) -> None:
    writes = LOOK | Action.CREATE | Action.UPDATE
    await world.give("granted", world.zonnestraal, Category.CARE_PLAN, writes)
    await world.give("no grant", world.zonnestraal, Category.CARE_PLAN, writes)
    patient, other = world.zonnestraal.patient(), world.caller("no grant")
    await other.made(goal(Release.R4, patient, description={"text": "Van een andere praktijk"}))
    await world.caller("granted").made(goal(Release.R4, patient, description={"text": "Van ons systeem"}))
    await post(world, f"{GOALS}/add", **aim())
    async with at_work(world, "nurse of granted") as browser:
        await sent(browser, f"{person_url(world)}/care-plan/goals/add", text="Vaker naar buiten", key="n")
    answer = await history_at(world, "gp of granted")
    assert answer.status_code == 200
    for text, who in (
        ("Vaker naar buiten", staff_name("nurse of granted")),
        ("Van een andere praktijk", "Another practice"),
        ("Van ons systeem", "A system of your practice"),
        (aim()["text"], "The person"),
    ):
        assert who in answer.text.partition(text)[2].partition("</li>")[0], text
    assert "no grant" not in answer.text.casefold()
    shown = (await page(world, "/activity?who=all")).text
    assert staff_name("gp of granted") in shown


async def test_a_practice_reads_no_history_of_what_was_not_granted_or_is_sensitive_now(world: World) -> None:
    assert (await history_at(world, "gp of granted")).status_code == 403, "the care plan was not granted"
    grant = await world.give("granted", world.zonnestraal, Category.CARE_PLAN)
    me, patient = world.caller("zonnestraal"), world.zonnestraal.patient()
    made = await me.made(goal(Release.R4, patient, description={"text": "Iets heel gevoeligs"}))
    assert "Iets heel gevoeligs" in (await history_at(world, "gp of granted")).text
    hidden = goal(Release.R4, patient, id=made["id"], meta=restricted(), description={"text": "Nog gevoeliger"})
    assert (await me("PUT", f"/Goal/{made['id']}", hidden)).status_code == 200
    shown = (await history_at(world, "gp of granted")).text
    assert "Minder zout eten" in shown
    assert "evoelig" not in shown
    for who, status in (("assistant of granted", 403), ("administrator of granted", 403), ("gp of no grant", 404)):
        answer = await history_at(world, who)
        assert (answer.status_code, "zout" in answer.text) == (status, False), who
    await world.withdraw(grant)
    assert (await history_at(world, "gp of granted")).status_code == 403
