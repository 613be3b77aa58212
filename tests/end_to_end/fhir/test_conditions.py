"""Writes by a condition, and reads with one."""

import asyncio
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import pytest

from app.access.categories import Category
from app.access.smart_scope import ALL_ACTIONS
from app.db.database import Transaction
from app.fhir.release import Release
from app.oauth import tokens
from tests.support.world import SYSTEM, Caller, Tree, World, identifier, tree_of, weight

R4 = Release.R4
UUID = "5a1ad000-0000-4000-8000-000000000088"


def named(release: Release, patient: str, name: str = "cuff", **members: Any) -> Tree:
    """Return an Observation with an identifier."""
    return weight(release, patient, identifier=identifier(name), **members)


@pytest.mark.parametrize("release", Release)
async def test_a_conditional_update_changes_the_one_that_it_finds(world: World, release: Release) -> None:
    me, patient = world.caller("zonnestraal", release), world.zonnestraal.patient(release)
    made = await me.made(named(release, patient))
    answer = await me("PUT", f"/Observation?identifier={SYSTEM}|cuff", named(release, patient, status="amended"))
    assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"2"')
    assert tree_of(answer) == await me.get(f"/Observation/{made['id']}")
    assert tree_of(answer)["status"] == "amended"


@pytest.mark.parametrize("release", Release)
async def test_a_conditional_update_that_finds_none_creates(world: World, release: Release) -> None:
    me, patient = world.caller("zonnestraal", release), world.zonnestraal.patient(release)
    answer = await me("PUT", "/Observation?identifier=cuff", named(release, patient))
    assert (answer.status_code, answer.headers["etag"]) == (201, 'W/"1"')
    assert await me.found("/Observation?identifier=cuff") == [tree_of(answer)["id"]]


async def test_a_condition_is_not_wider_than_it_was_meant(me: Caller, patient: str) -> None:
    await me.made(named(R4, patient))
    before = await me.found("/Observation")
    for method in ("PUT", "DELETE"):
        for query in ("code=", "identifier=&code=29463-7"):
            answer = await me(method, f"/Observation?{query}", named(R4, patient) if method == "PUT" else None)
            assert answer.status_code == 400, answer.text
    answer = await me("POST", "/Observation", named(R4, patient, "other"), **{"If-None-Exist": "identifier="})
    assert answer.status_code == 400
    assert await me.found("/Observation") == before


async def test_of_twenty_conditional_updates_at_once_one_creates(me: Caller, patient: str) -> None:
    tries = [
        me("PUT", "/Observation?identifier=cuff", named(R4, patient, note=[{"text": f"{number}"}]))
        for number in range(20)
    ]
    answers = await asyncio.gather(*tries)
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len(await me.found("/Observation?identifier=cuff")) == 1


async def test_the_id_of_a_conditional_update_is_that_of_the_match_in_r4(me: Caller, patient: str) -> None:
    made = await me.made(named(R4, patient))
    same = await me("PUT", "/Observation?identifier=cuff", named(R4, patient, id=made["id"]))
    assert same.status_code == 200
    before = await me.changes()
    other = await me("PUT", "/Observation?identifier=cuff", named(R4, patient, id=UUID))
    assert (other.status_code, tree_of(other)["issue"][0]["expression"]) == (400, ["Observation.id"])
    taken = await me("PUT", "/Observation?identifier=unheard", named(R4, patient, id=made["id"]))
    assert taken.status_code == 409
    assert await me.changes() == before
    new = await me("PUT", "/Observation?identifier=unheard", named(R4, patient, "unheard", id=UUID))
    assert (new.status_code, tree_of(new)["id"]) == (201, UUID)


async def test_the_id_of_a_conditional_update_says_nothing_in_stu3(world: World) -> None:
    me, patient = world.caller("zonnestraal", Release.STU3), world.zonnestraal.patient(Release.STU3)
    new = await me("PUT", "/Observation?identifier=cuff", named(Release.STU3, patient, id=UUID))
    assert new.status_code == 201
    assert tree_of(new)["id"] != UUID
    again = await me("PUT", "/Observation?identifier=cuff", named(Release.STU3, patient, id=UUID))
    assert (again.status_code, tree_of(again)["id"]) == (200, tree_of(new)["id"])


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_condition_that_finds_several_is_refused(me: Caller, patient: str, method: str) -> None:
    for status in ("final", "amended"):
        await me.made(named(R4, patient, status=status))
    before = await me.changes()
    body = named(R4, patient) if method == "PUT" else None
    answer = await me(method, "/Observation?identifier=cuff", body)
    assert (answer.status_code, tree_of(answer)["issue"][0]["code"]) == (412, "multiple-matches")
    assert await me.changes() == before


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("query", ["", "?", "?_sort=date", "?unheard=1", "?date=x", "?_format=json", "?identifier="])
async def test_a_condition_has_to_say_something(me: Caller, patient: str, method: str, query: str) -> None:
    before = await me.changes()
    body = named(R4, patient) if method == "PUT" else None
    assert (await me(method, f"/Observation{query}", body)).status_code == 400
    assert await me.changes() == before


async def test_a_conditional_delete_deletes_the_one_that_it_finds(me: Caller, patient: str) -> None:
    made = await me.made(named(R4, patient))
    answer = await me("DELETE", "/Observation?identifier=cuff&status=final")
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (204, b"", 'W/"2"')
    assert (await me("GET", f"/Observation/{made['id']}")).status_code == 410
    assert (await me("DELETE", "/Observation?identifier=cuff")).status_code == 404


