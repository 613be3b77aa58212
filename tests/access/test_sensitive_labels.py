"""What is sensitive by a label of its own, and who may say that it is not any more."""

from typing import Any

import pytest

from app.access.categories import Category
from app.access.smart_scope import ALL_ACTIONS
from app.fhir.release import Release
from app.store.changes import RecordWriter
from tests.support.world import BASE_URL, Tree, World, bundle, entry, identifier, ids_of, tree_of, weight

LABEL = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}


async def test_a_practice_may_change_what_is_sensitive_but_not_take_the_label_off(world: World) -> None:
    her = world.caller("zonnestraal")
    await world.give("no grant", world.zonnestraal, Category.GP_SUMMARY | Category.SENSITIVE, ALL_ACTIONS)
    practice = world.caller("no grant")
    url = world.zonnestraal.url("secret", Release.R4)
    tree = await practice.get(url)
    assert (await practice("PUT", url, tree)).status_code == 200
    bare = {name: value for name, value in tree.items() if name != "meta"}
    for answer in (
        await practice("PUT", url, bare),
        await practice("PATCH", url, {"meta": {"security": None}}, Content_Type="application/merge-patch+json"),
    ):
        assert answer.status_code == 403
    assert (await her.get(url))["meta"]["versionId"] == "2"
    assert (await her("PUT", url, bare)).status_code == 200


def _document(world: World, release: Release) -> Tree:
    tree: Tree = {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": world.zonnestraal.patient(release)},
    }
    tree |= {
        "type": {"text": "Verzonnen brief"},
        "content": [{"attachment": {"contentType": "text/plain", "data": "c3RpbA=="}}],
    }
    return tree | ({"indexed": "2026-03-01T08:00:00Z"} if release is Release.STU3 else {})


@pytest.mark.parametrize("release", Release)
async def test_a_document_is_closed_by_the_label_of_what_it_refers_to(world: World, release: Release) -> None:
    her, practice = world.caller("zonnestraal", release), world.caller("no grant", release)
    await world.give("no grant", world.zonnestraal, Category.DOCUMENTS, ALL_ACTIONS)
    open_one = await her.made(_document(world, release))
    closed = await her.made(_document(world, release) | {"securityLabel": [{"coding": [LABEL]}]})
    assert ids_of(await practice.get("/DocumentReference")) == [open_one["id"]]
    assert (await practice("GET", f"/DocumentReference/{closed['id']}")).status_code == 404
    assert (await practice("POST", "/DocumentReference", closed)).status_code == 403
    await world.give("no grant", world.zonnestraal, Category.DOCUMENTS | Category.SENSITIVE, ALL_ACTIONS)
    assert await practice.get(f"/DocumentReference/{closed['id']}") == closed
    bare = {name: value for name, value in closed.items() if name != "securityLabel"}
    assert (await practice("PUT", f"/DocumentReference/{closed['id']}", bare)).status_code == 403


def _binary(release: Release, **members: str) -> Tree:
    held = {"content" if release is Release.STU3 else "data": "c3RpbA=="}
    return {"resourceType": "Binary", "contentType": "text/plain", **held, **members}


def _file_of(world: World, release: Release, url: str, *, is_sensitive: bool = True) -> Tree:
    named = {"content": [{"attachment": {"contentType": "text/plain", "url": url}}]}
    return _document(world, release) | named | ({"meta": {"security": [LABEL]}} if is_sensitive else {})


async def _is_open(world: World, release: Release, binary_id: str) -> bool:
    """Return whether a practice that may see documents gets a file, having looked for it in each way."""
    practice, url = world.caller("no grant", release), f"/Binary/{binary_id}"
    found = binary_id in await practice.found("/Binary")
    patient = world.zonnestraal.patients[release]
    for way in (f"/Patient/{patient}/$everything", f"/$delta?patient={patient}", f"/Binary/_history?patient={patient}"):
        assert (f'"{BASE_URL}{practice.base}/Binary/{binary_id}"' in (await practice("GET", way)).text) is found, way
    for way in (url, f"{url}/_history", f"{url}/_history/1"):
        assert (await practice("GET", way)).status_code == (200 if found else 404), way
    return found


