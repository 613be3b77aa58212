"""A resource that would keep everybody else waiting is refused, alone and in a batch, and leaves nothing behind."""

import pytest

from app.fhir.release import Release
from tests.support.world import Tree, World, bundle, entry, tree_of, weight

R4 = Release.R4
MANY = 6000


def _heavy(kind: str, patient: str) -> Tree:
    if kind == "names":
        given = [f"Klaproos{number}" for number in range(MANY)]
        return {"resourceType": "RelatedPerson", "patient": {"reference": patient}, "name": [{"given": given}]}
    if kind == "codings":
        coding = [{"system": "https://regie.example/test", "code": str(number)} for number in range(MANY)]
        return weight(R4, patient) | {"code": {"coding": coding}}
    references = [{"reference": f"https://elsewhere.example/Observation/{number}"} for number in range(MANY)]
    return weight(R4, patient) | {"derivedFrom": references}


@pytest.mark.parametrize("kind", ["names", "codings", "references"])
async def test_a_resource_with_thousands_of_values_to_be_found_by_is_refused(world: World, kind: str) -> None:
    me, heavy = world.caller("zonnestraal"), _heavy(kind, world.zonnestraal.patient())
    before = await me.changes()
    assert (await me("POST", f"/{heavy['resourceType']}", heavy)).status_code == 422
    light = entry("POST", "Observation", weight(R4, world.zonnestraal.patient(), "61.5"))
    answer = await me("POST", "/", bundle("batch", entry("POST", heavy["resourceType"], heavy), light))
    assert [one["response"]["status"][:3] for one in tree_of(answer)["entry"]] == ["422", "201"]
    assert len(await me.changes()) == len(before) + 1