async def test_the_patient_of_a_record_is_not_deleted_by_a_condition(me: Caller) -> None:
    assert (await me("DELETE", "/Patient?_id=" + (await me.found("/Patient"))[0])).status_code == 405


async def test_if_match_holds_for_what_a_condition_finds(me: Caller, patient: str) -> None:
    await me.made(named(R4, patient))
    url = "/Observation?identifier=cuff"
    assert (await me("PUT", url, named(R4, patient), If_Match='W/"2"')).status_code == 412
    assert (await me("PUT", url, named(R4, patient), If_None_Match="*")).status_code == 412
    assert (await me("DELETE", url, If_Match='W/"2"')).status_code == 412
    assert (await me("PUT", "/Observation?identifier=none", named(R4, patient), If_Match='W/"1"')).status_code == 412
    assert (await me("PUT", url, named(R4, patient), If_Match='W/"1"')).status_code == 200
    assert (await me("DELETE", url, If_Match='W/"2"')).status_code == 204


async def test_a_condition_may_be_repeated_by_key(me: Caller, patient: str) -> None:
    url = "/Observation?identifier=cuff"
    first = await me("PUT", url, named(R4, patient), Idempotency_Key="k")
    again = await me("PUT", url, named(R4, patient), Idempotency_Key="k")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert (await me("DELETE", url, Idempotency_Key="k")).status_code == 409
    assert (await me("DELETE", url, Idempotency_Key="d")).status_code == 204
    assert (await me("DELETE", url, Idempotency_Key="d")).status_code == 204


async def test_a_condition_finds_nothing_that_may_not_be_changed(world: World, me: Caller, patient: str) -> None:
    him = world.maanlicht
    other = world.caller("maanlicht")
    await other.made(named(R4, him.patient()))
    await me.made(named(R4, patient))
    assert (await me("DELETE", "/Observation?identifier=cuff")).status_code == 204
    assert len(await other.found("/Observation?identifier=cuff")) == 1
    both = world.caller("both")  # one person's is gone, so that of the other is the only one
    assert (await both("DELETE", "/Observation?identifier=cuff")).status_code == 204
    assert await other.found("/Observation?identifier=cuff") == []


async def test_a_practice_finds_by_a_condition_what_it_was_granted(world: World, me: Caller, patient: str) -> None:
    await me.made(named(R4, patient))
    await world.caller("maanlicht").made(named(R4, world.maanlicht.patient()))
    both = world.caller("both")
    assert (await both("DELETE", "/Observation?identifier=cuff")).status_code == 412
    answer = await both("DELETE", f"/Observation?identifier=cuff&{patient.replace('/', '=').lower()}")
    assert answer.status_code == 204
    assert await me.found("/Observation?identifier=cuff") == []
    await world.give("no grant", world.maanlicht, Category.GP_SUMMARY, ALL_ACTIONS)
    narrow = world.caller("no grant")
    assert (await narrow("DELETE", "/Observation?identifier=cuff")).status_code == 404


async def test_an_operator_writes_by_a_condition_in_the_directory(world: World) -> None:
    operator = world.caller("operator")
    tree = {"resourceType": "Organization", "identifier": identifier("org"), "name": "Praktijk Zonnewijzer-Test"}
    made = await operator("PUT", "/Organization?identifier=org", tree)
    assert made.status_code == 201
    again = await operator("PUT", "/Organization?identifier=org", tree | {"name": "Praktijk Zandloper-Test"})
    assert (again.status_code, tree_of(again)["id"]) == (200, tree_of(made)["id"])
    assert (await operator("DELETE", "/Organization?identifier=org")).status_code == 204


async def test_a_read_of_what_was_not_modified_gets_no_body(me: Caller, patient: str) -> None:
    url = f"/Observation/{(await me.made(named(R4, patient)))['id']}"
    last = (await me("GET", url)).headers["last-modified"]
    assert (await me("GET", url, If_Modified_Since=last)).status_code == 304
    earlier = format_datetime(parsedate_to_datetime(last) - timedelta(days=9000), usegmt=True)
    assert (await me("GET", url, If_Modified_Since=earlier)).status_code == 200
    for nonsense in ("yesterday", "", "Mon, 01 Jan 2024 00:00:00"):
        assert (await me("GET", url, If_Modified_Since=nonsense)).status_code == 200
    both = await me("GET", url, If_Modified_Since=last, If_None_Match='W/"7"')
    assert both.status_code == 200


async def test_who_may_make_a_patient_but_not_look_is_told_which_one_the_record_has(world: World) -> None:
    record_id, now = world.zonnestraal.record_id, world.parts.clock()

    async def issue(transaction: Transaction) -> str:
        return await tokens.issue_for_patient(
            transaction, record_id=record_id, display="Zonnestraal-Testpersoon", scope="patient/Patient.c",
            lifetime=timedelta(hours=1), now=now,
        )  # fmt: skip

    writer = Caller(world.http, await world.parts.database.write(issue), R4)
    answer = await writer("POST", "/Patient", {"resourceType": "Patient", "name": [{"family": "Regenboog-Test"}]})
    assert (answer.status_code, answer.content) == (200, b"")
    assert world.zonnestraal.patient(R4) in answer.headers["location"]
