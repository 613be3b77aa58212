"""STU3 and R4 as one record: reading and searching what is held in either, told in the one that is asked."""

import json
import random
from typing import Any

import pytest

from app.fhir.release import Release
from app.fhir.translate.translation import TRANSLATED_FROM
from app.fhir.validation.structure import parse
from app.interactions.translated import LOSS_URL
from app.oauth import clients
from tests.support.world import (
    BASE_URL,
    SYSTEM,
    Caller,
    Tree,
    World,
    bundle,
    condition,
    encounter_of,
    entry,
    goal,
    identifier,
    ids_of,
    link,
    tree_of,
    weight,
)

OTHER = {Release.STU3: Release.R4, Release.R4: Release.STU3}
BOTH = "_release=both"


async def make(world: World, release: Release, name: str, **members: Any) -> Tree:
    """Return a new weight of Maanlicht."""
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    return await me.made(weight(release, patient, identifier=identifier(name), **members))


def names(page: Tree, mode: str = "match") -> list[str]:
    """Return the names of the entries, in order."""
    entries = [one["resource"] for one in page.get("entry", []) if one["search"]["mode"] == mode]
    return [one["identifier"][-1]["value"] for one in entries if "identifier" in one]


def is_valid(release: Release, tree: Tree) -> bool:
    """Return whether a resource is valid in a release. Raises: InvalidResourceError, which says why not."""
    return bool(parse(release, json.dumps(tree).encode()).resource_type)


def outcome(page: Tree) -> list[Tree]:
    """Return the issues that a page tells besides."""
    return [
        issue
        for one in page.get("entry", [])
        if one["search"]["mode"] == "outcome"
        for issue in one["resource"]["issue"]
    ]


async def pages(me: Caller, url: str) -> list[list[str]]:
    """Return the names on each page, following the links."""
    found, following = [], url
    while following:
        page = await me.get(following)
        found.append(names(page))
        following = link(page, "next") or ""
    return found


@pytest.mark.parametrize("release", Release)
async def test_a_person_with_data_in_both_sees_one_list(world: World, release: Release) -> None:
    await make(world, Release.STU3, "a", effectiveDateTime="2026-03-01")
    await make(world, Release.R4, "b", effectiveDateTime="2026-03-02")
    await make(world, Release.STU3, "c", effectiveDateTime="2026-03-03")
    me = world.caller("maanlicht", release)
    page = await me.get(f"/Observation?identifier=a,b,c&_sort=date&{BOTH}")
    assert names(page) == ["a", "b", "c"]
    held = {one["resource"]["identifier"][0]["value"]: one for one in page["entry"] if "identifier" in one["resource"]}
    for name, kept_in in (("a", Release.STU3), ("b", Release.R4)):
        assert held[name]["fullUrl"].startswith(f"{BASE_URL}/fhir/{kept_in.path}/Observation/")
        tags = held[name]["resource"]["meta"].get("tag", [])
        assert tags == ([] if kept_in is release else [{"system": TRANSLATED_FROM, "code": kept_in.path}])
        assert is_valid(release, held[name]["resource"])
    assert names(await me.get("/Observation?identifier=a,b,c")) == (["c", "a"] if release is Release.STU3 else ["b"])


@pytest.mark.parametrize("release", Release)
async def test_a_read_finds_what_is_held_in_the_other_release_if_asked(world: World, release: Release) -> None:
    made = await make(world, OTHER[release], "a", comment="At night") if release is Release.R4 else None
    made = made or await make(world, OTHER[release], "a", note=[{"text": "At night"}])
    me, url = world.caller("maanlicht", release), f"/Observation/{made['id']}"
    assert (await me("GET", url)).status_code == 404
    assert (await me("GET", f"{url}?_release={release.path}")).status_code == 404
    answer = await me("GET", f"{url}?{BOTH}")
    assert answer.status_code == 200
    told = tree_of(answer)
    assert told.get("comment", told.get("note", [{}])[0].get("text") if "note" in told else None) == "At night"
    assert told["meta"]["versionId"] == "1"
    assert answer.headers["content-location"] == f"{BASE_URL}/fhir/{OTHER[release].path}{url}/_history/1"
    version = await me("GET", f"{url}/_history/1?{BOTH}")
    assert (version.status_code, tree_of(version)) == (200, told)
    assert (await me("GET", f"{url}/_history/2?{BOTH}")).status_code == 404
    part = tree_of(await me("GET", f"{url}?{BOTH}&_elements=status"))
    assert part["status"] == "final"
    assert "valueQuantity" not in part


