"""Reading over both releases opens nothing more: each row of the matrix, asked at one base about what the other holds."""

import httpx
import pytest

from app.fhir.release import Release
from tests.access.matrix import IN_FORCE, ROWS, VISIBLE, WHO, Row
from tests.access.test_matrix import MADE_ANEW, alike, asked, of_rows
from tests.support.world import THINGS, World, never_made

OTHER = {Release.STU3: Release.R4, Release.R4: Release.STU3}
LOOKS = {
    "/{type}/{id}",
    "/{type}/{id}/_history/{version}",
    "/{type}",
    "/{type}/_search",
    "/Observation/$lastn",
    "/Patient/$everything",
    "/Patient/{id}/$everything",
    "/{owner}/{id}/{type}",
    "/{owner}/{id}/{type}/_search",
}


def in_both(row: Row) -> Row:
    """Return a row that asks for both releases in its URL."""
    url = f"{row.url}{'&' if '?' in row.url else '?'}_release=both"
    return Row(row.name, row.method, row.route, url, row.cells, row.thing, row.body, row.headers, row.releases)


def matches(answer: httpx.Response) -> list[str]:
    """Return where the matches are held; none of a refusal."""
    entries = answer.json().get("entry", []) if answer.status_code == 200 else []
    return [entry["fullUrl"] for entry in entries if entry["search"]["mode"] == "match"]


ROWS_OF_BOTH = [
    in_both(row)
    for row in ROWS
    if row.route in LOOKS
    and (row.method in ("GET", "HEAD") or row.route.endswith("/_search"))
    and not row.writes
    and "_list=" not in row.url  # which lists are current is said in the words of one release
]


def test_every_way_to_look_for_one_or_many_is_asked() -> None:
    assert {row.route for row in ROWS_OF_BOTH} == LOOKS


@of_rows(ROWS_OF_BOTH)
async def test_each_gets_what_the_matrix_says_of_the_other_release_too(
    world: World, row: Row, release: Release
) -> None:
    person, got = world.zonnestraal, {}
    for who in WHO:
        ids = {"id": person.ids[OTHER[release], row.thing]} if row.thing else {}
        answer = await asked(world, row, who, release, patient=person.patients[OTHER[release]], **ids)
        shown = {thing for thing in THINGS if f'"{person.marker(thing)}"' in answer.text}
        assert shown <= VISIBLE.get(who, frozenset()), who
        got[who] = answer.status_code
    assert got == row.expected


@of_rows([row for row in ROWS_OF_BOTH if "{" in row.url or row.body])
async def test_a_refusal_is_the_same_for_what_was_never_there(world: World, row: Row, release: Release) -> None:
    person, held = world.zonnestraal, OTHER[release]
    real = (person.patients[held], person.ids[held, row.thing or "patient"])
    for who in WHO:
        if row.expected[who] < 300 and who in IN_FORCE:
            continue
        answer = await asked(world, row, who, release, id=real[1], patient=real[0])
        patient = real[0] if who in IN_FORCE else never_made()
        for resource_id in (never_made(person), never_made()):
            twin = await asked(world, row, who, release, id=resource_id, patient=patient)
            told, never = alike(answer, *real), alike(twin, resource_id, patient)
            assert MADE_ANEW.sub("N", str(told)) == MADE_ANEW.sub("N", str(never)), who


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("who", WHO)
async def test_a_search_of_both_shows_no_more_than_the_two_searches(world: World, who: str, release: Release) -> None:
    for resource_type in ("Condition", "Encounter", "Goal", "Observation"):
        apart: set[str] = set()
        refused = 0
        for one in Release:
            url = f"/{resource_type}?patient={world.zonnestraal.patients[one]}&_count=100"
            answer = await world.caller(who, one)("GET", url)
            refused += answer.status_code >= 400
            apart |= set(matches(answer))
        url = f"/{resource_type}?patient={world.zonnestraal.patients[release]}&_count=100&_release=both"
        both = await world.caller(who, release)("GET", url)
        assert (both.status_code >= 400) == (refused == len(Release)), resource_type
        assert sorted(matches(both)) == sorted(apart)
