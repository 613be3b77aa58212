"""Bulk exports that leave something out: by filters, by elements, by patient; and that none of it reaches past the scope."""

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest

from app.access.categories import ALL_PARTS, EVERYTHING
from app.fhir.release import Release
from app.interactions.operations import export, export_asked
from tests.support.exports import ASYNC, begun, everything_in, fetched, manifest, named, parameters_of
from tests.support.world import Person, Tree, World, weight


def ids(resources: list[Tree], resource_type: str = "Observation") -> set[str]:
    return {one["id"] for one in resources if one["resourceType"] == resource_type}


def filtered(*filters: str) -> str:
    return "/Patient/$export?_type=Observation,Condition" + "".join(f"&_typeFilter={quote(one)}" for one in filters)


async def heart_rate(world: World, person: Person, release: Release = Release.R4, **members: Any) -> str:
    """Return the id of a new Observation that is no weight."""
    code = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}
    me = world.caller(person.name, release)
    return str((await me.made(weight(release, person.patient(release), code=code, **members)))["id"])


@pytest.mark.parametrize("release", Release)
async def test_a_filter_chooses_among_its_type_and_leaves_others_whole(world: World, release: Release) -> None:
    practice = world.caller("granted", release)
    rate = await heart_rate(world, world.zonnestraal, release)
    whole = await everything_in(practice, await begun(practice, "/Patient/$export?_type=Observation,Condition"))
    found = await everything_in(practice, await begun(practice, filtered("Observation?code=http://loinc.org|8867-4")))
    assert ids(found) == {rate} < ids(whole)
    assert ids(found, "Condition") == ids(whole, "Condition") != set()


async def test_of_several_filters_of_a_type_any_chooses_however_they_are_sent(world: World) -> None:
    practice = world.caller("granted")
    rate = await heart_rate(world, world.zonnestraal)
    other = await heart_rate(world, world.zonnestraal, status="preliminary")
    weight_, chosen_ = (world.zonnestraal.ids[Release.R4, thing] for thing in ("weight", "chosen"))
    two = ["Observation?code=8867-4&status=final", f"Observation?_id={weight_},{chosen_}"]
    wanted = {rate, weight_, chosen_}
    assert ids(await everything_in(practice, await begun(practice, filtered(*two)))) == wanted
    assert ids(await everything_in(practice, await begun(practice, filtered(",".join(two))))) == wanted
    posted = await begun(practice, "/Patient/$export", *named("_type", "Observation"), *named("_typeFilter", *two))
    assert ids(await everything_in(practice, posted)) == wanted
    assert other not in wanted


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("query", ["status=final", "status:not=preliminary", "_filter=status eq final"])
async def test_a_filter_asks_what_resources_said_when_the_export_was_begun(
    world: World, release: Release, query: str
) -> None:
    practice, me = world.caller("granted", release), world.caller("zonnestraal", release)
    final, preliminary = [
        await heart_rate(world, world.zonnestraal, release, status=status) for status in ("final", "preliminary")
    ]
    gone = await heart_rate(world, world.zonnestraal, release)
    job = await begun(practice, filtered(f"Observation?code=8867-4&{query}"))
    for resource_id, status in ((final, "preliminary"), (preliminary, "final")):
        before = await me.get(f"/Observation/{resource_id}")
        await me("PUT", f"/Observation/{resource_id}", before | {"status": status})
    await me("DELETE", f"/Observation/{gone}")
    later = await heart_rate(world, world.zonnestraal, release)
    found = await everything_in(practice, job)
    assert ids(found) == {final, gone}
    assert {one["status"] for one in found if one["resourceType"] == "Observation"} == {"final"}
    assert later not in ids(found)


async def test_what_was_replaced_since_is_found_by_date_words_and_what_it_refers_to(world: World) -> None:
    practice, me, patient = world.caller("granted"), world.caller("zonnestraal"), world.zonnestraal.patient()
    old = await heart_rate(
        world, world.zonnestraal, effectiveDateTime="2026-04-01", note=[{"text": "na het traplopen"}]
    )
    queries = [
        "date=2026-04-01",
        "_content=traplopen",
        f"patient={patient}&date=lt2026-05",
        "code-value-quantity=8867-4$72.5",
    ]
    jobs = [await begun(practice, filtered(f"Observation?code=8867-4&{one}")) for one in (*queries, "date=2026-04-02")]
    await me("PUT", f"/Observation/{old}", weight(Release.R4, patient, id=old))
    assert [ids(await everything_in(practice, job)) for job in jobs] == [{old}] * len(queries) + [set()]