async def test_what_was_translated_is_not_written_over(world: World) -> None:
    made = await make(world, Release.STU3, "a")
    me, url = world.caller("maanlicht"), f"/Observation/{made['id']}"
    answer = await me("GET", f"{url}?{BOTH}")
    etag = answer.headers["etag"]
    assert etag == 'W/"stu3-1"'
    assert (await me("GET", f"{url}?{BOTH}", If_None_Match=etag)).status_code == 304
    assert (await me("PUT", url, tree_of(answer), If_Match=etag)).status_code == 412
    stu3 = world.caller("maanlicht", Release.STU3)
    assert (await stu3("PUT", url, made, If_Match=etag)).status_code == 412
    assert (await stu3.get(url))["meta"]["versionId"] == "1"
    assert (await me("PUT", f"{url}?{BOTH}", tree_of(answer))).status_code == 400


async def test_an_id_in_both_is_first_that_of_the_base(world: World) -> None:
    for release in Release:
        me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
        tree = weight(release, patient, id="0f5e9c3a-0000-4000-8000-00000000f00d", identifier=identifier(release.path))
        assert (await me("PUT", f"/Observation/{tree['id']}", tree)).status_code == 201
    me = world.caller("maanlicht")
    assert (await me.get(f"/Observation/{tree['id']}?{BOTH}"))["identifier"][0]["value"] == "r4"
    assert sorted(names(await me.get(f"/Observation?_id={tree['id']}&{BOTH}"))) == ["r4", "stu3"]
    assert (await me("GET", f"/Observation/{tree['id']}/_history/2?{BOTH}")).status_code == 404


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("order", ["", "date", "-date", "_lastUpdated", "-status,date", "value-quantity"])
async def test_the_pages_of_both_are_the_two_searches_together(world: World, release: Release, order: str) -> None:
    chance = random.Random(order)
    every: list[str] = []
    for number in range(9):
        where, day = chance.choice(list(Release)), f"2026-03-0{chance.randint(1, 4)}"
        status = chance.choice(["final", "amended"])
        every.append(f"w{number}")
        await make(world, where, every[-1], effectiveDateTime=day, status=status)
    me, query = (
        world.caller("maanlicht", release),
        f"identifier={','.join(every)}" + (f"&_sort={order}" if order else ""),
    )
    apart = [
        name for one in Release for name in names(await world.caller("maanlicht", one).get(f"/Observation?{query}"))
    ]
    (whole,) = await pages(me, f"/Observation?{query}&{BOTH}")
    assert sorted(whole) == sorted(apart) == every
    for one in Release:
        alone = names(await world.caller("maanlicht", one).get(f"/Observation?{query}"))
        if order != "date":  # walking an index of dates puts those of one day the other way round
            assert [name for name in whole if name in alone] == alone
    for size in (1, 2, 4):
        found = await pages(me, f"/Observation?{query}&_count={size}&{BOTH}")
        assert [name for page in found for name in page] == whole
        assert all(len(page) == size for page in found[:-1])
    counted = await me.get(f"/Observation?{query}&_total=accurate&_count=1&{BOTH}")
    assert counted["total"] == 9
    assert (await me.get(f"/Observation?{query}&_summary=count&{BOTH}"))["total"] == 9


