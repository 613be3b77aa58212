"""What decides about access is remembered, and is as exact as if it were not: whatever ends, wherever, and between which steps.

The other process is a second opened database: it has a memory of its own, and tells the first one nothing.
"""

import random
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from app.access.categories import Category
from app.access.grant import Grantee
from app.access.policy import Wish
from app.access.requester import Requester, RequesterKind
from app.access.scope import AccessScope
from app.access.smart_scope import LOOK, Action, SmartScopes
from app.access.staff import StaffRole
from app.audit.events import Event, Trace, unpack
from app.consent import grants
from app.db.access_version import CAUSES
from app.db.database import Database, Reader, Row, Transaction
from app.db.remembered import Remembered
from app.db.sqlite import SqliteReader
from app.db.statements import Statement, hot
from app.errors import AccessDeniedError, AuthenticationError, NotFoundError, UnavailableError
from app.fhir.release import Release
from app.interactions.gate import TRIES, Decide, Deed, Touched
from app.interactions.standing import read_standing
from app.oauth import tokens
from app.rest.routes import ROUTES
from app.wiring import open_database
from tests.access.matrix import ROWS
from tests.access.test_matrix import asked
from tests.support.acting import let_act, token_of
from tests.support.database import on_sqlite, tamper
from tests.support.world import World

READ = Wish(Action.READ, "Observation")
TRACE, DEED = Trace("remembered"), Deed("read", Release.R4, "Observation")


_NEWEST = hot(text("SELECT body FROM audit ORDER BY n DESC LIMIT 2"))
OPEN = frozenset(route.path for route in ROUTES if route.open)


@pytest.fixture
def elsewhere(world: World) -> Iterator[Database]:
    """Another process."""
    opened = open_database(world.application.settings.database_url)
    yield opened
    opened.close()


async def requester(world: World, name: str) -> Requester:
    """Return one who asks: somebody with a token, one of a practice's people, or Maanlicht, who acts for Zonnestraal."""
    if name.startswith("gp of"):
        account = await world.parts.accounts.by_login(world.parts.database.reader, name)
        assert account is not None
        practice_id = world.made.practices[name.removeprefix("gp of ")]
        return Requester(
            RequesterKind.PRACTICE, f"practice:{practice_id}:{account.account_id}", name,
            SmartScopes.of("user/*.cruds"), practice_id=practice_id, staff_id=account.account_id,
            staff_role=StaffRole.GP,
        )  # fmt: skip
    if name == "representative":
        await token_of(world, world.maanlicht, await let_act(world, world.maanlicht))
    found = await tokens.recall(await world.parts.database.access(), world.made.tokens[name], world.parts.clock())
    assert found is not None
    return found


ENDS = {
    "the token of an app is revoked": (
        "app of zonnestraal",
        "UPDATE token SET revoked_at = 1 WHERE token_hash = '{token}'",
    ),
    "the token of a person is deleted": ("zonnestraal", "DELETE FROM token WHERE token_hash = '{token}'"),
    "the grant to an app is withdrawn": (
        "app of zonnestraal",
        "UPDATE access_grant SET withdrawn_at = 1 WHERE grant_id = '{grant}'",
    ),
    "the grants to a practice are deleted": ("granted", "DELETE FROM access_grant WHERE grantee_id = '{practice}'"),
    "an app is ended": ("app of zonnestraal", "UPDATE client SET ended_at = 1 WHERE client_id = '{client}'"),
    "a representation is ended": (
        "representative",
        "UPDATE access_grant SET withdrawn_at = 1 WHERE grant_id = '{grant}'",
    ),
    "somebody leaves a practice": ("gp of granted", "UPDATE staff SET ended_at = 1 WHERE account_id = '{staff}'"),
    "somebody gets another role": ("gp of granted", "UPDATE staff SET role = 'assistant' WHERE account_id = '{staff}'"),
    "a practice closes": ("gp of granted", "DELETE FROM staff WHERE practice_id = '{practice}'"),
    "a record is erased": ("zonnestraal", "DELETE FROM record WHERE record_id = {record}"),
}


def end(elsewhere: Database, who: Requester, statement: str) -> None:
    """Let something end in the other process."""
    values = {
        "token": who.token_hash,
        "grant": who.grant_id,
        "practice": who.practice_id,
        "client": who.client_id,
        "staff": who.staff_id,
        "record": who.record_id,
    }
    tamper(elsewhere, statement.format(**values))


async def look(world: World, who: Requester, between: Any = None) -> AccessScope:
    """Return the scope that somebody looked within; ``between`` is done when they have looked, and have no answer yet."""
    pending = [between] if between else []

    async def action(scope: AccessScope) -> tuple[AccessScope, Sequence[Touched]]:
        if pending:
            pending.pop()()
        return scope, [Touched(one.record_id, one.reason, 1) for one in scope.personal]

    return await world.parts.context.gate.look(who, TRACE, READ, DEED, action)