async def test_a_filter_goes_over_a_chain(world: World) -> None:
    practice, me = world.caller("granted"), world.caller("zonnestraal")
    rate = await heart_rate(world, world.zonnestraal)
    family = world.zonnestraal.family
    jobs = [
        await begun(practice, filtered(f"Observation?code=8867-4&patient.family={name}"))
        for name in (family, "Niemand")
    ]
    await me("PUT", f"/Observation/{rate}", (await me.get(f"/Observation/{rate}")) | {"language": "nl"})
    assert [ids(await everything_in(practice, job)) for job in jobs] == [{rate}, set()]


@pytest.mark.parametrize("query", ["code", "_filter"])
async def test_a_chain_to_the_same_type_is_followed_also_from_what_was_replaced_since(world: World, query: str) -> None:
    practice, me = world.caller("granted"), world.caller("zonnestraal")
    of_rate = [{"reference": f"Observation/{await heart_rate(world, world.zonnestraal)}"}]
    derived = await heart_rate(world, world.zonnestraal, derivedFrom=of_rate)
    asked = {"code": "derived-from:Observation.code=8867-4", "_filter": "_filter=derived-from.code eq 8867-4"}
    job = await begun(practice, filtered(f"Observation?{asked[query]}"))
    await me("PUT", f"/Observation/{derived}", (await me.get(f"/Observation/{derived}")) | {"language": "nl"})
    assert ids(await everything_in(practice, job)) == {derived}


async def test_a_large_record_is_filtered_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    practice, me = world.caller("granted"), world.caller("zonnestraal")
    wanted = {await heart_rate(world, world.zonnestraal) for _ in range(5)}
    job = await begun(practice, filtered("Observation?code=8867-4"))
    for one in sorted(wanted)[:3]:
        await me("PUT", f"/Observation/{one}", weight(Release.R4, world.zonnestraal.patient(), id=one))
    monkeypatch.setattr(export, "PAGE", 1)
    monkeypatch.setattr("app.interactions.operations.export_filter._AT_ONCE", 1)
    assert ids(await everything_in(practice, job)) == wanted


async def test_what_is_outside_the_scope_makes_no_file_and_no_count(world: World) -> None:
    practice = world.caller("granted")
    secret, hers = world.zonnestraal.ids[Release.R4, "secret"], world.maanlicht.ids[Release.R4, "weight"]
    me = world.caller("zonnestraal")
    for query in (
        f"Condition?_id={secret}",
        f"Observation?_id={hers}",
        f"Observation?subject={world.maanlicht.patient()}",
    ):
        resource_type = query.partition("?")[0]
        job = await begun(practice, f"/Patient/$export?_type={resource_type}&_typeFilter={quote(query)}")
        told = await me.get(f"/Condition/{secret}")
        assert (await me("PUT", f"/Condition/{secret}", told | {"language": "nl"})).status_code == 200
        answer = await practice("GET", job)
        while answer.status_code == 202:
            assert answer.headers["x-progress"].startswith("0 ")
            answer = await practice("GET", job)
        assert answer.json()["output"] == []
    seeing = world.caller("sensitive")
    found = await everything_in(seeing, await begun(seeing, filtered(f"Condition?_id={secret}")))
    assert ids(found, "Condition") == {secret}


async def test_what_became_sensitive_since_is_not_found_by_what_it_said(world: World) -> None:
    practice, me = world.caller("granted"), world.caller("zonnestraal")
    rate = await heart_rate(world, world.zonnestraal)
    job = await begun(practice, filtered("Observation?code=8867-4"))
    restricted = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
    before = await me.get(f"/Observation/{rate}")
    assert (await me("PUT", f"/Observation/{rate}", before | {"meta": restricted})).status_code == 200
    assert ids(await everything_in(practice, job)) == set()


def of_patients(*patients: str) -> list[Tree]:
    return [{"name": "patient", "valueReference": {"reference": one}} for one in patients]