async def test_a_cursor_of_one_search_is_none_of_the_other(world: World) -> None:
    for name, release in (("a", Release.STU3), ("b", Release.R4), ("c", Release.R4)):
        await make(world, release, name)
    me = world.caller("maanlicht")
    following = link(await me.get(f"/Observation?identifier=a,b,c&_count=1&{BOTH}"), "next")
    assert following is not None
    assert BOTH in following
    assert (await me("GET", following.replace(f"&{BOTH}", ""))).status_code == 400


@pytest.mark.parametrize("release", Release)
async def test_the_patient_of_one_release_is_that_of_the_other(world: World, release: Release) -> None:
    me, practice = world.caller("zonnestraal", release), world.caller("granted", release)
    patient = world.zonnestraal.patients[release]
    for query in (f"patient={patient}", f"subject=Patient/{patient}", f"patient={BASE_URL}{me.base}/Patient/{patient}"):
        for caller in (me, practice):
            found = ids_of(await caller.get(f"/Observation?{query}&{BOTH}"))
            assert {world.zonnestraal.ids[one, "weight"] for one in Release} <= set(found)
    found = ids_of(await me.get(f"/Patient/{patient}/Observation?{BOTH}"))
    assert {world.zonnestraal.ids[one, "weight"] for one in Release} <= set(found)
    other = world.zonnestraal.patients[OTHER[release]]
    found = ids_of(await practice.get(f"/Observation?patient={other}&{BOTH}"))
    assert world.zonnestraal.ids[OTHER[release], "weight"] in found


async def test_what_is_included_is_told_too(world: World) -> None:
    stu3 = world.caller("maanlicht", Release.STU3)
    visit = await stu3.made(
        {
            "resourceType": "Encounter",
            "status": "finished",
            "identifier": identifier("visit"),
            "subject": {"reference": world.maanlicht.patient(Release.STU3)},
        }
    )
    await make(world, Release.STU3, "a", **encounter_of(Release.STU3, f"Encounter/{visit['id']}"))
    page = await world.caller("maanlicht").get(f"/Observation?identifier=a&_include=Observation:encounter&{BOTH}")
    assert names(page, "include") == ["visit"]
    (told,) = [one["resource"] for one in page["entry"] if one["search"]["mode"] == "include"]
    assert is_valid(Release.R4, told)
    assert any("class" in issue["diagnostics"] for issue in outcome(page))


async def test_codes_and_code_systems_are_asked_as_each_release_names_them(world: World) -> None:
    category = "observation-category"
    old, new = f"http://hl7.org/fhir/{category}", f"http://terminology.hl7.org/CodeSystem/{category}"
    await make(world, Release.STU3, "a", category=[{"coding": [{"system": old, "code": "vital-signs"}]}])
    await make(world, Release.R4, "b", category=[{"coding": [{"system": new, "code": "vital-signs"}]}])
    for release, system in ((Release.STU3, old), (Release.R4, new)):
        me = world.caller("maanlicht", release)
        found = names(await me.get(f"/Observation?identifier=a,b&category={system}|vital-signs&{BOTH}"))
        assert sorted(found) == ["a", "b"]
    stu3, patient = world.caller("maanlicht", Release.STU3), world.maanlicht.patient(Release.STU3)
    plan = {"resourceType": "CarePlan", "status": "suspended", "intent": "plan", "identifier": identifier("plan")}
    await stu3.made({**plan, "subject": {"reference": patient}})
    assert names(await world.caller("maanlicht").get(f"/CarePlan?status=on-hold&{BOTH}")) == ["plan"]


