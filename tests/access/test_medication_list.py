"""The list of medicines to print: of whom it is, and never more than the one who prints may see."""

import json

from app.access.categories import Category
from app.access.representation import Capacity
from tests.access.test_pages import session
from tests.access.test_practice_pages import at_work, person_url
from tests.support.acting import browser_of, go_in, let_act
from tests.support.world import World

ENGLISH = {"accept-language": "en"}


async def written(world: World) -> None:
    """Give the first person a birth date, a medicine in use, one that was stopped, and an allergy."""
    me, patient = world.caller("zonnestraal"), {"reference": world.zonnestraal.patient()}
    url = f"/{world.zonnestraal.patient()}"
    changed = await me("PUT", url, json.dumps(await me.get(url) | {"birthDate": "1964-05-17"}))
    assert changed.status_code == 200, changed.text
    for name, status in (("Verzonnenol", "active"), ("Gestoptine", "stopped")):
        await me.made(
            {
                "resourceType": "MedicationRequest",
                "status": status,
                "intent": "order",
                "medicationCodeableConcept": {"text": name},
                "subject": patient,
                "reasonReference": [{"display": "hoge bloeddruk"}],
                "requester": {"display": "M. Meetlat-Testarts"},
                "dosageInstruction": [{"text": "1 keer per dag 1 tablet"}],
            }
        )
    system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
    active = {"clinicalStatus": {"coding": [{"system": system, "code": "active"}]}}
    nuts = {"patient": patient, "code": {"text": "Verzonnen pinda"}, **active}
    await me.made({"resourceType": "AllergyIntolerance", **nuts})


async def test_the_list_says_whose_it_is_and_what_is_used_how_and_what_for(world: World) -> None:
    await written(world)
    async with await session(world, "zonnestraal") as browser:
        shown = (await browser.get("/medication/list", headers=ENGLISH)).text
    for text in (
        world.zonnestraal.family, "born on 17\u00a0May\u00a01964", "Verzonnenol", "1 keer per dag 1 tablet", "Hoge bloeddruk",
        "M. Meetlat-Testarts", "Verzonnen pinda",
    ):  # fmt: skip
        assert text in shown, text
    assert "Gestoptine" not in shown


async def test_another_person_has_a_list_of_their_own(world: World) -> None:
    await written(world)
    async with await session(world, "maanlicht") as browser:
        shown = (await browser.get("/medication/list", headers=ENGLISH)).text
    assert "Verzonnenol" not in shown
    assert world.zonnestraal.family not in shown


async def test_who_helps_prints_only_the_parts_that_were_shared(world: World) -> None:
    await written(world)
    async with await browser_of(world, world.maanlicht) as browser:
        grant = await let_act(world, world.maanlicht, Capacity.CARER, categories=Category.MEDICATION)
        await go_in(browser, grant)
        shown = (await browser.get("/medication/list")).text
        assert "Verzonnenol" in shown
        assert "born on" not in shown
        assert "Verzonnen pinda" not in shown
    async with await browser_of(world, world.maanlicht) as browser:
        grant = await let_act(world, world.maanlicht, Capacity.CARER, categories=Category.GP_SUMMARY)
        await go_in(browser, grant)
        assert (await browser.get("/medication/list")).status_code == 403


async def test_a_practice_prints_only_the_parts_that_were_shared_with_its_people(world: World) -> None:
    await written(world)
    url = f"{person_url(world)}/medication/list"
    async with at_work(world, "gp of granted") as browser:
        assert (await browser.get(url)).status_code == 403, "medicines were not shared"
        grant = await world.give("granted", world.zonnestraal, Category.MEDICATION)
        shown = (await browser.get(url)).text
        assert "Verzonnenol" in shown
        assert "Gestoptine" not in shown
        assert "Allergies were not shared" in shown
        assert "Verzonnen pinda" not in shown
        await world.give("granted", world.zonnestraal, Category.ALLERGIES)
        shown = (await browser.get(url)).text
        for text in ("17\u00a0May\u00a01964", "Verzonnen pinda", world.zonnestraal.family):
            assert text in shown, text
        assert url in (await browser.get(f"{person_url(world)}/medication")).text
        await world.withdraw(grant)
        assert (await browser.get(url)).status_code == 403
    for who, status in (("assistant of granted", 403), ("gp of no grant", 404)):
        async with at_work(world, who) as browser:
            assert (await browser.get(url)).status_code == status, who
