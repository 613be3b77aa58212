"""Everything that Regie itself makes is valid FHIR of the release it is asked in.

The structure is held against the same definitions as what comes in; the rules for Bundles (bdl-...) are written out here.
"""

from collections import Counter
from typing import Any

import httpx
import pytest

from app.fhir.release import Release
from app.fhir.validation.structure import parse
from tests.support.world import Tree, World, bundle, entry, link, never_made, tree_of, weight

URN = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"
ANSWERS = frozenset({"batch-response", "transaction-response"})
HAS_RESPONSE = {Release.STU3: ANSWERS, Release.R4: ANSWERS | {"history"}}


def valid(release: Release, answer: httpx.Response) -> Tree:
    """Return the resource in an answer, checked, with the Bundles inside it."""
    tree = parse(release, answer.content).tree
    if tree["resourceType"] == "Bundle":
        check_bundle(release, tree)
    return tree_of(answer)


def check_bundle(release: Release, tree: dict[str, Any]) -> None:
    """Hold a Bundle against the rules that the structure doesn't have."""
    kind, entries = tree["type"], tree.get("entry", [])
    assert entries or "entry" not in tree
    versions = Counter(
        (one["fullUrl"], one.get("resource", {}).get("meta", {}).get("versionId"))
        for one in entries
        if "fullUrl" in one
    )
    if kind != "history":
        assert not [name for name, times in versions.items() if times > 1], "bdl-7"
    for one in entries:
        assert "resource" in one or "request" in one or "response" in one, "bdl-5"
        assert ("search" in one) == (kind == "searchset"), "bdl-2"
        assert ("request" in one) == (kind == "history"), "bdl-3"
        assert ("response" in one) == (kind in HAS_RESPONSE[release]), "bdl-4"
        assert "fullUrl" in one or kind in ANSWERS
        if one.get("resource", {}).get("resourceType") == "Bundle":
            check_bundle(release, one["resource"])


@pytest.mark.parametrize("release", Release)
async def test_the_capability_statement_is_valid_and_names_media_types(world: World, release: Release) -> None:
    statement = valid(release, await world.caller(None, release)("GET", "/metadata"))
    assert statement["format"] == ["application/fhir+json", "application/fhir+xml"]
    (oauth,) = statement["rest"][0]["security"]["extension"]
    known = {"authorize", "token", "register", "manage"}  # R4 defines no other parts of this extension
    assert {one["url"] for one in oauth["extension"]} == known


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize(
    "url",
    [
        "/Observation?_count=1&_include=Observation:subject&_sort=-date",
        "/Observation?code=nothing-has-this",
        "/Observation?_summary=count",
        "/Observation?no-such-parameter=1",
        "/Observation?no-such-parameter=1&code=nothing-has-this",
        "/Observation/$lastn",
        "/Patient/$everything?_count=2",
        "/$delta",
        "/$delta?since=2&_count=2",
        "/$delta?since=999999",
        "/AuditEvent?_count=500",
    ],
)
async def test_what_is_found_is_valid(world: World, release: Release, url: str) -> None:
    me = world.caller("zonnestraal", release)
    tree = valid(release, await me("GET", url, Prefer="handling=lenient"))
    assert tree["resourceType"] == "Bundle"
    assert link(tree, "self")


@pytest.mark.parametrize("release", Release)
async def test_a_history_with_a_deletion_is_valid_and_numbers_its_changes(world: World, release: Release) -> None:
    me, him = world.caller("zonnestraal", release), world.zonnestraal
    url = him.url("weight", release)
    assert (await me("DELETE", url)).status_code == 204
    tree = valid(release, await me("GET", f"{url}/_history"))
    assert [one["request"]["method"] for one in tree["entry"]] == ["DELETE", "POST"]
    numbers = [int(one["request"]["extension"][0]["valueString"]) for one in tree["entry"]]
    assert numbers == sorted(numbers, reverse=True)
    valid(release, await me("GET", "/$delta"))


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize("wanted", ["minimal", "representation", "OperationOutcome"])
async def test_the_answer_to_a_bundle_is_valid(world: World, release: Release, kind: str, wanted: str) -> None:
    me, him = world.caller("zonnestraal", release), world.zonnestraal
    own, goal = him.ids[release, "weight"], him.ids[release, "goal"]
    sent = bundle(
        kind,
        entry("POST", "Observation", weight(release, him.patient(release)), URN),
        entry("PUT", f"Observation/{own}", weight(release, him.patient(release), "71", id=own)),
        entry("DELETE", f"Goal/{goal}"),
        entry("GET", f"Observation/{own}"),  # the same again, in the version that the PUT made
        entry("GET", "Observation?_count=1"),
    )
    if kind == "batch":  # a transaction fails with a look that fails
        sent["entry"].append(entry("GET", f"Observation/{never_made()}"))
    answer = await me("POST", "/", sent, Prefer=f"return={wanted}")
    assert len(valid(release, answer)["entry"]) == len(sent["entry"])


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("name", ["zonnestraal", "granted", "app of zonnestraal"])
async def test_each_audit_event_is_valid(world: World, release: Release, name: str) -> None:
    await world.caller(name, release)("GET", f"/Observation?patient={world.zonnestraal.patients[release]}")
    me = world.caller("zonnestraal", release)
    number = (await me.get("/AuditEvent?_count=1"))["entry"][0]["resource"]["id"]
    assert valid(release, await me("GET", f"/AuditEvent/{number}"))["resourceType"] == "AuditEvent"


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize(
    ("method", "url", "body", "headers", "status"),
    [
        ("GET", "/Observation/nothing-has-this", None, {}, 404),
        ("GET", "/NoSuchType/1", None, {}, 404),
        ("GET", "/Observation/_history/1/_history", None, {}, 404),
        ("GET", "/Observation/$no-such-operation", None, {}, 400),
        ("GET", "/Patient?_has:Observation:code:code=1", None, {}, 400),
        ("GET", "/Observation", None, {"Accept": "text/turtle"}, 406),
        ("POST", "/Observation", "{", {}, 400),
        ("POST", "/Observation", {"resourceType": "Observation", "status": "?", "what": 1}, {}, 422),
        ("POST", "/Observation", "<Observation/>", {"Content-Type": "text/plain"}, 415),
        ("PUT", "/", {"resourceType": "Bundle"}, {}, 405),
        ("PATCH", "/Observation/1", "[]", {}, 400),
    ],
)
async def test_every_refusal_is_a_valid_outcome(
    world: World,
    release: Release,
    method: str,
    url: str,
    body: Tree | str | None,
    headers: dict[str, str],
    status: int,
) -> None:
    answer = await world.caller("zonnestraal", release)(method, url, body, **headers)
    assert answer.status_code == status
    assert valid(release, answer)["resourceType"] == "OperationOutcome"
    assert ("allow" in answer.headers) == (status == 405)