async def test_a_status_is_asked_in_the_other_release_as_it_is_made_there(world: World) -> None:
    vaccine = {"resourceType": "Immunization", "vaccineCode": {"text": "Griep"}}
    for release, more in (
        (Release.STU3, {"primarySource": True, "notGiven": False, "status": "completed"}),
        (Release.STU3, {"primarySource": True, "notGiven": True, "status": "completed"}),
        (Release.R4, {"occurrenceDateTime": "2026-03-01", "status": "completed"}),
        (Release.R4, {"occurrenceDateTime": "2026-03-01", "status": "not-done"}),
    ):
        is_given = not more.get("notGiven") and more["status"] == "completed"
        mark = f"{release.path}-{'given' if is_given else 'not'}"
        patient = {"reference": world.maanlicht.patient(release)}
        await world.caller("maanlicht", release).made(
            {**vaccine, **more, "patient": patient, "identifier": [{"value": mark}]}
        )
    for release, query, wanted in (
        (Release.R4, "status=completed", ["r4-given", "stu3-given"]),
        (Release.R4, "status=not-done", ["r4-not", "stu3-not"]),
        (Release.STU3, "status=completed", ["r4-given", "r4-not", "stu3-given", "stu3-not"]),
        (Release.STU3, "status:not=completed", []),
    ):
        page = await world.caller("maanlicht", release).get(f"/Immunization?{query}&{BOTH}")
        found = [
            one["resource"]["identifier"][0]["value"]
            for one in page.get("entry", [])
            if one["search"]["mode"] == "match"
        ]
        assert sorted(found) == wanted, (release, query)
        assert not [issue for issue in outcome(page) if issue["severity"] == "warning"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/Goal?lifecycle-status=active", "lifecycle-status"),
        ("/MedicationStatement?status=active", "status of MedicationStatement"),
        ("/Observation?_profile=https://regie.example/fhir/one", "_profile"),
        ("/ServiceRequest?status=active", "ServiceRequest is not translated"),
        ("/Encounter?length=gt5", "length"),
    ],
)
async def test_what_the_other_release_can_not_be_asked_is_said(world: World, url: str, said: str) -> None:
    page = await world.caller("maanlicht").get(f"{url}&{BOTH}")
    (problem,) = [issue for issue in outcome(page) if issue["severity"] == "warning"]
    assert problem["diagnostics"].startswith("What is held in FHIR 3.0 is not in this answer.")
    assert said in problem["diagnostics"]


async def test_losses_are_named_once_in_the_answer_and_in_each_resource(world: World) -> None:
    meta = {"profile": ["http://nictiz.nl/fhir/StructureDefinition/zib-BodyWeight"]}
    for name in ("a", "b"):
        await make(world, Release.STU3, name, meta=meta)
    page = await world.caller("maanlicht").get(f"/Observation?identifier=a,b&{BOTH}")
    (issue,) = outcome(page)
    assert issue["expression"] == ["Observation.meta.profile"]
    assert "2 of what was translated" in issue["diagnostics"]
    for one in page["entry"][:2]:
        (loss,) = one["resource"]["meta"]["extension"]
        assert loss["url"] == LOSS_URL
        assert loss["extension"][0]["valueString"] == "Observation.meta.profile[0]"


async def test_a_scope_for_one_type_opens_no_other_in_the_other_release(world: World) -> None:
    app = world.caller("app of zonnestraal")
    stu3 = Release.STU3
    assert (await app("GET", f"/Goal/{world.zonnestraal.ids[stu3, 'goal']}?{BOTH}")).status_code == 403
    assert (await app("GET", f"/Goal?{BOTH}")).status_code == 403
    page = await app.get(f"/Observation?_include=Observation:encounter&{BOTH}")
    assert {one["resource"]["resourceType"] for one in page["entry"]} <= {"Observation", "OperationOutcome"}


async def test_reading_both_is_in_the_log(world: World) -> None:
    practice, patient = world.caller("granted"), world.zonnestraal.patients[Release.R4]
    page = await practice.get(f"/Observation?patient={patient}&{BOTH}")
    log = await world.caller("zonnestraal").get("/AuditEvent?_count=1")
    assert f"{len(ids_of(page))}" in str(log["entry"][0]["resource"])
    read = await practice("GET", f"{world.zonnestraal.url('weight', Release.STU3)}?{BOTH}")
    assert read.status_code == 200
    log = await world.caller("zonnestraal").get("/AuditEvent?_count=1")
    assert world.zonnestraal.ids[Release.STU3, "weight"] in str(log["entry"][0]["resource"])


