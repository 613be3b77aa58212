"""What everybody may read says nothing about anybody."""

import pytest

from app.fhir.release import Release
from tests.support.world import Tree, World, bundle, entry, never_made, tree_of, weight

BSN = {"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "999900006"}


def _pointing(reference: Tree) -> Tree:
    return {
        "resourceType": "Organization",
        "name": "Praktijk De Klaproos-Test",
        "extension": [{"url": "https://regie.example/test/about", "valueReference": reference}],
    }


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Device", "patient": {"identifier": BSN}},
        {"resourceType": "Device", "patient": {"reference": "https://elsewhere.example/fhir/Patient/1"}},
        {"resourceType": "Device", "patient": {"display": "Zonnestraal-Testpersoon"}},
        _pointing({"reference": "Patient/somebody"}),
        _pointing({"reference": "Observation/something-of-somebody"}),
    ],
)
async def test_what_is_somebodys_does_not_come_into_the_directory(world: World, resource: Tree) -> None:
    operator = world.caller("operator")
    assert (await operator("POST", f"/{resource['resourceType']}", resource)).status_code == 422
    assert "entry" not in await world.caller("no grant").get("/Device")


async def test_a_device_of_the_directory_does_not_become_somebodys(world: World) -> None:
    operator = world.caller("operator")
    made = await operator.made({"resourceType": "Device", "status": "active"})
    answer = await operator("PUT", f"/Device/{made['id']}", made | {"patient": {"identifier": BSN}})
    assert answer.status_code == 422
    assert "patient" not in await world.caller("no grant").get(f"/Device/{made['id']}")


async def test_the_directory_may_refer_within_itself_and_to_definitions(world: World) -> None:
    operator = world.caller("operator")
    made = await operator.made({"resourceType": "Organization", "name": "Zorggroep Klaproos-Test"})
    role = {"resourceType": "PractitionerRole", "organization": {"reference": f"Organization/{made['id']}"}}
    assert (await operator("POST", "/PractitionerRole", role)).status_code == 201


async def test_in_a_transaction_about_one_person_a_device_is_kept_with_that_person(world: World) -> None:
    device = {"resourceType": "Device", "status": "active", "patient": {"reference": world.zonnestraal.patient()}}
    sent = bundle("transaction", entry("POST", "Device", device))
    answer = await world.caller("operator")("POST", "/", sent)
    made_id = tree_of(answer)["entry"][0]["response"]["location"].split("/")[1]
    assert (await world.caller("zonnestraal")("GET", f"/Device/{made_id}")).status_code == 200
    assert (await world.caller("no grant")("GET", f"/Device/{made_id}")).status_code == 404


@pytest.mark.parametrize("name", ["Observation", "Patient"])
async def test_an_id_that_names_one_record_is_not_chosen_in_another(world: World, name: str) -> None:
    operator, hers = world.caller("operator"), never_made(world.zonnestraal)
    resource = weight(Release.R4, world.maanlicht.patient()) if name == "Observation" else {"resourceType": "Patient"}
    answer = await operator("PUT", f"/{name}/{hers}", resource | {"id": hers})
    assert answer.status_code == 422
    for who in ("zonnestraal", "maanlicht", "operator"):
        assert (await world.caller(who)("GET", f"/{name}/{hers}")).status_code == 404
