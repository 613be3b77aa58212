"""Two bounds on a date: met by one value where there is one at most, each by a value of its own where there may be several."""

import pytest

from app.fhir.release import Release
from tests.end_to_end.fhir.test_search import named
from tests.support.world import World, identifier, weight


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("order", ["", "&_sort=date", "&_sort=-date", "&_sort=status"])
async def test_two_bounds_on_one_date_are_a_stretch_of_time(world: World, release: Release, order: str) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    days = {"a": "2026-03-01", "b": "2026-03-10", "c": "2026-03-20", "d": None}
    for name, day in days.items():
        tree = weight(release, patient, identifier=identifier(name))
        tree.pop("effectiveDateTime", None)
        await me.made(tree if day is None else tree | {"effectiveDateTime": day})
    period = weight(
        release, patient, identifier=identifier("p"), effectivePeriod={"start": "2026-03-02", "end": "2026-03-12"}
    )
    period.pop("effectiveDateTime", None)
    await me.made(period)
    for query, found in (
        ("date=ge2026-03-05&date=lt2026-03-15", "b p"),
        ("date=gt2026-03-01&date=le2026-03-10", "b p"),
        ("date=sa2026-03-01&date=eb2026-03-20", "b p"),
        ("date=2026-03&date=ne2026-03-10", "a c p"),
        ("date=ge2026-03-10&date=ge2026-03-15", "c"),
        ("date=ge2026-03-15&date=lt2026-03-05", ""),
        ("date=2026-03-01,2026-03-20&date=lt2026-03-10", "a"),
        ("date=ge2026-03-01&date:missing=false&date=lt2026-03-02", "a"),
        ("date=ge2026-03-01&date:missing=true", ""),
    ):
        assert sorted(await named(me, f"identifier=a,b,c,d,p&{query}{order}")) == found.split(), query


async def test_each_of_several_dates_may_meet_a_bound_of_its_own(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    place = await me.made({"resourceType": "Location", "name": "Kamer-Test"})
    stays = [
        {"location": {"reference": f"Location/{place['id']}"}, "period": {"start": start, "end": start}}
        for start in ("2026-01-10", "2026-03-10")
    ]
    await me.made(
        {
            "resourceType": "Encounter", "status": "finished", "subject": {"reference": patient},
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "identifier": identifier("e"), "location": stays,
        }
    )  # fmt: skip
    query = "identifier=e&location-period=lt2026-02-01&location-period=gt2026-02-01"
    assert await named(me, query, "Encounter") == ["e"]
