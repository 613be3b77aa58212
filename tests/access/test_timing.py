"""What is not there and what is not allowed cost the same: in statements, which is counted, and in time, which is measured.

Time is compared in turns, with a bound that a busy machine keeps; the number of statements is what holds it.
"""

import gc
import random
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from app.access.categories import Category
from app.access.smart_scope import ALL_ACTIONS
from app.db.sqlite import SqliteReader, SqliteTransaction
from app.fhir.release import Release
from tests.access.test_pages import session
from tests.support.database import on_sqlite
from tests.support.world import SYSTEM, Tree, World, condition, entry, identifier, link, never_made, weight
from tests.support.world import bundle as bundle_of

R4 = Release.R4
ROUNDS = 40
CHOSEN, NEVER_CHOSEN = "5a1ad000-0000-4000-8000-00000000c0de", "5a1ad000-0000-4000-8000-00000000dead"
Ask = Callable[[World, bool], Awaitable[httpx.Response]]
"""Asks for what is there but closed (True), or for what never was."""


@dataclass
class Work:
    """The statements that were run, and the rows that they gave."""

    statements: Counter[str] = field(default_factory=Counter)
    rows: int = 0


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Count what the database is asked, whoever asks."""
    counted = Work()

    def watched(kind: type, name: str) -> None:
        original = getattr(kind, name)

        async def watching(self: Any, statement: Any, parameters: Any) -> Any:
            counted.statements[f"{name} {statement.sqlite.text}"] += 1
            found = await original(self, statement, parameters)
            counted.rows += len(found) if isinstance(found, list) else isinstance(found, tuple)
            return found

        monkeypatch.setattr(kind, name, watching)

    for kind, name in ((SqliteReader, "all"), (SqliteReader, "one"), (SqliteTransaction, "run")):
        watched(kind, name)
    return counted


@pytest.fixture
async def prepared(world: World) -> World:
    """The world, in which Maanlicht chose an id that nobody else has, and Zonnestraal lets a practice write in the care plan."""
    on_sqlite(world.parts.database)
    her = world.maanlicht
    await world.give("granted", world.zonnestraal, Category.CARE_PLAN | Category.QUESTIONNAIRES, ALL_ACTIONS)
    mine = weight(R4, her.patient(), id=CHOSEN, identifier=identifier("hers-alone"))
    assert (await world.caller("maanlicht")("PUT", f"/Observation/{CHOSEN}", mine)).status_code == 201
    return world


def _of_id(who: str, url: str, method: str = "GET", body: Callable[[str, str], Tree] | None = None) -> Ask:
    """Ask for one of Maanlicht's things by its id, or by one that her record never made."""

    async def ask(world: World, there: bool) -> httpx.Response:
        her = world.maanlicht
        own = her.ids[R4, "weight"] if there else never_made(her)
        patient = her.patients[R4] if there else never_made(her)
        sent = None if body is None else body(own, world.zonnestraal.patient())
        return await world.caller(who)(method, url.format(id=own, patient=patient), sent)

    return ask


def _chosen(who: str, url: str, method: str = "GET") -> Ask:
    async def ask(world: World, there: bool) -> httpx.Response:
        return await world.caller(who)(method, url.format(id=CHOSEN if there else NEVER_CHOSEN))

    return ask


def _secret(url: str) -> Ask:
    """Ask a practice for what is sensitive in a record that it may see otherwise."""

    async def ask(world: World, there: bool) -> httpx.Response:
        him = world.zonnestraal
        own = him.ids[R4, "secret"] if there else never_made(him)
        mark = him.marker("secret") if there else "zonnestraal-nothing"
        return await world.caller("granted")("GET", url.format(id=own, mark=mark, patient=him.patients[R4]))

    return ask


async def _conditional_create(world: World, there: bool) -> httpx.Response:
    mark = "zonnestraal-secret" if there else f"nothing-{random.getrandbits(40)}"
    new = condition(R4, world.zonnestraal.patient())
    return await world.caller("granted")("POST", "/Condition", new, If_None_Exist=f"identifier={SYSTEM}|{mark}")


async def _conditional_update(world: World, there: bool) -> httpx.Response:
    url = f"/Observation?identifier={'hers-alone' if there else 'nobodys'}"
    return await world.caller("granted")("PUT", url, weight(R4, world.maanlicht.patient()))


async def _batch(world: World, there: bool) -> httpx.Response:
    her = world.maanlicht
    url = f"Observation/{her.ids[R4, 'weight'] if there else never_made(her)}"
    return await world.caller("granted")("POST", "/", bundle_of("batch", entry("GET", url)))


async def _cursor(world: World, there: bool) -> httpx.Response:
    url = "/Observation?_count=1"
    following = link(await world.caller("maanlicht").get(url), "next") or ""
    assert following
    return await world.caller("zonnestraal")("GET", following if there else following[:-8] + "AAAAAAAA")


