"""What an app needs to keep a copy in step: $delta, $everything and $lastn."""

import asyncio
from typing import Any

import pytest

from app.fhir.release import Release
from tests.support.world import Caller, Tree, World, bundle, entry, identifier, link, tree_of, weight

R4 = Release.R4


def seq_of(one: Tree, member: str = "request") -> int:
    """Return the number of a change in a history; in the answer to a Bundle ``member`` is ``response``."""
    return int(one[member]["extension"][0]["valueString"])


async def caught_up(me: Caller, count: int = 2) -> tuple[list[Tree], str]:
    """Return all changes, page by page, and the URL to go on from."""
    changes: list[Tree] = []
    url = f"/$delta?since=0&_count={count}"
    while True:
        page = await me.get(url)
        changes += page.get("entry", [])
        following = link(page, "next")
        if following is None:
            resume = link(page, "resume")
            assert resume is not None
            return changes, resume
        url = following


async def test_delta_tells_every_change_in_order_with_its_tombstones(me: Caller, patient: str) -> None:
    _, resume = await caught_up(me, 100)
    made = await me.made(weight(R4, patient, "70"))
    url = f"/Observation/{made['id']}"
    changed = await me("PUT", url, weight(R4, patient, "71", id=made["id"]))
    deleted = await me("DELETE", url)
    page = await me.get(resume)
    assert [one["request"]["method"] for one in page["entry"]] == ["POST", "PUT", "DELETE"]
    assert [one["response"]["status"] for one in page["entry"]] == ["201", "200", "204"]
    assert [one["response"]["etag"] for one in page["entry"]] == ['W/"1"', 'W/"2"', 'W/"3"']
    assert page["entry"][0]["resource"] == made
    assert page["entry"][1]["resource"] == tree_of(changed)
    assert "resource" not in page["entry"][2]
    assert page["entry"][2]["fullUrl"].endswith(url)
    assert str(seq_of(page["entry"][2])) == deleted.headers["regie-seq"]


@pytest.mark.parametrize("count", [1, 2, 5, 1000])
async def test_delta_in_pages_has_each_change_once_in_rising_order(me: Caller, patient: str, count: int) -> None:
    for number in range(6):
        await me.made(weight(R4, patient, str(number)))
    changes, resume = await caught_up(me, count)
    numbers = [seq_of(one) for one in changes]
    assert numbers == sorted(set(numbers))
    whole = await me.get("/$delta")
    assert whole["entry"] == changes
    assert "entry" not in await me.get(resume)
    assert link(await me.get(resume), "resume") == resume


async def test_a_copy_that_follows_the_delta_while_others_write_is_whole(me: Caller, patient: str) -> None:
    copy: dict[str, Tree] = {}
    numbers: list[int] = []
    done = asyncio.Event()

    async def write(lane: int) -> None:
        for number in range(8):
            made = await me.made(weight(R4, patient, f"{lane * 10 + number}"))
            if number % 3 == 1:
                await me("DELETE", f"/Observation/{made['id']}")
            elif number % 3 == 2:
                await me("PUT", f"/Observation/{made['id']}", weight(R4, patient, "99", id=made["id"]))

    async def follow() -> None:
        url = "/$delta?since=0&_count=3"
        while True:
            was_done = done.is_set()
            page = await me.get(url)
            for one in page.get("entry", []):
                numbers.append(seq_of(one))
                if "resource" in one:
                    copy[one["fullUrl"]] = one["resource"]
                else:
                    del copy[one["fullUrl"]]
            following = link(page, "next")
            url = following or link(page, "resume") or ""
            if following is None and was_done:
                return
            await asyncio.sleep(0)

    follower = asyncio.create_task(follow())
    await asyncio.gather(*(write(lane) for lane in range(5)))
    done.set()
    await follower
    assert numbers == sorted(set(numbers))
    everything = await me.get("/Patient/$everything")
    everything["entry"] = [one for one in everything["entry"] if one["resource"]["resourceType"] != "Consent"]
    assert sorted(copy) == sorted(one["fullUrl"] for one in everything["entry"])
    assert all(copy[one["fullUrl"]] == one["resource"] for one in everything["entry"])


async def test_a_transaction_takes_numbers_one_after_another(me: Caller, patient: str) -> None:
    _, resume = await caught_up(me, 100)
    entries = [entry("POST", "Observation", weight(R4, patient, str(number))) for number in range(5)]
    tries = [me("POST", "/", bundle("transaction", *entries)) for _ in range(6)]
    answers = [tree_of(answer)["entry"] for answer in await asyncio.gather(*tries)]
    runs = sorted([seq_of(one, "response") for one in answer] for answer in answers)
    numbers = [number for run in runs for number in run]
    assert numbers == list(range(numbers[0], numbers[0] + 30))
    page = await me.get(resume)
    assert [seq_of(one) for one in page["entry"]] == numbers


