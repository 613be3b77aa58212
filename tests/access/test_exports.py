"""Bulk exports: what is in them, whose they are, and that a withdrawal reaches them wherever they are."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.access.categories import ALL_PARTS, Category
from app.fhir.release import Release
from app.interactions.operations import export
from app.store import at_moment
from tests.support.exports import ASYNC, begun, everything_in, fetched, manifest
from tests.support.world import Caller, Tree, World, weight


def markers(world: World, resources: list[Tree]) -> set[str]:
    """Return which of Zonnestraal's things are among them."""
    text = json.dumps(resources)
    return {
        thing
        for thing in ("patient", "weight", "chosen", "condition", "secret", "goal")
        if f'"{world.zonnestraal.marker(thing)}"' in text
    }


def group(world: World, name: str) -> str:
    return f"/Group/{world.made.practices[name]}/$export"


async def withdraw(world: World, name: str = "granted of zonnestraal") -> None:
    gone = await world.caller("zonnestraal")("DELETE", f"/Consent/{world.made.grants[name].grant_id}")
    assert gone.status_code == 204


@pytest.mark.parametrize("release", Release)
async def test_a_practice_gets_what_it_was_granted_and_an_operator_all(world: World, release: Release) -> None:
    seen = {"granted": {"patient", "weight", "chosen", "condition"}, "sensitive": {"condition", "secret"}}
    for who, things in seen.items():
        caller = world.caller(who, release)
        for url in ("/Patient/$export", group(world, who)):
            assert markers(world, await everything_in(caller, await begun(caller, url))) == things
    operator = world.caller("operator", release)
    of_all = await everything_in(operator, await begun(operator, "/$export"))
    assert markers(world, of_all) == {"patient", "weight", "chosen", "condition", "secret", "goal"}
    limited = await everything_in(operator, await begun(operator, "/$export?_type=Condition&_since=2000"))
    assert {one["resourceType"] for one in limited} == {"Condition"}
    assert await everything_in(operator, await begun(operator, "/$export?_since=2999")) == []


@pytest.mark.parametrize("who", ["sensitive", "no grant", "operator", "zonnestraal", "app of zonnestraal"])
async def test_an_export_of_somebody_else_is_like_one_that_is_not_there(world: World, who: str) -> None:
    practice, other = world.caller("granted"), world.caller(who)
    job = await begun(practice)
    (output, *_) = (await manifest(practice, job))["output"]
    for method, url in (("GET", job), ("GET", output["url"]), ("DELETE", job)):
        there = await other(method, url)
        never = await other(method, url.replace(job.rpartition("/")[2], "never-there"))
        assert (there.status_code, there.text) == (404, never.text)
    assert (await practice("GET", job)).status_code == 200


async def test_a_withdrawal_between_beginning_and_fetching_is_obeyed(world: World) -> None:
    practice = world.caller("granted")
    job = await begun(practice)
    outputs = (await manifest(practice, job))["output"]
    await withdraw(world)
    for output in outputs:
        answer = await practice("GET", output["url"])
        assert answer.status_code in (200, 403)
        assert "zonnestraal" not in answer.text.casefold()


async def test_a_withdrawal_while_a_file_is_fetched_ends_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAGE", 1)
    practice = world.caller("granted")
    (output, *_) = (await manifest(practice, await begun(practice, "/Patient/$export?_type=Observation")))["output"]
    whole = await fetched(practice, output["url"])
    assert len([one for one in whole if world.zonnestraal.patient() in str(one)]) == 2
    looked, pages = at_moment.read_at, 0

    async def withdrawn_in_the_second(*values: object, **more: object) -> object:
        nonlocal pages
        found = await looked(*values, **more)  # type: ignore[arg-type]
        pages += 1
        if pages == 2:
            await withdraw(world)
        return found

    monkeypatch.setattr(export, "read_at", withdrawn_in_the_second)
    rest = await fetched(practice, output["url"])
    assert len([one for one in rest if world.zonnestraal.patient() in str(one)]) <= 1


