"""``_list=$current-problems`` and its like."""

from typing import Any

import pytest

from app.fhir.release import Release
from tests.end_to_end.fhir.test_search import named
from tests.support.world import World, identifier

_SYSTEM = "http://terminology.hl7.org/CodeSystem"


def status(release: Release, kind: str, code: str) -> Any:
    """Return a status as the release writes it."""
    return code if release is Release.STU3 else {"coding": [{"system": f"{_SYSTEM}/{kind}", "code": code}]}


@pytest.mark.parametrize("release", Release)
async def test_current_problems_are_active_and_not_taken_back(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    for name, clinical, verification in (
        ("a", "active", "confirmed"),
        ("b", "recurrence", "confirmed"),
        ("c", "resolved", "confirmed"),
        ("d", "active", "refuted"),
    ):
        await me.made(
            {
                "resourceType": "Condition",
                "subject": {"reference": patient},
                "code": {"text": "Test"},
                "identifier": identifier(name),
                "clinicalStatus": status(release, "condition-clinical", clinical),
                "verificationStatus": status(release, "condition-ver-status", verification),
            }
        )
    query = "identifier=a,b,c,d&_list=$current-problems"
    assert await named(me, f"{query}&_sort=identifier", "Condition") == ["a", "b"]
    assert (await me.get(f"/Condition?{query}&_total=estimate"))["total"] == 2


@pytest.mark.parametrize("release", Release)
async def test_current_allergies_may_be_those_to_medicines(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    for name, category in (("a", "food"), ("b", "medication")):
        await me.made(
            {
                "resourceType": "AllergyIntolerance",
                "patient": {"reference": patient},
                "code": {"text": "Test"},
                "identifier": identifier(name),
                "category": [category],
                "clinicalStatus": status(release, "allergyintolerance-clinical", "active"),
                "verificationStatus": status(release, "allergyintolerance-verification", "confirmed"),
            }
        )
    allergies = "identifier=a,b&_sort=identifier&_list=$current-"
    assert await named(me, f"{allergies}allergies", "AllergyIntolerance") == ["a", "b"]
    assert await named(me, f"{allergies}drug-allergies", "AllergyIntolerance") == ["b"]


@pytest.mark.parametrize(
    "query", ["Observation?_list=$current-problems", "Condition?_list=$unheard", "Condition?_list=$"]
)
async def test_a_list_that_nobody_knows_is_refused(world: World, query: str) -> None:
    answer = await world.caller("zonnestraal")("GET", f"/{query}")
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == ["http._list"]
