"""What has no page of its own is on the page with other data: for the person, and for others as far as it was granted."""

import pytest

from app.access.categories import Category
from app.access.representation import Capacity
from app.fhir.release import Release
from tests.access.test_pages import session
from tests.access.test_practice_pages import at_work, person_url
from tests.support.acting import browser_of, go_in, let_act
from tests.support.kinds import made_of
from tests.support.world import Tree, World, restricted

RELEASES = pytest.mark.parametrize("release", list(Release))
DUTCH = {"Accept-Language": "nl"}
SNOMED = "http://snomed.info/sct"


def others(world: World, release: Release) -> dict[str, Tree]:
    """Return things without a page of their own, by a word that is in each."""
    is_stu3 = release is Release.STU3
    patient = world.zonnestraal.patient(release)
    about = {"subject": {"reference": patient}}
    system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
    over = "resolved" if is_stu3 else {"coding": [{"system": system, "code": "resolved"}]}
    refused = {"notGiven": True} if is_stu3 else {"status": "not-done"}
    seen = {"status": "final", "code": {"text": "Oogmeting"}, "valueString": "goed"}
    return {
        "Longfoto": {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "Longfoto"}, **about},
        "Oogmeting": {"resourceType": "Observation", **seen, **about},
        "Klinischbeeld": {"resourceType": "ClinicalImpression", "status": "completed", "description": "Klinischbeeld"}
        | about,
        "Wolallergie": made_of("allergy", release, patient, "oud")
        | {"clinicalStatus": over, "code": {"text": "Wolallergie"}},
        "Weigering": made_of("vaccination", release, patient, "nee") | {"vaccineCode": {"text": "Weigering"}} | refused,
        "Rolstoelbon": {"resourceType": "CommunicationRequest", "status": "active", **about}
        | {"payload": [{"contentString": "Rolstoelbon"}]},
        "Afspraakwoord": made_of("appointment", release, patient, "x") | {"description": "Afspraakwoord"},
    }


