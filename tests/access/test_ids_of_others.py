"""Every address with an id in it, asked with the id of somebody else's thing, is like one with an id that nobody has.

Each id is a real one: whose it is gets the page. Forms are sent as their owner would send them, and change nothing.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any

import httpx

from app.access.categories import ALL_PARTS, Category
from app.access.representation import NO_POWERS, Capacity
from app.access.smart_scope import LOOK, Action
from app.access.staff import StaffRole
from app.audit.log import entries_of
from app.consent import grants, invitations, requests
from app.consent.invitations import Invitation
from app.consent.requests import Wanted
from app.db.database import Transaction
from app.fhir.agreed_plan import AgreedGoal
from app.fhir.own_plan import Moment, OwnGoal
from app.fhir.release import Release
from app.identity import sessions, staff
from app.identity.staff import Described
from app.oauth import clients
from tests.access import test_diary as diary
from tests.access import test_typed_measurements as typing
from tests.access import test_visits as visits
from tests.access.test_documents import kept
from tests.access.test_pages import PUBLIC, routes_of
from tests.access.test_practice_pages import account_of, at_work
from tests.access.test_questionnaires import asked
from tests.support.acting import account_id, browser_of, let_act, token_on, years_ago
from tests.support.world import DAY, Person, World, never_made

AT = "2026-01-12T10:00:00+01:00"
OWNER, OTHER = "zonnestraal", "maanlicht"
AT_WORK, ELSEWHERE = "gp of granted", "gp of no grant"
ADMINISTRATOR = "administrator of granted"
OF_NOBODY = frozenset(
    {"/measurements/{key}", "/measurements/add/{key}", "/care-plan/{what}/add", "/apps/{client_id}/open"}
)
"""Addresses in which a kind of measurement, a part of the plan or an app stands, and nothing of a person."""

PLAIN = {"{what}": "goals", "{release}": "r4"}
NEW_FORM = {"text": "Zonder stok lopen", "version": "1", "key": "first", "decision": "decline", "role": "gp"}
NEW_FORM |= {"until": "1", "at": "1" * 16}
"""What is sent besides the fields of the form on a page."""

UNKNOWN = {"{number}": "9" * 15, "{key}": "0" * 64}
"""What is nobody's, where it is no id of a resource."""


class _Fields(HTMLParser):
    """Gathers the fields of the forms on a page that go to an address."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._action, self._is_inside = action, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "form":
            self._is_inside = told.get("method") == "post" and told.get("action", self._action) == self._action
        elif self._is_inside and tag in ("input", "button", "textarea", "select"):
            self.found[told.get("name") or ""] = told.get("value") or ""


def fields_of(page: str, action: str) -> dict[str, str]:
    """Return the fields of the form that goes to ``action``, each with what stands in it."""
    reader = _Fields(action)
    reader.feed(page)
    return reader.found


@asynccontextmanager
async def browser(world: World, who: str) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a browser in which a person or somebody of a practice is logged in."""
    if who in world.made.people:
        async with await browser_of(world, world.made.people[who]) as own:
            yield own
    else:
        async with at_work(world, who) as own:
            yield own


async def things(world: World, person: Person) -> dict[str, str]:
    """Return the ids of what a practice can see or change, by the last words of the address."""
    me, moment = world.caller(person.name), Moment(AT, person.patient())
    agreed = await me.made(AgreedGoal(OwnGoal("Weer naar de markt"), "Dr. Proef").new(Release.R4, moment))
    answers = await me.made(
        {
            "resourceType": "QuestionnaireResponse",
            "status": "completed",
            "questionnaire": "https://regie.example/fhir/Questionnaire/made-up",
            "subject": {"reference": person.patient()},
            "authored": AT,
        }
    )
    return {"agreed": agreed["id"], "answers": answers["id"]}