async def test_an_export_is_of_the_moment_it_was_begun(world: World) -> None:
    practice, me = world.caller("granted"), world.caller("zonnestraal")
    job = await begun(practice, "/Patient/$export?_type=Observation,Condition")
    thing = world.zonnestraal.url("weight")
    before = await me.get(thing)
    await me("PUT", thing, before | {"language": "nl"})
    await me("POST", "/Observation", weight(Release.R4, world.zonnestraal.patient()))
    await me("DELETE", world.zonnestraal.url("condition"))
    found = {f"/{one['resourceType']}/{one['id']}": one for one in await everything_in(practice, job)}
    assert found[thing] == before
    assert world.zonnestraal.url("condition") in found
    since = (await manifest(practice, job))["transactionTime"]
    later = await everything_in(practice, await begun(practice, f"/Patient/$export?_since={since}"))
    assert len(later) == 2, "what was changed and what is new since"


async def deletions(caller: Caller, url: str = "/Patient/$export?_since=2000") -> list[str]:
    """Return what an export tells to delete."""
    found: list[str] = []
    for output in (await manifest(caller, await begun(caller, url)))["deleted"]:
        assert output["type"] == "Bundle"
        for bundle in await fetched(caller, output["url"]):
            assert bundle["type"] == "transaction"
            assert {entry["request"]["method"] for entry in bundle["entry"]} == {"DELETE"}
            found += [entry["request"]["url"] for entry in bundle["entry"]]
    return found


async def deleted(world: World, thing: str, release: Release = Release.R4) -> str:
    """Delete one of Zonnestraal's things, a millisecond after what came before it; return its reference."""
    await asyncio.sleep(0.001)  # changes have their instant to the millisecond, grants to the microsecond
    url = world.zonnestraal.url(thing, release)
    assert (await world.caller("zonnestraal", release)("DELETE", url)).status_code == 204
    return url[1:]


@pytest.mark.parametrize("release", Release)
async def test_what_was_deleted_since_is_told_to_who_could_see_it(
    world: World, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    practice = world.caller("granted", release)
    weight_, condition_, secret = [await deleted(world, thing, release) for thing in ("weight", "condition", "secret")]
    assert await deletions(practice) == [weight_, condition_]
    assert await deletions(practice, "/Patient/$export?_since=2000&_type=Condition") == [condition_]
    assert await deletions(world.caller("sensitive", release)) == [condition_, secret]
    of_all = await deletions(world.caller("operator", release), "/$export?_since=2000")
    assert of_all == [weight_, condition_, secret]
    assert await deletions(practice, "/Patient/$export") == [], "without a time there is nothing to delete"
    assert await deletions(practice, "/Patient/$export?_since=2999") == []
    monkeypatch.setattr(export, "PAGE", 1)
    assert await deletions(practice) == [weight_, condition_], "in pages, too"


async def test_what_was_deleted_before_a_grant_or_between_two_is_not_told(world: World) -> None:
    practice, everything = world.caller("no grant"), ALL_PARTS | Category.SENSITIVE
    await deleted(world, "weight")
    first = await world.give("no grant", world.zonnestraal, everything)
    seen = [await deleted(world, "condition")]
    assert await deletions(practice) == seen
    await world.withdraw(first)
    await deleted(world, "goal")
    await world.give("no grant", world.zonnestraal, ALL_PARTS)
    seen.append(await deleted(world, "chosen"))
    await deleted(world, "secret")
    assert await deletions(practice) == seen, "and nothing sensitive, which the second does not open"


async def test_what_is_opened_later_tells_no_deletion_from_before(world: World) -> None:
    practice = world.caller("granted")
    await deleted(world, "secret")
    await world.give("granted", world.zonnestraal, ALL_PARTS | Category.SENSITIVE)
    assert await deletions(practice) == []
    assert (await manifest(practice, await begun(practice, "/Patient/$export?_since=2000")))["deleted"] == []
    weight_ = await deleted(world, "weight")
    assert await deletions(practice) == [weight_]


async def test_what_was_deleted_is_not_told_once_the_grant_is_withdrawn(world: World) -> None:
    practice = world.caller("granted")
    weight_ = await deleted(world, "weight")
    (told,) = (await manifest(practice, await begun(practice, "/Patient/$export?_since=2000")))["deleted"]
    assert weight_ in (await practice("GET", told["url"])).text
    await withdraw(world)
    answer = await practice("GET", told["url"])
    assert answer.status_code in (200, 403)
    assert weight_.rpartition("/")[2] not in answer.text


async def test_what_came_back_after_it_was_deleted_is_no_deletion(world: World) -> None:
    practice, me = world.caller("granted"), world.caller("zonnestraal")
    url = world.zonnestraal.url("weight")
    thing = await me.get(url)
    job = await begun(practice, f"/Patient/$export?_since={thing['meta']['lastUpdated']}")
    await deleted(world, "weight")
    assert (await manifest(practice, job))["deleted"] == [], "it was deleted after the moment of the export"
    assert (await me("PUT", url, thing)).status_code == 201
    assert await deletions(practice) == []


async def looks(world: World) -> int:
    """Return how many looks of exports Zonnestraal's log has."""
    entries = (await world.caller("zonnestraal").get("/AuditEvent?_count=100"))["entry"]
    return sum("operation-export" in json.dumps(entry) for entry in entries)


async def test_each_record_tells_of_it_before_the_lines_leave(world: World) -> None:
    practice = world.caller("granted")
    (output, *_) = (await manifest(practice, await begun(practice, "/Patient/$export?_type=Observation")))["output"]
    before = await looks(world)
    assert before >= 1, "that it was looked through"
    await fetched(practice, output["url"])
    assert await looks(world) == before + 1


async def test_a_client_has_a_few_exports_only_until_it_ends_one_or_they_are_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    practice = world.caller("granted")
    jobs = [await begun(practice) for _ in range(export.STANDING_MAX)]
    refused = await practice("GET", "/Patient/$export", **ASYNC)
    assert refused.status_code == 429
    assert (await practice("DELETE", jobs[0])).status_code == 202
    assert (await practice("GET", jobs[0])).status_code == 404
    await begun(practice)
    operator = world.caller("operator")
    monkeypatch.setattr(export, "KEPT", timedelta(0))
    for _ in range(export.STANDING_MAX + 1):
        assert (await operator("GET", await begun(operator))).status_code == 404


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("/Patient/$export", {}),
        ("/Patient/$export?_outputFormat=csv", ASYNC),
        ("/Patient/$export?_type=Unheard", ASYNC),
        ("/Patient/$export?_type=AuditEvent", ASYNC),
        ("/Patient/$export?_since=soon", ASYNC),
    ],
)
async def test_what_can_not_be_exported_is_refused_with_its_reason(world: World, url: str, headers: Tree) -> None:
    refused = await world.caller("operator")("GET", url, **headers)
    assert (refused.status_code, refused.json()["resourceType"]) == (400, "OperationOutcome"), refused.text


