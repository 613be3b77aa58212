"""A person of the demo who measured more than 20,000 times in a year, and a practice that looks at them: what pages are held to.

A sensor measured glucose each 26 minutes, and they their blood pressure twice a day, besides what the demo has of a year.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from app.access.categories import EVERYTHING
from app.access.grant import Grantee
from app.access.smart_scope import LOOK
from app.consent import grants
from app.db.database import Transaction
from app.demo.load import Loader
from app.fhir.release import Release
from app.identity import sessions
from app.wiring import Parts
from tests.end_to_end.browser.places import NOT_FOUND, PERSON, PLACES, PRACTICE
from tests.support.importing import imported
from tests.support.world import BASE_URL, DAY, World, world_in

GLUCOSE, PRESSURES = 20_000, 730
UCUM = "http://unitsofmeasure.org"


def _coded(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def observation(patient: str, at: datetime, code: str, **members: Any) -> bytes:
    """Return what a person measured of themselves, as JSON."""
    tree = {
        "resourceType": "Observation",
        "status": "final",
        "code": _coded(code),
        "subject": {"reference": patient},
        "performer": [{"reference": patient}],
        "effectiveDateTime": at.isoformat(timespec="seconds"),
    }
    return json.dumps(tree | members).encode()


def glucose(patient: str, at: datetime, value: float, **members: Any) -> bytes:
    """Return a value of glucose in mmol/l, as JSON."""
    return observation(patient, at, "14743-9", valueQuantity=_quantity(value, "mmol/L"), **members)


def pressure(patient: str, at: datetime, high: int, low: int) -> bytes:
    """Return a blood pressure, as JSON."""
    parts = [("8480-6", high), ("8462-4", low)]
    components = [{"code": _coded(code), "valueQuantity": _quantity(value, "mm[Hg]")} for code, value in parts]
    return observation(patient, at, "85354-9", component=components)


@dataclass(frozen=True)
class Large:
    """The person and a doctor, logged in, and the ids that places have names for."""

    world: World
    cookies: dict[str, str]
    names: dict[str, str]

    def browser(self, who: str) -> httpx.AsyncClient:
        """Return a browser in which ``who`` of the places is logged in."""
        transport = httpx.ASGITransport(app=self.world.application)
        cookies = {"regie-session": self.cookies[who]}
        return httpx.AsyncClient(
            transport=transport, base_url=BASE_URL, cookies=cookies, headers={"accept-language": "nl"}
        )

    def path(self, place: str) -> str:
        """Return the path of a line of the list of places."""
        return place.format(**self.names)


PLACES_OF_LARGE = [
    (who, place)
    for who in (PERSON, PRACTICE)
    for place in (
        *PLACES[who],
        *(
            f"{'/practice/people/{person}' if who == PRACTICE else ''}/measurements/{more}"
            for more in ("glucose", *(f"glucose?period={one}" for one in ("fortnight", "month", "quarter", "year")))
        ),
        *(
            f"{'/practice/people/{person}' if who == PRACTICE else ''}/measurements/blood-pressure?period={one}"
            for one in ("fortnight", "year")
        ),
    )
    if place != NOT_FOUND
]
"""Who and what is looked at: all places, and every period of what was measured often."""


@asynccontextmanager
async def large_in(folder: Path) -> AsyncIterator[Large]:
    """Yield them on a new database in ``folder``."""
    async with world_in(folder) as world:
        yield await _made(world)


async def _made(world: World) -> Large:
    parts = world.parts
    now = parts.clock()
    loader = Loader(parts.context, parts.accounts, parts.settings.key("demo"), parts.clock)
    practice = (await loader.practices())[0]
    member = (await loader.members(practice.practice_id))[0]
    person = (await loader.people(now.date()))[0]
    patient = f"Patient/{person.patients[Release.R4]}"
    await _measure(parts, patient, now)
    cookies = {PERSON: await _session(parts, person.login), PRACTICE: await _session(parts, member.login)}
    account = await parts.accounts.by_login(parts.database.reader, person.login)
    assert account is not None
    record_id = account.record_id
    assert record_id is not None

    async def give(transaction: Transaction) -> str:
        given = await grants.give(
            transaction, record_id=record_id, grantee=Grantee.PRACTICE, grantee_id=practice.practice_id,
            categories=EVERYTHING, actions=LOOK, until=now + timedelta(days=300), purpose="treatment", now=now,
        )  # fmt: skip
        return given.grant_id

    names = {"grant": await parts.database.write(give)}
    large = Large(world, cookies, names)
    await _name(large)
    return large


async def _measure(parts: Parts, patient: str, now: datetime) -> None:
    """Import a year of values: glucose of 4 to 12 with a peak now and then, and blood pressures."""
    last, year = now.astimezone(UTC) - timedelta(hours=2), timedelta(days=364)
    bodies = [
        glucose(patient, last - year * n / GLUCOSE, 17.5 if n % 997 == 0 else 4 + (n * 37 % 80) / 10)
        for n in range(GLUCOSE)
    ]
    bodies += [
        pressure(patient, last - year * n / PRESSURES, 118 + n * 7 % 40, 70 + n * 5 % 25) for n in range(PRESSURES)
    ]
    assert (await imported(parts, bodies)).counts == (GLUCOSE + PRESSURES, 0, 0)


async def _session(parts: Parts, login: str) -> str:
    account = await parts.accounts.by_login(parts.database.reader, login)
    assert account is not None
    account_id = account.account_id

    async def job(transaction: Transaction) -> str:
        return await sessions.make_whole(transaction, "", account_id, parts.clock(), DAY)

    return await parts.database.write(job)


async def _name(large: Large) -> None:
    """Find the ids that the places have names for, as links of pages."""
    for who, page, name, before in (
        (PERSON, "/documents", "document", "/documents/stu3/"),
        (PRACTICE, "/practice", "person", "/practice/people/"),
        (PRACTICE, "/practice/staff", "member", "/practice/staff/"),
    ):
        async with large.browser(who) as browser:
            text = (await browser.get(page)).text
        large.names[name] = text.partition(f'href="{before}')[2].partition('"')[0]
        assert large.names[name], page
