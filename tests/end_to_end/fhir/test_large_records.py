"""A record that takes long to read is read beside the event loop: the answer is the same."""

import asyncio

import pytest

from app.fhir.release import Release
from app.interactions import bundle as bundles
from app.interactions import context, write
from tests.support.world import World, bundle, entry, goal, identifier, tree_of

R4 = Release.R4
PATHS = (
    "/Patient/$everything",
    "/Patient/$everything?_count=3",
    "/$meta",
    "/Observation/$meta",
    "/Observation/$lastn?max=2",
)


@pytest.fixture
def _nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "LARGE_RECORD", 0)


@pytest.mark.usefixtures("_nothing_is_small")
@pytest.mark.parametrize("path", PATHS)
async def test_a_large_record_is_told_as_a_small_one_is(
    world: World, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    for who in ("zonnestraal", "app of zonnestraal", "both", "no grant"):
        large = await world.caller(who)("GET", path)
        with monkeypatch.context() as small:
            small.setattr(context, "LARGE_RECORD", 10**9)
            answer = await world.caller(who)("GET", path)
        assert (large.status_code, large.text) == (answer.status_code, answer.text)


@pytest.mark.usefixtures("_nothing_is_small")
async def test_a_large_record_is_read_in_a_transaction_too(world: World) -> None:
    me, patient = world.caller("zonnestraal"), world.zonnestraal.patient()
    asked = bundle("transaction", entry("POST", "Goal", goal(R4, patient)), *(entry("GET", path[1:]) for path in PATHS))
    entries = tree_of(await me("POST", "/", asked))["entry"]
    assert [one["response"]["status"][:3] for one in entries] == ["201", *["200"] * len(PATHS)]
    goals = [one for one in entries[1]["resource"]["entry"] if one["resource"]["resourceType"] == "Goal"]
    assert len(goals) == 2


@pytest.mark.parametrize(
    "query", ["_filter=" + "%20or%20".join(["code%20ne%20a"] * 50), "_include=*", "_content=body&_include:iterate=*"]
)
async def test_others_have_their_turn_while_a_search_goes_over_much(
    world: World, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    me, patient = world.caller("zonnestraal"), world.zonnestraal.patient()
    note = [{"text": "thuis gemeten " * 100}]
    made = await me("POST", "/", bundle("batch", *[entry("POST", "Goal", goal(R4, patient, note=note))] * 300))
    assert made.status_code == 200
    query = query.replace("code", "lifecycle-status").replace("body", "zout")
    turns, sleep = 0, asyncio.sleep

    async def counted(seconds: float) -> None:
        nonlocal turns
        turns += seconds == 0
        await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", counted)
    assert (await me("GET", f"/Goal?{query}")).status_code == 200
    assert turns > 2


PATCH = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "replace"},
                {"name": "path", "valueString": "Goal.description.text"},
                {"name": "value", "valueString": "Meer lopen"},
            ],
        }
    ],
}


@pytest.mark.parametrize("kind", ["patches", "looks", "conditions"])
async def test_a_bundle_goes_over_a_bounded_amount_of_large_resources(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    me, patient = world.caller("zonnestraal"), world.zonnestraal.patient()
    large = goal(R4, patient, note=[{"text": "thuis " * 1000}], identifier=identifier("large"))
    address = f"Goal/{(await me.made(large))['id']}"
    monkeypatch.setattr(bundles, "ANSWER_BYTES_MAX", 15_000)
    monkeypatch.setattr(write, "PATCHED_BYTES_MAX", 15_000)
    asked = {
        "patches": entry("PATCH", address, PATCH),
        "looks": entry("GET", address),
        "conditions": entry("POST", "Goal", goal(R4, patient), ifNoneExist="identifier=large"),
    }[kind]
    before = await me.changes()
    answered = tree_of(await me("POST", "/", bundle("batch", *[asked] * 5)))["entry"]
    assert [one["response"]["status"][:3] for one in answered] == ["200", "200", "200", "422", "422"]
    assert [one["response"]["outcome"]["issue"][0]["code"] for one in answered[3:]] == ["too-costly"] * 2
    assert len(await me.changes()) == len(before) + (3 if kind == "patches" else 0)