async def change(world: World, who: Requester) -> None:
    """Decide about a change, as everything does that writes."""

    async def job(transaction: Transaction, decide: Decide) -> tuple[None, list[Event]]:
        del transaction
        await decide(Wish(Action.READ, "Observation"))
        return None, []

    await world.parts.context.gate.change(who, TRACE, DEED, job)


@pytest.mark.parametrize("story", ENDS)
async def test_what_ends_elsewhere_between_look_up_and_answer_is_not_answered(
    world: World, elsewhere: Database, story: str
) -> None:
    name, statement = ENDS[story]
    who = await requester(world, name)
    await look(world, who)
    with pytest.raises((AccessDeniedError, AuthenticationError)):
        await look(world, who, partial(end, elsewhere, who, statement))
    newest = await world.parts.database.reader.all(_NEWEST, {})
    assert [b'"outcome":"refused"' in unpack(body) for (body,) in newest] == [True, False]


@pytest.mark.parametrize("story", ENDS)
async def test_what_ended_elsewhere_opens_no_look_and_no_change_after_that(
    world: World, elsewhere: Database, story: str
) -> None:
    name, statement = ENDS[story]
    who = await requester(world, name)
    await look(world, who)
    await change(world, who)
    end(elsewhere, who, statement)
    with pytest.raises((AccessDeniedError, AuthenticationError)):
        await change(world, who)
    with pytest.raises((AccessDeniedError, AuthenticationError)):
        await look(world, who)


async def test_a_look_within_more_than_is_left_is_done_again_within_that(world: World, elsewhere: Database) -> None:
    who = await requester(world, "granted")
    before = await look(world, who)
    less = "UPDATE access_grant SET categories = 4 WHERE grantee_id = '{practice}'"
    after = await look(world, who, partial(end, elsewhere, who, less))
    parts = [scope.of(world.zonnestraal.record_id) for scope in (before, after)]
    assert parts[0] is not None
    assert parts[1] is not None
    assert parts[0].parts != parts[1].parts == Category.GP_SUMMARY


async def test_a_look_that_is_about_others_goes_on_when_somebody_elses_access_changes(
    world: World, elsewhere: Database
) -> None:
    who, other = await requester(world, "app of zonnestraal"), await requester(world, "app of maanlicht")
    looked = []

    def between() -> None:
        looked.append(1)
        end(elsewhere, other, "UPDATE access_grant SET withdrawn_at = 1 WHERE grant_id = '{grant}'")

    await look(world, who, between)
    assert looked == [1]
    with pytest.raises(AccessDeniedError):
        await look(world, other)


async def test_what_was_given_elsewhere_opens_at_once_what_was_closed(world: World, elsewhere: Database) -> None:
    who = await requester(world, "no grant")
    with pytest.raises(AccessDeniedError):
        await look(world, who)

    async def job(transaction: Transaction) -> None:
        now = world.parts.clock()
        await grants.give(
            transaction, record_id=world.zonnestraal.record_id, grantee=Grantee.PRACTICE,
            grantee_id=str(who.practice_id), categories=Category.OWN_MEASUREMENTS, actions=LOOK,
            until=now + timedelta(days=1), purpose="treatment", now=now,
        )  # fmt: skip

    await elsewhere.write(job)
    assert (await look(world, who)).of(world.zonnestraal.record_id) is not None


async def test_who_changes_it_all_the_time_is_not_answered(world: World, elsewhere: Database) -> None:
    who = await requester(world, "granted")
    widths = iter(range(1, 9))
    tried = []

    async def action(scope: AccessScope) -> tuple[None, Sequence[Touched]]:
        tried.append(scope)
        end(elsewhere, who, DEEDS[1].format(categories=next(widths), which="grantee_id = '{practice}'"))
        return None, []

    with pytest.raises(UnavailableError):
        await world.parts.context.gate.look(who, TRACE, READ, DEED, action)
    assert len(tried) == TRIES


async def test_what_is_not_there_is_not_there_although_others_change_their_access_all_the_time(
    world: World, elsewhere: Database
) -> None:
    who, other = await requester(world, "app of zonnestraal"), await requester(world, "app of maanlicht")
    tried = []

    async def action(scope: AccessScope) -> tuple[None, Sequence[Touched]]:
        tried.append(scope)
        end(elsewhere, other, DEEDS[1].format(categories=len(tried), which="grant_id = '{grant}'"))
        raise NotFoundError("There is no such thing.")

    with pytest.raises(NotFoundError):
        await world.parts.context.gate.look(who, TRACE, READ, DEED, action)
    assert len(tried) == 1


async def test_a_token_or_grant_is_over_by_the_clock_although_nothing_was_changed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = world.parts.context.gate
    for name, error in (("zonnestraal", AuthenticationError), ("granted", AccessDeniedError)):
        who = await requester(world, name)
        await look(world, who)
        ends = who.good_until if name != "granted" else world.made.grants["granted of zonnestraal"].ends_at
        assert ends is not None
        with monkeypatch.context() as at:
            at.setattr(gate, "clock", lambda ends=ends: ends - timedelta(microseconds=1))
            await look(world, who)
            at.setattr(gate, "clock", lambda ends=ends: ends)
            with pytest.raises(error):
                await look(world, who)


