"""The log by FHIR: found by who and when, page by page, and an entry as a receipt."""

from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.fhir.release import Release
from tests.integration.audit.test_own_chain import script
from tests.support.world import Caller, World, link, tree_of, world_in

PRACTICE = "Praktijk Granted-Test"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_in(tmp_path) as world:
        for _ in range(3):
            await world.caller("granted").get("/Observation")
        await world.caller("sensitive").get("/Condition")
        await world.caller("app of zonnestraal").get("/Observation")
        yield world


@pytest.fixture(params=list(Release))
def me(world: World, request: pytest.FixtureRequest) -> Caller:
    return world.caller("zonnestraal", request.param)


async def resources(me: Caller, query: str) -> list[dict[str, Any]]:
    """Return all AuditEvents that a query finds, over its pages."""
    url, found = f"/AuditEvent?{query}", list[dict[str, Any]]()
    while url:
        page = await me.get(url)
        found += [entry["resource"] for entry in page.get("entry", [])]
        url = link(page, "next") or ""
    return found


def names(found: list[dict[str, Any]]) -> set[str]:
    """Return who did it."""
    return {one["agent"][0]["name"] for one in found}


def by(me: Caller, actor: str) -> str:
    """Return the parameter that finds an agent by its identifier."""
    return f"{'user' if me.release is Release.STU3 else 'agent:identifier'}=urn:ietf:rfc:3986|urn:regie:{actor}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("agent-name=praktijk%20granted", {PRACTICE}),
        ("agent-name=Praktijk", {PRACTICE, "Praktijk Sensitive-Test"}),
        ("agent-name=granted", set()),
        ("agent-name:contains=granted", {PRACTICE}),
        (f"agent-name:exact={PRACTICE}", {PRACTICE}),
        ("agent-name:exact=praktijk%20granted-test", set()),
        ("agent-name=praktijk%20granted,meetmaatje", {PRACTICE, "Meetmaatje-Test"}),
        ("agent-name=Praktijk&agent-name:contains=sensitive", {"Praktijk Sensitive-Test"}),
        ("agent-name=praktijk%20sensitive\\,x, praktijk granted", {PRACTICE}),
    ],
)
async def test_who_did_it_is_found_by_name(me: Caller, query: str, expected: set[str]) -> None:
    assert names(await resources(me, query)) == expected


async def test_who_did_it_is_found_by_identifier_and_by_client(world: World, me: Caller) -> None:
    practice, client = world.made.practices["granted"], world.made.clients["app"]
    assert names(await resources(me, by(me, f"practice:{practice}"))) == {PRACTICE}
    assert names(await resources(me, by(me, f"app:{client}"))) == {"Meetmaatje-Test"}
    assert names(await resources(me, f"altid={client}")) == {"Meetmaatje-Test"}
    assert names(await resources(me, f"altid={client.upper()}")) == {"Meetmaatje-Test"}
    assert await resources(me, by(me, "practice:nobody")) == []
    assert await resources(me, "agent=Organization/1") == [], "an agent is named by its identifier"


async def test_when_it_was_done_is_found(me: Caller) -> None:
    everything = await resources(me, "agent-name=Praktijk")
    newest = everything[0]["recorded"]
    assert await resources(me, "agent-name=Praktijk&date=ge2000") == everything
    assert await resources(me, "agent-name=Praktijk&date=lt2000") == []
    assert await resources(me, f"agent-name=Praktijk&date=gt{newest}") == []
    assert (await resources(me, f"agent-name=Praktijk&date={newest}"))[0] == everything[0]
    assert await resources(me, "agent-name=Praktijk&date=ge2000&date=le2001") == []
    for prefix in ("ne", "sa", "ap"):
        assert await resources(me, f"agent-name=Praktijk&date={prefix}2000") == (everything if prefix != "ap" else [])
    assert await resources(me, "agent-name=Praktijk&date=eb2000,eb9000") == everything


async def test_the_log_is_searched_by_a_form_too(me: Caller) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    page = tree_of(await me("POST", "/AuditEvent/_search?agent-name=Praktijk", "date=ge2000&_count=2", **form))
    assert names([entry["resource"] for entry in page["entry"]]) <= {PRACTICE, "Praktijk Sensitive-Test"}
    assert len(page["entry"]) == 2
    assert (link(page, "self") or "").endswith("/AuditEvent?agent-name=Praktijk&date=ge2000&_count=2")
    following = await me.get(link(page, "next") or "")
    assert names([entry["resource"] for entry in following["entry"]]) <= {PRACTICE, "Praktijk Sensitive-Test"}
    assert (await me("POST", "/AuditEvent/_search", "{}")).status_code == 415


async def test_pages_of_a_search_have_each_entry_once_newest_first(me: Caller) -> None:
    whole = await resources(me, "agent-name=Praktijk&_count=200")
    assert len(whole) > 3
    assert await resources(me, "agent-name=Praktijk&_count=1") == whole
    numbers = [int(one["id"]) for one in whole]
    assert numbers == sorted(numbers, reverse=True)


@pytest.mark.parametrize(
    "query", ["date=soon", "date=ge", "colour=blue", "agent-name:above=a", "agent-name=a,", "_count=0"]
)
async def test_what_the_log_can_not_be_asked_is_refused(me: Caller, query: str) -> None:
    refused = await me("GET", f"/AuditEvent?{query}")
    assert refused.status_code == 400
    assert tree_of(refused)["resourceType"] == "OperationOutcome"


async def test_a_search_is_one_look_at_the_log(me: Caller) -> None:
    before = len(await resources(me, "_count=200"))
    await me.get("/AuditEvent?agent-name=nobody")
    after = await resources(me, "_count=200")
    assert len(after) == before + 2  # that search, and the one that counted before
    assert "nobody" not in str(after)


async def test_a_receipt_is_a_file_that_the_script_checks(me: Caller) -> None:
    (entry, *_) = await resources(me, f"agent-name:exact={PRACTICE}")
    binary = await me.get(f"/AuditEvent/{entry['id']}/$receipt")
    assert (binary["resourceType"], binary["contentType"]) == ("Binary", "application/x-ndjson")
    lines = b64decode(binary["content" if me.release is Release.STU3 else "data"]).splitlines(keepends=True)
    assert script.read(iter(lines), whole=False).faults == []
    assert PRACTICE.encode() in lines[0]


@pytest.mark.parametrize("number", ["0", "999999", "x", "1" * 30])
async def test_what_is_not_in_ones_own_log_has_no_receipt(me: Caller, number: str) -> None:
    assert (await me("GET", f"/AuditEvent/{number}/$receipt")).status_code == 404
