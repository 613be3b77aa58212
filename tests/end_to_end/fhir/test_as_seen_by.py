"""What a practice may see, shown to the person: the same as the practice gets, now and at any instant in the past."""

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from app.access.categories import Category
from app.access.grant import Grant, Grantee
from app.access.requester import RequesterKind
from app.access.smart_scope import LOOK
from app.consent import grants
from app.db.database import Transaction
from app.fhir.release import Release
from app.oauth.tokens import Holder
from tests.support.world import Caller, World, condition, ids_of, link, restricted, weight

PRACTICES = ("no grant", "granted", "expired", "not yet", "withdrawn", "sensitive", "both")


async def seen(me: Caller, world: World, practice: str, at: datetime | None = None) -> list[str]:
    """Return the ids of what the practice may see, over all pages."""
    patient = world.zonnestraal.patient(me.release)
    asked = "" if at is None else f"&at={quote(at.isoformat())}"
    url: str | None = f"/{patient}/$as-seen-by?practice={world.made.practices[practice]}&_count=2{asked}"
    found: list[str] = []
    while url is not None:
        page = await me.get(url)
        found += ids_of(page)
        url = link(page, "next")
    return found


async def now(world: World) -> datetime:
    """Return this instant, when it is past: changes are kept to the millisecond."""
    await asyncio.sleep(0.003)
    moment = world.parts.clock()
    await asyncio.sleep(0.003)
    return moment.astimezone(UTC)


@pytest.mark.parametrize("release", Release)
async def test_a_person_is_shown_what_each_practice_gets(world: World, release: Release) -> None:
    me, patient = world.caller("zonnestraal", release), world.zonnestraal.patient(release)
    for practice in PRACTICES:
        answer = await world.caller(practice, release)("GET", f"/{patient}/$everything")
        gets = ids_of(answer.json()) if answer.status_code == 200 else []
        shown = await seen(me, world, practice)
        assert sorted(shown) == sorted(gets), practice
        assert len(set(shown)) == len(shown), practice


async def test_what_a_practice_could_see_then_is_what_it_got_then(world: World, me: Caller, patient: str) -> None:
    him, practice = world.zonnestraal, world.caller("granted")
    moments: list[tuple[datetime, set[str]]] = []

    async def note() -> None:
        answer = await practice("GET", f"/{patient}/$everything")
        moments.append((await now(world), set(ids_of(answer.json())) if answer.status_code == 200 else set()))

    await note()
    added = await me.made(weight(Release.R4, patient, "71.0"))
    await note()
    hidden = condition(Release.R4, patient, id=him.ids[Release.R4, "condition"], meta=restricted())
    assert (await me("PUT", him.url("condition"), hidden)).status_code == 200
    await note()
    assert (await me("DELETE", f"/Observation/{added['id']}")).status_code == 204
    await note()
    more = await world.give("granted", him, Category.CARE_PLAN)
    await note()
    await world.withdraw(world.made.grants["granted of zonnestraal"])
    await note()
    await world.withdraw(more)
    await note()
    assert len({frozenset(ids) for _, ids in moments}) == 7
    for number, (moment, ids) in enumerate(moments):
        assert set(await seen(me, world, "granted", moment)) == ids, number


async def test_a_version_is_shown_as_it_was(world: World, me: Caller, patient: str) -> None:
    him = world.zonnestraal
    before = await now(world)
    changed = weight(Release.R4, patient, "99.9", id=him.ids[Release.R4, "weight"])
    assert (await me("PUT", him.url("weight"), changed)).status_code == 200
    practice = world.made.practices["granted"]
    for at, value in ((f"&at={quote(before.isoformat())}", 72.5), ("", 99.9)):
        page = await me.get(f"/{patient}/$as-seen-by?practice={practice}{at}")
        found = {one["resource"]["id"]: one["resource"] for one in page["entry"]}
        assert found[him.ids[Release.R4, "weight"]]["valueQuantity"]["value"] == value


async def test_a_moment_to_come_an_unknown_practice_and_none_are_refused(
    world: World, me: Caller, patient: str
) -> None:
    practice = world.made.practices["granted"]
    for query, status in (
        ("", 400),
        ("?practice=", 400),
        ("?practice=nobody", 404),
        (f"?practice={practice}&at=2099-01-01", 400),
        (f"?practice={practice}&at=yesterday", 400),
        (f"?practice={practice}&practice={practice}", 400),
        (f"?practice={practice}&_after=x", 400),
        (f"?practice={practice}&at=0001-01-01", 200),
        (f"?practice={practice}&at=1969", 200),
    ):
        answer = await me("GET", f"/{patient}/$as-seen-by{query}")
        assert answer.status_code == status, (query, answer.text)


async def test_looking_is_in_the_log_of_the_person(world: World, me: Caller) -> None:
    await seen(me, world, "sensitive")
    told = (await me.get("/AuditEvent?_count=1"))["entry"][0]["resource"]
    assert told["entity"][0]["name"] == "Patient"
    assert told["agent"][0]["requestor"] is True


KNOWS = Category.PERSONAL_DETAILS
"""The part of the record that Consents are in: who sees it may know what others were allowed."""


@pytest.mark.parametrize(
    ("scope", "categories", "shown"),
    [
        ("patient/*.rs", KNOWS | Category.OWN_MEASUREMENTS, {"patient", "weight", "chosen"}),
        ("patient/*.rs", KNOWS | Category.GP_SUMMARY | Category.SENSITIVE, {"patient", "condition"}),
        ("patient/*.rs", Category.OWN_MEASUREMENTS | Category.GP_SUMMARY, None),
        ("patient/Patient.rs patient/Observation.rs", KNOWS | Category.OWN_MEASUREMENTS, None),
        ("patient/*.rs?category=vital-signs", KNOWS | Category.OWN_MEASUREMENTS, None),
    ],
)
async def test_an_app_is_shown_no_more_than_it_may_see_itself(
    world: World, scope: str, categories: Category, shown: set[str] | None
) -> None:
    him, now_ = world.zonnestraal, world.parts.clock()

    async def job(transaction: Transaction) -> Grant:
        return await grants.give(
            transaction, record_id=him.record_id, grantee=Grantee.APP, grantee_id=world.made.clients["app"],
            categories=categories, actions=LOOK, until=now_ + timedelta(days=1), purpose="app", now=now_,
        )  # fmt: skip

    grant = await world.parts.database.write(job)
    holder = Holder(RequesterKind.APP, "Test-app", grant.grantee_id, record_id=him.record_id, grant_id=grant.grant_id)
    app = Caller(world.http, await world.token(holder, scope))
    if shown is None:
        url = f"/{him.patient()}/$as-seen-by?practice={world.made.practices['granted']}"
        assert (await app("GET", url)).status_code == 403
    else:
        assert set(await seen(app, world, "granted")) == {him.ids[Release.R4, thing] for thing in shown}
