"""Patch in its three forms over HTTP: versions, conditions, digits, and what may not be seen or done."""

import asyncio
import json
from typing import Any

import pytest

from app.access.categories import Category
from app.access.requester import RequesterKind
from app.access.smart_scope import Action
from app.fhir.release import Release
from app.oauth.tokens import Holder
from tests.support.world import Caller, Tree, World, condition, identifier, restricted, tree_of, weight

R4 = Release.R4
JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"


def fhirpath(kind: str, path: str, **value: Any) -> Tree:
    """Return a FHIRPath Patch of one operation."""
    parts: list[Tree] = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    parts += [{"name": "value", **value}] if value else []
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


async def patch(caller: Caller, url: str, body: Any, form: str = "application/fhir+json", **headers: str) -> Any:
    """Return the answer to a patch."""
    return await caller("PATCH", url, json.dumps(body), Content_Type=form, **headers)


@pytest.mark.parametrize("release", Release)
async def test_each_form_makes_the_next_version(world: World, release: Release) -> None:
    me, patient = world.caller("zonnestraal", release), world.zonnestraal.patient(release)
    url = f"/Observation/{(await me.made(weight(release, patient)))['id']}"
    for number, (form, body) in enumerate(
        [
            (JSON, [{"op": "test", "path": "/status", "value": "final"}, {"op": "replace", "path": "/status", "value": "amended"}]),
            (MERGE, {"status": "final", "issued": "2026-03-01T08:00:00Z"}),
            ("application/fhir+json", fhirpath("replace", "Observation.status", valueCode="amended")),
        ],
        2,
    ):  # fmt: skip
        answer = await patch(me, url, body, form)
        assert (answer.status_code, answer.headers["etag"]) == (200, f'W/"{number}"'), answer.text
        assert tree_of(answer) == await me.get(url)
        assert tree_of(answer)["status"] == ("final" if form == MERGE else "amended")
    assert [one["request"]["method"] for one in (await me.get(f"{url}/_history"))["entry"]] == [
        "PUT",
        "PUT",
        "PUT",
        "POST",
    ]
    log = await me.get("/AuditEvent?_count=3")
    assert [one["resource"]["subtype"][0]["code"] for one in log["entry"]] == ["history-instance", "read", "patch"]


async def test_a_patch_may_be_sent_in_xml(me: Caller, patient: str) -> None:
    url = f"/Observation/{(await me.made(weight(R4, patient)))['id']}"
    body = (
        '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>'
        '<part><name value="type"/><valueCode value="replace"/></part>'
        '<part><name value="path"/><valueString value="Observation.status"/></part>'
        '<part><name value="value"/><valueCode value="amended"/></part></parameter></Parameters>'
    )
    answer = await me("PATCH", url, body, Content_Type="application/fhir+xml")
    assert (answer.status_code, tree_of(answer)["status"]) == (200, "amended")


async def test_what_is_not_patched_keeps_its_digits(me: Caller, patient: str) -> None:
    text = json.dumps(weight(R4, patient)).replace("72.5", "72.5000")
    made = tree_of(await me("POST", "/Observation", text))
    answer = await patch(me, f"/Observation/{made['id']}", {"language": "nl"}, MERGE)
    assert '"value":72.5000' in answer.text
    put = await me(
        "PATCH", f"/Observation/{made['id']}", '{"valueQuantity": {"value": 0.00000010}}', Content_Type=MERGE
    )
    assert '"value":0.00000010' in put.text


async def test_what_was_patched_is_found_as_it_is_now(me: Caller, patient: str) -> None:
    made = await me.made(weight(R4, patient, identifier=identifier("old")))
    await patch(
        me, f"/Observation/{made['id']}", [{"op": "replace", "path": "/identifier/0/value", "value": "new"}], JSON
    )
    assert await me.found("/Observation?identifier=old") == []
    assert await me.found("/Observation?identifier=new") == [made["id"]]


async def test_if_match_lets_only_the_first_of_two_patches_win(me: Caller, patient: str) -> None:
    url = f"/Observation/{(await me.made(weight(R4, patient)))['id']}"
    tries = [patch(me, url, {"language": "nl"}, MERGE, If_Match='W/"1"') for _ in range(6)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*tries)) == [200] + [412] * 5


async def test_patches_at_once_lose_nothing(me: Caller, patient: str) -> None:
    url = f"/Observation/{(await me.made(weight(R4, patient)))['id']}"
    await patch(me, url, {"note": [{"text": "first"}]}, MERGE)
    adds = [patch(me, url, [{"op": "add", "path": "/note/-", "value": {"text": str(n)}}], JSON) for n in range(10)]
    assert {answer.status_code for answer in await asyncio.gather(*adds)} == {200}
    assert {one["text"] for one in (await me.get(url))["note"]} == {"first", *map(str, range(10))}


