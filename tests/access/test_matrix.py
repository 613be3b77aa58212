"""Every way in, for everybody: the status, what is shown, and that a refusal tells nothing."""

import re
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest

from app.fhir.release import Release
from app.rest.routes import ROUTES
from tests.access.matrix import BAD, IN_FORCE, ROWS, VISIBLE, WHO, Row
from tests.support.world import THINGS, World, never_made, tree_of, world_in

NOT_COMPARED = frozenset({"x-request-id", "content-length"})
"""Headers that differ from request to request, or with the length of an id that is repeated."""

MADE_ANEW = re.compile(r"AuditEvent/[0-9]+|urn:uuid:[0-9a-f-]{36}|(?<=T)[0-9:]{8}Z")
"""What differs in two answers to one request: the number of a log entry, an id, the time."""


def of_rows(rows: Iterable[Row]) -> pytest.MarkDecorator:
    """Run a test for each row in each release that has its way in."""
    cases = [pytest.param(row, release, id=f"{row.name}-{release.path}") for row in rows for release in row.releases]
    return pytest.mark.parametrize(("row", "release"), cases)


async def asked(world: World, row: Row, who: str | None, release: Release, **changed: str) -> httpx.Response:
    """Return the answer to a row; ``changed`` has other ids for ``patient``, ``id`` and ``audit``."""
    person = world.zonnestraal
    patient = changed.get("patient", person.patients[release])
    url, body = row.url, row.body(world, release, patient) if row.body else None
    if row.thing:
        resource_id = changed.get("id", person.ids[release, row.thing])
        url = url.replace("{thing}", f"/{THINGS[row.thing][0]}/{resource_id}")
        if isinstance(body, dict) and row.method == "PUT":
            body["id"] = resource_id
    if "{audit}" in url:
        url = url.replace("{audit}", changed.get("audit") or await audit_number(world))
    url = url.replace("{encounter}", "context" if release is Release.STU3 else "encounter")
    url = url.replace("{patient}", patient).replace("{practice}", world.made.practices["granted"])
    return await world.caller(who, release)(row.method, url, body, **dict(row.headers))


async def status_and_effect(world: World, row: Row, who: str, release: Release) -> int:
    """Return the status; what is shown and what is changed has to go with it."""
    everything = f"/$delta?patient={world.zonnestraal.patients[release]}"
    before = await world.caller("operator", release).get(everything) if row.writes else None
    answer = await asked(world, row, who, release)
    shown = {thing for thing in THINGS if f'"{world.zonnestraal.marker(thing)}"' in answer.text}
    assert shown <= VISIBLE.get(who, frozenset()), who
    if row.writes:
        after = await world.caller("operator", release).get(everything)
        was_there = row.name.startswith("conditional create") and answer.status_code == 200
        assert (before != after) == (answer.status_code < 300 and not was_there), who
    return answer.status_code


async def audit_number(world: World) -> str:
    """Return the number of an entry in Zonnestraal's log."""
    log = await world.caller("zonnestraal").get("/AuditEvent?_count=1")
    return str(log["entry"][0]["resource"]["id"])


def alike(answer: httpx.Response, *ids: str) -> tuple[int, dict[str, str], str]:
    """Return all that an answer tells, without the ids that were asked for."""
    headers = {name: value for name, value in answer.headers.items() if name not in NOT_COMPARED}
    text = answer.text
    for one in ids:
        text = text.replace(one, "ID")
    return answer.status_code, headers, text


def test_every_route_has_a_row() -> None:
    assert {(route.method, route.path) for route in ROUTES} == {
        ("GET" if row.method == "HEAD" else row.method, row.route) for row in ROWS
    }


@of_rows(ROWS)
async def test_each_gets_what_the_matrix_says_and_sees_no_more_than_allowed(
    world: World, tmp_path: Path, row: Row, release: Release
) -> None:
    got = {}
    for who in WHO:
        if row.writes and row.expected[who] < 300:  # what is changed for one must not be there for the next
            folder = tmp_path / who
            folder.mkdir()
            async with world_in(folder) as own:
                got[who] = await status_and_effect(own, row, who, release)
        else:
            got[who] = await status_and_effect(world, row, who, release)
    assert got == row.expected


@pytest.mark.parametrize(
    "row", [row for row in ROWS if not row.route.startswith(("/metadata", "/.well"))], ids=lambda row: row.name
)
async def test_nobody_without_a_good_token_learns_anything(world: World, row: Row) -> None:
    answers = [await asked(world, row, who, Release.R4, audit="1") for who in BAD]
    answers.append(await asked(world, row, None, Release.R4, id=never_made(), patient=never_made(), audit="9"))
    assert {answer.status_code for answer in answers} == {401}
    # Who sent a token is told that it is no good (RFC 6750 section 3.1), not why.
    assert len({str(alike(answer)).replace(', error="invalid_token"', "") for answer in answers}) == 1
    assert [", error=" in answer.headers["www-authenticate"] for answer in answers] == [
        *(who is not None for who in BAD),
        False,
    ]
    assert answers[0].headers["www-authenticate"].startswith("Bearer ")


@of_rows([row for row in ROWS if "{" in row.url or row.body])
async def test_a_refusal_is_the_same_for_what_was_never_there(world: World, row: Row, release: Release) -> None:
    person = world.zonnestraal
    real = (person.patients[release], person.ids[release, row.thing or "patient"])
    for who in WHO:
        if who in IN_FORCE and (row.expected[who] < 300 or row.thing in VISIBLE[who]):
            continue
        answer = await asked(world, row, who, release, audit=await audit_number(world))
        for resource_id in (never_made(person), never_made()):
            patient = person.patients[release] if who in IN_FORCE else never_made()
            twin = await asked(world, row, who, release, id=resource_id, patient=patient, audit="999999999")
            told, never = alike(answer, *real), alike(twin, resource_id, patient)
            assert MADE_ANEW.sub("N", str(told)) == MADE_ANEW.sub("N", str(never)), who


@pytest.mark.parametrize("who", WHO)
async def test_counts_count_only_what_is_shown(world: World, who: str) -> None:
    caller = world.caller(who)
    patient = world.zonnestraal.patients[Release.R4]
    for resource_type in ("Observation", "Condition", "Goal"):
        url = f"/{resource_type}?patient={patient}"
        answer = await caller("GET", url)
        if answer.status_code == 403:
            for query in ("_summary=count", "_count=0", "_total=accurate"):
                refused = await caller("GET", f"{url}&{query}")
                assert (refused.status_code, refused.text) == (403, answer.text)
            continue
        visible = [thing for thing in VISIBLE.get(who, ()) if THINGS[thing][0] == resource_type]
        assert len(tree_of(answer).get("entry", [])) == len(visible)
        for query in ("_summary=count", "_count=0", "_total=accurate"):
            assert (await caller.get(f"{url}&{query}"))["total"] == len(visible)