def _on_a_practices_page(page: str) -> Ask:
    """Ask a page about Zonnestraal, of whom a practice sees something, for what stands in Maanlicht's record."""

    async def ask(world: World, there: bool) -> httpx.Response:
        her = world.maanlicht
        own = her.ids[R4, "goal"] if there else never_made(her)
        async with await session(world, "gp of granted") as browser:
            grant_id = world.made.grants["granted of zonnestraal"].grant_id
            return await browser.get(f"/practice/people/{grant_id}{page}".format(id=own))

    return ask


async def _grant_of_another(world: World, there: bool) -> httpx.Response:
    grant_id = world.made.grants["granted of zonnestraal"].grant_id if there else "abcdefghijklmnopqrstuvwx"
    async with await session(world, "gp of no grant") as browser:
        return await browser.get(f"/practice/people/{grant_id}/care-plan/goals/add")


def _put(own: str, patient: str) -> Tree:
    return weight(R4, patient, id=own)


WAYS: dict[str, Ask] = {
    "read by a practice": _of_id("granted", "/Observation/{id}"),
    "read by a practice with two": _of_id("sensitive", "/Observation/{id}"),
    "read by a person": _of_id("zonnestraal", "/Observation/{id}"),
    "read by an app": _of_id("app of zonnestraal", "/Observation/{id}"),
    "read of a chosen id": _chosen("granted", "/Observation/{id}"),
    "read of a chosen id by a person": _chosen("zonnestraal", "/Observation/{id}"),
    "vread": _of_id("granted", "/Observation/{id}/_history/1"),
    "history": _of_id("granted", "/Observation/{id}/_history"),
    "read of a secret": _secret("/Condition/{id}"),
    "search for a secret": _secret("/Condition?patient={patient}&identifier={mark}&_total=accurate"),
    "reverse chain to a secret": _secret("/Patient?_has:Condition:patient:identifier={mark}"),
    "search by patient": _of_id("granted", "/Observation?patient={patient}"),
    "search by id": _of_id("granted", "/Observation?_id={id}"),
    "everything": _of_id("granted", "/Patient/{patient}/$everything"),
    "delta": _of_id("granted", "/$delta?patient={patient}"),
    "update": _of_id("granted", "/Observation/{id}", "PUT", _put),
    "delete by an app": _of_id("app of zonnestraal", "/Observation/{id}", "DELETE"),
    "conditional create": _conditional_create,
    "conditional update": _conditional_update,
    "batch": _batch,
    "cursor of another": _cursor,
    "goal on a practice's page": _on_a_practices_page("/care-plan/goals/r4/{id}"),
    "answers on a practice's page": _on_a_practices_page("/questionnaires/answers/{id}"),
    "grant to another practice": _grant_of_another,
}


@pytest.mark.parametrize("way", WAYS)
async def test_not_there_and_not_allowed_are_the_same_work(prepared: World, work: Work, way: str) -> None:
    ask = WAYS[way]
    done = []
    for there in (True, False, True, False):  # the first two fill caches
        work.statements.clear()
        work.rows = 0
        answer = await ask(prepared, there)
        done.append((answer.status_code, dict(work.statements), work.rows))
    assert done[2][0] == done[3][0]
    assert done[2][1] == done[3][1]
    assert abs(done[2][2] - done[3][2]) <= 2, "rows"


@pytest.mark.parametrize(
    "way", ["read by a practice", "search for a secret", "search by patient", "conditional update", "update"]
)
async def test_not_there_and_not_allowed_take_the_same_time(prepared: World, way: str) -> None:
    ask = WAYS[way]
    for there in (True, False):
        await ask(prepared, there)
    taken: dict[bool, list[float]] = {True: [], False: []}
    gc.disable()
    try:
        for number in range(ROUNDS):
            for there in (True, False) if number % 2 else (False, True):
                began = time.perf_counter()
                await ask(prepared, there)
                taken[there].append(time.perf_counter() - began)
    finally:
        gc.enable()
    low, high = difference(taken[True], taken[False])
    bound = 0.25 * statistics.median(taken[False]) + 0.001
    assert low < bound, (low, high)
    assert high > -bound, (low, high)


def difference(first: list[float], second: list[float]) -> tuple[float, float]:
    """Return between which bounds the medians differ, in 998 of 1000 drawings with replacement."""
    draw = random.Random(7)
    found = sorted(
        statistics.median(draw.choices(first, k=len(first))) - statistics.median(draw.choices(second, k=len(second)))
        for _ in range(2000)
    )
    return found[2], found[-3]


@pytest.mark.parametrize("form", [{"path": "/login", "password": "niet-het-goede"}, {"path": "/login/forgotten"}])
async def test_a_login_that_is_known_is_the_same_work_as_one_that_is_not(
    prepared: World, work: Work, form: dict[str, str]
) -> None:
    page = await prepared.http.get("/login")
    token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    done = []
    for login in ("maanlicht", "nobody-1", "zonnestraal", "nobody-2"):
        work.statements.clear()
        fields = {"csrf_token": token, "login": login, **{k: v for k, v in form.items() if k != "path"}}
        answer = await prepared.http.post(form["path"], data=fields)
        done.append((answer.status_code, dict(work.statements)))
    assert done[2] == done[3]
