"""Who may say that something is not sensitive any more."""

from app.access.categories import Category
from app.access.smart_scope import ALL_ACTIONS
from app.fhir.release import Release
from tests.support.world import World

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
