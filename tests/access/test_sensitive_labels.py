"""What is sensitive by a label of its own, and who may say that it is not any more."""

import pytest

from app.access.categories import Category
from app.access.smart_scope import ALL_ACTIONS
from app.fhir.release import Release
from tests.support.world import Tree, World, ids_of

LABEL = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}


async def test_a_practice_may_change_what_is_sensitive_but_not_take_the_label_off(world: World) -> None:
    her = world.caller("zonnestraal")
    await world.give("no grant", world.zonnestraal, Category.GP_SUMMARY | Category.SENSITIVE, ALL_ACTIONS)
    practice = world.caller("no grant")
    url = world.zonnestraal.url("secret", Release.R4)
    tree = await practice.get(url)
    assert (await practice("PUT", url, tree)).status_code == 200
    bare = {name: value for name, value in tree.items() if name != "meta"}
    for answer in (
        await practice("PUT", url, bare),
        await practice("PATCH", url, {"meta": {"security": None}}, Content_Type="application/merge-patch+json"),
    ):
        assert answer.status_code == 403
    assert (await her.get(url))["meta"]["versionId"] == "2"
    assert (await her("PUT", url, bare)).status_code == 200


def _document(world: World, release: Release) -> Tree:
    tree: Tree = {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": world.zonnestraal.patient(release)},
    }
    tree |= {
        "type": {"text": "Verzonnen brief"},
        "content": [{"attachment": {"contentType": "text/plain", "data": "c3RpbA=="}}],
    }
    return tree | ({"indexed": "2026-03-01T08:00:00Z"} if release is Release.STU3 else {})


@pytest.mark.parametrize("release", Release)
async def test_a_document_is_closed_by_the_label_of_what_it_refers_to(world: World, release: Release) -> None:
    her, practice = world.caller("zonnestraal", release), world.caller("no grant", release)
    await world.give("no grant", world.zonnestraal, Category.DOCUMENTS, ALL_ACTIONS)
    open_one = await her.made(_document(world, release))
    closed = await her.made(_document(world, release) | {"securityLabel": [{"coding": [LABEL]}]})
    assert ids_of(await practice.get("/DocumentReference")) == [open_one["id"]]
    assert (await practice("GET", f"/DocumentReference/{closed['id']}")).status_code == 404
    assert (await practice("POST", "/DocumentReference", closed)).status_code == 403
    await world.give("no grant", world.zonnestraal, Category.DOCUMENTS | Category.SENSITIVE, ALL_ACTIONS)
    assert await practice.get(f"/DocumentReference/{closed['id']}") == closed
    bare = {name: value for name, value in closed.items() if name != "securityLabel"}
    assert (await practice("PUT", f"/DocumentReference/{closed['id']}", bare)).status_code == 403
