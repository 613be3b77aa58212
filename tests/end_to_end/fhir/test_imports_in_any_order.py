"""An operator's import may send what belongs together in the order of its files."""

import pytest

from app.fhir.release import Release
from tests.support.world import World


@pytest.mark.parametrize("release", Release)
async def test_what_names_no_patient_goes_where_it_was_referred_to(world: World, release: Release) -> None:
    operator, her = world.caller("operator", release), world.caller("zonnestraal", release)
    observation = {
        "resourceType": "Observation",
        "id": "result-1",
        "status": "final",
        "code": {"text": "kalium"},
        "subject": {"reference": world.zonnestraal.patient(release)},
        "specimen": {"reference": "Specimen/tube-1"},
    }
    specimen = {"resourceType": "Specimen", "id": "tube-1", "subject": {"display": "Testpersoon"}}
    assert (await operator("PUT", "/Specimen/tube-1", specimen)).status_code == 422
    assert (await operator("PUT", "/Observation/result-1", observation)).status_code == 201
    assert (await operator("PUT", "/Specimen/tube-1", specimen)).status_code == 201
    assert (await her.get("/Specimen/tube-1"))["id"] == "tube-1"
    assert (await world.caller("maanlicht", release)("GET", "/Specimen/tube-1")).status_code == 404


async def test_what_two_people_are_said_to_have_goes_to_neither(world: World) -> None:
    operator = world.caller("operator")
    for number, person in enumerate((world.zonnestraal, world.maanlicht)):
        observation = {
            "resourceType": "Observation",
            "id": f"result-{number}",
            "status": "final",
            "code": {"text": "kalium"},
            "subject": {"reference": person.patient()},
            "specimen": {"reference": "Specimen/tube"},
        }
        assert (await operator("PUT", f"/Observation/result-{number}", observation)).status_code == 201
    specimen = {"resourceType": "Specimen", "id": "tube", "subject": {"display": "Testpersoon"}}
    assert (await operator("PUT", "/Specimen/tube", specimen)).status_code == 422
