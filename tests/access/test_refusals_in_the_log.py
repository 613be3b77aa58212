"""A refusal is in the log of the person it was about, and the name of one person in no other's."""

from app.access.categories import Category
from tests.support.world import Caller, World


async def refused(person: Caller) -> list[str]:
    """Return who was refused, newest first, as the person reads it."""
    entries = (await person.get("/AuditEvent?_count=200")).get("entry", [])
    return [entry["resource"]["agent"][0]["name"] for entry in entries if entry["resource"]["outcome"] != "0"]


async def test_a_pull_after_the_withdrawal_is_in_the_persons_log(world: World) -> None:
    her, him = world.caller("zonnestraal"), world.caller("maanlicht")
    grant = await world.give("no grant", world.zonnestraal, Category.CARE_PLAN)
    practice = world.caller("no grant")
    assert (await practice("GET", "/Goal")).status_code == 200
    before = len(await refused(her)), len(await refused(him))
    await world.withdraw(grant)
    assert (await practice("GET", "/Goal")).status_code == 403
    assert len(await refused(her)) == before[0] + 1
    assert len(await refused(him)) == before[1]


async def test_a_practice_that_asks_by_id_without_a_grant_is_in_the_log_of_whose_id_it_is(world: World) -> None:
    her = world.caller("zonnestraal")
    before = len(await refused(her))
    answer = await world.caller("no grant")("GET", world.zonnestraal.url("goal"))
    assert answer.status_code in (403, 404)
    assert len(await refused(her)) == before + 1


async def test_somebody_elses_name_is_not_in_a_persons_log(world: World) -> None:
    her, him = world.caller("zonnestraal"), world.caller("maanlicht")
    before = await refused(her)
    his_before = len(await refused(him))
    for url in (
        world.zonnestraal.url("goal"),
        f"/{world.zonnestraal.patient()}/$everything",
        f"{world.zonnestraal.url('goal')}/_history",
    ):
        assert (await him("GET", url)).status_code == 404
    assert await refused(her) == before
    assert len(await refused(him)) == his_before + 3
