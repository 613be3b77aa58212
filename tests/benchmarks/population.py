"""The people that the benchmark asks about: the invented ones of the demo, many times, each with another seed.

They are written by the interactions that everybody's data goes through, in transactions of some hundred resources, and
each of them gave a grant to one app, with whose tokens the benchmark asks.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
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
from app.demo.people import DemoPerson, demo_people
from app.fhir.release import Release
from app.interactions.bundle import bundle
from app.interactions.people import ensure_record
from app.interactions.written import Written
from app.oauth import tokens
from app.oauth.tokens import Holder
from app.wiring import Parts

RELEASE = Release.STU3
"""The release that self-measurements are in."""

TODAY = date(2026, 3, 1)
APP = "benchmark-app"
FIRST_RECORD = 10_000_019
_SCOPE = "patient/*.cruds"
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Person:
    """One person: the Patient of ``RELEASE``, the ids of the Observations, and the access token of the app."""

    record_id: int
    patient_id: str
    observations: tuple[str, ...]
    token: str


@dataclass(frozen=True, slots=True)
class Population:
    """All people, how many resources they have together, and measurements of the demo to make new ones from."""

    people: tuple[Person, ...]
    resources: int
    measurements: tuple[dict[str, Any], ...]


async def populate(parts: Parts, count: int) -> Population:
    """Return ``count`` people, written to the empty database of ``parts``."""
    people = []
    resources = 0
    measurements: list[dict[str, Any]] = []
    for number in range(count):
        if number % 3 == 0:
            trio = demo_people(TODAY, seed=number)
        demo = trio[number % 3]
        if number < 3:
            measurements += _measurements(demo)
        record_id = FIRST_RECORD + number * 7_919
        people.append(await _person(parts, record_id, demo))
        resources += sum(len(found) for found in demo.resources.values())
    return Population(tuple(people), resources, tuple(measurements))


def _measurements(person: DemoPerson) -> list[dict[str, Any]]:
    found = [resource for _, resource in person.resources[RELEASE] if resource["resourceType"] == "Observation"]
    return [json.loads(_encode(resource)) for resource in found if "specimen" not in resource][-40:]


async def _person(parts: Parts, record_id: int, person: DemoPerson) -> Person:
    await ensure_record(parts.context, record_id)
    requester = Requester(
        RequesterKind.PERSON, "person", "invented", SmartScopes.of("user/*.cruds"), record_id=record_id
    )
    ids: dict[str, list[str]] = {}
    for release, resources in person.resources.items():
        for reference in await _load(parts, requester, release, resources):
            resource_type, _, resource_id = reference.partition("/")
            if release is RELEASE:
                ids.setdefault(resource_type, []).append(resource_id)
    token = await _token(parts, record_id)
    return Person(record_id, ids["Patient"][0], tuple(ids["Observation"]), token)


async def _load(parts: Parts, requester: Requester, release: Release, resources: list[Entry]) -> list[str]:
    """Return the references of what was written."""
    entries = [
        {"fullUrl": full_url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}
        for full_url, resource in resources
    ]
    body = _encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    answer = await bundle(parts.context, requester, Trace("benchmark"), release, body)
    outcomes = [entry.outcome for entry in answer.entries]
    return [outcome.version.reference for outcome in outcomes if isinstance(outcome, Written)]


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
            until=now + timedelta(days=30),
            purpose="benchmark",
            now=now,
        )
        holder = Holder(
            RequesterKind.APP, "Benchmark-app", APP, record_id=record_id, grant_id=grant.grant_id, release=RELEASE
        )
        return await tokens.issue(transaction, holder, scope=_SCOPE, lifetime=timedelta(hours=12), now=now)

    return await parts.database.write(job)


def populated(parts: Parts, count: int) -> Population:
    """Return what ``populate`` does, and close the database."""
    try:
        return asyncio.run(populate(parts, count))
    finally:
        parts.close()