async def test_a_batch_reads_both(world: World) -> None:
    made = await make(world, Release.STU3, "a")
    url = f"Observation/{made['id']}"
    answer = tree_of(
        await world.caller("maanlicht")(
            "POST",
            "/",
            bundle("batch", entry("GET", f"{url}?{BOTH}"), entry("GET", f"Observation?identifier=a&{BOTH}")),
        )
    )
    read, found = answer["entry"]
    assert read["response"]["etag"] == 'W/"stu3-1"'
    assert read["fullUrl"] == f"{BASE_URL}/fhir/stu3/{url}"
    assert names(found["resource"]) == ["a"]


@pytest.mark.parametrize("value", ["stu3", "r5", "", "both&_release=both"])
async def test_another_release_is_refused(world: World, value: str) -> None:
    me = world.caller("maanlicht")
    for url in (f"/Observation?_release={value}", f"/Observation/x?_release={value}"):
        assert (await me("GET", url)).status_code == 400


async def test_a_client_may_have_both_as_its_usual_way(world: World) -> None:
    app, stu3 = world.caller("app of zonnestraal"), world.zonnestraal.ids[Release.STU3, "weight"]
    client_id = world.made.clients["app"]
    assert (await app("GET", f"/Observation/{stu3}")).status_code == 404
    await world.parts.database.write(lambda transaction: clients.set_releases(transaction, client_id, both=True))
    assert (await app("GET", f"/Observation/{stu3}")).status_code == 200
    assert stu3 in ids_of(await app.get("/Observation"))
    assert (await app("GET", f"/Observation/{stu3}?_release=r4")).status_code == 404
    assert stu3 not in ids_of(await app.get("/Observation?_release=r4"))


async def test_a_condition_and_a_goal_are_found_by_what_they_share(world: World) -> None:
    for release in Release:
        me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
        await me.made(condition(release, patient, identifier=identifier(f"c-{release.path}")))
        await me.made(goal(release, patient, identifier=identifier(f"g-{release.path}")))
    me = world.caller("maanlicht")
    found = names(await me.get(f"/Condition?clinical-status=active&identifier=c-stu3,c-r4&{BOTH}"))
    assert sorted(found) == ["c-r4", "c-stu3"]
    assert sorted(names(await me.get(f"/Goal?identifier=g-stu3,g-r4&{BOTH}"))) == ["g-r4", "g-stu3"]


@pytest.mark.parametrize("release", Release)
async def test_everything_of_both_is_the_two_together_page_by_page(world: World, release: Release) -> None:
    url = f"/Patient/{world.zonnestraal.patients[release]}/$everything"
    apart = [
        one["fullUrl"]
        for each in Release
        for one in (await world.caller("zonnestraal", each).get("/Patient/$everything"))["entry"]
        if each is release or one["resource"]["resourceType"] != "Consent"  # a grant is shown once
    ]
    me = world.caller("zonnestraal", release)
    whole = await me.get(f"{url}?{BOTH}")
    held = [one["fullUrl"] for one in whole["entry"] if one["search"]["mode"] == "match"]
    assert sorted(held) == sorted(apart)
    for one in whole["entry"]:
        assert is_valid(release, one["resource"])
    following, found = f"{url}?_count=3&{BOTH}", []
    while following:
        page = await me.get(following)
        found += [one["fullUrl"] for one in page["entry"] if one["search"]["mode"] == "match"]
        following = link(page, "next") or ""
    assert found == held
    other = world.zonnestraal.patients[OTHER[release]]
    assert (await me("GET", f"/Patient/{other}/$everything")).status_code == 404
    again = await me.get(f"/Patient/{other}/$everything?{BOTH}")
    assert [one["fullUrl"] for one in again["entry"] if one["search"]["mode"] == "match"] == held
    never = await me("GET", f"/Patient/{world.maanlicht.patients[release]}/$everything?{BOTH}")
    assert never.status_code == 404


