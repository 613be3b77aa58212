"""People who act for others, for tests: representations, and browsers in which somebody is in the record of another."""

import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import httpx

from app.access.categories import EVERYTHING, Category
from app.access.grant import Grant, Grantee
from app.access.representation import ALL_POWERS, Capacity, Mandate
from app.access.requester import RequesterKind
from app.access.smart_scope import ALL_ACTIONS, Action
from app.consent import grants
from app.db.database import Transaction
from app.identity import sessions
from app.oauth.tokens import Holder
from tests.support.world import BASE_URL, DAY, PERSON_SCOPE, Person, World

YEAR = timedelta(days=366)


def years_ago(world: World, years: int, days: int = 0) -> date:
    """Return the birth date of somebody who is so many years and days old today."""
    today = world.parts.clock().date() - timedelta(days=days)
    is_leap_day = (today.month, today.day) == (2, 29)
    return today.replace(year=today.year - years, day=28 if is_leap_day else today.day)


async def account_id(world: World, person: Person) -> str:
    """Return the account of a person."""
    found = await world.parts.accounts.by_login(world.parts.database.reader, person.name)
    assert found is not None
    return found.account_id


async def let_act(
    world: World,
    helper: Person,
    capacity: Capacity = Capacity.PARENT,
    *,
    categories: Category = EVERYTHING,
    actions: Action = ALL_ACTIONS,
    **mandate: Any,
) -> Grant:
    """Return a new grant by which ``helper`` acts for Zonnestraal; a parent of a child of ten, unless it is said otherwise."""
    now, him = world.parts.clock(), world.zonnestraal
    born = {"birth_date": years_ago(world, 10)} if capacity is Capacity.PARENT else {}
    what = Mandate(capacity, him.family, ALL_POWERS, **(born | {"zone": "Europe/Amsterdam"}))  # type: ignore[arg-type]
    grantee_id = await account_id(world, helper)

    async def job(transaction: Transaction) -> Grant:
        return await grants.give(
            transaction, record_id=him.record_id, grantee=Grantee.PERSON, grantee_id=grantee_id, categories=categories,
            actions=actions, until=now + YEAR, purpose="representation", now=now, mandate=replace(what, **mandate),
        )  # fmt: skip

    return await world.parts.database.write(job)


async def set_back(world: World, grant: Grant, **members: object) -> None:
    """Alter a grant at rest, as the passing of time or an earlier deed would have: ``ends_at`` and the like."""
    from sqlalchemy import create_engine, update

    from app.consent.tables import access_grant

    engine = create_engine(world.application.settings.database_url)
    with engine.begin() as connection:
        connection.execute(update(access_grant).where(access_grant.c.grant_id == grant.grant_id).values(**members))
    engine.dispose()


async def token_of(world: World, helper: Person, grant: Grant) -> str:
    """Return an access token with which a helper acts on a grant, and which ``world.caller`` knows as ``representative``."""
    holder = Holder(
        RequesterKind.REPRESENTATIVE, helper.family, record_id=grant.record_id, grant_id=grant.grant_id,
        account_id=await account_id(world, helper), on_behalf_of=world.zonnestraal.family,
    )  # fmt: skip
    world.made.tokens["representative"] = await world.token(holder, PERSON_SCOPE)
    return world.made.tokens["representative"]


async def browser_of(world: World, person: Person, now: datetime | None = None) -> httpx.AsyncClient:
    """Return a browser in which a person has just logged in, with both factors."""
    owner, at = await account_id(world, person), now or world.parts.clock()

    async def job(transaction: Transaction) -> str:
        return await sessions.make_whole(transaction, "", owner, at, DAY)

    cookies = {"regie-session": await world.parts.database.write(job)}
    transport = httpx.ASGITransport(app=world.application)
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL, cookies=cookies, headers={"accept-language": "en"})


async def token_on(browser: httpx.AsyncClient, url: str = "/menu") -> str:
    """Return the token of the forms that this browser is shown now."""
    found = re.search('name="csrf_token" value="([0-9a-f]+)"', (await browser.get(url)).text)
    assert found is not None
    return found[1]


async def send(browser: httpx.AsyncClient, url: str, page: str = "/menu", **fields: Any) -> httpx.Response:
    """Return the answer to a form that was opened at ``page``."""
    return await browser.post(url, data={"csrf_token": await token_on(browser, page), **fields})


async def go_in(browser: httpx.AsyncClient, grant: Grant) -> None:
    """Go into the record of a grant."""
    answer = await send(browser, f"/helping/{grant.grant_id}/start", "/helping")
    assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text
