"""``$meta``, ``$meta-add``, ``$meta-delete``: labels, versions, and what a label opens and closes."""

from typing import Any

import pytest

from app.access.categories import Category
from app.access.smart_scope import Action
from app.fhir.release import Release
from tests.support.world import Caller, Tree, World, condition, restricted, tree_of, weight

R4 = Release.R4
SPRING = {"system": "https://regie.example/tags", "code": "spring"}
AUTUMN = {"system": "https://regie.example/tags", "code": "autumn"}
PROFILE = "https://regie.example/StructureDefinition/none"


def labels(**meta: Any) -> Tree:
    """Return Parameters with a meta."""
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}


def meta_in(answer: Any) -> Tree:
    """Return the meta in an answer."""
    assert answer.status_code == 200, answer.text
    (parameter,) = tree_of(answer)["parameter"]
    assert parameter["name"] == "return"
    found: Tree = parameter["valueMeta"]
    return found


@pytest.mark.parametrize("release", Release)
async def test_labels_are_added_once_and_taken_out(world: World, release: Release) -> None:
    me, patient = world.caller("zonnestraal", release), world.zonnestraal.patient(release)
    url = f"/Observation/{(await me.made(weight(release, patient)))['id']}"
    added = await me("POST", f"{url}/$meta-add", labels(tag=[SPRING, AUTUMN, SPRING], profile=[PROFILE]))
    assert added.headers["etag"] == 'W/"2"'
    found = meta_in(added)
    assert (found["tag"], found["profile"], found["versionId"]) == ([SPRING, AUTUMN], [PROFILE], "2")
    again = meta_in(await me("POST", f"{url}/$meta-add", labels(tag=[SPRING | {"display": "Spring"}])))
    assert again["tag"] == [SPRING, AUTUMN]
    assert meta_in(await me("GET", f"{url}/$meta")) == again == (await me.get(url))["meta"]
    left = meta_in(await me("POST", f"{url}/$meta-delete", labels(tag=[SPRING], profile=[PROFILE])))
    assert left["tag"] == [AUTUMN]
    assert "profile" not in left
    assert (await me.get(url))["valueQuantity"]["value"] == 72.5


async def test_the_labels_of_all_are_told_once(world: World, me: Caller, patient: str) -> None:
    await me.made(weight(R4, patient, meta={"tag": [SPRING]}))
    await me.made(weight(R4, patient, "1", meta={"tag": [SPRING, AUTUMN]}))
    of_type = meta_in(await me("GET", "/Observation/$meta"))
    assert of_type == {"tag": [SPRING, AUTUMN]}
    everything = meta_in(await me("GET", "/$meta"))
    assert everything["tag"] == [SPRING, AUTUMN]
    assert everything["security"] == restricted()["security"]
    seen = meta_in(await world.caller("granted")("GET", "/$meta"))
    assert seen == {"tag": [SPRING, AUTUMN]}
    assert tree_of(await me("GET", "/Flag/$meta")) == {"resourceType": "Parameters"}


async def test_a_security_label_closes_and_opens_at_once(world: World, me: Caller, patient: str) -> None:
    url = f"/Condition/{(await me.made(condition(R4, patient)))['id']}"
    practice = world.caller("granted")
    assert (await practice("GET", url)).status_code == 200
    assert (await me("POST", f"{url}/$meta-add", labels(**restricted()))).status_code == 200
    assert (await practice("GET", url)).status_code == 404
    assert (await practice("GET", f"{url}/$meta")).status_code == 404
    assert (await practice("POST", f"{url}/$meta-delete", labels(**restricted()))).status_code == 404
    assert (await me("POST", f"{url}/$meta-delete", labels(**restricted()))).status_code == 200
    assert (await practice("GET", url)).status_code == 200


async def test_nobody_hides_from_themselves_what_they_may_not_hide(world: World, me: Caller, patient: str) -> None:
    url = f"/Condition/{(await me.made(condition(R4, patient)))['id']}"
    await world.give("no grant", world.zonnestraal, Category.GP_SUMMARY, Action.READ | Action.UPDATE)
    practice = world.caller("no grant")
    assert (await practice("POST", f"{url}/$meta-add", labels(tag=[SPRING]))).status_code == 200
    before = await me.changes()
    assert (await practice("POST", f"{url}/$meta-add", labels(**restricted()))).status_code == 403
    assert await me.changes() == before


async def test_if_match_holds_for_labels(me: Caller, patient: str) -> None:
    url = f"/Observation/{(await me.made(weight(R4, patient)))['id']}"
    assert (await me("POST", f"{url}/$meta-add", labels(tag=[SPRING]), If_Match='W/"2"')).status_code == 412
    assert (await me("POST", f"{url}/$meta-add", labels(tag=[SPRING]), If_Match='W/"1"')).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ({"resourceType": "Observation"}, 400),
        ({"resourceType": "Parameters"}, 400),
        ({"resourceType": "Parameters", "parameter": [{"name": "meta", "valueString": "x"}]}, 400),
        ({"resourceType": "Parameters", "parameter": labels(tag=[SPRING])["parameter"] * 2}, 400),
        (labels(versionId="3"), 400),
        (labels(tag=[{"unheard": 1}]), 422),
    ],
)
@pytest.mark.parametrize("operation", ["$meta-add", "$meta-delete"])
async def test_what_is_no_label_is_refused(me: Caller, patient: str, operation: str, body: Any, status: int) -> None:
    url = f"/Observation/{(await me.made(weight(R4, patient)))['id']}"
    before = await me.changes()
    assert (await me("POST", f"{url}/{operation}", body)).status_code == status
    assert await me.changes() == before


async def test_what_is_not_there_has_no_labels(me: Caller) -> None:
    assert (await me("GET", "/Observation/unheard/$meta")).status_code == 404
    assert (await me("POST", "/Observation/unheard/$meta-add", labels(tag=[SPRING]))).status_code == 404
    assert (await me("GET", "/Observation/$meta?unheard=1")).status_code == 400