async def test_to_ask_by_head_begins_nothing(world: World) -> None:
    practice = world.caller("granted")
    answer = await practice("HEAD", "/Patient/$export", **ASYNC)
    assert (answer.status_code, answer.content) == (405, b"")
    assert "content-location" not in answer.headers


async def test_an_export_is_no_entry_of_a_bundle(world: World) -> None:
    operator = world.caller("operator")
    job = await begun(operator)
    path = httpx.URL(job).path.removeprefix("/fhir/r4/")
    entries = [{"request": {"method": "GET", "url": url}} for url in ("Patient/$export", path, f"{path}/0.ndjson")]
    answer = await operator("POST", "/", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert {entry["response"]["status"][:3] for entry in answer.json()["entry"]} == {"404"}
    asked = {"resource": {"resourceType": "Parameters"}, "request": {"method": "POST", "url": "Patient/$export"}}
    posted = await operator("POST", "/", {"resourceType": "Bundle", "type": "batch", "entry": [asked]})
    assert posted.json()["entry"][0]["response"]["status"][0] == "4"


async def test_nothing_more_is_read_for_who_went_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(10):
        await world.caller("zonnestraal").made(weight(Release.R4, world.zonnestraal.patients[Release.R4]))
    practice = world.caller("granted")
    outputs = (await manifest(practice, await begun(practice)))["output"]
    (url,) = (one["url"] for one in outputs if one["type"] == "Observation")
    monkeypatch.setattr(export, "PAGE", 1)
    is_gone, parts = asyncio.Event(), []

    async def receive() -> dict[str, Any]:
        await is_gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:  # as granian's: it does not tell that nobody takes what is sent
        parts.append(message)
        if len(parts) == 3:
            is_gone.set()

    token = world.made.tokens["granted"]
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": httpx.URL(url).path, "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode())], "client": ("127.0.0.1", 5000),
    }  # fmt: skip
    before = await looks(world)
    await world.application(scope, receive, send)
    assert len(parts) <= 4
    assert await looks(world) - before <= 4