@pytest.mark.parametrize("release", Release)
async def test_the_newest_of_each_kind_may_be_held_in_either(world: World, release: Release) -> None:
    height = {"code": {"coding": [{"system": "http://loinc.org", "code": "8302-2"}]}}
    for name, held, day, members in (
        ("old", Release.R4, "2026-04-01", {}),
        ("new", Release.STU3, "2026-04-02", {}),
        ("height", Release.R4, "2026-04-03", height),
    ):
        await make(world, held, name, effectiveDateTime=day, **members)
    me = world.caller("maanlicht", release)
    assert names(await me.get(f"/Observation/$lastn?code=29463-7,8302-2&{BOTH}")) == ["height", "new"]
    page = await me.get(f"/Observation/$lastn?code=29463-7,8302-2&max=2&{BOTH}")
    assert names(page)[:3] == ["height", "new", "old"]
    assert BOTH in (link(page, "self") or "")
    for one in page["entry"]:
        assert is_valid(release, one["resource"])


ASKED = {
    "code": ["http://loinc.org|29463-7", "8302-2", "http://loinc.org|"],
    "date": ["2026-03-02", "ge2026-03-02", "lt2026-03-03"],
    "status": ["final", "amended", "final,amended"],
    "status:not": ["final"],
    "value-quantity": ["gt71", "le72|http://unitsofmeasure.org|kg", "72"],
    "method:missing": ["true", "false"],
    "identifier:not": [f"{SYSTEM}|w1"],
    "_lastUpdated": ["gt2026-01-01"],
    "_sort": ["date", "-date", "value-quantity,-date", "-status", "_id"],
}


@pytest.mark.parametrize("seed", range(6))
async def test_any_search_of_both_finds_what_the_two_searches_find(world: World, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(12):
        members: dict[str, Any] = {"status": chance.choice(["final", "amended", "preliminary"])}
        if chance.random() < 0.5:
            members["method"] = {"text": "measured"}
        if chance.random() < 0.3:
            members["code"] = {"coding": [{"system": "http://loinc.org", "code": "8302-2"}]}
        day, kilograms = f"2026-03-0{chance.randint(1, 4)}", chance.choice(["70", "71.5", "72"])
        members["valueQuantity"] = weight(Release.R4, None, kilograms)["valueQuantity"]
        await make(world, chance.choice(list(Release)), f"w{number}", effectiveDateTime=day, **members)
    for _ in range(15):
        chosen = chance.sample(sorted(ASKED), chance.randint(1, 3))
        query = "&".join(f"{name}={chance.choice(ASKED[name])}" for name in chosen)
        url, apart = f"/Observation?{query}&identifier=http://nowhere|x,{','.join(f'w{n}' for n in range(12))}", []
        for release in Release:
            apart += names(await world.caller("maanlicht", release).get(url))
        for release in Release:
            me = world.caller("maanlicht", release)
            (whole,) = await pages(me, f"{url}&{BOTH}")
            assert sorted(whole) == sorted(apart), query
            paged = await pages(me, f"{url}&_count=3&{BOTH}")
            assert [name for page in paged for name in page] == whole, query


async def test_what_was_translated_can_be_had_in_xml(world: World) -> None:
    made = await make(world, Release.STU3, "a", comment="At night")
    me = world.caller("maanlicht")
    answer = await me("GET", f"/Observation/{made['id']}?{BOTH}", Accept="application/fhir+xml")
    assert answer.status_code == 200
    assert '<note><text value="At night"/></note>' in answer.text
    page = await me("GET", f"/Observation?identifier=a&{BOTH}&_format=xml")
    assert page.status_code == 200
    assert '<code value="stu3"/>' in page.text
