"""What a test sets up in the database of a running server, from a process of its own: people, tokens, a practice."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import msgspec

from app.access.categories import Category
from app.access.grant import Grantee
from app.access.smart_scope import LOOK
from app.consent import grants
from app.db.database import Transaction
from app.fhir.release import Release
from app.identity import practices
from app.oauth import clients, tokens
from app.settings import Settings
from app.store.changes import open_record
from app.store.ids import new_record_id
from app.wiring import Parts, wire
from tests.support.authorization import REDIRECT_URI, SCOPE, Clock, World
from tests.support.authorization import Parts as WorldParts
from tests.support.campaign_http import Person, Server
from tests.support.passwords import HASHED, PASSWORD
from tests.support.running import Program

LIFETIME = timedelta(hours=10)


@contextmanager
def parts_beside(program: Program) -> Iterator[Parts]:
    """Give the parts on the database of a running server."""
    parts = wire(
        Settings(
            database_url=program.variables()["REGIE_DATABASE_URL"],
            secret_file=program.folder / "secret",
            base_url=program.url,
        )
    )
    try:
        yield parts
    finally:
        parts.close()


async def person_of(parts: Parts, server: Server) -> Person:
    """Return a person with a new record, a Patient in both releases, and a token."""
    record_id = new_record_id()

    async def job(transaction: Transaction) -> str:
        await open_record(transaction, record_id, parts.settings.time_zone)
        return await tokens.issue_for_patient(
            transaction,
            record_id=record_id,
            display="Zonnestraal-Testpersoon",
            scope="patient/*.cruds",
            lifetime=LIFETIME,
            now=parts.clock(),
        )

    person = Person(await parts.database.write(job), record_id, {})
    body = msgspec.json.encode({"resourceType": "Patient", "name": [{"family": "Zonnestraal-Testpersoon"}]})
    for release in Release:
        made = await server.send(person, release, "POST", "Patient", body)
        assert made.status_code == 201, made.text
        person.patients[release] = str(made.json()["id"])
    return person


async def logged_in(parts: Parts, http: httpx.AsyncClient, person: Person) -> World:
    """Return the browser ``http`` with a person logged in, an app to allow, and a practice."""
    clock = Clock(datetime.now(UTC))
    own = WorldParts(parts.settings, parts.database, parts.audit, parts.accounts, parts.oauth, clock)
    world = World(own, http)
    login = f"zonnestraal{person.record_id}"

    async def job(transaction: Transaction) -> None:
        await parts.accounts.create(
            transaction,
            login=login,
            password_hash=HASHED,
            name="Zonnestraal-Testpersoon",
            record_id=person.record_id,
            totp_secret=world.totp_secret,
            now=clock.now,
        )
        world.app_id = await clients.add(
            transaction, name="Meetmaatje-Test", scope=SCOPE, redirect_uris=[REDIRECT_URI], public=True, now=clock.now
        )
        world.practice_id = await practices.add(
            transaction, name="Praktijk De Klaproos-Test", city="Testdam", now=clock.now
        )

    await parts.database.write(job)
    assert (await world.post("/login", login=login, password=PASSWORD)).status_code == 303
    answer = await world.post("/login/code", code=world.code())
    assert answer.status_code == 303, answer.text
    return world


async def granted(parts: Parts, record_id: int, practice_id: str) -> tuple[str, str]:
    """Return the id of a new grant of all measurements to a practice, and a token of the practice."""

    async def job(transaction: Transaction) -> tuple[str, str]:
        now = parts.clock()
        grant = await grants.give(
            transaction,
            record_id=record_id,
            grantee=Grantee.PRACTICE,
            grantee_id=practice_id,
            categories=Category.OWN_MEASUREMENTS | Category.LABORATORY | Category.GP_SUMMARY,
            actions=LOOK,
            until=now + timedelta(days=30),
            purpose="treatment",
            now=now,
        )
        token = await tokens.issue_for_practice(
            transaction,
            practice_id=practice_id,
            display="Praktijk De Klaproos-Test",
            scope="system/*.rs",
            lifetime=LIFETIME,
            now=now,
        )
        return grant.grant_id, token

    return await parts.database.write(job)
