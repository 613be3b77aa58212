"""Every interaction, flag, format and patch format that the CapabilityStatement lists for a type is done by a real call.

A promise without a call here fails. Parameters are in ``test_every_parameter.py``, operations in ``test_operations.py``.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from app.fhir.release import Release
from app.fhir.xml.write import to_xml
from tests.support.made import kept
from tests.support.verdict import encoded
from tests.support.world import SYSTEM, Caller, Tree, World, identifier, tree_of, weight, world_in

FLAGS = {
    "versioning": "versioned-update",
    "readHistory": True,
    "updateCreate": True,
    "conditionalCreate": True,
    "conditionalRead": "full-support",
    "conditionalUpdate": True,
    "conditionalDelete": "single",
}
SAID = frozenset(
    {
        "type",
        "profile",
        "supportedProfile",
        "interaction",
        "searchInclude",
        "searchRevInclude",
        "searchParam",
        "operation",
    }
)
"""What is said of a type besides flags."""


NOT_MADE = frozenset({"Patient", "AuditEvent", "CodeSystem", "ValueSet"})
"""There is one Patient already; AuditEvents are the log's; of the others there are operations only."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_in(tmp_path) as world:
        yield world


@pytest.fixture(params=list(Release))
def me(world: World, request: pytest.FixtureRequest) -> Caller:
    return world.caller("zonnestraal", request.param)


@pytest.fixture
def measured(world: World, me: Caller) -> Callable[[str], Tree]:
    """Return what makes a weight with an identifier."""
    return lambda value: weight(me.release, world.zonnestraal.patient(me.release), identifier=identifier(value))


async def statement(me: Caller) -> Tree:
    return await me.get("/metadata")


async def test_every_type_says_the_same_of_itself_and_nothing_that_is_not_called_here(me: Caller) -> None:
    for resource in (await statement(me))["rest"][0]["resource"]:
        flags = {name: value for name, value in resource.items() if name not in SAID}
        if resource["type"] not in NOT_MADE - {"Patient"}:
            assert flags == FLAGS, resource["type"]


async def test_every_interaction_is_done_for_every_type_in_both_formats(world: World, me: Caller) -> None:
    patient, without = world.zonnestraal.patient(me.release), []
    for resource in (await statement(me))["rest"][0]["resource"]:
        name = resource["type"]
        if name in NOT_MADE:
            continue
        made = await kept(me, name, patient, chance=0.3)
        if made is None:
            without.append(name)
            continue
        url, xml = f"/{name}/{made['id']}", "application/fhir+xml"
        patch = json.dumps([{"op": "add", "path": "/language", "value": "nl-NL"}])
        read = await me("GET", url, Accept=xml)
        update = await me("PUT", url, read.content, Content_Type=xml)  # what came in JSON goes back in XML
        assert {**tree_of(update), "meta": {}} == {**made, "meta": {}}, name
        done = {
            "create": 201,
            "read": read.status_code,
            "update": update.status_code,
            "patch": (
                await me("PATCH", url, patch, Content_Type="application/json-patch+json", Accept=xml)
            ).status_code,
            "vread": (await me("GET", f"{url}/_history/2", Accept=xml)).status_code,
            "history-instance": (await me("GET", f"{url}/_history", Accept=xml)).status_code,
            "history-type": (await me("GET", f"/{name}/_history?_count=3", Accept=xml)).status_code,
            "search-type": (await me("GET", f"/{name}?_id={made['id']}", Accept=xml)).status_code,
            "delete": (await me("DELETE", url)).status_code,
        }
        assert {one["code"] for one in resource["interaction"]} == set(done)
        assert done == dict.fromkeys(done, 200) | {"create": 201, "delete": 204}, name
        assert (await me("GET", url)).status_code == 410
    assert without == []


async def test_every_interaction_of_the_whole_system_is_done(me: Caller, measured: Callable[[str], Tree]) -> None:
    async def bundle(kind: str) -> httpx.Response:
        entries = [{"resource": measured(kind), "request": {"method": "POST", "url": "Observation"}}]
        return await me("POST", "/", {"resourceType": "Bundle", "type": kind, "entry": entries})

    done: dict[str, Callable[[], Awaitable[httpx.Response]]] = {
        "batch": lambda: bundle("batch"),
        "transaction": lambda: bundle("transaction"),
        "history-system": lambda: me("GET", "/_history"),
        "search-system": lambda: me("GET", "/?_type=Observation,Goal"),
    }
    promised = {one["code"] for one in (await statement(me))["rest"][0]["interaction"]}
    assert promised == set(done)
    for name, call in done.items():
        assert (await call()).status_code == 200, name


async def test_every_flag_is_kept(me: Caller, measured: Callable[[str], Tree]) -> None:
    chosen = "5a1ad000-0000-4000-8000-0000000000f1"
    condition = f"identifier={SYSTEM}|five"
    created = await me("PUT", f"/Observation/{chosen}", measured("five") | {"id": chosen})
    assert created.status_code == 201  # updateCreate
    stale = await me("PUT", f"/Observation/{chosen}", measured("five") | {"id": chosen}, If_Match='W/"7"')
    assert stale.status_code == 412  # versioning
    again = await me("POST", "/Observation", measured("five"), If_None_Exist=condition)
    assert (again.status_code, tree_of(again)["id"]) == (200, chosen)  # conditionalCreate
    changed = await me("PUT", f"/Observation?{condition}", measured("five") | {"status": "amended"})
    assert (changed.status_code, tree_of(changed)["id"], tree_of(changed)["status"]) == (200, chosen, "amended")
    for header in ({"If_None_Match": changed.headers["etag"]}, {"If_Modified_Since": changed.headers["last-modified"]}):
        assert (await me("GET", f"/Observation/{chosen}", **header)).status_code == 304  # conditionalRead
    assert (await me("DELETE", f"/Observation?{condition}")).status_code == 204  # conditionalDelete
    history = await me.get(f"/Observation/{chosen}/_history")
    assert [one["request"]["method"] for one in history["entry"]] == ["DELETE", "PUT", "POST"]  # readHistory


async def test_every_format_is_taken_and_given(me: Caller, measured: Callable[[str], Tree]) -> None:
    formats = (await statement(me))["format"]
    assert formats == ["application/fhir+json", "application/fhir+xml"]
    for form in formats:
        body = encoded(measured("six"))
        sent = to_xml(me.release, body) if form.endswith("xml") else body
        answer = await me("POST", "/Observation", sent, Content_Type=form, Accept=form)
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (201, form)


async def test_every_patch_format_is_taken(world: World, me: Caller, measured: Callable[[str], Tree]) -> None:
    value = {"name": "value", "valueCode": "amended"}
    parts = [{"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Observation.status"}, value]
    by_path = encoded({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]})
    patches: dict[str, bytes] = {
        "application/json-patch+json": b'[{"op": "replace", "path": "/status", "value": "amended"}]',
        "application/merge-patch+json": b'{"status": "amended"}',
        "application/fhir+json": by_path,
        "application/fhir+xml": to_xml(me.release, by_path),
    }
    said = await statement(me)
    assert set(said["patchFormat"]) == set(patches)
    for form, body in patches.items():
        made = await me.made(measured("seven"))
        answer = await me("PATCH", f"/Observation/{made['id']}", body, Content_Type=form)
        assert (answer.status_code, tree_of(answer)["status"]) == (200, "amended"), (form, answer.text)
