"""What a write makes others of along with it stands in the log as well: files that are closed, and what waited."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from app.access.categories import Category
from app.access.smart_scope import ALL_ACTIONS
from app.audit.events import unpack
from app.fhir.release import Release
from tests.support.importing import imported
from tests.support.soundness import Soundness
from tests.support.world import BASE_URL, Tree, World, bundle, entry, restricted, tree_of

DOCUMENT = "5a1ad000-0000-4000-8000-0000000000e2"


def _soundness(world: World) -> Soundness:
    settings = world.parts.settings
    return Soundness(settings.database_url, settings.secret_file, BASE_URL)


async def _sound(world: World) -> None:
    """Assert that everything that was written has one entry in the log, among all else."""
    await asyncio.to_thread(_soundness(world).check)


def _told(world: World, *actions: str) -> list[Tree]:
    """Return what was done by these actions, of the log of Zonnestraal's record, in order."""
    with _soundness(world).opened() as connection:
        rows = connection.execute("SELECT record_id, body FROM audit ORDER BY stream, n").fetchall()
    events = [msgspec.json.decode(unpack(body)) for record_id, body in rows if record_id == world.zonnestraal.record_id]
    return [event for event in events if event["action"] in actions and event.get("outcome", "success") == "success"]


def _file(release: Release) -> Tree:
    held = {"content" if release is Release.STU3 else "data": "c3RpbA=="}
    return {"resourceType": "Binary", "contentType": "text/plain", **held}


def _document(world: World, release: Release, url: str, *, is_sensitive: bool = True) -> Tree:
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": world.zonnestraal.patient(release)},
        "type": {"text": "Verzonnen brief"},
        "content": [{"attachment": {"contentType": "text/plain", "url": url}}],
        **({"meta": restricted()} if is_sensitive else {}),
        **({"indexed": "2026-03-01T08:00:00Z"} if release is Release.STU3 else {}),
    }


async def _alone(world: World, who: str, release: Release, url: str) -> None:
    await world.caller(who, release).made(_document(world, release, url))


async def _by_put(world: World, who: str, release: Release, url: str) -> None:
    caller = world.caller(who, release)
    plain = await caller.made(_document(world, release, url, is_sensitive=False))
    changed = plain | {"meta": restricted()}
    assert (await caller("PUT", f"/DocumentReference/{plain['id']}", changed)).status_code == 200


async def _by_patch(world: World, who: str, release: Release, url: str) -> None:
    caller = world.caller(who, release)
    plain = await caller.made(_document(world, release, url, is_sensitive=False))
    patched = await caller(
        "PATCH",
        f"/DocumentReference/{plain['id']}",
        {"meta": restricted()},
        Content_Type="application/merge-patch+json",
    )
    assert patched.status_code == 200, patched.text


def _in_a(kind: str) -> Callable[[World, str, Release, str], Awaitable[None]]:
    async def write(world: World, who: str, release: Release, url: str) -> None:
        entries = (
            entry("POST", "DocumentReference", _document(world, release, url), f"urn:uuid:{DOCUMENT}"),
            entry("PUT", f"Binary/{url[7:]}", {**_file(release), "id": url[7:]}),
            entry("POST", "DocumentReference", _document(world, release, url)),
        )
        answer = tree_of(await world.caller(who, release)("POST", "/", bundle(kind, *entries)))
        assert [one["response"]["status"][:3] for one in answer["entry"]] == ["201", "200", "201"]

    return write


WAYS = {
    "alone": _alone,
    "by PUT": _by_put,
    "by PATCH": _by_patch,
    "in a transaction": _in_a("transaction"),
    "in a batch": _in_a("batch"),
}


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("who", ["zonnestraal", "no grant", "operator"])
@pytest.mark.parametrize("way", WAYS)
async def test_the_version_that_closes_a_file_is_told_with_the_write_that_closed_it(
    world: World, release: Release, who: str, way: str
) -> None:
    if who == "no grant":
        await world.give(who, world.zonnestraal, Category.DOCUMENTS | Category.SENSITIVE, ALL_ACTIONS)
    made = await world.caller("zonnestraal", release).made(_file(release))
    plain = await world.caller("zonnestraal", release).made(_file(release))
    await WAYS[way](world, who, release, f"Binary/{made['id']}")
    await _sound(world)
    writes = _told(world, "create", "update", "patch")
    closed, *again = [one for one in writes if (one["action"], one["resource_id"]) == ("update", made["id"])]
    documents = [one for one in writes if one["resource_type"] == "DocumentReference"]
    assert len(again) == way.startswith("in a"), "a Bundle writes the file again"
    shared = ("actor", "client", "ground", "release", "request_id")
    assert {name: closed.get(name) for name in shared} == {name: documents[-1].get(name) for name in shared}
    assert closed["request_id"]
    assert not [one for one in writes if (one["action"], one["resource_id"]) == ("update", plain["id"])]