async def test_patients_can_be_named_among_those_who_granted_something(world: World) -> None:
    practice = world.caller("granted")
    await world.give("granted", world.maanlicht, ALL_PARTS)
    him, her = world.zonnestraal, world.maanlicht
    for url in ("/Patient/$export", f"/Group/{world.made.practices['granted']}/$export"):
        both = await everything_in(practice, await begun(practice, url))
        assert ids(both, "Patient") == {him.patients[Release.R4], her.patients[Release.R4]}
        job = await begun(practice, url, *of_patients(her.patient()), *named("_type", "Patient", "Observation"))
        found = await everything_in(practice, job)
        assert ids(found, "Patient") == {her.patients[Release.R4]}
        assert him.name not in json.dumps(found)
        assert ids(found) != set()
    operator = world.caller("operator")
    found = await everything_in(operator, await begun(operator, "/Patient/$export", *of_patients(him.patient())))
    assert ids(found, "Patient") == {him.patients[Release.R4]}


async def test_a_patient_outside_the_scope_is_refused_as_one_that_is_not_there(world: World) -> None:
    practice = world.caller("granted")
    asked = [
        parameters_of(*of_patients(world.zonnestraal.patient(), one))
        for one in (world.maanlicht.patient(), "Patient/nobody")
    ]
    answers = [await practice("POST", "/Patient/$export", one, **ASYNC) for one in asked]
    assert [one.status_code for one in answers] == [403, 403]
    assert answers[0].text == answers[1].text


async def test_who_is_named_and_withdraws_is_in_no_file(world: World) -> None:
    given = await world.give("no grant", world.maanlicht, EVERYTHING)
    practice = world.caller("no grant")
    await world.give("no grant", world.zonnestraal, EVERYTHING)
    job = await begun(practice, "/Patient/$export", *of_patients(world.maanlicht.patient()))
    outputs = (await manifest(practice, job))["output"]
    assert outputs
    await world.withdraw(given)
    assert [await fetched(practice, one["url"]) for one in outputs] == [[]] * len(outputs)


@pytest.mark.parametrize("is_looked_into", [False, True])
async def test_who_is_named_last_is_in_the_files_though_all_before_withdrew(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_looked_into: bool
) -> None:
    monkeypatch.setattr(export, "RECORDS_AT_ONCE", 1)
    practice = world.caller("no grant")
    first, last = sorted((world.zonnestraal, world.maanlicht), key=lambda one: one.record_id)
    given, _ = [await world.give("no grant", one, EVERYTHING) for one in (first, last)]
    people = of_patients(first.patient(), last.patient())
    job = await begun(practice, "/Patient/$export", *people, *named("_type", "Patient"))
    if is_looked_into:
        assert len((await manifest(practice, job))["output"]) == 1
    await world.withdraw(given)
    async with asyncio.timeout(60):
        assert ids(await everything_in(practice, job), "Patient") == {last.patients[Release.R4]}


@pytest.mark.parametrize("release", Release)
async def test_elements_leave_the_rest_out_and_say_so(world: World, release: Release) -> None:
    practice = world.caller("granted", release)
    url = "/Patient/$export?_type=Observation,Condition,Patient&_elements=Observation.valueQuantity,Observation.value,birthDate"
    refused = await practice("GET", url, **ASYNC)
    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (400, ["http._elements"])
    job = await begun(
        practice, "/Patient/$export?_type=Observation,Condition,Patient&_elements=Observation.value,Patient.birthDate"
    )
    found = await everything_in(practice, job)
    by_type = {one["resourceType"]: one for one in found}
    assert set(by_type["Observation"]) == {"resourceType", "id", "meta", "status", "code", "valueQuantity"}
    assert set(by_type["Patient"]) <= {"resourceType", "id", "meta", "birthDate"}
    assert by_type["Observation"]["meta"]["tag"][-1]["code"] == "SUBSETTED"
    assert "tag" not in by_type["Condition"]["meta"], "of which nothing was named"
    assert "subject" in by_type["Condition"]


async def test_an_export_begun_by_post_is_as_one_by_get(world: World) -> None:
    practice = world.caller("granted")
    got = await begun(practice, "/Patient/$export?_type=Observation&_since=2000&_outputFormat=ndjson")
    since = {"name": "_since", "valueInstant": "2000-01-01T00:00:00Z"}
    posted = await begun(
        practice, "/Patient/$export", since, *named("_type", "Observation"), *named("_outputFormat", "ndjson")
    )
    assert await everything_in(practice, posted) == await everything_in(practice, got) != []
    assert (await manifest(practice, posted))["request"].endswith("/fhir/r4/Patient/$export")
    empty = await practice("POST", "/Patient/$export", **ASYNC)
    assert empty.status_code == 202, "nothing needs to be asked"


