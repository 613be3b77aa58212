"""History of a resource, of a type and of everything: what a window shows, page by page."""

from datetime import datetime, timedelta

import pytest

from app.fhir.release import Release
from tests.support.world import Caller, Tree, World, condition, link, tree_of, weight

R4 = Release.R4


async def pages(caller: Caller, url: str) -> list[Tree]:
    """Return the entries of all pages."""
    found: list[Tree] = []
    following: str | None = url
    while following is not None:
        page = await caller.get(following)
        assert page["type"] == "history"
        found += page.get("entry", [])
        following = link(page, "next")
    return found


def versions(entries: list[Tree]) -> list[tuple[str, str]]:
    """Return (method, ETag) of each entry."""
    return [(one["request"]["method"], one["response"]["etag"]) for one in entries]


async def lived(me: Caller, patient: str) -> str:
    """Return the URL of an Observation that was changed, deleted and brought back."""
    made = await me.made(weight(R4, patient))
    url, tree = f"/Observation/{made['id']}", weight(R4, patient, id=made["id"])
    for method, body in (("PUT", tree), ("DELETE", None), ("PUT", tree)):
        assert (await me(method, url, body)).is_success
    return url


@pytest.mark.parametrize("release", Release)
async def test_the_history_of_everything_has_each_change_newest_first(world: World, release: Release) -> None:
    me, patient = world.caller("zonnestraal", release), world.zonnestraal.patient(release)
    await me.made(condition(release, patient))
    entries = await pages(me, "/_history?_count=3")
    told = [one["request"]["extension"][0]["valueString"] for one in entries]
    changes = (await me.get("/$delta?_count=1000"))["entry"]
    assert told == [one["request"]["extension"][0]["valueString"] for one in reversed(changes)]
    assert entries[0]["resource"]["resourceType"] == "Condition"


@pytest.mark.parametrize("release", Release)
async def test_the_history_of_everything_may_show_summaries(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    whole, short = await pages(me, "/_history?_count=4"), await pages(me, "/_history?_count=4&_summary=true")
    assert [one["fullUrl"] for one in short] == [one["fullUrl"] for one in whole]
    for one in short:
        assert one["resource"]["meta"]["tag"][-1]["code"] == "SUBSETTED"
        assert "text" not in one["resource"]
    assert (await me("GET", "/_history?_summary=count")).status_code == 400
    assert (await me("GET", "/_history?_elements=status")).status_code == 400


async def test_the_history_of_a_type_has_only_that_type(world: World, me: Caller, patient: str) -> None:
    url = await lived(me, patient)
    entries = await pages(me, "/Observation/_history?_count=2")
    everything = await pages(me, "/_history")
    assert entries == [one for one in everything if "/Observation/" in one["fullUrl"]]
    of_one = [one for one in entries if one["fullUrl"].endswith(url)]
    assert versions(of_one) == [("POST", 'W/"4"'), ("DELETE", 'W/"3"'), ("PUT", 'W/"2"'), ("POST", 'W/"1"')]
    assert of_one == (await me.get(f"{url}/_history"))["entry"]


async def test_since_leaves_out_what_was_written_before(me: Caller, patient: str) -> None:
    url = await lived(me, patient)
    for way in (f"{url}/_history", "/Observation/_history", "/_history"):
        whole = await pages(me, way)
        for moment in {one["response"]["lastModified"] for one in whole}:
            wanted = [one for one in whole if one["response"]["lastModified"] >= moment]
            assert await pages(me, f"{way}?_since={moment}&_count=2") == wanted
        assert await pages(me, f"{way}?_since=2099-01-01T00:00:00Z") == []


async def test_at_shows_what_was_current_then(me: Caller, patient: str) -> None:
    url = await lived(me, patient)
    for way in (f"{url}/_history", "/Observation/_history", "/_history"):
        whole = await pages(me, way)
        for moment in {one["response"]["lastModified"] for one in whole}:
            shown = await pages(me, f"{way}?_at={moment}&_count=2")
            last: dict[str, str] = {}
            for one in reversed(whole):
                if one["response"]["lastModified"] <= moment:
                    last[one["fullUrl"]] = one["response"]["etag"]
            same = {one["fullUrl"] for one in whole if one["response"]["lastModified"] == moment}
            assert {one["fullUrl"] for one in shown} == set(last)
            newest = {one["fullUrl"]: one["response"]["etag"] for one in reversed(shown)}
            assert newest == last
            assert all(one["fullUrl"] in same or one["response"]["etag"] == last[one["fullUrl"]] for one in shown)
        assert await pages(me, f"{way}?_at=2000") == []


async def test_a_period_shows_all_that_was_current_in_it(me: Caller, patient: str) -> None:
    url = await lived(me, patient)
    whole = await pages(me, f"{url}/_history")
    day = whole[0]["response"]["lastModified"][:10]
    if whole[-1]["response"]["lastModified"][:10] == day:
        year = day[:4]
        assert await pages(me, f"{url}/_history?_at={year}") == whole
    tomorrow = (datetime.fromisoformat(day) + timedelta(days=2)).date()
    assert await pages(me, f"{url}/_history?_at={tomorrow}") == whole[:1]


@pytest.mark.parametrize("way", ["/_history", "/Observation/_history"])
@pytest.mark.parametrize(
    "query",
    ["_since=x", "_since=", "_at=x", "_at=2026-13", "_at=2026&_at=2027", "_since=2026&_since=2026", "_before=x",
     "code=1", "_count=x", "patient=a&patient=b"],
)  # fmt: skip
async def test_a_window_that_can_not_be_read_is_refused(me: Caller, way: str, query: str) -> None:
    assert (await me("GET", f"{way}?{query}")).status_code == 400


async def test_a_practice_with_several_people_names_the_patient(world: World) -> None:
    practice = world.caller("both")
    for way in ("/_history", "/Condition/_history"):
        assert (await practice("GET", way)).status_code == 400
        entries = await pages(practice, f"{way}?patient=Patient/{world.maanlicht.patients[R4]}&_count=1")
        assert entries
        assert "zonnestraal" not in str(entries).lower()


async def test_what_is_hidden_now_is_hidden_in_all_its_versions(world: World, me: Caller, patient: str) -> None:
    made = await me.made(condition(R4, patient))
    url = f"/Condition/{made['id']}"
    practice = world.caller("granted")
    seen = {one["fullUrl"] for one in await pages(practice, "/_history")}
    assert any(one.endswith(url) for one in seen)
    secret = condition(
        R4, patient, id=made["id"], meta=tree_of(await me("GET", world.zonnestraal.url("secret")))["meta"]
    )
    assert (await me("PUT", url, secret)).status_code == 200
    for way in ("/_history", "/Condition/_history", "/_history?_at=2099"):
        assert not any(one["fullUrl"].endswith(url) for one in await pages(practice, way))


async def test_the_history_of_everything_is_in_the_log(world: World, me: Caller) -> None:
    practice = world.caller("granted")
    await pages(practice, "/_history")
    await pages(practice, "/Condition/_history")
    log = await me.get("/AuditEvent?_count=2")
    assert [one["resource"]["subtype"][0]["code"] for one in log["entry"]] == ["history-type", "history-system"]
