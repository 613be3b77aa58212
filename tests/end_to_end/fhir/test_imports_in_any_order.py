"""An operator's import may send what belongs together in the order of its files."""

from typing import Any

import pytest

from app.fhir.release import Release
from tests.support.world import Caller, World

SPECIMEN = {"resourceType": "Specimen", "id": "tube-1", "subject": {"display": "Testpersoon"}}


def observation(patient: str, number: int = 1, **more: Any) -> dict[str, Any]:
    """Return a result of a patient that refers to a tube."""
    return {
        "resourceType": "Observation",
        "id": f"result-{number}",
        "status": "final",
        "code": {"text": "kalium"},
        "subject": {"reference": patient},
        "specimen": {"reference": "Specimen/tube-1"},
        **more,
    }


async def put(caller: Caller, tree: dict[str, Any], status: int = 201) -> None:
    """Write a resource under its own id, with this answer."""
    answer = await caller("PUT", f"/{tree['resourceType']}/{tree['id']}", tree)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("first", ["what refers", "what is referred to"])
async def test_what_names_no_patient_goes_where_it_is_referred_to(world: World, release: Release, first: str) -> None:
    operator, her = world.caller("operator", release), world.caller("zonnestraal", release)
    both = [observation(world.zonnestraal.patient(release)), SPECIMEN]
    for tree in both if first == "what refers" else reversed(both):
        await put(operator, tree)
    assert (await her.get("/Specimen/tube-1"))["id"] == "tube-1"
    assert (await operator.get("/Specimen/tube-1"))["id"] == "tube-1"
    assert [one["resource"]["id"] for one in (await her.get("/Specimen"))["entry"]] == ["tube-1"]
    assert (await world.caller("maanlicht", release)("GET", "/Specimen/tube-1")).status_code == 404
    await put(operator, SPECIMEN, 200)


@pytest.mark.parametrize("release", Release)
async def test_a_file_is_referred_to_by_the_address_of_an_attachment(world: World, release: Release) -> None:
    operator, her = world.caller("operator", release), world.caller("zonnestraal", release)
    data = "content" if release is Release.STU3 else "data"
    for number, file_first in enumerate((True, False)):
        file = {
            "resourceType": "Binary",
            "id": f"file-{number}",
            "contentType": "application/pdf",
            data: "JVBERi0xLjcK",
        }
        document = {
            "resourceType": "DocumentReference",
            "id": f"document-{number}",
            "status": "current",
            "type": {"text": "brief"},
            "indexed": "2026-03-01T10:00:00Z",
            "subject": {"reference": world.zonnestraal.patient(release)},
            "content": [{"attachment": {"contentType": "application/pdf", "url": f"Binary/file-{number}"}}],
        }
        if release is Release.R4:
            document["date"] = document.pop("indexed")
        for tree in (file, document) if file_first else (document, file):
            await put(operator, tree)
        assert (await her("GET", f"/Binary/file-{number}")).headers["Content-Type"] == "application/pdf"
        assert (await world.caller("maanlicht", release)("GET", f"/Binary/file-{number}")).status_code == 404


async def test_what_waits_is_the_operators_only_and_takes_along_what_it_refers_to(world: World) -> None:
    operator, her = world.caller("operator"), world.caller("zonnestraal")
    report = {"resourceType": "DiagnosticReport", "id": "report", "status": "final", "code": {"text": "kalium"}}
    await put(operator, SPECIMEN)
    await put(operator, report | {"specimen": [{"reference": "Specimen/tube-1"}]})
    assert (await operator.get("/DiagnosticReport/report"))["id"] == "report"
    for name in ("zonnestraal", "maanlicht"):
        assert (await world.caller(name)("GET", "/DiagnosticReport/report")).status_code == 404
        assert (await world.caller(name).get("/Specimen")).get("entry") is None
    patient = {"reference": world.zonnestraal.patient()}
    await put(operator, report | {"specimen": [{"reference": "Specimen/tube-1"}], "subject": patient})
    assert (await her.get("/DiagnosticReport/report"))["subject"] == patient
    assert (await her.get("/Specimen/tube-1"))["id"] == "tube-1"


@pytest.mark.parametrize("first", ["what refers", "what is referred to"])
async def test_what_names_no_patient_goes_where_it_refers_to(world: World, first: str) -> None:
    operator, her = world.caller("operator"), world.caller("zonnestraal")
    provenance = {
        "resourceType": "Provenance",
        "id": "made-1",
        "recorded": "2026-03-01T10:00:00Z",
        "target": [{"reference": "Observation/result-1"}],
        "agent": [{"who": {"display": "Testlab"}}],
    }
    both = [provenance, observation(world.zonnestraal.patient())]
    for tree in both if first == "what refers" else reversed(both):
        await put(operator, tree)
    page = await her.get("/Observation?_id=result-1&_revinclude=Provenance:target")
    assert [one["resource"]["id"] for one in page["entry"]] == ["result-1", "made-1"]
    assert (await world.caller("maanlicht")("GET", "/Provenance/made-1")).status_code == 404


async def test_what_two_people_are_said_to_have_goes_to_neither(world: World) -> None:
    operator = world.caller("operator")
    for number, person in enumerate((world.zonnestraal, world.maanlicht)):
        await put(operator, observation(person.patient(), number))
    assert (await operator("PUT", "/Specimen/tube-1", SPECIMEN)).status_code == 422


@pytest.mark.parametrize("release", Release)
async def test_a_task_is_of_the_patient_who_is_to_do_it(world: World, release: Release) -> None:
    operator, her = world.caller("operator", release), world.caller("zonnestraal", release)
    task = {"resourceType": "Task", "id": "task-1", "status": "requested", "intent": "order"}
    await put(operator, task | {"owner": {"reference": world.zonnestraal.patient(release)}})
    assert (await her.get("/Task?status=requested"))["entry"][0]["resource"]["id"] == "task-1"