@pytest.mark.parametrize(
    ("form", "body", "status"),
    [
        (JSON, [{"op": "test", "path": "/status", "value": "amended"}], 422),
        (JSON, [{"op": "remove", "path": "/unheard"}], 422),
        (JSON, [{"op": "remove", "path": "/status"}], 422),
        (JSON, [{"op": "add", "path": "/unheard", "value": 1}], 422),
        (JSON, [{"op": "replace", "path": "/id", "value": "other"}], 422),
        (JSON, [{"op": "remove", "path": "/id"}], 422),
        (JSON, [{"op": "replace", "path": "/resourceType", "value": "Goal"}], 400),
        (JSON, [{"op": "replace", "path": "/subject/reference", "value": "Patient/another"}], 422),
        (JSON, {"op": "remove"}, 400),
        (JSON, [{"op": "unheard", "path": ""}], 400),
        (MERGE, {"status": "klaar"}, 422),
        (MERGE, {"status": None}, 422),
        (MERGE, [], 400),
        ("application/fhir+json", {"resourceType": "Parameters"}, 400),
        ("application/fhir+json", {"resourceType": "Observation"}, 400),
        ("application/fhir+json", fhirpath("delete", "Observation.status.exists()"), 400),
        ("application/fhir+json", fhirpath("replace", "Observation.note", valueString="x"), 422),
        ("text/plain", [], 415),
    ],
)  # fmt: skip
async def test_a_patch_that_can_not_be_is_refused_and_changes_nothing(
    me: Caller, patient: str, form: str, body: Any, status: int
) -> None:
    url = f"/Observation/{(await me.made(weight(R4, patient)))['id']}"
    before = await me.changes()
    answer = await patch(me, url, body, form)
    assert answer.status_code == status, answer.text
    assert await me.changes() == before


async def test_what_is_not_there_can_not_be_patched(me: Caller, patient: str) -> None:
    assert (await patch(me, "/Observation/unheard", {}, MERGE)).status_code == 404
    url = f"/Observation/{(await me.made(weight(R4, patient)))['id']}"
    await me("DELETE", url)
    assert (await patch(me, url, {"language": "nl"}, MERGE)).status_code == 410
    assert (await patch(me, f"{url}?code=1", {"language": "nl"}, MERGE)).status_code == 400


async def test_a_conditional_patch_changes_the_one_that_it_finds(me: Caller, patient: str) -> None:
    made = await me.made(weight(R4, patient, identifier=identifier("cuff")))
    answer = await patch(me, "/Observation?identifier=cuff", {"language": "nl"}, MERGE)
    assert (answer.status_code, tree_of(answer)["id"]) == (200, made["id"])
    assert (await patch(me, "/Observation?identifier=none", {"language": "nl"}, MERGE)).status_code == 404
    await me.made(weight(R4, patient, "1", identifier=identifier("cuff")))
    assert (await patch(me, "/Observation?identifier=cuff", {"language": "nl"}, MERGE)).status_code == 412
    assert (await patch(me, "/Observation", {"language": "nl"}, MERGE)).status_code == 400


async def test_a_patch_may_be_repeated_by_key(me: Caller, patient: str) -> None:
    url = f"/Observation/{(await me.made(weight(R4, patient, note=[{'text': 'a'}])))['id']}"
    body = [{"op": "add", "path": "/note/-", "value": {"text": "b"}}]
    first = await patch(me, url, body, JSON, Idempotency_Key="k")
    again = await patch(me, url, body, JSON, Idempotency_Key="k")
    assert (again.status_code, again.content) == (200, first.content)
    assert len((await me.get(url))["note"]) == 2
    assert (await patch(me, url, body[:0], JSON, Idempotency_Key="k")).status_code == 409


async def test_who_may_write_and_not_read_learns_nothing_by_a_patch(world: World) -> None:
    url = world.zonnestraal.url("weight")
    holder = Holder(RequesterKind.PERSON, "person", record_id=world.zonnestraal.record_id)
    writer = Caller(world.http, await world.token(holder, "patient/Observation.u"), R4)
    for value in ("final", "amended"):
        answer = await patch(writer, url, [{"op": "test", "path": "/status", "value": value}], JSON)
        assert answer.status_code == 403


async def test_a_patch_moves_nothing_out_of_what_was_granted(world: World, me: Caller, patient: str) -> None:
    made = await me.made(condition(R4, patient))
    await world.give("no grant", world.zonnestraal, Category.GP_SUMMARY, Action.READ | Action.UPDATE | Action.SEARCH)
    practice = world.caller("no grant")
    url = f"/Condition/{made['id']}"
    assert (await patch(practice, url, {"meta": restricted()}, MERGE)).status_code == 403
    assert (await patch(practice, url, {"language": "nl"}, MERGE)).status_code == 200
    assert (await patch(practice, world.zonnestraal.url("secret"), {"meta": None}, MERGE)).status_code == 404
    assert (
        await patch(practice, world.zonnestraal.url("secret"), {"meta": {"security": None}}, MERGE)
    ).status_code == 404