async def _of_person(world: World) -> dict[str, dict[str, str]]:
    """Return for each address of a person what stands in it: the ids of what Zonnestraal wrote, was sent and gave."""
    him, now = world.zonnestraal, world.parts.clock()
    goal = await world.caller(OWNER).made(OwnGoal("Weer fietsen").new(Release.R4, Moment(AT, him.patient())))
    await world.give("granted", him, Category.MESSAGES)
    await diary.post(world, diary.ADD, **diary.typed())
    await typing.post(world, typing.ADD, **typing.typed())
    await visits.post(world, visits.NEW, **visits.asks(world, practice=world.made.practices["granted"]))
    (line,), (visit,) = await diary.kept(world), await visits.prepared(world)
    measured = next(one for one in await typing.observations(world) if one["id"] != line["id"])
    form, _ = await asked(world, Release.R4)
    of_child = await let_act(world, world.maanlicht, Capacity.PARENT, birth_date=years_ago(world, 13))
    owner = await account_id(world, him)

    async def job(transaction: Transaction) -> str:
        offered = Invitation(him.record_id, him.family, "buur", ALL_PARTS, LOOK, NO_POWERS, now + DAY)
        await invitations.make(transaction, offered, "ABCD-EFGH-JKLM", now)
        wanted = Wanted(Category.MEDICATION, LOOK, "treatment", now + DAY)
        practice = world.made.practices["both"]
        return (await requests.put(transaction, him.record_id, practice, "Praktijk", wanted, now)).request_id

    request_id = await world.parts.database.write(job)
    reader = world.parts.database.reader
    (invitation,) = await invitations.of_record(reader, him.record_id, now)
    (entry, *_) = await entries_of(reader, him.record_id, (2**62, 2**62), 1)
    (opened, *_) = await sessions.of_account(reader, owner, now)
    grant = {"{grant_id}": world.made.grants["granted of zonnestraal"].grant_id}
    here = {"{release}": "stu3", "{key}": "weight"}
    return {
        "/care-plan/{what}/": {"{resource_id}": goal["id"]},
        "/visit/": {"{resource_id}": visit["id"]},
        "/documents/": {"{resource_id}": await kept(world, Release.R4)},
        "/measurements/{key}/": here | {"{resource_id}": measured["id"]},
        "/diary/": here | {"{resource_id}": line["id"]},
        "/questionnaires/answers/": {"{resource_id}": (await things(world, him))["answers"]},
        "/questionnaires/{": {"{resource_id}": form},
        "/access/requests/": {"{request_id}": request_id},
        "/access/{": grant,
        "/helpers/invitation/": {"{invitation_id}": invitation.invitation_id},
        "/helpers/{": {"{grant_id}": of_child.grant_id},
        "/helping/": grant,
        "/activity/receipt/": {"{number}": str(entry.n)},
        "/login-and-devices/session/": {"{session_id}": opened.session_id},
    }


async def _of_practice(world: World) -> dict[str, dict[str, str]]:
    """Return the same for the addresses of a practice."""
    him, now, practice_id = world.zonnestraal, world.parts.clock(), world.made.practices["granted"]
    grant = await world.give("granted", him, ALL_PARTS, LOOK | Action.CREATE | Action.UPDATE)
    key, made = {"{grant_id}": grant.grant_id}, await things(world, him)
    _, task = await asked(world, Release.R4)

    async def job(transaction: Transaction) -> str:
        await staff.invite(transaction, practice_id, Described("Anemoon", StaffRole.GP), "x", now)
        keys = "https://systeem.example/jwks"
        return await clients.add(
            transaction, name="HIS", scope="system/*.rs", now=now, jwks_uri=keys, practice_id=practice_id
        )

    client_id = await world.parts.database.write(job)
    (invited,) = await staff.invitations(world.parts.database.reader, practice_id, now)
    people = "/practice/people/{grant_id}"
    return {
        f"{people}/documents/": key | {"{resource_id}": await kept(world, Release.R4)},
        f"{people}/care-plan/{{what}}/{{release}}": key | {"{resource_id}": made["agreed"]},
        f"{people}/questionnaires/answers/": key | {"{resource_id}": made["answers"]},
        f"{people}/questionnaires/{{": key | {"{resource_id}": task},
        people: key | {"{key}": "weight"},
        "/practice/staff/invitation/": {"{key}": invited.key},
        "/practice/staff/{": {"{account_id}": await account_of(world, "nurse of granted")},
        "/practice/systems/": {"{client_id}": client_id},
    }


async def state(world: World) -> list[Any]:
    """Return all that the forms could change."""
    him, now, reader = world.zonnestraal, world.parts.clock(), world.parts.database.reader
    practice_id = world.made.practices["granted"]
    return [
        [await world.caller(OWNER, release).changes() for release in Release],
        await grants.of_record(reader, him.record_id),
        await requests.of_record(reader, him.record_id, now),
        await invitations.of_record(reader, him.record_id, now),
        len(await sessions.of_account(reader, await account_id(world, him), now)),
        await staff.of_practice(reader, practice_id),
        await staff.invitations(reader, practice_id, now),
        await clients.of_practice(reader, practice_id),
    ]