async def test_each_release_has_its_own_delta(world: World) -> None:
    for release in Release:
        person = world.zonnestraal
        changes = (await world.caller("zonnestraal", release).get("/$delta"))["entry"]
        ids = [one["resource"]["id"] for one in changes]
        assert sorted(ids) == sorted(resource_id for (of, _), resource_id in person.ids.items() if of is release)


# -------------------------------------------------------------------------------------------------------- $everything


@pytest.mark.parametrize("count", [1, 3, 100])
async def test_everything_is_all_that_stands_once(world: World, me: Caller, count: int) -> None:
    deleted = world.zonnestraal.url("goal")
    assert (await me("DELETE", deleted)).status_code == 204
    whole = await me.get("/Patient/$everything")
    ids = [one["resource"]["id"] for one in whole["entry"] if one["resource"]["resourceType"] != "Consent"]
    assert len(ids) == len(set(ids)) == 6
    assert len({one["fullUrl"] for one in whole["entry"]}) == len(whole["entry"]) > 6, "with the grants as Consents"
    assert world.zonnestraal.ids[R4, "goal"] not in ids
    assert world.zonnestraal.patients[R4] in ids
    paged: list[Any] = []
    url: str | None = f"{world.zonnestraal.url('patient')}/$everything?_count={count}"
    while url is not None:
        page = await me.get(url)
        assert len(page["entry"]) <= count
        paged += page["entry"]
        url = link(page, "next")
    assert paged == whole["entry"]


# -------------------------------------------------------------------------------------------------------------- $lastn


def measured(patient: str, name: str, codes: list[str], when: str) -> Tree:
    """Return an observation of one or more kinds."""
    coding = [{"system": "http://loinc.org", "code": code} for code in codes]
    return weight(R4, patient, code={"coding": coding}, effectiveDateTime=when, identifier=identifier(name))


async def names(me: Caller, query: str) -> list[str]:
    """Return the names of what $lastn finds."""
    page = await me.get(f"/Observation/$lastn{query}")
    return [one["resource"]["identifier"][-1]["value"] for one in page.get("entry", [])]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["pulse new", "height lying", "weight new"]),
        ("&max=2", ["pulse new", "height lying", "height standing", "weight new", "weight old"]),
        ("&max=100", ["height lying", "height standing", "pulse new", "pulse old", "weight new", "weight old"]),
        ("&code=29463-7", ["weight new"]),
        ("&code=8302-2,29463-7", ["height lying", "weight new"]),
        ("&date=lt2026-03-05", ["height lying", "weight old", "pulse old"]),
    ],
)
async def test_lastn_gives_the_newest_of_each_kind(world: World, query: str, found: list[str]) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    for thing in ("weight", "chosen"):
        await me("DELETE", world.maanlicht.url(thing))
    for name, codes, when in (
        ("weight old", ["29463-7"], "2026-03-01"),
        ("height standing", ["8302-2", "8308-9"], "2026-03-02"),
        ("height lying", ["8302-2", "8306-3"], "2026-03-03"),
        ("pulse old", ["8867-4"], "2026-03-04"),
        ("weight new", ["29463-7"], "2026-03-05"),
        ("pulse new", ["8867-4"], "2026-03-06"),
    ):
        await me.made(measured(patient, name, codes, when))
    got = await names(me, f"?patient={patient}{query}")
    expected = set(found) if "max=2" not in query else {*found, "pulse old"}
    assert set(got) == expected
    assert len(got) == len(set(got))


async def test_lastn_goes_by_when_it_was_measured_not_by_when_it_was_sent(me: Caller, patient: str) -> None:
    await me.made(measured(patient, "measured last", ["8310-5"], "2026-03-09"))
    await me.made(measured(patient, "sent last", ["8310-5"], "2026-03-01"))
    assert await names(me, "?code=8310-5") == ["measured last"]
    assert await names(me, "?code=8310-5&max=2") == ["measured last", "sent last"]


async def test_lastn_does_not_show_what_was_deleted(me: Caller, patient: str) -> None:
    await me.made(measured(patient, "first", ["8310-5"], "2026-03-01"))
    last = await me.made(measured(patient, "second", ["8310-5"], "2026-03-02"))
    assert (await me("DELETE", f"/Observation/{last['id']}")).status_code == 204
    assert await names(me, "?code=8310-5") == ["first"]
