"""Asking for help, taking it on, and the yes of a child: on the pages, by the ones who may and nobody else."""

import asyncio
import re

import anyio
import httpx
import pytest

from app.access.categories import Category
from app.access.grant import Grant
from app.access.representation import NO_POWERS, Capacity, Power
from app.access.smart_scope import LOOK
from app.consent import grants
from app.identity.sessions import FRESH
from tests.support.acting import account_id, browser_of, let_act, send, token_on, years_ago
from tests.support.world import World

FORM = {
    "called": "mijn dochter",
    "category": ["medication", "gp-summary"],
    "action": "look",
    "period": "1-year",
    "log": "yes",
}


async def code_of(browser: httpx.AsyncClient, **changed: object) -> str:
    """Return the code that a person gets who asks somebody to help."""
    answer = await send(browser, "/helpers/new", "/helpers/new", **(FORM | changed))
    assert answer.status_code == 200, answer.text
    found = re.search("<code>([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})</code>", answer.text)
    assert found is not None
    return found[1]


async def held(world: World) -> list[Grant]:
    """Return what Maanlicht may act on."""
    owner = await account_id(world, world.maanlicht)
    return await grants.of_person(world.parts.database.reader, owner, world.parts.clock())


async def test_somebody_with_the_code_is_shown_what_is_asked_and_takes_it_on(world: World) -> None:
    him, her = world.zonnestraal, world.maanlicht
    async with await browser_of(world, him) as asks, await browser_of(world, her) as helps:
        code = await code_of(asks)
        shown = await send(helps, "/helping/code", "/helping", code=code.lower().replace("-", " "))
        assert f"Will you help {him.family}?" in shown.text
        assert "See who looked" in shown.text
        assert "You are looking in the record" not in shown.text
        assert await held(world) == []
        assert (await send(helps, "/helping/accept", "/helping", code=code)).status_code == 303
        (grant,) = await held(world)
        assert (grant.record_id, grant.categories, grant.actions) == (
            him.record_id, Category.MEDICATION | Category.GP_SUMMARY, LOOK,
        )  # fmt: skip
        assert grant.mandate is not None
        assert (grant.mandate.capacity, grant.mandate.powers) == (Capacity.CARER, Power.LOG)
        assert grant.mandate.represented == him.family
        again = await send(helps, "/helping/accept", "/helping", code=code)
        assert again.status_code == 422
        assert len(await held(world)) == 1
        helpers = (await asks.get("/helpers")).text
        assert her.family in helpers
        assert her.family in (await asks.get("/access")).text
        assert (await send(asks, f"/access/{grant.grant_id}/withdraw")).status_code == 303
        assert await held(world) == []


async def test_a_code_that_is_sent_twice_at_once_is_taken_on_once_and_both_answers_are_calm(world: World) -> None:
    async with await browser_of(world, world.zonnestraal) as asks, await browser_of(world, world.maanlicht) as helps:
        form = {"code": await code_of(asks), "csrf_token": await token_on(helps)}
        answers = await asyncio.gather(*(helps.post("/helping/accept", data=form) for _ in range(2)))
        assert sorted(answer.status_code for answer in answers) == [303, 422]
        assert len(await held(world)) == 1


async def test_a_code_is_not_for_oneself_and_can_be_taken_back(world: World) -> None:
    async with await browser_of(world, world.zonnestraal) as asks, await browser_of(world, world.maanlicht) as helps:
        code = await code_of(asks)
        own = await send(asks, "/helping/accept", "/helping", code=code)
        assert own.status_code == 422
        assert "for your own record" in own.text
        found = re.search("/helpers/invitation/([0-9a-f]+)/withdraw", (await asks.get("/helpers")).text)
        assert found is not None
        assert (await send(helps, found[0])).status_code == 404
        assert (await send(asks, found[0])).status_code == 303
        assert (await send(helps, "/helping/accept", "/helping", code=code)).status_code == 422
        assert await held(world) == []


async def test_a_code_that_was_never_made_is_like_one_that_is_over(world: World) -> None:
    async with await browser_of(world, world.maanlicht) as helps:
        answers = [
            await send(helps, "/helping/code", "/helping", code=code) for code in ("AAAA-AAAA-AAAA", "", "x" * 9000)
        ]
    assert {answer.status_code for answer in answers} == {422}


