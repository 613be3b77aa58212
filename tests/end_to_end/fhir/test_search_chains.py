"""Search through references: chains, reverse chains, and what refers to the matches."""

import pytest

from app.fhir.release import Release
from tests.end_to_end.fhir.test_search import named
from tests.support.world import Caller, Tree, World, condition, goal, identifier, weight

R4 = Release.R4


def reference(resource: Tree) -> Tree:
    """Return a Reference to a resource."""
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}


async def encounter(me: Caller, patient: str, name: str, **members: object) -> Tree:
    """Return a new Encounter with a name."""
    ambulatory = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    tree = {"resourceType": "Encounter", "status": "finished", "class": ambulatory, "subject": {"reference": patient}}
    return await me.made(tree | {"identifier": identifier(name)} | members)


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("{visit}.identifier=visit-one", "one"),
        ("{visit}.identifier=visit-one,visit-two", "one two"),
        ("{visit}:Encounter.identifier=visit-two", "two"),
        ("{visit}:Encounter._id={two}", "two"),
        ("{visit}:Encounter.status:not=finished", ""),
        ("{visit}:Encounter.status=finished", "one two"),
        ("{visit}:Encounter.part-of.identifier=visit-one", "two"),
        ("{visit}:Encounter.part-of:missing=true", "one"),
        ("{visit}.identifier=visit-one&{visit}.identifier=visit-two", ""),
        ("{visit}.identifier=nobodys", ""),
        ("subject:Patient.name=Maanlicht&identifier=one", "one"),
        ("patient.identifier=999900018&identifier=none", "none"),
        ("patient.identifier=999900006", ""),
        ("performer:Organization.name=Praktijk", "one"),
        ("performer.name=Praktijk", "one"),
        ("performer:Organization.name=Elders", ""),
    ],
)
async def test_chains(world: World, release: Release, query: str, found: str) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    first = await encounter(me, patient, "visit-one")
    second = await encounter(me, patient, "visit-two", partOf=reference(first))
    visit = "context" if release is Release.STU3 else "encounter"
    practice = {"reference": f"Organization/{world.made.organization[release]}"}
    member = "context" if release is Release.STU3 else "encounter"
    await me.made(
        weight(release, patient, identifier=identifier("one"), performer=[practice]) | {member: reference(first)}
    )
    await me.made(weight(release, patient, identifier=identifier("two")) | {member: reference(second)})
    await me.made(weight(release, patient, identifier=identifier("none")))
    asked = query.format(visit=visit, two=second["id"])
    everything = "&identifier=one,two,none"
    assert sorted(await named(me, asked + everything)) == sorted(found.split())
    assert (await me.get(f"/Observation?{asked}{everything}&_summary=count"))["total"] == len(found.split())
    in_order = await named(me, f"{asked}{everything}&_sort=-date")
    assert sorted(in_order) == sorted(found.split())


@pytest.mark.parametrize("release", Release)
async def test_reverse_chains(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    first = await encounter(me, patient, "visit-one")
    await encounter(me, patient, "visit-two", partOf=reference(first))
    member = "context" if release is Release.STU3 else "encounter"
    practice = {"reference": f"Organization/{world.made.organization[release]}"}
    tree = weight(release, patient, "65", identifier=identifier("light"), performer=[practice])
    await me.made(tree | {member: reference(first)})
    for query, found in (
        (f"_has:Observation:{member}:identifier=light", ["visit-one"]),
        (f"_has:Observation:{member}:value-quantity=lt70", ["visit-one"]),
        (f"_has:Observation:{member}:value-quantity=gt90", []),
        ("_has:Encounter:part-of:identifier=visit-two", ["visit-one"]),
        (f"_has:Encounter:part-of:identifier=visit-two&_has:Observation:{member}:identifier=light", ["visit-one"]),
        (f"part-of._has:Observation:{member}:identifier=light", ["visit-two"]),
        (f"part-of:Encounter._has:Observation:{member}:performer:Organization.name=Praktijk", ["visit-two"]),
        ("_has:Encounter:part-of:identifier=nobodys", []),
    ):
        assert await named(me, query, "Encounter") == found, query
    people = await named(me, f"_has:Encounter:subject:_has:Observation:{member}:identifier=light", "Patient")
    assert people == ["maanlicht-patient"]
    by_code = "_has:Observation:performer:code=29463-7"
    assert await me.found(f"/Organization?{by_code}") == [world.made.organization[release]]
    other = world.caller("zonnestraal", release)
    assert await other.found(f"/Organization?{by_code}") == []


async def test_a_chain_follows_what_a_reference_says_now(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    visit = await encounter(me, patient, "before")
    await me.made(weight(R4, patient, identifier=identifier("w"), encounter=reference(visit)))
    assert await named(me, "encounter.identifier=before") == ["w"]
    changed = visit | {"identifier": identifier("after")}
    assert (await me("PUT", f"/Encounter/{visit['id']}", changed)).status_code == 200
    assert await named(me, "encounter.identifier=before") == []
    assert await named(me, "encounter.identifier=after") == ["w"]
    assert (await me("DELETE", f"/Encounter/{visit['id']}")).status_code == 204
    assert await named(me, "encounter.identifier=after") == []


async def test_pages_of_a_chain_add_up(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    visit = await encounter(me, patient, "visit")
    for number in range(5):
        await me.made(weight(R4, patient, identifier=identifier(f"n{number}"), encounter=reference(visit)))
    for sort in ("", "&_sort=date"):
        url: str | None = f"/Observation?encounter.identifier=visit&_count=2{sort}"
        paged: list[str] = []
        while url is not None:
            page = await me.get(url)
            paged += [one["resource"]["identifier"][0]["value"] for one in page["entry"]]
            url = next((one["url"] for one in page["link"] if one["relation"] == "next"), None)
        assert sorted(paged) == [f"n{number}" for number in range(5)]


async def test_a_condition_of_a_create_may_be_a_chain(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    aim = await me.made(goal(R4, patient, identifier=identifier("aim")))
    new = condition(R4, patient, identifier=identifier("c"))
    for expected in (201, 200):
        answer = await me("POST", "/Condition", new, If_None_Exist="subject:Patient.identifier=999900018&identifier=c")
        assert answer.status_code == expected, answer.text
    assert await me.found("/Goal?patient.identifier=999900018&identifier=aim") == [aim["id"]]


@pytest.mark.parametrize("release", Release)
async def test_what_a_list_has_as_an_item_is_found_by_the_list(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    made = [await me.made(weight(release, patient, identifier=identifier(name))) for name in ("a", "b", "c")]
    lists = [
        await me.made(
            {
                "resourceType": "List",
                "status": "current",
                "mode": "working",
                "subject": {"reference": patient},
                "entry": [{"item": reference(item)} for item in items],
            }
        )
        for items in (made[:2], made[1:])
    ]
    first, second = (one["id"] for one in lists)
    assert sorted(await named(me, f"_list={first}")) == ["a", "b"]
    assert sorted(await named(me, f"_list={first},{second}")) == ["a", "b", "c"]
    assert await named(me, f"_list={first}&_list={second}") == ["b"]
    assert await named(me, f"_list={second}&identifier=a,c") == ["c"]
    assert await me.found(f"/Condition?_list={first}") == []
    assert await world.caller("zonnestraal", release).found(f"/Observation?_list={first}") == []
    for query in ("_list=$current-problems", "_list:not=1"):
        assert (await me("GET", f"/Observation?{query}")).status_code == 400, query