def with_ids(world: World, table: dict[str, dict[str, str]], *, at_work: bool) -> dict[str, dict[str, str]]:
    """Return the routes with an id of somebody, each with what stands in it."""
    found = {}
    for route in routes_of(world.application.pages):
        path = route.partition(" ")[2]
        if "{" not in path or route in PUBLIC or path in OF_NOBODY or path.startswith("/practice") is not at_work:
            continue
        ids = next((ids for begin, ids in table.items() if path.startswith(begin)), None)
        assert ids is not None, f"{path} needs a line with ids of somebody"
        found[route] = PLAIN | ids
    return found


def filled(path: str, ids: dict[str, str]) -> str:
    """Return an address with ids in their places."""
    for place, value in ids.items():
        path = path.replace(place, value)
    assert "{" not in path, path
    return path


def told(answer: httpx.Response, address: str, ids: dict[str, str]) -> tuple[int, str, str]:
    """Return what an answer tells, without the address and the ids that were asked for."""
    text = answer.text.replace(answer.headers["x-request-id"], "REQUEST").replace(address, "ADDRESS")
    where = answer.headers.get("location", "")
    for place, value in ids.items():
        if place not in (*PLAIN, "{number}"):
            text, where = text.replace(value, place), where.replace(value, place)
    return answer.status_code, re.sub('value="[^"]{24,}"', "", text), where


async def hold(world: World, routes: dict[str, dict[str, str]], owner: str, other: str) -> None:
    """Have ``other`` ask for each address as it is for ``owner``, and with an id of nobody, and compare."""
    async with browser(world, owner) as own, browser(world, other) as stranger:
        before, token = await state(world), await token_on(stranger, "/menu")
        for route, ids in routes.items():
            method, _, path = route.partition(" ")
            url = filled(path, ids)
            shown = await own.get(url)
            assert shown.status_code in ((200, 303) if method == "GET" else (200, 404, 405)), (route, shown.text)
            form = NEW_FORM | fields_of(shown.text, url) | {"csrf_token": token}
            answers = []
            for place in ("", *(name for name in ids if name in path and name not in PLAIN)):
                asked_for = ids if not place else ids | {place: UNKNOWN.get(place) or never_made()}
                address = filled(path, asked_for)
                sent = await (stranger.get(address) if method == "GET" else stranger.post(address, data=form))
                answers.append(told(sent, address, asked_for))
            assert answers[0][0] in (403, 404), (route, answers[0])
            assert set(answers) == {answers[0]}, route
    assert await state(world) == before


async def test_what_is_somebodys_is_to_another_person_like_what_is_nobodys(world: World) -> None:
    await hold(world, with_ids(world, await _of_person(world), at_work=False), OWNER, OTHER)


async def test_what_one_practice_was_granted_is_to_another_like_what_is_nobodys(world: World) -> None:
    routes = with_ids(world, await _of_practice(world), at_work=True)
    of_people = {route: ids for route, ids in routes.items() if "/people/" in route}
    assert len(of_people) > 15
    await hold(world, of_people, AT_WORK, ELSEWHERE)
    await hold(world, {route: ids for route, ids in routes.items() if route not in of_people}, ADMINISTRATOR, ELSEWHERE)


async def test_a_thing_of_one_patient_is_not_found_at_the_address_of_another(world: World) -> None:
    hers = await things(world, world.maanlicht)
    to_her, to_him = (world.made.grants[f"both of {name}"].grant_id for name in (OTHER, OWNER))
    async with at_work(world, "gp of both") as browser:
        token = await token_on(browser, "/menu")
        for begin, made in (("care-plan/goals/r4", hers["agreed"]), ("questionnaires/answers", hers["answers"])):
            places = (f"{to_her}/{begin}/{made}", f"{to_him}/{begin}/{made}", f"{to_him}/{begin}/{never_made()}")
            answers = [(await browser.get(f"/practice/people/{place}")).status_code for place in places]
            assert answers == [200, 404, 404], begin
        url = f"/practice/people/{to_him}/care-plan/goals/r4/{hers['agreed']}"
        assert (await browser.post(url, data={**NEW_FORM, "csrf_token": token})).status_code == 404
