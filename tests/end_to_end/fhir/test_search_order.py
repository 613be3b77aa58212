"""The order of what is found: by any parameter, by several, forwards and backwards, over pages that add up."""

import pytest

from app.fhir.release import Release
from app.store.search import run
from tests.end_to_end.fhir.test_search import make, named
from tests.support.world import World, condition, identifier, ids_of, link, tree_of, weight

DAYS = ("2026-03-01", "2026-03-03", "2026-03-02", "2026-03-02", "2026-03-01")
STATUSES = ("final", "amended", "preliminary", "final", "amended")
NAMES = "identifier=a,b,c,d,e"


async def make_five(world: World, release: Release) -> None:
    """Make weights a to e of different status, method and day."""
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    methods = ("m2", None, "m1", "m2", None)
    for name, status, method, day in zip("abcde", STATUSES, methods, DAYS, strict=True):
        members = {} if method is None else {"method": {"coding": [{"code": method}]}}
        await make(me, release, patient, name, status=status, effectiveDateTime=day, **members)


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("status", "e b d a c"),
        ("-status", "c d a e b"),
        ("status,date", "e b a d c"),
        ("status,-date", "b e d a c"),
        ("-date,status", "b d c e a"),
        ("method,date", "c a d e b"),
        ("-method,-date", "d a c b e"),
        ("identifier", "a b c d e"),
        ("-identifier", "e d c b a"),
        ("status,_lastUpdated", "b e a d c"),
    ],
)
async def test_what_is_found_is_sorted_by_codes_too_over_pages_of_any_size(
    world: World, release: Release, keys: str, found: str
) -> None:
    await make_five(world, release)
    me = world.caller("maanlicht", release)
    assert await named(me, f"{NAMES}&_sort={keys}") == found.split()
    for size in (1, 2, 3):
        page = await me.get(f"/Observation?{NAMES}&_sort={keys}&_count={size}")
        names: list[str] = []
        while True:
            names += [one["resource"]["identifier"][-1]["value"] for one in page["entry"]]
            following = link(page, "next")
            if following is None:
                break
            page = await me.get(following)
        assert names == found.split(), size


@pytest.mark.parametrize("release", Release)
async def test_an_order_that_is_known_in_part_is_passed_over_as_a_whole(world: World, release: Release) -> None:
    await make_five(world, release)
    me = world.caller("maanlicht", release)
    asked = f"/Observation?{NAMES}&_count=2&_sort=date,unheard"
    page = tree_of(await me("GET", asked, Prefer="handling=lenient"))
    assert page["entry"][-1]["resource"]["issue"][0]["expression"] == ["http._sort"]
    found = ids_of(page)
    while following := link(page, "next"):
        page = await me.get(following)
        found += ids_of(page)
    assert found == await me.found(f"/Observation?{NAMES}")


@pytest.mark.parametrize("release", Release)
async def test_references_and_uris_are_sorted_by_what_they_say(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    for name, profile, performer in (
        ("a", "https://regie.example/2", "Patient/x"),
        ("b", "https://regie.example/1", ""),
    ):
        performers = {"performer": [{"reference": patient}]} if performer else {}
        await make(me, release, patient, name, meta={"profile": [profile]}, **performers)
    assert await named(me, "identifier=a,b&_sort=_profile") == ["b", "a"]
    assert await named(me, "identifier=a,b&_sort=-_profile") == ["a", "b"]
    assert await named(me, "identifier=a,b&_sort=performer") == ["a", "b"]
    assert await named(me, "identifier=a,b&_sort=-performer") == ["a", "b"], "what has no value comes last both ways"


async def test_a_practice_sees_the_records_of_several_people_in_one_order(world: World) -> None:
    practice = world.caller("both")
    whole = await practice.get("/Observation?_sort=status,_id")
    ids = ids_of(whole)
    assert len({one["resource"]["subject"]["reference"] for one in whole["entry"]}) > 1
    page = await practice.get("/Observation?_sort=status,_id&_count=1")
    paged = ids_of(page)
    while following := link(page, "next"):
        page = await practice.get(following)
        paged += ids_of(page)
    assert paged == ids


async def test_what_is_hidden_is_sorted_by_for_nobody_else(world: World) -> None:
    me = world.caller("zonnestraal")
    await me.made(condition(Release.R4, world.zonnestraal.patient(), identifier=identifier("z")))
    everything = ids_of(await me.get("/Condition?_sort=code"))
    granted = ids_of(await world.caller("granted").get("/Condition?_sort=code"))
    secret = world.zonnestraal.url("secret").split("/")[-1]
    assert granted == [one for one in everything if one != secret]
    assert len(granted) == len(everything) - 1


async def test_more_than_can_be_sorted_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    for _ in range(3):
        await me.made(weight(Release.R4, patient))
    monkeypatch.setattr(run, "_CHUNK", 2)
    assert len(ids_of(await me.get("/Observation?_sort=status"))) == 5
    monkeypatch.setattr(run, "SORTED_MAX", 4)
    answer = await me("GET", "/Observation?_sort=status")
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["diagnostics"].endswith("ask more of them.")