async def test_a_write_that_comes_again_closes_and_tells_nothing_more(world: World) -> None:
    her = world.caller("zonnestraal")
    made = await her.made(_file(Release.R4))
    document = _document(world, Release.R4, f"Binary/{made['id']}")
    first = await her.made(document, Idempotency_Key="brief")
    changes = await her.changes()
    assert tree_of(await her("POST", "/DocumentReference", document, Idempotency_Key="brief")) == first
    assert await her.changes() == changes
    await _sound(world)


async def test_a_transaction_that_fails_after_it_closed_a_file_tells_nothing(world: World) -> None:
    her = world.caller("zonnestraal")
    made = await her.made(_file(Release.R4))
    writes = _told(world, "create", "update")
    refused = {**_document(world, Release.R4, "Binary/none"), "id": "not-hers-to-choose"}
    entries = (
        entry("POST", "DocumentReference", _document(world, Release.R4, f"Binary/{made['id']}")),
        entry("PUT", f"DocumentReference/{refused['id']}", refused),
    )
    answer = await her("POST", "/", bundle("transaction", *entries))
    assert answer.status_code == 405, answer.text
    assert _told(world, "create", "update") == writes
    await _sound(world)


@pytest.mark.parametrize("release", Release)
async def test_an_import_counts_the_files_that_it_closes(world: World, release: Release) -> None:
    made = await world.caller("zonnestraal", release).made(_file(release))
    other = await world.caller("zonnestraal", release).made(_file(release))
    lines = [
        msgspec.json.encode({**_document(world, release, f"Binary/{one['id']}"), "id": f"{DOCUMENT[:-1]}{number}"})
        for number, one in enumerate((made, other))
    ]
    assert (await imported(world.parts, lines, release)).counts == (2, 0, 0)
    await _sound(world)
    (told,) = _told(world, "import-resources")
    assert told["count"] == 4
    assert (await imported(world.parts, lines, release)).counts == (0, 2, 0)
    await _sound(world)


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize("way", ["alone", "in a transaction", "in an import", "said later"])
async def test_what_waited_is_told_in_the_log_of_whom_it_is_of(world: World, release: Release, way: str) -> None:
    operator = world.caller("operator", release)
    tubes: list[Tree] = [
        {"resourceType": "Specimen", "id": "tube-1", "subject": {"display": "Testpersoon"}},
        {
            "resourceType": "Specimen",
            "id": "tube-2",
            "subject": {"display": "Testpersoon"},
            "parent": [{"reference": "Specimen/tube-1"}],
        },
    ]
    for tube in tubes:
        assert (await operator("PUT", f"/Specimen/{tube['id']}", tube)).status_code == 201
    before = len(_told(world, "create", "update"))
    report: Tree = {
        "resourceType": "DiagnosticReport",
        "id": DOCUMENT,
        "status": "final",
        "code": {"text": "Verzonnen uitslag"},
        "subject": {"reference": world.zonnestraal.patient(release)},
        "specimen": [{"reference": "Specimen/tube-2"}],
    }
    url = f"DiagnosticReport/{DOCUMENT}"
    if way == "in an import":
        assert (await imported(world.parts, [msgspec.json.encode(report)], release)).counts == (1, 0, 0)
    elif way == "in a transaction":
        tree_of(await operator("POST", "/", bundle("transaction", entry("PUT", url, report))))
    elif way == "alone":
        assert (await operator("PUT", f"/{url}", report)).status_code == 201
    else:
        hers = {**tubes[1], "subject": report["subject"]}
        assert (await operator("PUT", "/Specimen/tube-2", hers)).status_code == 201
    await _sound(world)
    found = await world.caller("zonnestraal", release).found("/Specimen")
    assert sorted(found) == ["tube-1", "tube-2"]
    if way == "in an import":
        (told,) = _told(world, "import-resources")
        assert told["count"] == 3
    else:
        told_of = [one["resource_id"] for one in _told(world, "create", "update")[before:]]
        expected = ["tube-1", "tube-2"] if way == "said later" else [DOCUMENT, "tube-1", "tube-2"]
        assert sorted(told_of) == expected
