"""Scopes that name tokens, such as ``patient/Observation.rs?category=system|code``: by every way in, nothing else is seen."""

from typing import Any

import pytest

from app.access.requester import RequesterKind
from app.fhir.release import Release
from app.oauth.tokens import Holder
from tests.access.matrix import ROWS
from tests.support.world import THINGS, Caller, Person, Tree, World, bundle, entry, ids_of, weight

R4 = Release.R4
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
VITAL = f"category={CATEGORY}|activity"
CHOSEN = "5a1ad000-0000-4000-8000-00000000abce"
WEIGHT = "code=http://loinc.org|29463-7"
OTHER = {
    "Observation": "code=http://loinc.org|8867-4",
    "Condition": "code=http://snomed.info/sct|44054006",
    "Goal": "category=http://terminology.hl7.org/CodeSystem/goal-category|dietary",
    "Encounter": "type=http://snomed.info/sct|11429006",
    "Patient": "language=urn:ietf:bcp:47|eo",
}
"""For each type, tokens that nothing of Zonnestraal's has."""


async def narrowed(world: World, scope: str, who: str = "zonnestraal", release: Release = R4) -> Caller:
    """Return somebody with a token of this scope, whose context is filled in: a person, a practice or the operator."""
    if who in world.made.people:
        holder = Holder(RequesterKind.PERSON, "person", record_id=world.made.people[who].record_id)
    elif who == "operator":
        holder = Holder(RequesterKind.OPERATOR, "operator")
    else:
        holder = Holder(RequesterKind.PRACTICE, who, practice_id=world.made.practices[who])
    context = "patient" if who in world.made.people else "system"
    return Caller(world.http, await world.token(holder, scope.replace("@", context)), release)


def observation(person: Person, category: str, **members: Any) -> Tree:
    """Return a weight in a category."""
    coding = [{"system": CATEGORY, "code": category}]
    return weight(R4, f"Patient/{person.patients[R4]}", category=[{"coding": coding}], **members)


@pytest.fixture
async def two(world: World) -> tuple[str, str]:
    """The ids of a vital sign and of a laboratory result of Zonnestraal, each with two versions."""
    owner = world.caller("zonnestraal")
    made = [await owner.made(observation(world.zonnestraal, category)) for category in ("activity", "laboratory")]
    for one in made:
        assert (await owner("PUT", f"/Observation/{one['id']}", one | {"language": "nl"})).status_code == 200
    return made[0]["id"], made[1]["id"]


@pytest.mark.parametrize("who", ["zonnestraal", "granted", "operator"])
@pytest.mark.parametrize("release", Release)
async def test_by_no_way_anything_is_seen_or_changed_that_lacks_the_tokens(
    world: World, who: str, release: Release
) -> None:
    scope = " ".join(f"@/{name}.cruds?{query}" for name, query in OTHER.items())
    caller = await narrowed(world, scope, who, release)
    person, operator = world.zonnestraal, world.caller("operator", release)
    everything = f"/$delta?patient={person.patients[release]}"
    before = await operator.get(everything)
    for row in ROWS:
        if release not in row.releases or "{audit}" in row.url or row.name == "$export":
            continue
        patient = person.patients[release]
        body = row.body(world, release, patient) if row.body else None
        url = row.url.replace("{patient}", patient)
        if row.thing:
            url = url.replace("{thing}", f"/{THINGS[row.thing][0]}/{person.ids[release, row.thing]}")
            if isinstance(body, dict) and row.method == "PUT":
                body["id"] = person.ids[release, row.thing]
        answer = await caller(row.method, url, body, **dict(row.headers))
        assert answer.status_code < 500, row.name
        for thing in THINGS:
            assert f'"{person.marker(thing)}"' not in answer.text, (row.name, thing)
        assert await operator.get(everything) == before, row.name


