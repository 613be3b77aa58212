"""Search in a person's compartment: what refers to the Patient in any of the ways that make it theirs."""

import pytest

from app.fhir.release import Release
from tests.access.matrix import VISIBLE
from tests.end_to_end.fhir.test_search import named
from tests.support.world import THINGS, World, identifier, ids_of, link, tree_of, weight


@pytest.mark.parametrize("release", Release)
async def test_a_compartment_is_searched_by_all_references_that_lead_into_it(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    await me.made(weight(release, patient, identifier=identifier("of-me")))
    device = await me.made({"resourceType": "Device", "patient": {"reference": patient}, "identifier": identifier("d")})
    by_me = weight(
        release, f"Device/{device['id']}", identifier=identifier("by-me"), performer=[{"reference": patient}]
    )
    await me.made(by_me)
    asked = "identifier=of-me,by-me"
    assert sorted(await named(me, asked, f"{patient}/Observation")) == ["by-me", "of-me"]
    assert await named(me, f"{asked}&performer={patient}", f"{patient}/Observation") == ["by-me"]
    assert await named(me, f"{asked}&patient.identifier=999900018", f"{patient}/Observation") == ["of-me"]
    assert await named(me, asked, "Patient/somebody-else/Observation") == []
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    posted = await me("POST", f"/{patient}/Observation/_search", asked, **form)
    assert tree_of(posted) == await me.get(f"/{patient}/Observation?{asked}")


async def test_pages_of_a_compartment_stay_in_it(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    for number in range(3):
        await me.made(weight(Release.R4, patient, identifier=identifier(f"n{number}")))
    page = await me.get(f"/{patient}/Observation?identifier=n0,n1,n2&_count=2&_sort=-date")
    own, following = link(page, "self"), link(page, "next")
    assert own is not None
    assert following is not None
    assert f"/{patient}/Observation?" in own
    assert len(ids_of(await me.get(following))) == 1
    elsewhere = await me("GET", following.replace(f"/{patient}/Observation", "/Observation"))
    assert elsewhere.status_code == 400


async def test_a_type_that_belongs_to_nobody_has_no_compartment(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    for name in ("Organization", "Practitioner", "Nonsense", "AuditEvent"):
        assert (await me("GET", f"/{patient}/{name}")).status_code == 404, name
    assert (await me("GET", f"/{patient}/Observation?no-such-parameter=1")).status_code == 400


@pytest.mark.parametrize("release", Release)
async def test_what_is_of_an_encounter_a_device_or_somebody_is_searched_in_their_compartments(
    world: World, release: Release
) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    owners = {
        "Encounter": "context" if release is Release.STU3 else "encounter",
        "Device": "device",
        "Practitioner": "performer",
        "RelatedPerson": "performer",
    }
    for owner, name in owners.items():
        reference = {"reference": f"{owner}/mine"}
        value = [reference] if name == "performer" else reference
        await me.made({**weight(release, patient, identifier=identifier(owner)), name: value})
    everything = "identifier=" + ",".join(owners)
    for owner in owners:
        assert await named(me, everything, f"{owner}/mine/Observation") == [owner]
        assert await named(me, everything, f"{owner}/other/Observation") == []
        page = await me.get(f"/{owner}/mine/*?_type=Observation,Composition")
        assert [one["resource"]["identifier"][0]["value"] for one in page["entry"]] == [owner]
        assert (link(page, "self") or "").endswith(f"/{owner}/mine/*?_type=Observation,Composition")
        assert ids_of(await world.caller("zonnestraal", release).get(f"/{owner}/mine/*")) == []
    assert (await me("GET", "/Organization/1/Observation")).status_code == 404
    assert (await me("GET", "/Encounter/1/Immunization")).status_code == 404


async def test_a_compartment_that_is_not_a_persons_has_no_more_than_may_be_seen(world: World) -> None:
    him = world.zonnestraal
    owner = {"encounter": {"reference": "Encounter/shared"}}
    for mark, name in (("told", "condition"), ("kept", "secret")):
        tree = await world.caller("zonnestraal").get(f"/Condition/{him.ids[Release.R4, name]}")
        await world.caller("zonnestraal").made({**tree, **owner, "id": mark, "identifier": identifier(mark)})
    for who, wanted in (("zonnestraal", ["kept", "told"]), ("granted", ["told"]), ("maanlicht", [])):
        found = await named(world.caller(who), "identifier=told,kept", "Encounter/shared/Condition")
        assert sorted(found) == wanted, who


@pytest.mark.parametrize("release", Release)
async def test_a_whole_compartment_is_searched_at_once(world: World, release: Release) -> None:
    me, him = world.caller("zonnestraal", release), world.zonnestraal
    patient = him.patient(release)
    page = await me.get(f"/{patient}/*")
    given = {grant.grant_id for grant in world.made.grants.values() if grant.record_id == him.record_id}
    assert set(ids_of(page)) == {him.ids[release, thing] for thing in THINGS if thing != "patient"} | given
    assert (link(page, "self") or "").endswith(f"/{patient}/*")
    some = await me.get(f"/{patient}/*?_type=Goal,Condition&_count=2")
    rest = await me.get(link(some, "next") or "")
    found = [*ids_of(some), *ids_of(rest)]
    assert sorted(found) == sorted(him.ids[release, thing] for thing in ("goal", "condition", "secret"))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    posted = await me("POST", f"/{patient}/*/_search", "_type=Goal", **form)
    assert ids_of(tree_of(posted)) == [him.ids[release, "goal"]]
    assert ids_of(await me.get("/Patient/somebody-else/*")) == []


async def test_a_whole_compartment_has_no_more_than_may_be_seen(world: World) -> None:
    him, her = world.zonnestraal, world.maanlicht
    for who in ("granted", "sensitive", "app of zonnestraal", "maanlicht"):
        answer = await world.caller(who)("GET", f"/{him.patient()}/*")
        shown = set() if answer.status_code != 200 else set(ids_of(tree_of(answer)))
        assert shown == {him.ids[Release.R4, thing] for thing in VISIBLE.get(who, set()) if thing != "patient"}
    assert (await world.caller("granted")("GET", f"/{her.patient()}/*")).status_code == 403
    assert (await world.caller("zonnestraal")("GET", f"/{him.patient()}/*?_type=Organization")).status_code == 404
