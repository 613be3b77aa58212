"""A practice can't tell a patient who allowed it nothing from one who is not here, by whatever it sends."""

import httpx
import pytest

from app.fhir.release import Release
from tests.support.world import SYSTEM, Tree, World, bundle, condition, entry, identifier, restricted, tree_of, weight

R4 = Release.R4
FIRST = "urn:uuid:11111111-1111-4111-8111-111111111111"
CHOSEN, NEVER_CHOSEN = "chosen-by-an-import", "chosen-by-nobody"


@pytest.fixture
async def stranger(world: World) -> str:
    """Give the id of a Patient that an operator chose, and that allowed nobody anything."""
    patient = {"resourceType": "Patient", "id": CHOSEN, "name": [{"family": "Sterrenlicht-Testpersoon"}]}
    assert (await world.caller("operator")("PUT", f"/Patient/{CHOSEN}", patient)).status_code == 201
    return CHOSEN


def _sent(world: World, patient_id: str) -> list[Tree]:
    """Return what a nosy practice could send about a patient beside one who allowed it something."""
    granted, asked = world.zonnestraal.patient(), f"Patient/{patient_id}"
    about = entry("POST", "Observation", weight(R4, asked), FIRST)
    return [
        bundle("batch", about, entry("POST", "Observation", weight(R4, granted, hasMember=[{"reference": FIRST}]))),
        bundle("batch", about, entry("POST", "Practitioner", {"resourceType": "Practitioner", "active": True})),
        bundle("batch", entry("POST", "Observation", weight(R4, granted, performer=[{"reference": asked}]))),
        bundle("batch", entry("POST", "Observation", weight(R4, asked), ifNoneExist=f"subject={asked}")),
        bundle("transaction", about),
    ]


async def test_what_a_practice_sends_about_a_stranger_is_answered_as_for_nobody(world: World, stranger: str) -> None:
    practice = world.caller("granted")

    async def answers(patient_id: str) -> list[object]:
        found: list[object] = []
        for sent in _sent(world, patient_id):
            answer = await practice("POST", "/", sent)
            entries = tree_of(answer).get("entry", [])
            found.append((answer.status_code, [(one["response"]["status"]) for one in entries]))
        return found

    assert await answers(stranger) == await answers(NEVER_CHOSEN)


async def test_two_patients_in_one_resource_do_not_tell_whether_the_second_is_here(world: World, stranger: str) -> None:
    practice, granted = world.caller("granted"), world.zonnestraal.patient()
    answers = [
        await practice("POST", "/Observation", weight(R4, granted, performer=[{"reference": f"Patient/{patient}"}]))
        for patient in (stranger, NEVER_CHOSEN)
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].content == answers[1].content


async def test_the_stranger_reads_in_the_log_that_a_practice_tried(world: World, stranger: str) -> None:
    practice, him = world.caller("granted"), world.maanlicht.patient()
    sent = weight(R4, world.zonnestraal.patient(), performer=[{"reference": him}])
    assert (await practice("POST", "/Observation", sent)).status_code == 403
    log = (await world.caller("maanlicht").get("/AuditEvent"))["entry"]
    assert any(one["resource"]["outcome"] == "4" and "Granted" in str(one["resource"]["agent"]) for one in log)


async def test_a_label_on_a_contained_resource_closes_the_whole(world: World) -> None:
    # A rule of FHIR forbids such a label; what an operator imports may break it.
    operator, person = world.caller("operator"), world.zonnestraal
    inside = condition(R4, person.patient()) | {"id": "inside", "meta": restricted()}
    labelled = condition(R4, person.patient(), contained=[inside], identifier=identifier("labelled-within"))
    made = await operator.made(labelled)
    assert (await world.caller("granted")("GET", f"/Condition/{made['id']}")).status_code == 404
    assert (await world.caller("sensitive")("GET", f"/Condition/{made['id']}")).status_code == 200


async def test_a_repeated_request_does_not_show_what_was_closed_meanwhile(world: World) -> None:
    me, practice, person = world.caller("zonnestraal"), world.caller("granted"), world.zonnestraal
    hers = await me.made(condition(R4, person.patient(), identifier=identifier("found-first"), note=[{"text": "hers"}]))
    headers = {"Idempotency_Key": "again", "If_None_Exist": f"identifier={SYSTEM}|found-first"}

    async def send() -> httpx.Response:
        return await practice("POST", "/Condition", condition(R4, person.patient()), **headers)

    assert "hers" in (await send()).text
    await me("PUT", f"/Condition/{hers['id']}", hers | {"meta": restricted()})
    again = await send()
    assert (again.status_code, again.content) == (200, b"")