@pytest.mark.parametrize("who", ["zonnestraal", "operator"])
async def test_what_has_the_token_is_seen_by_the_same_ways(world: World, two: tuple[str, str], who: str) -> None:
    vital, laboratory = two
    caller = await narrowed(world, f"@/Observation.rs?{VITAL} @/Patient.rs", who)
    patient = world.zonnestraal.patients[R4]
    assert (await caller("GET", f"/Observation/{vital}")).status_code == 200
    assert (await caller("GET", f"/Observation/{laboratory}")).status_code == 404
    for url in (
        f"/Observation?patient={patient}",
        f"/Observation?patient={patient}&code=29463-7&_sort=-date&_count=20",
        f"/Observation?patient={patient}&_sort=date",
        f"/Patient/{patient}/Observation",
        f"/?_type=Observation&patient={patient}",
        f"/Observation/$lastn?patient={patient}",
        f"/Observation?patient={patient}&_filter=code eq 29463-7",
    ):
        assert await caller.found(url) == [vital], url
    for url in (f"/Patient/{patient}/$everything", f"/Patient?_id={patient}&_revinclude=Observation:subject"):
        ids = {one["resource"]["id"] for one in (await caller.get(url))["entry"]}
        assert ids == {patient, vital}, url
    for query in ("_summary=count", "_total=accurate", "_count=0"):
        assert (await caller.get(f"/Observation?patient={patient}&{query}"))["total"] == 1
    delta = await caller.get(f"/$delta?patient={patient}")
    assert {one["fullUrl"].rpartition("/")[2] for one in delta["entry"]} == {patient, vital}


async def test_a_condition_through_a_reference_sees_no_more(world: World, two: tuple[str, str]) -> None:
    vital, laboratory = two
    owner = await narrowed(world, "@/*.cruds")
    assert len(two) == 2
    for one, wanted in ((vital, 1), (laboratory, 0)):
        labels = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": one}]}}]}
        assert (await owner("POST", f"/Observation/{one}/$meta-add", labels)).status_code == 200
        caller = await narrowed(world, f"@/Observation.rs?{VITAL} @/Patient.rs")
        found = await caller.found(f"/Patient?_has:Observation:patient:_tag={one}")
        assert len(found) == wanted


async def test_of_what_has_the_token_only_the_present_version_is_seen(world: World, two: tuple[str, str]) -> None:
    vital, laboratory = two
    caller = await narrowed(world, f"@/Observation.rs?{VITAL}")
    assert (await caller("GET", f"/Observation/{vital}/_history/2")).status_code == 200
    assert (await caller("GET", f"/Observation/{vital}/_history/1")).status_code == 404
    assert [
        one["resource"]["meta"]["versionId"] for one in (await caller.get(f"/Observation/{vital}/_history"))["entry"]
    ] == ["2"]
    assert (await caller("GET", f"/Observation/{laboratory}/_history")).status_code == 404
    history = await caller.get(f"/Observation/_history?patient={world.zonnestraal.patients[R4]}")
    assert {one["resource"]["id"] for one in history["entry"]} == {vital}


async def test_what_loses_the_token_is_gone_and_what_gets_it_is_there(world: World, two: tuple[str, str]) -> None:
    vital, laboratory = two
    owner, caller = world.caller("zonnestraal"), await narrowed(world, f"@/Observation.rs?{VITAL}")
    changed = observation(world.zonnestraal, "laboratory", id=vital)
    assert (await owner("PUT", f"/Observation/{vital}", changed)).status_code == 200
    assert (await caller("GET", f"/Observation/{vital}")).status_code == 404
    changed = observation(world.zonnestraal, "activity", id=laboratory)
    assert (await owner("PUT", f"/Observation/{laboratory}", changed)).status_code == 200
    assert await caller.found(f"/Observation?patient={world.zonnestraal.patients[R4]}") == [laboratory]
    assert (await owner("DELETE", f"/Observation/{laboratory}")).status_code in (200, 204)
    assert (await caller("GET", f"/Observation/{laboratory}")).status_code == 404


