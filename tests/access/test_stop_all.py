"""A person stops all that a practice has at once: grants, what its systems hold on them, and its questions; of no other."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.access.categories import Category
from app.access.grant import Grantee
from app.access.representation import Capacity, Power
from app.access.smart_scope import Action
from app.audit.log import entries_of
from app.consent import grants, requests
from app.db.database import Transaction
from tests.access.test_practice_pages import at_work, person_url
from tests.access.test_request_pages import asked, sent, state
from tests.support.acting import browser_of, go_in, let_act
from tests.support.world import World, world_in

PRACTICE = "no grant"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_in(tmp_path) as world:
        yield world


@pytest.fixture
async def browser(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with at_work(world, "zonnestraal") as browser:
        yield browser


async def in_force(world: World, practice: str) -> list[str]:
    """Return the parts of the grants to a practice that are not over."""
    now, practice_id = world.parts.clock(), world.made.practices[practice]
    found = await grants.of_practice(world.parts.database.reader, practice_id, now, world.zonnestraal.record_id)
    return sorted(one.categories.code for one in found)


async def planned(world: World) -> None:
    """Give the practice something from tomorrow on."""
    now = world.parts.clock()

    async def job(transaction: Transaction) -> None:
        await grants.give(
            transaction,
            record_id=world.zonnestraal.record_id,
            grantee=Grantee.PRACTICE,
            grantee_id=world.made.practices[PRACTICE],
            categories=Category.DOCUMENTS,
            actions=Action.READ,
            until=now + timedelta(days=9),
            starts_at=now + timedelta(days=1),
            purpose="treatment",
            now=now,
        )

    await world.parts.database.write(job)


async def test_all_of_a_practice_ends_at_once_and_is_in_the_log_each(world: World, browser: httpx.AsyncClient) -> None:
    await world.give(PRACTICE, world.zonnestraal, Category.OWN_MEASUREMENTS)
    assert "stop-all" not in (await browser.get("/access")).text, "one thing is stopped by its own button"
    await world.give(PRACTICE, world.zonnestraal, Category.CARE_PLAN)
    await planned(world)
    await asked(world, browser)
    system = world.caller(PRACTICE)
    (url,) = re.findall(r'href="(/access/[^"/]+/stop-all)"', (await browser.get("/access")).text)
    grant_id = url.split("/")[2]
    told = (await browser.get(url)).text
    for part in ("Own measurements", "Care plan", "Documents", "A question for more access", "people and the systems"):
        assert part in told, part
    assert (await system("GET", world.zonnestraal.url("weight"))).status_code == 200
    answer = await sent(browser, url, url)
    assert answer.headers.get("location") == f"/access?done=stopped-all&grant={grant_id}", answer.text
    after = (await browser.get(answer.headers["location"])).text
    assert "All access of this practice was stopped." in after
    assert f"practice:{world.made.practices[PRACTICE]}" in after, "the way to the log of this practice"
    assert "/access/requests/" not in after
    assert await in_force(world, PRACTICE) == []
    assert (await system("GET", world.zonnestraal.url("weight"))).status_code == 403
    assert await state(world) == "waiting", "the practice is not told that it was declined"
    assert await in_force(world, "granted") != [], "of another practice nothing ends"
    entries = await entries_of(world.parts.database.reader, world.zonnestraal.record_id, (2**62, 2**62), 50)
    deeds = [one.event.action for one in entries if one.event.action in ("withdraw", "decline-request")]
    assert sorted(deeds) == ["decline-request", "withdraw", "withdraw", "withdraw"]
    again = await sent(browser, "/access/new", url)
    assert again.headers.get("location") == answer.headers["location"], "sent twice, it is the same"
    entries = await entries_of(world.parts.database.reader, world.zonnestraal.record_id, (2**62, 2**62), 60)
    assert len([one for one in entries if one.event.action == "withdraw"]) == 3
    assert "has no access, and asks for none" in (await browser.get(url)).text


async def test_the_people_of_the_practice_see_nothing_at_their_next_click(
    world: World, browser: httpx.AsyncClient
) -> None:
    grant = await world.give("granted", world.zonnestraal, Category.CARE_PLAN)
    async with at_work(world, "gp of granted") as doctor:
        assert (await doctor.get(f"{person_url(world)}/care-plan")).status_code == 200
        assert (await sent(browser, "/access/new", f"/access/{grant.grant_id}/stop-all")).status_code == 303
        for path in ("", "/care-plan", "/measurements"):
            assert (await doctor.get(f"{person_url(world)}{path}")).status_code == 403, path


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_grant_of_another_or_to_an_app_is_like_one_that_was_never_given(world: World, method: str) -> None:
    own = world.made.grants["granted of zonnestraal"].grant_id
    async with at_work(world, "maanlicht") as browser:
        for grant_id in (own, "abcdefghijklmnopqrstuvwx"):
            url = f"/access/{grant_id}/stop-all"
            answer = await (browser.get(url) if method == "GET" else sent(browser, "/access/new", url))
            assert answer.status_code == 404
    async with at_work(world, "zonnestraal") as browser:
        url = f"/access/{world.made.grants['app of zonnestraal'].grant_id}/stop-all"
        answer = await (browser.get(url) if method == "GET" else sent(browser, "/access/new", url))
        assert answer.status_code == 404
    assert await in_force(world, "granted") != []


async def test_a_form_of_another_session_stops_nothing(world: World, browser: httpx.AsyncClient) -> None:
    grant_id = world.made.grants["granted of zonnestraal"].grant_id
    assert (await browser.post(f"/access/{grant_id}/stop-all", data={"csrf_token": "0" * 64})).status_code == 403
    assert await in_force(world, "granted") != []


async def test_a_helper_without_the_power_stops_nothing_and_one_with_it_declines_no_question(
    world: World, browser: httpx.AsyncClient
) -> None:
    await asked(world, browser)
    given = await world.give(PRACTICE, world.zonnestraal, Category.CARE_PLAN)
    url = f"/access/{given.grant_id}/stop-all"
    for capacity, powers, status in (
        (Capacity.CARER, Power(0), 403),
        (Capacity.LEGAL, Power.GIVE, 303),
    ):
        grant = await let_act(world, world.maanlicht, capacity, powers=powers)
        async with await browser_of(world, world.maanlicht) as helper:
            await go_in(helper, grant)
            page = await helper.get("/settings")
            token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
            answer = await helper.post(url, data={"csrf_token": token})
            assert answer.status_code == status, capacity
            assert (await in_force(world, PRACTICE) == []) is (status == 303)
    now = world.parts.clock()
    waiting, _ = await requests.of_record(world.parts.database.reader, world.zonnestraal.record_id, now)
    assert len(waiting) == 1
