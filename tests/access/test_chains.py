"""What is outside a scope can't be found out through what is inside: chains, reverse chains, reverse includes."""

import pytest

from app.access.requester import RequesterKind
from app.fhir.release import Release
from app.oauth.tokens import Holder
from tests.support.world import World, ids_of

HIDDEN = "{visit}:Encounter.identifier=zonnestraal-hidden-encounter"


@pytest.mark.parametrize("release", Release)
async def test_a_chain_finds_nothing_by_what_is_hidden(world: World, release: Release) -> None:
    visit = "context" if release is Release.STU3 else "encounter"
    url = f"/Observation?{HIDDEN.format(visit=visit)}"
    assert await world.caller("zonnestraal", release).found(url) == [world.zonnestraal.ids[release, "weight"]]
    for who in ("granted", "app of zonnestraal", "maanlicht", "sensitive"):
        caller = world.caller(who, release)
        answers = []
        for name in ("zonnestraal-hidden-encounter", "never-there"):
            answer = await caller("GET", f"/Observation?{visit}:Encounter.identifier={name}&_total=accurate")
            answers.append((answer.status_code, answer.text.replace(name, "NAME")))
        assert answers[0] == answers[1], who


@pytest.mark.parametrize("release", Release)
async def test_a_reverse_chain_finds_nothing_by_what_is_hidden(world: World, release: Release) -> None:
    """The secret condition is about the Patient that the practice may see."""
    url = "/Patient?_has:Condition:patient:identifier=zonnestraal-{}"
    me, practice = world.caller("zonnestraal", release), world.caller("granted", release)
    assert len(await me.found(url.format("secret"))) == 1
    assert len(await practice.found(url.format("condition"))) == 1
    assert await practice.found(url.format("secret")) == []
    assert await practice.found(url.format("goal").replace("Condition", "Goal")) == []
    assert await practice.found("/Patient?identifier=zonnestraal-patient&_has:Condition:patient:_id:not=x") != []


async def test_a_chain_goes_to_no_type_that_the_scope_does_not_name(world: World) -> None:
    """The token is for observations alone; whose they are is told by the reference, and no more."""
    me = world.zonnestraal
    holder = Holder(RequesterKind.PERSON, me.family, record_id=me.record_id)
    world.made.tokens["narrow"] = await world.token(holder, "patient/Observation.rs")
    narrow = world.caller("narrow")
    assert len(await narrow.found("/Observation?identifier=zonnestraal-weight")) == 1
    assert await narrow.found(f"/Observation?patient.identifier={me.bsn}") == []
    assert await narrow.found("/Observation?subject:Patient.name=Zonnestraal") == []
    assert await world.caller("zonnestraal").found(f"/Observation?patient.identifier={me.bsn}") != []


@pytest.mark.parametrize("who", ["both", "operator"])
async def test_a_chain_over_several_people_stays_with_each_of_them(world: World, who: str) -> None:
    caller = world.caller(who)
    for person in world.made.people.values():
        found = (await caller.get(f"/Observation?patient.identifier={person.bsn}"))["entry"]
        assert {one["resource"]["subject"]["reference"] for one in found} == {person.patient()}
        people = await caller.found(f"/Patient?_has:Observation:patient:identifier={person.name}-weight")
        assert people == [person.patients[Release.R4]]


async def test_a_directory_entry_is_not_found_by_the_records_of_others(world: World) -> None:
    organization = world.made.organization[Release.R4]
    url = "/Organization?_has:Observation:performer:status=final"
    tree = await world.caller("zonnestraal").get(world.zonnestraal.url("weight"))
    changed = tree | {"performer": [{"reference": f"Organization/{organization}"}]}
    answer = await world.caller("zonnestraal")("PUT", world.zonnestraal.url("weight"), changed)
    assert answer.status_code == 200
    for who, found in (
        ("zonnestraal", [organization]),
        ("granted", [organization]),
        ("maanlicht", []),
        ("no grant", []),
    ):
        assert ids_of(await world.caller(who).get(url)) == found, who


@pytest.mark.parametrize("release", Release)
async def test_a_reverse_include_shows_only_what_its_reader_may_see(world: World, release: Release) -> None:
    """The goal is in a category that was not granted, the secret condition is sensitive."""
    url = "/Patient?identifier=zonnestraal-patient&_revinclude=Condition:patient&_revinclude=Goal:patient"
    ids = {thing: world.zonnestraal.ids[release, thing] for thing in ("condition", "secret", "goal")}
    for who, things in (("zonnestraal", ("condition", "secret", "goal")), ("granted", ("condition",))):
        page = await world.caller(who, release).get(f"{url}&_revinclude:iterate=Provenance:target")
        assert sorted(ids_of(page, "include")) == sorted(ids[thing] for thing in things), who
        assert await world.caller(who, release).get(f"{url}&_revinclude:iterate=Provenance:target") == page
    for person in world.made.people.values():
        everybody = await world.caller("both", release).get(
            f"/Patient?_id={person.patients[release]}&_revinclude=Goal:patient"
        )
        assert ids_of(everybody, "include") == [person.ids[release, "goal"]]


async def test_what_refers_to_the_directory_is_of_the_records_that_were_searched(world: World) -> None:
    organization = world.made.organization[Release.R4]
    tree = await world.caller("zonnestraal").get(world.zonnestraal.url("weight"))
    changed = tree | {"performer": [{"reference": f"Organization/{organization}"}]}
    await world.caller("zonnestraal")("PUT", world.zonnestraal.url("weight"), changed)
    mine = [world.zonnestraal.ids[Release.R4, "weight"]]
    url = f"/Organization?_id={organization}&_revinclude=Observation:performer"
    for who, found in (("zonnestraal", mine), ("granted", mine), ("maanlicht", []), ("no grant", [])):
        assert ids_of(await world.caller(who).get(url), "include") == found, who


async def test_a_practice_may_go_from_a_patient_that_it_names_to_the_directory(world: World) -> None:
    organization = world.made.organization[Release.R4]
    tree = await world.caller("zonnestraal").get(world.zonnestraal.url("weight"))
    changed = tree | {"performer": [{"reference": f"Organization/{organization}"}]}
    await world.caller("zonnestraal")("PUT", world.zonnestraal.url("weight"), changed)
    url = f"/Observation?patient={world.zonnestraal.patients[Release.R4]}&performer:Organization.name=Praktijk"
    page = await world.caller("granted").get(f"{url}&_include=Observation:performer")
    assert (len(ids_of(page)), ids_of(page, "include")) == (1, [organization])