async def test_taking_on_asks_for_a_second_factor_that_was_shown_just_now(world: World) -> None:
    async with await browser_of(world, world.zonnestraal) as asks:
        code = await code_of(asks)
    earlier = world.parts.clock() - FRESH * 2
    async with await browser_of(world, world.maanlicht, earlier) as helps:
        for way in ("/helping/code", "/helping/accept"):
            answer = await send(helps, way, "/helping", code=code)
            assert (answer.status_code, answer.headers["location"]) == (303, "/login/again?next=/helping"), way
    assert await held(world) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"called": ""},
        {"called": "x" * 81},
        {"category": []},
        {"category": "sensitive"},
        {"action": []},
        {"period": "ever"},
    ],
)
async def test_what_is_not_filled_in_is_asked_for(world: World, wrong: dict[str, object]) -> None:
    async with await browser_of(world, world.zonnestraal) as asks:
        answer = await send(asks, "/helpers/new", "/helpers/new", **(FORM | wrong))
        assert answer.status_code == 422
        assert "Something is not right yet" in answer.text


async def test_so_many_invitations_wait_and_no_more(world: World) -> None:
    async with await browser_of(world, world.zonnestraal) as asks:
        for _ in range(20):
            await code_of(asks)
        assert (await send(asks, "/helpers/new", "/helpers/new", **FORM)).status_code == 422


async def test_a_child_of_twelve_says_what_its_parent_sees_and_takes_it_back(world: World) -> None:
    grant = await let_act(world, world.maanlicht, birth_date=years_ago(world, 12, days=5))
    page = f"/helpers/{grant.grant_id}/agree"
    assert await held(world) == []
    async with await browser_of(world, world.zonnestraal) as child:
        assert "Choose what your parent sees" in (await child.get("/helpers")).text
        assert (await send(child, page, page)).status_code == 422
        assert (await send(child, page, page, category="medication", action="look", give="yes")).status_code == 303
        (agreed,) = await held(world)
        assert agreed.mandate is not None
        assert (agreed.categories, agreed.actions, agreed.mandate.powers) == (Category.MEDICATION, LOOK, Power.GIVE)
        assert (await send(child, page, page, no="no")).status_code == 303
        assert await held(world) == []


@pytest.mark.parametrize(("years", "capacity"), [(10, Capacity.PARENT), (16, Capacity.PARENT), (13, Capacity.LEGAL)])
async def test_a_yes_is_for_a_child_of_that_age_to_its_parent(world: World, years: int, capacity: Capacity) -> None:
    grant = await let_act(world, world.maanlicht, capacity, birth_date=years_ago(world, years, days=5))
    async with await browser_of(world, world.zonnestraal) as child:
        answer = await send(child, f"/helpers/{grant.grant_id}/agree", "/helpers", category="medication")
        assert answer.status_code == 404


async def test_a_parent_gives_no_yes_in_the_name_of_the_child(world: World) -> None:
    born = years_ago(world, 12, days=5)
    grant = await let_act(world, world.maanlicht, birth_date=born, agreed_at=world.parts.clock(), powers=NO_POWERS)
    async with await browser_of(world, world.maanlicht) as parent:
        await send(parent, f"/helping/{grant.grant_id}/start", "/helping")
        answer = await send(
            parent, f"/helpers/{grant.grant_id}/agree", category="medication", action="look", give="yes"
        )
        assert answer.status_code == 403
    assert [one.mandate for one in await held(world)] == [grant.mandate]


async def test_what_the_law_says_is_not_ended_on_the_page(world: World) -> None:
    grant = await let_act(world, world.maanlicht, Capacity.LEGAL)
    async with await browser_of(world, world.zonnestraal) as asks:
        assert "This follows from the law" in (await asks.get("/helpers")).text
        assert (await send(asks, f"/access/{grant.grant_id}/withdraw")).status_code == 403
    assert [one.grant_id for one in await held(world)] == [grant.grant_id]


async def test_of_two_who_take_on_one_code_at_once_one_does(world: World) -> None:

    async with await browser_of(world, world.zonnestraal) as asks, await browser_of(world, world.maanlicht) as helps:
        code = await code_of(asks)
        token = re.search('name="csrf_token" value="([0-9a-f]+)"', (await helps.get("/helping")).text)
        assert token is not None
        answers = []

        async def take() -> None:
            answers.append(
                (await helps.post("/helping/accept", data={"csrf_token": token[1], "code": code})).status_code
            )

        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(take)
    assert min(answers) == 303
    assert len(await held(world)) == 1
