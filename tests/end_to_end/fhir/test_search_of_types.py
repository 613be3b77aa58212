"""Search of several types at once, at the base."""

import pytest

from app.fhir.release import Release
from tests.support.world import Caller, Tree, World, condition, identifier, ids_of, link, tree_of, weight

R4 = Release.R4
TYPES = "_type=Observation,Condition"


async def all_pages(me: Caller, url: str) -> list[str]:
    """Return the ids on all pages, in order."""
    page = await me.get(url)
    found = ids_of(page)
    while following := link(page, "next"):
        page = await me.get(following)
        found += ids_of(page)
    return found


def types_of(page: Tree) -> list[str]:
    """Return the types of what is on a page."""
    return [one["resource"]["resourceType"] for one in page.get("entry", [])]


@pytest.mark.parametrize("release", Release)
async def test_what_was_written_last_comes_first_whatever_its_type(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    made = [
        (await me.made(maker(release, patient, identifier=identifier(name))))["id"]
        for name, maker in zip("abcde", (weight, condition, condition, weight, condition), strict=True)
    ]
    url = f"?{TYPES}&identifier=a,b,c,d,e"
    assert await me.found(url) == made[::-1]
    assert await me.found(f"/{url}&_sort=_lastUpdated") == made
    assert await me.found(f"{url}&_sort=-_id") == sorted(made, reverse=True)
    for size in (1, 2, 3):
        assert await all_pages(me, f"{url}&_count={size}") == made[::-1]
        assert await all_pages(me, f"{url}&_count={size}&_sort=_lastUpdated") == made
    counted = await me.get(f"{url}&_summary=count")
    assert (counted["total"], counted.get("entry")) == (5, None)
    assert (await me.get(f"{url}&_total=accurate&_count=1"))["total"] == 5


async def test_types_are_sorted_by_what_each_has_under_the_same_name(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    first = await me.made(weight(R4, patient, identifier=identifier("a"), effectiveDateTime="2026-03-01"))
    second = await me.made(
        {
            "resourceType": "DiagnosticReport", "status": "final", "code": {"text": "x"}, "subject": {"reference": patient},
            "effectiveDateTime": "2026-03-02", "identifier": identifier("c"),
        }
    )  # fmt: skip
    third = await me.made(weight(R4, patient, identifier=identifier("b"), effectiveDateTime="2026-03-03"))
    url = "?_type=Observation,DiagnosticReport&identifier=a,b,c&code:missing=false"
    ids = [one["id"] for one in (first, second, third)]
    assert await all_pages(me, f"{url}&_sort=date&_count=1") == ids
    assert await all_pages(me, f"{url}&_sort=-date&_count=2") == ids[::-1]


async def test_a_form_asks_the_same(world: World) -> None:
    me = world.caller("zonnestraal")
    form = "application/x-www-form-urlencoded"
    answer = await me("POST", "/_search", f"{TYPES}&_total=accurate", Content_Type=form)
    by_get = await me.get(f"?{TYPES}&_total=accurate")
    assert ids_of(tree_of(answer)) == ids_of(by_get)
    assert set(types_of(by_get)) == {"Observation", "Condition"}
    assert link(by_get, "self") == f"http://127.0.0.1:8000/fhir/r4?{TYPES}&_total=accurate"


async def test_what_types_include_comes_along(world: World) -> None:
    me = world.caller("zonnestraal")
    page = await me.get(f"?{TYPES}&_include=Observation:subject&_include=Condition:subject&_elements=code")
    assert answer_types(page, "include") == {"Patient"}


def answer_types(page: Tree, mode: str) -> set[str]:
    """Return the types of the entries of a mode."""
    return {one["resource"]["resourceType"] for one in page["entry"] if one["search"]["mode"] == mode}


async def test_nobody_finds_more_than_in_each_type_by_itself(world: World) -> None:
    for name in ("zonnestraal", "maanlicht", "app of zonnestraal", "granted", "sensitive", "both"):
        caller = world.caller(name)
        one_by_one: list[str] = []
        for resource_type in ("Observation", "Condition", "Goal"):
            answer = await caller("GET", f"/{resource_type}")
            one_by_one += ids_of(tree_of(answer)) if answer.status_code == 200 else []
        together = await caller.get("?_type=Observation,Condition,Goal&_total=accurate")
        assert sorted(ids_of(together)) == sorted(one_by_one), name
        assert together["total"] == len(one_by_one)


async def test_a_look_at_several_types_is_in_the_log(world: World) -> None:
    await world.caller("granted").get(f"?{TYPES}")
    log = await world.caller("zonnestraal").get("/AuditEvent?_count=1")
    assert log["entry"][0]["resource"]["subtype"][0]["code"] == "search-system"


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("", "http._type"),
        ("?code=a", "http._type"),
        ("?_type=Nonsense", "http._type"),
        ("?_type=AuditEvent", "http._type"),
        ("?_type=Observation,", "http._type"),
        ("?_type=Observation&_type=Condition", "http._type"),
        ("?_type:not=Observation", "http._type"),
        (f"?{TYPES}&value-quantity=1", "http.value-quantity"),
        ("?_type=Observation,MedicationRequest&_sort=category,_id,intent", "http._sort"),
        (f"?{TYPES}&_sort=severity", "http._sort"),
        (f"?{TYPES}&_elements=severity", "http._elements"),
    ],
)
async def test_what_the_types_do_not_have_in_common_is_refused(world: World, query: str, place: str) -> None:
    answer = await world.caller("zonnestraal")("GET", query)
    assert answer.status_code == 400, answer.text
    assert answer.json()["issue"][0]["expression"] == [place]


async def test_a_cursor_is_of_these_types_only(world: World) -> None:
    me = world.caller("zonnestraal")
    following = link(await me.get(f"?{TYPES}&_count=1"), "next")
    assert following is not None
    assert (await me("GET", following.replace("Condition", "Goal"))).status_code == 400
    assert (await me("GET", following.replace("r4?", "r4/Observation?").replace(f"{TYPES}&", ""))).status_code == 400