@pytest.mark.parametrize("release", Release)
async def test_a_file_is_as_sensitive_as_the_document_that_names_it(world: World, release: Release) -> None:
    her = world.caller("zonnestraal", release)
    await world.give("no grant", world.zonnestraal, Category.DOCUMENTS, ALL_ACTIONS)
    binary = await her.made(_binary(release))
    url = f"Binary/{binary['id']}"
    first = await her.made(_file_of(world, release, url, is_sensitive=False))
    assert await _is_open(world, release, binary["id"])
    labelled = first | {"meta": {"security": [LABEL]}}
    assert (await her("PUT", f"/DocumentReference/{first['id']}", labelled)).status_code == 200
    assert not await _is_open(world, release, binary["id"])
    kept = tree_of(await her("GET", f"/{url}", Accept="application/fhir+json"))
    assert (kept.pop("meta")["versionId"], kept) == ("2", {k: v for k, v in binary.items() if k != "meta"})
    assert (await her("PUT", f"/{url}", binary)).status_code == 200
    assert not await _is_open(world, release, binary["id"])
    assert (await her("PUT", f"/DocumentReference/{first['id']}", first)).status_code == 200
    assert not await _is_open(world, release, binary["id"])
    assert (await her("PUT", f"/{url}", binary)).status_code == 200
    assert await _is_open(world, release, binary["id"])


@pytest.mark.parametrize("release", Release)
async def test_a_file_is_closed_that_comes_with_its_document_or_after_it(world: World, release: Release) -> None:
    her, base = world.caller("zonnestraal", release), f"{BASE_URL}/fhir/{release.path}/"
    await world.give("no grant", world.zonnestraal, Category.DOCUMENTS)
    full_url, document = (
        "urn:uuid:5a1ad000-0000-4000-8000-0000000000f1",
        "urn:uuid:5a1ad000-0000-4000-8000-0000000000f2",
    )
    entries = [
        entry("POST", "DocumentReference", _file_of(world, release, full_url), document),
        entry("POST", "Binary", _binary(release), full_url),
    ]
    for kind, ordered in (("transaction", entries), ("transaction", entries[::-1])):
        answer = tree_of(await her("POST", "/", bundle(kind, *ordered)))
        (binary_id,) = [
            one["response"]["location"].split("Binary/")[1].split("/")[0]
            for one in answer["entry"]
            if "Binary" in one["response"]["location"]
        ]
        assert not await _is_open(world, release, binary_id)
        if ordered is entries:
            kept = await her("GET", f"/Binary/{binary_id}")
            assert kept.headers["etag"] == 'W/"1"', "the file is kept once"
    for prefix, last in (("", "f3"), (base, "f4")):
        chosen = f"5a1ad000-0000-4000-8000-0000000000{last}"
        await her.made(_file_of(world, release, f"{prefix}Binary/{chosen}"))
        assert (await her("PUT", f"/Binary/{chosen}", _binary(release, id=chosen))).status_code == 201
        assert not await _is_open(world, release, chosen)


async def test_a_practice_does_not_open_a_file_that_a_label_closed(world: World) -> None:
    her, practice = world.caller("zonnestraal"), world.caller("no grant")
    await world.give("no grant", world.zonnestraal, Category.DOCUMENTS | Category.SENSITIVE, ALL_ACTIONS)
    binary = await her.made(_binary(Release.R4))
    document = await her.made(_file_of(world, Release.R4, f"Binary/{binary['id']}"))
    assert (await practice("DELETE", f"/DocumentReference/{document['id']}")).status_code == 204
    refused = await practice("PUT", f"/Binary/{binary['id']}", binary)
    assert refused.status_code == 403
    assert (await her("PUT", f"/Binary/{binary['id']}", binary)).status_code == 200


async def test_files_that_are_not_there_are_looked_for_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    her, patient, looks = world.caller("zonnestraal"), world.zonnestraal.patient(), 0
    await world.give("no grant", world.zonnestraal, Category.DOCUMENTS)
    there, to_come = await her.made(_binary(Release.R4)), "5a1ad000-0000-4000-8000-0000000000f5"
    urls = [f"Binary/{one}" for one in (*range(200), there["id"], to_come)]
    document = _file_of(world, Release.R4, "") | {"content": [{"attachment": {"url": url}} for url in urls]}
    current = RecordWriter.current

    async def counted(*asked: Any) -> Any:
        nonlocal looks
        looks += asked[2] == "Binary"
        return await current(*asked)

    monkeypatch.setattr(RecordWriter, "current", counted)
    measured = [
        entry(
            "PUT", f"Observation?identifier=file-{number}", weight(Release.R4, patient, identifier=identifier("file"))
        )
        for number in range(5)
    ]
    file = entry("PUT", f"Binary/{to_come}", _binary(Release.R4, id=to_come))
    answer = await her("POST", "/", bundle("batch", entry("POST", "DocumentReference", document), *measured, file))
    assert {one["response"]["status"][:3] for one in tree_of(answer)["entry"]} <= {"200", "201"}
    assert looks < 10
    for binary_id, version in ((there["id"], 2), (to_come, 1)):
        assert not await _is_open(world, Release.R4, binary_id)
        assert (await her("GET", f"/Binary/{binary_id}")).headers["etag"] == f'W/"{version}"'
