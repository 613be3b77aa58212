"""Whatever is refused to somebody with a token has its entry in the log, wherever on the way it was refused."""

import json

import pytest

from app.fhir.release import Release
from tests.support.world import Tree, World, bundle, entry, weight

R4 = Release.R4
JUNK = "Zonnestraal-Testpersoon" * 1000

Asked = tuple[str, str, Tree | None, dict[str, str]]
WRONG: dict[str, tuple[Asked, str]] = {
    "media type": (("POST", "/Observation", {}, {"Content_Type": "text/plain"}), "create"),
    "not acceptable": (("GET", "/Observation", None, {"Accept": "text/turtle"}), "search-type"),
    "no such type": (("GET", "/Unheard", None, {}), "search-type"),
    "no id": (("GET", "/Observation/a_b", None, {}), "read"),
    "a parameter": (("GET", "/Observation/x?a=b", None, {}), "read"),
    "no number": (("GET", "/$delta?since=x", None, {}), "operation-delta"),
    "unreadable query": (("GET", "/Observation?code=%ff", None, {}), "search-type"),
    "unknown parameter": (("GET", "/Observation?unheard=1", None, {}), "search-type"),
    "malformed": (("POST", "/Observation", {"resourceType": "Observation", "x": 1}, {}), "create"),
    "not known": (("GET", "/Observation/not-known", None, {}), "read"),
    "the log's cursor": (("GET", "/AuditEvent?_cursor=x", None, {}), "log"),
    "a look in a batch": (("POST", "/", bundle("batch", entry("GET", "Unheard")), {}), "search-type"),
}


async def _log(world: World) -> list[Tree]:
    found = await world.caller("zonnestraal").get("/AuditEvent?_count=200")
    return [one["resource"] for one in found["entry"]]


@pytest.mark.parametrize("name", WRONG)
async def test_a_refusal_leaves_one_entry(world: World, name: str) -> None:
    (method, url, body, headers), interaction = WRONG[name]
    caller = world.caller("zonnestraal")
    answer = await caller(method, url, body, X_Request_ID="the-one", **headers)
    assert answer.status_code >= 400 or name == "a look in a batch"
    entries = [one for one in await _log(world) if "the-one" in json.dumps(one)]
    assert [one["outcome"] for one in entries] == ["4"]
    assert entries[0]["subtype"][0].get("display", entries[0]["subtype"][0]["code"]) == interaction


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_what_a_caller_writes_in_an_address_does_not_come_into_the_log(world: World, kind: str) -> None:
    me, patient = world.caller("zonnestraal"), world.zonnestraal.patient()
    wrong = [entry("GET", JUNK), entry("POST", JUNK, weight(R4, patient)), entry("DELETE", f"Observation/{JUNK}")]
    await me("POST", "/", bundle(kind, *wrong, entry("PATCH", JUNK)))
    assert JUNK[:40] not in json.dumps(await _log(world))
