"""Parts of everything: by type, by change, by the dates of care."""

import pytest

from app.fhir.release import Release
from tests.support.world import Caller, Tree, World, condition, link, weight

R4 = Release.R4


async def shown(caller: Caller, url: str) -> list[Tree]:
    """Return the resources of all pages."""
    found: list[Tree] = []
    following: str | None = url
    while following is not None:
        page = await caller.get(following)
        found += [one["resource"] for one in page.get("entry", [])]
        following = link(page, "next")
    return found


@pytest.mark.parametrize("release", Release)
async def test_types_leave_only_these(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    whole = await shown(me, "/Patient/$everything")
    for types in (("Observation",), ("Observation", "Condition"), ("Flag",)):
        wanted = [one for one in whole if one["resourceType"] in types]
        assert await shown(me, f"/Patient/$everything?_type={','.join(types)}&_count=1") == wanted
        repeated = "&".join(f"_type={name}" for name in types)
        assert await shown(me, f"/Patient/$everything?{repeated}") == wanted


async def test_types_open_nothing_that_the_scope_closes(world: World) -> None:
    app = world.caller("app of zonnestraal")
    assert await shown(app, "/Patient/$everything?_type=Condition,Goal") == []


async def test_since_leaves_what_was_changed_then_or_later(me: Caller, patient: str) -> None:
    await me.made(weight(R4, patient))
    whole = await shown(me, "/Patient/$everything")
    for moment in {one["meta"]["lastUpdated"] for one in whole}:
        wanted = [one for one in whole if one["meta"]["lastUpdated"] >= moment]
        assert await shown(me, f"/Patient/$everything?_since={moment}&_count=2") == wanted


@pytest.mark.parametrize("release", Release)
async def test_a_period_leaves_what_was_done_in_it_and_what_has_no_date(world: World, release: Release) -> None:
    me, patient = world.caller("zonnestraal", release), world.zonnestraal.patient(release)
    ids = {}
    for day in ("2020-05-01", "2020-06-15", "2020-07-31"):
        ids[day] = (await me.made(weight(release, patient, effectiveDateTime=day)))["id"]
    dated = (await me.made(condition(release, patient, onsetDateTime="2020-06")))["id"]
    undated = {one["id"] for one in await shown(me, "/Patient/$everything?_type=Patient,Goal,Encounter")}
    cases = {
        "start=2020-06-01&end=2020-06-30": {ids["2020-06-15"], dated},
        "start=2020-06-15&end=2020-07-31": {ids["2020-06-15"], ids["2020-07-31"], dated},
        "end=2020-05-01": {ids["2020-05-01"]},
        "start=2099": set(),
    }
    for query, wanted in cases.items():
        found = {one["id"] for one in await shown(me, f"/Patient/$everything?{query}&_count=2")}
        assert found >= undated
        assert found & {*ids.values(), dated} == wanted, query


@pytest.mark.parametrize(
    "query", ["_type=", "_type=Unheard", "_type=Observation,", "_since=x", "start=x", "end=2026-13", "start=1&start=2"]
)
async def test_a_part_that_can_not_be_read_is_refused(me: Caller, query: str) -> None:
    assert (await me("GET", f"/Patient/$everything?{query}")).status_code == 400


async def test_the_parts_may_be_asked_by_post(me: Caller) -> None:
    parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": "_type", "valueString": "Goal"}, {"name": "start", "valueDate": "2026"}],
    }
    answer = await me("POST", "/Patient/$everything", parameters)
    assert [one["resource"]["resourceType"] for one in answer.json()["entry"]] == ["Goal"]


async def test_a_consent_is_in_the_periods_of_its_date_only(world: World) -> None:
    me = world.caller("zonnestraal")
    shown = {
        query: (await me.get(f"/Patient/$everything?_type=Consent{query}")).get("entry", [])
        for query in ("", "&start=1990", "&start=2199")
    }
    assert shown[""] != []
    assert shown["&start=1990"] == shown[""]
    assert shown["&start=2199"] == []