@RELEASES
async def test_what_has_no_page_of_its_own_is_shown_with_its_words(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    for tree in others(world, release).values():
        await me.made(tree)
    async with await session(world, "zonnestraal") as browser:
        page = (await browser.get("/other")).text
    for word in others(world, release):
        assert word in page, word
    async with await session(world, "maanlicht") as browser:
        foreign = (await browser.get("/other")).text
    assert not any(word in foreign for word in others(world, release))


@RELEASES
async def test_what_was_given_and_what_was_stopped_stands_on_its_own_page_only(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    assert (await me.get("/Consent"))["entry"]
    async with await session(world, "zonnestraal") as browser:
        page = (await browser.get("/other", headers=DUTCH)).text
    assert "Wie wat mag zien" not in page


MORE = "Er is meer. Dat staat in de kopie van uw gegevens."


@pytest.mark.parametrize(("part", "most"), [("contacts", 50), ("procedures", 30), ("results", 12)])
@RELEASES
async def test_a_part_of_the_summary_that_is_not_whole_says_where_the_rest_is(
    world: World, release: Release, part: str, most: int
) -> None:
    me, subject = world.caller("zonnestraal", release), {"reference": world.zonnestraal.patient(release)}
    act = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    kind = {"coding": [{"system": SNOMED, "code": "49581000146104"}]}
    trees: dict[str, Tree] = {
        "contacts": {"resourceType": "Encounter", "status": "finished", "class": act},
        "procedures": {"resourceType": "Procedure", "status": "completed", "code": {"text": "Verzonnen behandeling"}},
        "results": {"resourceType": "Observation", "status": "final", "code": {"text": "Verzonnenstof"}}
        | {"category": [kind], "valueString": "goed"},
    }

    async def made(number: int) -> None:
        on = f"20{number:02}-01-01"
        when: dict[str, Tree] = {
            "contacts": {"period": {"start": on}},
            "procedures": {"performedDateTime": on},
            "results": {"effectiveDateTime": on},
        }
        await me.made(trees[part] | {"subject": subject} | when[part])

    async with await session(world, "zonnestraal") as browser:
        for number in range(1, most + 2):
            await made(number)
            if number == most - 2:
                assert MORE not in (await browser.get("/summary", headers=DUTCH)).text
        page = (await browser.get("/summary", headers=DUTCH)).text
    assert MORE in page
    assert '<a href="/my-data/archive">' in page.partition(MORE)[2][:60]
    async with at_work(world, "gp of granted") as browser:
        practice = (await browser.get(f"{person_url(world)}/summary", headers=DUTCH)).text
    assert MORE not in practice


SEEN = {"Oogmeting", "Longfoto", "Klinischbeeld"}
"""What is part of the GP summary, which the practice was granted."""


@RELEASES
async def test_a_practice_sees_of_it_what_was_granted(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    for tree in others(world, release).values():
        await me.made(tree)
    hidden = await me.made(
        others(world, release)["Oogmeting"] | {"code": {"text": "Verborgenmeting"}, "meta": restricted()}
    )
    async with at_work(world, "gp of granted") as browser:
        page = (await browser.get(f"{person_url(world)}/other")).text
    assert {word for word in others(world, release) if word in page} == SEEN
    assert "Verborgenmeting" not in page
    assert hidden["id"] not in page


async def test_a_helper_sees_of_it_the_part_they_were_given(world: World) -> None:
    me = world.caller("zonnestraal")
    for tree in others(world, Release.R4).values():
        await me.made(tree)
    given = await let_act(world, world.maanlicht, Capacity.CARER, categories=Category.APPOINTMENTS)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, given)
        page = (await browser.get("/other")).text
    assert {word for word in others(world, Release.R4) if word in page} == {"Afspraakwoord"}


@RELEASES
async def test_daily_life_wishes_family_devices_and_contacts_are_in_the_summary(world: World, release: Release) -> None:
    me, patient = world.caller("zonnestraal", release), {"reference": world.zonnestraal.patient(release)}
    smoking = {"coding": [{"system": SNOMED, "code": "365980008"}]}
    will = [{"coding": [{"system": SNOMED, "code": "11341000146107"}]}, {"text": "Levenstestament"}]
    scope = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "adr"}]}
    policy = (
        {"policyRule": "https://regie.example/policy"} if release is Release.STU3 else {"policyRule": {"text": "wet"}}
    )
    device = await me.made(
        {"resourceType": "Device", "status": "active", "type": {"text": "Looprek"}, "patient": patient}
    )
    for tree in (
        {"resourceType": "Observation", "status": "final", "code": smoking, "valueString": "Rooktniet"}
        | {"subject": patient, "effectiveDateTime": "2026-01-01"},
        {"resourceType": "Consent", "status": "active", "category": will, "patient": patient, **policy}
        | ({} if release is Release.STU3 else {"scope": scope}),
        {"resourceType": "FamilyMemberHistory", "status": "completed", "patient": patient}
        | {"relationship": {"text": "Oudtante"}, "condition": [{"code": {"text": "Jicht"}}]},
        {"resourceType": "DeviceUseStatement", "status": "active", "subject": patient}
        | {"device": {"reference": f"Device/{device['id']}"}},
        {"resourceType": "Encounter", "status": "finished", "subject": patient, "type": [{"text": "Polibezoek"}]}
        | {"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}},
    ):
        await me.made(tree)
    async with await session(world, "zonnestraal") as browser:
        summary, other = (await browser.get("/summary")).text, (await browser.get("/other")).text
    async with at_work(world, "gp of granted") as browser:
        practice = (await browser.get(f"{person_url(world)}/summary")).text
    words = {"Rooktniet", "Levenstestament", "Oudtante", "Jicht", "Looprek", "Polibezoek"}
    assert {word for word in words if word in summary} == words
    assert not any(word in other for word in words)
    assert {word for word in words if word in practice} == words


@RELEASES
@pytest.mark.parametrize(
    "used", ["#aid", "urn:uuid:0f7a7c1c-8f55-4a5e-9f1a-2d1b3b1b3b1b", "https://elsewhere.example/Device/1"]
)
async def test_an_aid_that_is_told_of_inside_its_use_or_elsewhere_hides_no_other(
    world: World, release: Release, used: str
) -> None:
    me = world.caller("zonnestraal", release)
    use: Tree = {"resourceType": "DeviceUseStatement", "status": "active"}
    use |= {"subject": {"reference": world.zonnestraal.patient(release)}}
    device = await me.made({"resourceType": "Device", "status": "active", "type": {"text": "Looprek"}})
    inside = [{"resourceType": "Device", "id": "aid", "type": {"text": "Leesbril"}}] if used == "#aid" else []
    told = {"contained": inside, "device": {"reference": used}} if inside else {}
    await me.made(use | {"device": {"reference": f"Device/{device['id']}"}})
    await me.made(use | {"device": {"reference": used, "display": "Leesbril"}} | told)
    async with await session(world, "zonnestraal") as browser:
        page = await browser.get("/summary")
    assert page.status_code == 200
    assert [word in page.text for word in ("Looprek", "Leesbril")] == [True, True]
