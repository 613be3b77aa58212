"""Somebody leaves a practice, or gets another role, while they look: in the middle of a request, and in another process."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.access.requester import Requester
from app.access.staff import StaffRole
from app.audit.events import Trace
from app.audit.log import entries_of
from app.db.database import Transaction
from app.errors import AccessDeniedError
from app.fhir.release import Release
from app.identity import sessions, staff
from app.identity.instants import to_us
from app.main import create_app
from app.oauth import tokens
from app.portal.session import AtWork
from tests.access.test_practice_pages import account_of, at_work, freshly_at_work, person_url
from tests.support.world import BASE_URL, World, staff_name, weight, world_in

Change = Callable[[World, str], Awaitable[None]]
WHO = "gp of granted"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_in(tmp_path) as world:
        yield world


async def looking(world: World) -> Requester:
    """Return the GP as a request has them that was let in a moment ago."""
    reader, account_id = world.parts.database.reader, await account_of(world, WHO)
    member = await staff.present(reader, account_id)
    assert member is not None
    from app.identity import practices

    practice = await practices.get(reader, member.practice_id)
    assert practice is not None
    return replace(AtWork(member, practice, "session").requester(), only_record=world.zonnestraal.record_id)


async def leave(world: World) -> None:
    """End the login of the GP."""
    account_id = await account_of(world, WHO)

    async def job(transaction: Transaction) -> None:
        await staff.end(transaction, world.made.practices["granted"], account_id, world.parts.clock())

    await world.parts.database.write(job)


async def demote(world: World) -> None:
    """Make the GP an assistant."""
    account_id, practice_id = await account_of(world, WHO), world.made.practices["granted"]

    async def job(transaction: Transaction) -> None:
        await staff.change(transaction, practice_id, account_id, StaffRole.ASSISTANT, administers=False)

    await world.parts.database.write(job)


@pytest.mark.parametrize("change", [leave, demote])
async def test_a_request_that_was_let_in_before_shows_nothing_after(world: World, change: type) -> None:
    requester, parts = await looking(world), world.parts
    assert (await parts.interactions.shared_person(requester, Trace.EMPTY)).patient is not None
    await change(world)
    with pytest.raises(AccessDeniedError):
        await parts.interactions.shared_person(requester, Trace.EMPTY)
    with pytest.raises(AccessDeniedError):
        await parts.interactions.search(requester, Trace.EMPTY, Release.R4, "Observation", [])
    with pytest.raises(AccessDeniedError):
        await parts.interactions.shared_people(replace(requester, only_record=None), Trace.EMPTY)
    entries = await entries_of(parts.database.reader, world.zonnestraal.record_id, (2**62, 2**62), 3)
    assert {(entry.event.display, entry.event.outcome) for entry in entries[:2]} == {(staff_name(WHO), "refused")}


async def test_who_leaves_is_out_in_every_process(world: World) -> None:
    other = create_app(world.application.settings)
    other.open()
    try:
        transport = httpx.ASGITransport(app=other)
        cookies = {"regie-session": world.made.cookies[WHO]}
        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL, cookies=cookies) as browser:
            assert (await browser.get(person_url(world))).status_code == 200
            await leave(world)
            assert (await browser.get(person_url(world))).headers["location"].startswith("/login?")
    finally:
        other.close()


async def end_session(world: World, who: str) -> None:
    """End the sessions of somebody, as from another device."""
    account_id = await account_of(world, who)

    async def job(transaction: Transaction) -> None:
        await sessions.end_others(transaction, account_id)

    await world.parts.database.write(job)


async def demote_administrator(world: World, who: str) -> None:
    """Let another administrate the practice in the place of somebody."""
    first, second = await account_of(world, who), await account_of(world, WHO)

    async def job(transaction: Transaction) -> None:
        practice_id = world.made.practices["granted"]
        await staff.change(transaction, practice_id, second, StaffRole.GP, administers=True)
        await staff.change(transaction, practice_id, first, StaffRole.ASSISTANT, administers=False)

    await world.parts.database.write(job)


@pytest.mark.parametrize("change", [end_session, demote_administrator])
async def test_a_form_that_was_held_back_does_nothing_after(world: World, change: Change) -> None:
    who = "administrator of granted"
    async with freshly_at_work(world, who) as browser:
        token = (await browser.get("/practice/staff")).text.partition('name="csrf_token" value="')[2].partition('"')[0]

        async def slowly() -> AsyncIterator[bytes]:
            yield f"csrf_token={token}&name=Anemoon-Testmedewerker".encode()
            await change(world, who)
            yield b"&role=gp&administrator=yes"

        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = await browser.post("/practice/staff/invite", content=slowly(), headers=headers)
    assert "join?token=" not in answer.text
    assert answer.status_code < 500
    reader, now = world.parts.database.reader, world.parts.clock()
    assert await staff.invitations(reader, world.made.practices["granted"], now) == []


async def test_a_grant_that_ends_between_two_looks_of_one_page_shows_nothing_more(world: World) -> None:
    requester = await looking(world)
    assert (await world.parts.interactions.shared_person(requester, Trace.EMPTY)).patient is not None
    await world.withdraw(world.made.grants["granted of zonnestraal"])
    with pytest.raises(AccessDeniedError):
        await world.parts.interactions.search(requester, Trace.EMPTY, Release.R4, "Observation", [])
    async with at_work(world, WHO) as browser:
        assert (await browser.get(person_url(world))).status_code == 403


@pytest.mark.parametrize("asks", ["search", "write"])
async def test_a_request_that_was_held_back_shows_and_does_nothing_after_its_token_ended(
    world: World, asks: str
) -> None:
    token = world.made.tokens["granted"]
    held = await asyncio.to_thread(tokens.read_blocking, world.parts.database, token)
    assert held is not None
    him, before = world.zonnestraal, await world.caller("zonnestraal").changes()
    form, resource = f"patient={him.patients[Release.R4]}", json.dumps(weight(Release.R4, him.patient()))
    path, kind, body = {
        "search": ("/Observation/_search", "application/x-www-form-urlencoded", form),
        "write": ("/Observation", "application/fhir+json", resource),
    }[asks]

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:5].encode()
        await world.parts.database.write(
            lambda transaction: tokens.revoke(transaction, held, to_us(world.parts.clock()))
        )
        yield body[5:].encode()

    headers = {"authorization": f"Bearer {token}", "content-type": kind}
    answer = await world.http.post(f"{BASE_URL}/fhir/r4{path}", content=slowly(), headers=headers)
    assert answer.status_code == 401, answer.text
    assert await world.caller("zonnestraal").changes() == before
