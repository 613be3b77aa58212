"""An entry of a batch that is not right is refused, and never done by half or as something else."""

import pytest

from app.fhir.release import Release
from tests.support.world import Tree, World, bundle, entry, tree_of

R4 = Release.R4
FORGED: list[Tree] = [
    {
        "resourceType": "AuditEvent",
        "type": {"system": "https://regie.example/test", "code": "rest"},
        "recorded": "2026-01-01T00:00:00Z",
        "agent": [{"requestor": True, "who": {"display": "Praktijk Granted-Test"}}],
        "source": {"observer": {"display": "Regie"}},
    },
    {"resourceType": "Bundle", "type": "collection"},
    {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]},
    {"resourceType": "Parameters", "parameter": [{"name": "a", "valueString": "b"}]},
]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize("ending", ["/_history/1", "?_lastUpdated=lt2000-01-01", "/$everything"])
async def test_a_delete_of_something_else_than_a_resource_deletes_nothing(world: World, kind: str, ending: str) -> None:
    me, url = world.caller("zonnestraal"), world.zonnestraal.url("weight")
    answer = await me("POST", "/", bundle(kind, entry("DELETE", f"{url[1:]}{ending}")))
    if kind == "batch":
        assert tree_of(answer)["entry"][0]["response"]["status"] == "400"
    else:
        assert answer.status_code == 422
    assert (await me("GET", url)).status_code == 200


@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize("forged", FORGED, ids=lambda forged: str(forged["resourceType"]))
async def test_nobody_writes_what_no_record_keeps(world: World, kind: str, forged: Tree) -> None:
    name = forged["resourceType"]
    for who in ("zonnestraal", "operator"):
        caller = world.caller(who)
        for method, url, resource in (("POST", name, forged), ("PUT", f"{name}/mine", forged | {"id": "mine"})):
            answer = await caller("POST", "/", bundle(kind, entry(method, url, resource)))
            entries = tree_of(answer).get("entry", [])
            statuses = [one["response"]["status"] for one in entries] or [str(answer.status_code)]
            assert statuses[0] in {"404", "422"}, answer.text
    everything = await world.caller("zonnestraal").get("/Patient/$everything")
    assert name not in {one["resource"]["resourceType"] for one in everything["entry"]}