async def test_no_way_in_is_open_to_a_token_that_was_revoked_elsewhere(world: World, elsewhere: Database) -> None:
    me = world.caller("zonnestraal")
    who = await requester(world, "zonnestraal")
    left_open = []
    for row in ROWS:
        if Release.R4 not in row.releases or row.route in OPEN:
            continue
        end(elsewhere, who, "UPDATE token SET revoked_at = NULL WHERE token_hash = '{token}'")
        assert (await me("GET", world.zonnestraal.url("weight"))).status_code in (200, 410), row.name
        end(elsewhere, who, "UPDATE token SET revoked_at = 1 WHERE token_hash = '{token}'")
        answer = await asked(world, row, "zonnestraal", Release.R4, audit="1")
        if answer.status_code != 401:
            left_open.append((row.name, answer.status_code))
    assert left_open == []


async def test_a_look_of_somebody_known_asks_for_what_it_looks_at_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_sqlite(world.parts.database)
    app, url = world.caller("app of zonnestraal"), world.zonnestraal.url("weight")
    assert (await app("GET", url)).status_code == 200
    asked_for: list[str] = []
    original = SqliteReader.one

    async def counted(self: SqliteReader, statement: Statement, parameters: dict[str, Any]) -> Row | None:
        tables = re.findall(r"\b(?:FROM|JOIN) (\w+)", statement.sqlite.text)
        asked_for.append(f"{type(self).__name__}: {tables[0]}")
        return await original(self, statement, parameters)

    monkeypatch.setattr(SqliteReader, "one", counted)
    assert (await app("GET", url)).status_code == 200
    # The resource; then, once for all that commit together, the version of access and where the log ends.
    assert asked_for == ["SqliteReader: current", "SqliteTransaction: access_version", "SqliteTransaction: audit_head"]


class Watched:
    """A reader that keeps which tables it is asked for."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.tables: set[str] = set()

    async def all(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        """Return all rows."""
        self.tables |= {*re.findall(r"\b(?:FROM|JOIN)\s+\"?(\w+)", statement.sqlite.text)}
        return await self._reader.all(statement, parameters)

    async def one(self, statement: Statement, parameters: dict[str, Any]) -> Row | None:
        """Return the first row, or None."""
        rows = await self.all(statement, parameters)
        return rows[0] if rows else None


async def test_what_is_remembered_is_read_from_tables_whose_changes_are_heard_of(world: World) -> None:
    watched = Watched(world.parts.database.reader)
    names = ("zonnestraal", "app of zonnestraal", "granted", "operator", "representative", "gp of granted")
    for who in [await requester(world, name) for name in names]:
        await read_standing(watched, who, world.parts.clock(), tokens.of_hash)
    assert watched.tables == {*CAUSES}


async def test_what_is_remembered_decides_as_what_is_looked_up_in_random_stories(
    world: World, elsewhere: Database
) -> None:
    chance = random.Random(20261126)
    names = ["app of zonnestraal", "app of maanlicht", "granted", "no grant", "sensitive", "gp of granted"]
    people = [await requester(world, name) for name in [*names, "representative"]]
    here = world.parts.database
    for _ in range(120):
        who = chance.choice(people)
        deed = chance.choice(DEEDS).format(
            which=f"grantee_id = '{who.practice_id}'" if who.practice_id else f"grant_id = '{who.grant_id}'",
            at=chance.choice(["NULL", "1"]),
            categories=chance.randrange(1, 8192),
            token=who.token_hash,
            role=chance.choice(["gp", "assistant"]),
            staff=who.staff_id,
        )
        (elsewhere if chance.random() < 0.5 else here).write_blocking(partial(run, hot(text(deed))))
        asks = chance.choice(people)
        assert await decided(world, asks, here) == await decided(world, asks, None), deed


DEEDS = (
    "UPDATE access_grant SET withdrawn_at = {at} WHERE {which}",
    "UPDATE access_grant SET categories = {categories} WHERE {which}",
    "UPDATE token SET revoked_at = {at} WHERE token_hash = '{token}'",
    "UPDATE staff SET role = '{role}' WHERE account_id = '{staff}'",
)


async def run(deed: Statement, transaction: Transaction) -> None:
    """Do something, also if it is about nothing."""
    await transaction.run(deed, {})


async def decided(world: World, who: Requester, memory: Database | None) -> AccessScope | type[Exception]:
    """Return what a look was within, or how it was refused: by what is remembered, or by what is looked up now."""
    try:
        if memory is not None:
            return await look(world, who)
        fresh = await Remembered().beside(world.parts.database.reader)
        return await world.parts.context.gate.scope(who, READ, fresh)
    except (AccessDeniedError, AuthenticationError) as error:
        return type(error)
