"""``$validate``: what it tells, of what, and that nothing is changed."""

from typing import Any

import pytest

from app.fhir.release import Release
from tests.support.world import Caller, Tree, World, tree_of, weight

R4 = Release.R4


async def issues(answer: Any) -> list[tuple[str, str, str | None]]:
    """Return (severity, code, place) of each issue."""
    assert answer.status_code == 200, answer.text
    found = tree_of(answer)["issue"]
    return [(one["severity"], one["code"], (one.get("expression") or [None])[0]) for one in found]


FINE = [("information", "informational", None)]


def holding(resource: Tree, **simple: str) -> Tree:
    """Return Parameters that hold a resource."""
    parameters: list[Tree] = [{"name": "resource", "resource": resource}]
    parameters += [{"name": name, "valueString": value} for name, value in simple.items()]
    return {"resourceType": "Parameters", "parameter": parameters}


@pytest.mark.parametrize("release", Release)
async def test_a_valid_resource_has_no_issues_and_is_not_kept(world: World, release: Release) -> None:
    me, patient = world.caller("zonnestraal", release), world.zonnestraal.patient(release)
    before = await me.changes()
    for body in (weight(release, patient), holding(weight(release, patient))):
        for mode in ("", "?mode=create", "?mode=profile"):
            assert await issues(await me("POST", f"/Observation/$validate{mode}", body)) == FINE
    assert await me.changes() == before


@pytest.mark.parametrize("release", Release)
async def test_every_fault_has_its_place(world: World, release: Release) -> None:
    me, patient = world.caller("zonnestraal", release), world.zonnestraal.patient(release)
    wrong = weight(release, patient, status="klaar", unheard=1)
    found = await issues(await me("POST", "/Observation/$validate", wrong))
    assert {place for _, _, place in found} == {"Observation.status", "Observation.unheard"}
    inside = await issues(await me("POST", "/Observation/$validate", holding(wrong)))
    assert {place for _, _, place in inside} == {
        "Parameters.parameter[0].resource.status",
        "Parameters.parameter[0].resource.unheard",
    }


async def test_what_stands_is_validated_by_its_id(world: World, me: Caller) -> None:
    url = world.zonnestraal.url("weight")
    assert await issues(await me("GET", f"{url}/$validate")) == FINE
    assert await issues(await me("POST", f"{url}/$validate", "")) == FINE
    assert (await me("GET", "/Observation/unheard/$validate")).status_code == 404


async def test_a_change_has_to_have_the_id_of_what_stands(world: World, me: Caller, patient: str) -> None:
    url, own = world.zonnestraal.url("weight"), world.zonnestraal.ids[R4, "weight"]
    assert await issues(await me("POST", f"{url}/$validate", weight(R4, patient, id=own))) == FINE
    other = await me("POST", f"{url}/$validate", weight(R4, patient, id="other"))
    assert await issues(other) == [("error", "invalid", "Observation.id")]


async def test_a_delete_is_possible_but_of_the_patient_of_a_record(world: World, me: Caller) -> None:
    assert await issues(await me("GET", f"{world.zonnestraal.url('weight')}/$validate?mode=delete")) == FINE
    own = await me("GET", f"{world.zonnestraal.url('patient')}/$validate?mode=delete")
    assert [code for _, code, _ in await issues(own)] == ["business-rule"]
    granted = world.caller("granted")
    assert (await granted("GET", f"{world.zonnestraal.url('weight')}/$validate?mode=delete")).status_code == 403


async def test_a_profile_that_is_not_loaded_is_a_warning(me: Caller, patient: str) -> None:
    body = holding(weight(R4, patient), profile="http://example.org/p")
    found = await issues(await me("POST", "/Observation/$validate", body))
    assert [one[:2] for one in found] == [("warning", "not-supported")]


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("/Observation/$validate", ""),
        ("/Observation/$validate", "{"),
        ("/Observation/$validate", "[]"),
        ("/Observation/$validate", {"resourceType": "Goal"}),
        ("/Observation/$validate", {"resourceType": "Parameters"}),
        ("/Observation/$validate", {"resourceType": "Parameters", "parameter": [1, {"name": "resource"}]}),
        ("/Observation/$validate?mode=unheard", {"resourceType": "Observation"}),
        ("/Observation/$validate?mode=create&mode=update", {"resourceType": "Observation"}),
        ("/Observation/$validate?unheard=1", {"resourceType": "Observation"}),
    ],
)
async def test_a_question_that_can_not_be_read_is_refused(me: Caller, url: str, body: Any) -> None:
    assert (await me("POST", url, body)).status_code == 400