async def test_nothing_without_the_token_can_be_written_nor_made_of_what_has_it(
    world: World, two: tuple[str, str]
) -> None:
    vital, laboratory = two
    person = world.zonnestraal
    caller = await narrowed(world, f"@/Observation.cruds?{VITAL}")
    inside, outside = observation(person, "activity"), observation(person, "laboratory")
    assert (await caller("POST", "/Observation", inside | {"language": "en"})).status_code == 201
    refused = [
        await caller("POST", "/Observation", outside),
        await caller("POST", "/Observation", weight(R4, f"Patient/{person.patients[R4]}")),
        await caller("PUT", f"/Observation/{vital}", outside | {"id": vital}),
        await caller("PUT", f"/Observation/{CHOSEN}", outside | {"id": CHOSEN}),
        await caller("PATCH", f"/Observation/{vital}", {"category": None}, Content_Type="application/merge-patch+json"),
        await caller("POST", "/", bundle("transaction", entry("POST", "Observation", outside))),
        await caller("PUT", f"/Observation/{laboratory}", inside | {"id": laboratory}),
    ]
    assert [answer.status_code for answer in refused] == [403, 403, 403, 403, 403, 403, 405]
    assert (await caller("DELETE", f"/Observation/{laboratory}")).status_code == 404
    assert (await caller("PUT", f"/Observation/{vital}", inside | {"id": vital})).status_code == 200
    assert (await caller("DELETE", f"/Observation/{vital}")).status_code in (200, 204)


async def test_all_tokens_of_one_scope_have_to_be_there_and_scopes_add_up(world: World, two: tuple[str, str]) -> None:
    vital, laboratory = two
    url = f"/Observation?patient={world.zonnestraal.patients[R4]}&category=activity,laboratory"
    both = await narrowed(world, f"@/Observation.rs?{VITAL}&{WEIGHT}")
    assert await both.found(url) == [vital]
    none = await narrowed(world, f"@/Observation.rs?{VITAL}&code=http://loinc.org|8867-4")
    assert await none.found(url) == []
    either = await narrowed(world, f"@/Observation.rs?{VITAL} @/Observation.rs?category={CATEGORY}|laboratory")
    assert set(await either.found(url)) == {vital, laboratory}
    wider = await narrowed(world, f"@/Observation.rs?{VITAL} @/Observation.rs")
    assert set(await wider.found(url)) == {vital, laboratory}


async def test_a_token_counts_with_its_system_only(world: World, two: tuple[str, str]) -> None:
    assert len(two) == 2
    caller = await narrowed(world, "@/Observation.rs?category=https://regie.example/other|activity")
    assert ids_of(await caller.get(f"/Observation?patient={world.zonnestraal.patients[R4]}")) == []


async def test_the_same_request_again_shows_what_was_written_if_it_has_the_token(world: World) -> None:
    person = world.zonnestraal
    caller = await narrowed(world, f"@/Observation.cr?{VITAL}")
    key = {"Idempotency_Key": "narrowed-1"}
    first = await caller("POST", "/Observation", observation(person, "activity"), **key)
    again = await caller("POST", "/Observation", observation(person, "activity"), **key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]


@pytest.mark.parametrize("who", ["zonnestraal", "operator"])
async def test_who_may_create_all_but_change_some_changes_no_other_by_its_chosen_id(world: World, who: str) -> None:
    owner, person = world.caller("zonnestraal"), world.zonnestraal
    stands = observation(person, "laboratory", id=CHOSEN)
    assert (await owner("PUT", f"/Observation/{CHOSEN}", stands)).status_code == 201
    caller = await narrowed(world, f"@/Observation.c @/Observation.rus?{VITAL}", who)
    before = await owner.changes()
    for category in ("laboratory", "activity"):
        new = observation(person, category, id=CHOSEN, language="nl")
        assert (await caller("PUT", f"/Observation/{CHOSEN}", new)).status_code == 403
        found_by = f"Observation?patient={person.patients[R4]}&identifier=of-nothing"
        assert (await caller("PUT", f"/{found_by}", new)).status_code == 403
        for url in (f"Observation/{CHOSEN}", found_by):
            sent = await caller("POST", "/", bundle("transaction", entry("PUT", url, new)))
            assert sent.status_code == 403
    assert await owner.changes() == before
