"""A date that names no zone is a day of the record's own zone, in what is kept and in what is asked."""

from zoneinfo import ZoneInfo

import pytest

from app.audit.events import Trace
from app.cli_record import OPERATOR
from app.fhir.release import Release
from app.interactions.closing import index_anew
from app.interactions.time_zone import change_time_zone
from tests.end_to_end.fhir.test_search import make, named
from tests.support.counting import counting
from tests.support.world import Person, World, condition, identifier, ids_of, link, weight

R4 = Release.R4
NEW_YORK = ZoneInfo("America/New_York")


async def move(world: World, person: Person, zone: ZoneInfo) -> None:
    """Let a person's record be in another zone."""
    await change_time_zone(world.parts.context, OPERATOR, Trace("zones"), person.record_id, zone)
    await index_anew(world.parts.context, person.record_id, everything=True)


@pytest.mark.parametrize("release", Release)
async def test_a_day_is_a_day_where_the_person_lives(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    # The evening of the 9th in New York, the early morning of the 10th in Amsterdam.
    await make(me, release, patient, "evening", effectiveDateTime="2026-03-10T01:00:00Z")
    await make(me, release, patient, "day", effectiveDateTime="2026-03-10")
    query = "identifier=evening,day&_sort=identifier&"
    asked = {
        "date=2026-03-09": ([], ["evening"]),
        "date=2026-03-10": (["day", "evening"], ["day"]),
        "date=ge2026-03-10T00:00:00-04:00": (["day"], ["day"]),
        "date=lt2026-03-10T00:00:00-04:00": (["day", "evening"], ["evening"]),
        "_filter=date po 2026-03-09": ([], ["evening"]),
        "_filter=not (date eq 2026-03-10)": ([], ["evening"]),
    }
    for text, (in_amsterdam, _) in asked.items():
        assert await named(me, query + text) == in_amsterdam, text
    await move(world, world.maanlicht, NEW_YORK)
    for text, (_, in_new_york) in asked.items():
        assert await named(me, query + text) == in_new_york, text
    last = await me.found("/Observation/$lastn?identifier=evening,day&date=2026-03-10")
    assert len(last) == 1


@pytest.mark.parametrize("release", Release)
async def test_everything_of_a_day_is_of_that_day_where_the_person_lives(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    for name, moment in (("evening", "2026-03-10T01:00:00Z"), ("day", "2026-03-10T12:00:00Z")):
        await make(me, release, patient, name, effectiveDateTime=moment)
    asked = "/Patient/$everything?_type=Observation&start=2026-03-10&end=2026-03-10"

    async def marks(url: str) -> list[str]:
        return [one["resource"]["identifier"][0]["value"] for one in (await me.get(url))["entry"]]

    assert await marks(asked) == ["evening", "day"]
    await move(world, world.maanlicht, NEW_YORK)
    assert await marks(asked) == ["day"]
    assert await marks(f"{asked}&_release=both") == ["day"]


async def test_a_change_of_zone_is_in_the_log(world: World) -> None:
    await move(world, world.maanlicht, NEW_YORK)
    (entry,) = (await world.caller("maanlicht").get("/AuditEvent?_count=1"))["entry"]
    assert [one["code"] for one in entry["resource"]["subtype"]] == ["time-zone"]


async def test_what_is_changed_later_leaves_nothing_of_the_other_zone(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    made = await make(me, R4, patient, "a", effectiveDateTime="2026-03-10")
    await move(world, world.maanlicht, NEW_YORK)
    changed = made | {"effectiveDateTime": "2026-05-01"}
    assert (await me("PUT", f"/Observation/{made['id']}", changed)).status_code == 200
    assert await named(me, "identifier=a&date=lt2026-04-01") == []
    assert await named(me, "identifier=a&date=2026-05-01") == ["a"]


async def test_several_records_are_each_searched_in_their_own_zone(world: World) -> None:
    await move(world, world.maanlicht, NEW_YORK)
    for person in (world.zonnestraal, world.maanlicht):
        me = world.caller(person.name)
        moments = ("2026-03-10T01:00:00Z", "2026-03-10T12:00:00Z")
        for name, moment in zip("ab", moments, strict=True):
            await make(me, R4, person.patient(), f"{person.name}-{name}", effectiveDateTime=moment)
    practice = world.caller("both")
    names = "identifier=zonnestraal-a,zonnestraal-b,maanlicht-a,maanlicht-b"
    found = await named(practice, f"{names}&date=2026-03-10&_sort=date,_id")
    assert sorted(found) == ["maanlicht-b", "zonnestraal-a", "zonnestraal-b"]
    page = await practice.get(f"/Observation?{names}&date=2026-03-10&_sort=-date&_count=1&_total=accurate")
    assert page["total"] == 3
    ids = ids_of(page)
    while following := link(page, "next"):
        page = await practice.get(following)
        ids += ids_of(page)
    assert len(ids) == len(set(ids)) == 3


async def test_page_after_page_of_a_day_the_newest_first_is_of_the_day_where_the_person_lives(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    for hour in (1, 5, 12, 23):
        await make(me, R4, patient, f"at-{hour}", effectiveDateTime=f"2026-03-10T{hour:02}:00:00Z")
    await move(world, world.maanlicht, NEW_YORK)
    page = await me.get("/Observation?code=http://loinc.org|29463-7&date=2026-03-10&_sort=-date&_count=2")
    found = [page]
    while following := link(page, "next"):
        found.append(page := await me.get(following))
    names = [one["resource"]["identifier"][-1]["value"] for page in found for one in page.get("entry", [])]
    assert names == ["at-23", "at-12", "at-5"]


async def test_a_search_of_days_asks_no_more_often_than_one_without(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    await make(me, R4, patient, "a", effectiveDateTime="2026-03-10")
    days = "identifier=a&date=2026-03-10"
    statements = []
    for query in ("identifier=a", days, f"{days}&_sort=-date"):
        assert await named(me, query) == ["a"]  # what is remembered of access is
        with counting(world.parts.database.reader) as found:
            assert await named(me, query) == ["a"]
        statements.append(found.statements)
    assert len(set(statements)) == 1


async def test_chains_and_conditions_ask_in_the_zone_too(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    await move(world, world.maanlicht, NEW_YORK)
    evening = await make(me, R4, patient, "evening", effectiveDateTime="2026-03-10T01:00:00Z")
    problem = condition(R4, patient, identifier=identifier("p"))
    problem |= {"evidence": [{"detail": [{"reference": f"Observation/{evening['id']}"}]}]}
    await me.made(problem)
    assert await named(me, "identifier=p&evidence-detail:Observation.date=2026-03-09", "Condition") == ["p"]
    assert await named(me, "identifier=p&evidence-detail:Observation.date=2026-03-10", "Condition") == []
    again = await me("POST", "/Observation", weight(R4, patient), If_None_Exist="identifier=evening&date=2026-03-09")
    assert again.status_code == 200
    assert again.headers["location"].split("/")[-3] == evening["id"]
