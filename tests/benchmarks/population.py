"""Writing the people into a database, and what the benchmark has to know of them to ask.

They are written by the interactions that everybody's data goes through, in one transaction for each person and release, and
each of them gave a grant to one app, with whose tokens the benchmark asks.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from app.access.categories import EVERYTHING
from app.access.grant import Grantee
from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import ALL_ACTIONS, SmartScopes
from app.audit.events import Trace
from app.consent import grants
from app.db.database import Transaction
from app.demo.elements import Entry
from app.demo.people import demo_people
from app.fhir.release import Release
from app.interactions.bundle import bundle
from app.interactions.context import Context
from app.interactions.people import ensure_record
from app.interactions.written import Written
from app.oauth import tokens
from app.oauth.tokens import Holder
from app.wiring import Parts
from tests.benchmarks.routine import RELEASE, TODAY, Invented

APP = "benchmark-app"
_FIRST_RECORD = 10_000_019
_VALID = timedelta(days=1800)
"""How long grants and tokens are valid, since a population is kept; a grant lasts five years at most."""

_SCOPE = "patient/*.cruds"
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Person(msgspec.Struct, frozen=True):
    """One person: the Patient of ``RELEASE``, the ids of the Observations, and the access token of the app."""

    record_id: int
    patient_id: str
    observations: tuple[str, ...]
    token: str
    is_long: bool
    resources: int


class Population(msgspec.Struct, frozen=True):
    """All people, and measurements of the demo to make new ones from."""

    people: tuple[Person, ...]
    measurements: tuple[dict[str, Any], ...]

    @property
    def resources(self) -> int:
        """How many resources they have together."""
        return sum(person.resources for person in self.people)

    @property
    def long(self) -> tuple[Person, ...]:
        """Who measures every day."""
        return tuple(person for person in self.people if person.is_long)

    def first(self, count: int) -> "Population":
        """Return the population of the first ``count`` people."""
        return Population(self.people[:count], self.measurements)

    def write(self, path: Path) -> None:
        """Write it to a file."""
        path.write_bytes(msgspec.json.encode(self))


def read(path: Path) -> Population:
    """Return what ``Population.write`` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Population)


def new_measurements() -> tuple[dict[str, Any], ...]:
    """Return measurements to make new ones from: the last of each person of the demo."""
    found: list[dict[str, Any]] = []
    for person in demo_people(TODAY):
        measured = [tree for _, tree in person.resources[RELEASE] if tree["resourceType"] == "Observation"]
        found += [tree for tree in measured if "specimen" not in tree][-40:]
    return tuple(msgspec.json.decode(_encode(found)))


async def add(parts: Parts, person: Invented) -> Person:
    """Return a person, written to the database of ``parts``."""
    record_id = record_of(person)
    ids: dict[str, list[str]] = {}
    for reference in (await write_record(parts.context, record_id, person))[RELEASE]:
        resource_type, _, resource_id = reference.partition("/")
        ids.setdefault(resource_type, []).append(resource_id)
    token = await _token(parts, record_id)
    return Person(record_id, ids["Patient"][0], tuple(ids["Observation"]), token, person.is_long, person.count)


async def write_record(context: Context, record_id: int, person: Invented) -> dict[Release, list[str]]:
    """Return the references of what was written into a new record."""
    await ensure_record(context, record_id)
    requester = Requester(
        RequesterKind.PERSON, "person", "invented", SmartScopes.of("user/*.cruds"), record_id=record_id
    )
    found = {}
    for release, resources in person.resources.items():
        answer = await bundle(context, requester, Trace("benchmark"), release, transaction_of(resources))
        outcomes = [entry.outcome for entry in answer.entries]
        found[release] = [outcome.version.reference for outcome in outcomes if isinstance(outcome, Written)]
    return found


def transaction_of(resources: Sequence[Entry]) -> bytes:
    """Return a transaction Bundle that creates the resources."""
    entries = [
        {"fullUrl": full_url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}
        for full_url, resource in resources
    ]
    return _encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})


async def _token(parts: Parts, record_id: int) -> str:
    """Return an access token of the app, resting on a grant of everything."""
    now = datetime.now(UTC)

    async def job(transaction: Transaction) -> str:
        grant = await grants.give(
            transaction,
            record_id=record_id,
            grantee=Grantee.APP,
            grantee_id=APP,
            categories=EVERYTHING,
            actions=ALL_ACTIONS,
            until=now + _VALID,
            purpose="benchmark",
            now=now,
        )
        holder = Holder(
            RequesterKind.APP, "Benchmark-app", APP, record_id=record_id, grant_id=grant.grant_id, release=RELEASE
        )
        return await tokens.issue(transaction, holder, scope=_SCOPE, lifetime=_VALID, now=now)

    return await parts.database.write(job)


def record_of(person: Invented) -> int:
    """Return the number of a person's record."""
    return _FIRST_RECORD + person.number * 7_919