BAD = {
    "_typeFilter": ["Observation", "Observation?", "Unheard?code=a", "AuditEvent?date=2026", "Goal?description=a",
                    "Observation?colour=blue", "Observation?date=soon", "Observation?_sort=date", "Observation?_count=1",
                    "Observation?_include=Observation:subject", "Observation?_has:Provenance:target:recorded=2026",
                    "Observation?_summary=true", "Observation?code=%FF", "Observation?_revinclude:iterate=Provenance:target",
                    "Observation?patient._has:Goal:subject:description=a", "Observation?_type=Observation"],
    "_elements": ["", "nothing", "Observation.", ".code", "Observation.nothing", "Unheard.id", "Observation.code.text", "birthDate"],
    "_type": ["", "Unheard", "Bundle", "Observation,"],
    "_since": ["soon", ""],
    "_outputFormat": ["csv"],
    "includeAssociatedData": ["LatestProvenanceResources"],
    "colour": ["blue"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
async def test_what_can_not_be_exported_is_refused_with_its_place(world: World, name: str, value: str) -> None:
    operator = world.caller("operator")
    others = "" if name == "_type" else "_type=Observation&"
    got = await operator("GET", f"/Patient/$export?{others}{name}={quote(value)}", **ASYNC)
    assert (got.status_code, got.json()["issue"][0]["expression"]) == (400, [f"http.{name}"]), got.text
    if value:
        more = named("_type", "Observation") if name != "_type" else []
        posted = await operator("POST", "/Patient/$export", parameters_of(*more, *named(name, value)), **ASYNC)
        place = [f"Parameters.parameter.where(name='{name}')"]
        assert (posted.status_code, posted.json()["issue"][0]["expression"]) == (400, place), posted.text


async def test_an_export_takes_some_filters_and_patients_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = world.caller("operator")
    many = [f"Observation?_id={number}" for number in range(export_asked.FILTERS_MAX + 1)]
    assert (await operator("GET", filtered(*many), **ASYNC)).status_code == 400
    monkeypatch.setattr(export_asked, "PATIENTS_MAX", 1)
    two = parameters_of(*of_patients(world.zonnestraal.patient(), world.maanlicht.patient()))
    assert (await operator("POST", "/Patient/$export", two, **ASYNC)).status_code == 400


@pytest.mark.parametrize(
    "reference", ["Practitioner/a", "https://elsewhere.example/Patient/a/b", "urn:uuid:a", "Patient/"]
)
async def test_a_patient_is_named_by_a_reference_and_in_a_body(world: World, reference: str) -> None:
    operator, patient = world.caller("operator"), world.zonnestraal.patient()
    refused = await operator("POST", "/Patient/$export", parameters_of(*of_patients(reference)), **ASYNC)
    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (
        400,
        ["Parameters.parameter.where(name='patient')"],
    )
    for method, url, body in (
        ("GET", f"/Patient/$export?patient={patient}", None),
        ("POST", "/$export", parameters_of(*of_patients(patient))),
    ):
        assert (await operator(method, url, body, **ASYNC)).status_code == 400


async def test_what_is_not_supported_is_passed_over_with_a_note_where_that_is_asked(world: World) -> None:
    practice = world.caller("granted")
    url = "/Patient/$export?includeAssociatedData=LatestProvenanceResources&_type=Observation"
    strict = await practice("GET", url, Prefer="respond-async, handling=strict")
    assert (strict.status_code, strict.json()["issue"][0]["code"]) == (400, "not-supported")
    lenient = await practice("GET", url, Prefer="respond-async, handling=lenient")
    assert lenient.status_code == 202
    (issue,) = lenient.json()["issue"]
    assert (issue["severity"], issue["expression"]) == ("warning", ["http.includeAssociatedData"])
    assert ids(await everything_in(practice, lenient.headers["content-location"])) != set()
    filter_ = await practice(
        "GET", f"{url}&_typeFilter=Observation%3Fcolour=blue", Prefer="respond-async, handling=lenient"
    )
    assert filter_.status_code == 400, "passed over, it would bring more than was asked for"


async def test_each_record_tells_of_a_look_that_chose_nothing(world: World) -> None:
    practice = world.caller("granted")
    await everything_in(practice, await begun(practice, filtered("Observation?code=nothing", "Condition?code=nothing")))
    entries = (await world.caller("zonnestraal").get("/AuditEvent?_count=100"))["entry"]
    assert any("operation-export" in json.dumps(entry) for entry in entries)
