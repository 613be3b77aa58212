"""What refers to the matches, and all that they refer to: ``_revinclude`` and the include of everything."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.fhir.release import Release
from app.interactions import include
from app.store.resources import Stored
from app.store.search.plan import Plan
from tests.end_to_end.fhir.test_search_chains import encounter, reference
from tests.support.world import BASE_URL, Caller, Tree, World, encounter_of, identifier, ids_of, link, weight

R4 = Release.R4


async def provenance(me: Caller, release: Release, *targets: Tree) -> Tree:
    """Return a new Provenance of resources."""
    who = {"reference": "Organization/somewhere-else"}
    agent = {"whoReference": who} if release is Release.STU3 else {"who": who}
    tree = {"resourceType": "Provenance", "recorded": "2026-03-01T10:00:00Z", "agent": [agent]}
    return await me.made(tree | {"target": [reference(target) for target in targets]})


@pytest.mark.parametrize("release", Release)
async def test_what_refers_to_a_match_is_included_once(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    one = await me.made(weight(release, patient, identifier=identifier("one")))
    two = await me.made(weight(release, patient, identifier=identifier("two")))
    of_both = await provenance(me, release, one, two)
    of_one = await provenance(me, release, one)
    page = await me.get("/Observation?identifier=one,two&_revinclude=Provenance:target")
    assert sorted(ids_of(page)) == sorted([one["id"], two["id"]])
    assert sorted(ids_of(page, "include")) == sorted([of_both["id"], of_one["id"]])
    page = await me.get("/Observation?identifier=two&_revinclude=Provenance:target:Observation")
    assert ids_of(page, "include") == [of_both["id"]]
    for query in (
        "identifier=two&_revinclude=Provenance:target:Patient",
        "identifier=no&_revinclude=Provenance:target",
    ):
        assert ids_of(await me.get(f"/Observation?{query}"), "include") == []


async def test_a_reverse_include_goes_on_where_it_is_iterated(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    first = await encounter(me, patient, "first")
    second = await encounter(me, patient, "second", partOf=reference(first))
    third = await encounter(me, patient, "third", partOf=reference(second))
    measured = await me.made(weight(R4, patient, identifier=identifier("w"), encounter=reference(third)))
    url = "/Encounter?identifier=first&_revinclude{}=Encounter:part-of"
    assert ids_of(await me.get(url.format("")), "include") == [second["id"]]
    assert ids_of(await me.get(url.format(":iterate")), "include") == [second["id"], third["id"]]
    page = await me.get(url.format(":iterate") + "&_revinclude:iterate=Observation:encounter")
    assert sorted(ids_of(page, "include")) == sorted([second["id"], third["id"], measured["id"]])


@pytest.mark.parametrize("release", Release)
async def test_all_references_of_a_type_are_gone_back_at_once(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    visit = await encounter(me, patient, "visit")
    part = await encounter(me, patient, "part", partOf=reference(visit))
    at_visit = await me.made(weight(release, patient, **encounter_of(release, f"Encounter/{visit['id']}")))
    at_part = await me.made(weight(release, patient, **encounter_of(release, f"Encounter/{part['id']}")))
    page = await me.get("/Encounter?identifier=visit&_revinclude=Observation:*&_revinclude=Encounter:*")
    assert sorted(ids_of(page, "include")) == sorted([part["id"], at_visit["id"]])
    assert (
        link(page, "self")
        == f"{BASE_URL}{me.base}/Encounter?identifier=visit&_revinclude=Observation:%2A&_revinclude=Encounter:%2A"
    )
    page = await me.get("/Encounter?identifier=visit&_revinclude:iterate=Observation:*&_revinclude:iterate=Encounter:*")
    assert sorted(ids_of(page, "include")) == sorted([part["id"], at_visit["id"], at_part["id"]])
    mine = await me.get("/Patient?_revinclude=Observation:*")
    assert sorted(ids_of(mine, "include")) == sorted(await me.found("/Observation"))
    assert ids_of(await me.get("/Encounter?identifier=no&_revinclude=Observation:*"), "include") == []


async def test_references_in_a_circle_come_to_an_end(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    first = await encounter(me, patient, "first")
    second = await encounter(me, patient, "second", partOf=reference(first))
    assert (await me("PUT", f"/Encounter/{first['id']}", first | {"partOf": reference(second)})).status_code == 200
    for direction in ("_include:iterate", "_revinclude:iterate"):
        page = await me.get(f"/Encounter?identifier=first&{direction}=Encounter:part-of")
        assert (ids_of(page), ids_of(page, "include")) == ([first["id"]], [second["id"]])


@pytest.mark.parametrize("release", Release)
async def test_a_star_includes_whatever_a_match_refers_to(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    visit = await encounter(me, patient, "visit")
    practice = world.made.organization[release]
    member = "context" if release is Release.STU3 else "encounter"
    performer = [{"reference": f"Organization/{practice}"}]
    tree = weight(release, patient, identifier=identifier("w"), performer=performer)
    await me.made(tree | {member: reference(visit)})
    expected = sorted([patient.split("/")[1], visit["id"], practice])
    for star in ("*", "Observation:*"):
        page = await me.get(f"/Observation?identifier=w&_include={star}")
        assert sorted(ids_of(page, "include")) == expected, star
    assert ids_of(await me.get("/Observation?identifier=w&_include=Goal:*"), "include") == []
    page = await me.get("/Observation?identifier=w&_include:iterate=*&_revinclude=Provenance:target")
    assert sorted(ids_of(page, "include")) == expected


async def test_too_many_that_refer_to_a_match_are_refused(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    entries = [
        {"request": {"method": "POST", "url": "Observation"}, "resource": weight(R4, patient, str(number))}
        for number in range(1001)
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert (await me("POST", "/", bundle)).status_code == 200
    answer = await me("GET", "/Patient?_revinclude=Observation:patient")
    assert answer.status_code == 400
    assert "1000" in answer.text


@pytest.mark.parametrize(
    ("canonical", "versions"),
    [
        ("https://regie.example/fhir/Questionnaire/asked", "1.0 2.0"),
        ("https://regie.example/fhir/Questionnaire/asked|2.0", "2.0"),
        ("https://regie.example/fhir/Questionnaire/asked|3.0", ""),
        ("https://regie.example/fhir/Questionnaire/other", ""),
    ],
)
async def test_a_canonical_leads_to_what_has_it_as_its_url(world: World, canonical: str, versions: str) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    for version in ("1.0", "2.0"):
        url = "https://regie.example/fhir/Questionnaire/asked"
        await me.made({"resourceType": "Questionnaire", "status": "active", "url": url, "version": version})
    answered = {"resourceType": "QuestionnaireResponse", "status": "completed", "subject": {"reference": patient}}
    for _ in range(2):
        await me.made(answered | {"questionnaire": canonical})
    named = "QuestionnaireResponse:questionnaire"
    for asked in (f"_include={named}", f"_include={named}:Questionnaire", "_include=QuestionnaireResponse:*"):
        entries = (await me.get(f"/QuestionnaireResponse?{asked}"))["entry"]
        included = [one["resource"] for one in entries if one["search"]["mode"] == "include"]
        found = [one["version"] for one in included if one["resourceType"] == "Questionnaire"]
        assert sorted(found) == versions.split(), asked
    for version in ("1.0", "2.0"):
        entries = (await me.get(f"/Questionnaire?version={version}&_revinclude={named}"))["entry"]
        answers = [one for one in entries if one["search"]["mode"] == "include"]
        assert len(answers) == (2 if version in versions.split() else 0), version
    somebody_else = await world.caller("zonnestraal").get(f"/QuestionnaireResponse?_include={named}")
    assert ids_of(somebody_else, "include") == []
    for asked in ("QuestionnaireResponse?questionnaire.title=x", f"Questionnaire?_has:{named}:status=completed"):
        assert (await me("GET", f"/{asked}")).status_code == 400, asked


async def test_none_that_names_a_version_is_left_out_behind_many_that_name_another(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(include, "INCLUDED_MAX", 3)
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    url = "https://regie.example/fhir/Questionnaire/asked"
    answered = {"resourceType": "QuestionnaireResponse", "status": "completed", "subject": {"reference": patient}}
    await me.made({"resourceType": "Questionnaire", "status": "active", "url": url, "version": "1.0"})
    first = await me.made(answered | {"questionnaire": f"{url}|1.0"})
    query = "/Questionnaire?version=1.0&_revinclude=QuestionnaireResponse:questionnaire"
    for _ in range(2):
        await me.made(answered | {"questionnaire": f"{url}|2.0"})
    assert ids_of(await me.get(query), "include") == [first["id"]]
    for _ in range(2):
        await me.made(answered | {"questionnaire": f"{url}|2.0"})
    assert (await me("GET", query)).status_code == 400


async def test_no_more_are_read_of_one_canonical_than_are_included(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    class Noting(Plan):
        async def versions(self, *given: Any) -> AsyncIterator[Stored]:
            async for one in super().versions(*given):
                read.append(one.id)
                yield one

    monkeypatch.setattr(include, "Plan", Noting)
    monkeypatch.setattr(include, "INCLUDED_MAX", 2)
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    url = "https://regie.example/fhir/Questionnaire/asked"
    for _ in range(6):
        await me.made({"resourceType": "Questionnaire", "status": "active", "url": url})
    answered = {"resourceType": "QuestionnaireResponse", "status": "completed", "subject": {"reference": patient}}
    await me.made(answered | {"questionnaire": url})
    answer = await me("GET", "/QuestionnaireResponse?_include=QuestionnaireResponse:questionnaire")
    assert (answer.status_code, len(read)) == (400, 3)


async def test_canonicals_that_lead_nowhere_are_followed_up_to_a_bound(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(include, "FOLLOWED_MAX", 4)
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    answered = {"resourceType": "QuestionnaireResponse", "status": "completed", "subject": {"reference": patient}}
    for number in range(5):
        await me.made(answered | {"questionnaire": f"https://regie.example/fhir/Questionnaire/{number}"})
    asked = "/QuestionnaireResponse?_include=QuestionnaireResponse:questionnaire"
    assert ids_of(await me.get(f"{asked}&_count=4"), "include") == []
    assert (await me("GET", asked)).status_code == 400
