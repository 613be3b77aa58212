"""How soon access is closed in two server processes on one database: after a withdrawal, and when its time is over."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from app.consent import grants
from app.db.database import Transaction
from app.fhir.release import Release
from app.identity import practices
from app.wiring import Parts
from tests.support.campaign_http import Person, Server
from tests.support.outside import granted, parts_beside, person_of
from tests.support.ports import free_port
from tests.support.running import Program, running

OPEN_FOR = timedelta(seconds=1)
LOOKS_AFTER = 20
"""Looks that each process is asked for after the end."""

WAIT_MAX_S = 30


@dataclass(frozen=True)
class Closed:
    """What was measured: how long after the end a look was still begun that was allowed, in ms; 0 if none was.

    ``looks`` is how many were begun after the end, in both processes together; all that were not allowed are refused.
    """

    withdrawn_ms: float
    ended_ms: float
    looks: int


@dataclass
class Look:
    """One look of the practice: when it was begun, on this machine's clock, and what was answered."""

    begun: float
    status: int


@asynccontextmanager
async def two_processes(folder: Path) -> AsyncIterator[tuple[Parts, list[str], httpx.AsyncClient]]:
    """Give the parts beside two servers on one database, and their addresses."""
    with running(folder) as first:
        second = Program(folder, free_port(), {"REGIE_BASE_URL": first.url})
        process = await asyncio.to_thread(second.start)
        try:
            with parts_beside(first) as parts:
                async with httpx.AsyncClient(timeout=30) as http:
                    yield parts, [first.url, second.url], http
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 60)


async def closing(folder: Path, rounds: int = 3) -> Closed:
    """Return the longest of ``rounds`` withdrawals by FHIR, and of as many grants whose time is over."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    async with two_processes(folder) as (parts, urls, http):
        person = await person_of(parts, Server(urls[0], http))
        found: dict[str, list[tuple[float, int]]] = {"withdrawn": [], "ended": []}
        for _ in range(rounds):
            for how, looked in found.items():
                looked.append(await _closed(parts, urls, http, person, withdraws=how == "withdrawn"))
        looks = sum(count for looked in found.values() for _, count in looked)
        return Closed(max(ms for ms, _ in found["withdrawn"]), max(ms for ms, _ in found["ended"]), looks)


async def _closed(
    parts: Parts, urls: list[str], http: httpx.AsyncClient, person: Person, *, withdraws: bool
) -> tuple[float, int]:
    async def new_practice(transaction: Transaction) -> str:
        return await practices.add(transaction, name="Praktijk De Klaproos-Test", city="Testdam", now=parts.clock())

    practice_id = await parts.database.write(new_practice)
    grant_id, token = await granted(parts, person.record_id, practice_id)
    looked: list[list[Look]] = [[] for _ in urls]
    is_over = asyncio.Event()
    looking = [
        asyncio.create_task(_look(http, url, token, person, looks, is_over))
        for url, looks in zip(urls, looked, strict=True)
    ]
    await _until(lambda: all(any(look.status == 200 for look in looks) for looks in looked))
    if withdraws:
        answer = await http.delete(
            f"{urls[0]}/fhir/r4/Consent/{grant_id}", headers={"Authorization": f"Bearer {person.token}"}
        )
        assert answer.status_code == 204, answer.text
        end = time.time()
    else:
        until = datetime.now(UTC) + OPEN_FOR
        await parts.database.write(lambda transaction: _shorten(parts, transaction, person, grant_id, until))
        end = until.timestamp()
    await _until(lambda: all(sum(look.begun > end for look in looks) >= LOOKS_AFTER for looks in looked))
    is_over.set()
    await asyncio.gather(*looking)
    latest, count = 0.0, 0
    for looks in looked:
        assert {look.status for look in looks} == {200, 403}  # open before, closed after, in each process
        after = [look for look in looks if look.begun > end]
        latest = max([latest, *(look.begun - end for look in after if look.status == 200)])
        count += len(after)
    return latest * 1000, count


async def _shorten(parts: Parts, transaction: Transaction, person: Person, grant_id: str, until: datetime) -> None:
    """Let a grant end at ``until``."""
    grant = await grants.one(transaction, person.record_id, grant_id)
    assert grant is not None
    await grants.change(
        transaction, person.record_id, grant_id, categories=grant.categories, actions=grant.actions, until=until,
        now=parts.clock(),
    )  # fmt: skip


async def _until(condition: Callable[[], bool]) -> None:
    """Return when ``condition`` holds. Raises: TimeoutError."""
    async with asyncio.timeout(WAIT_MAX_S):
        while not condition():  # noqa: ASYNC110 - about what several tasks have gathered
            await asyncio.sleep(0.01)


async def _look(
    http: httpx.AsyncClient, url: str, token: str, person: Person, looks: list[Look], is_over: asyncio.Event
) -> None:
    """Let a practice ask one process again and again, and keep what it was answered."""
    while not is_over.is_set():
        begun = time.time()
        answer = await http.get(
            f"{url}/fhir/r4/Observation?patient={person.patients[Release.R4]}&_count=1",
            headers={"Authorization": f"Bearer {token}"},
        )
        looks.append(Look(begun, answer.status_code))


def closing_line(found: Closed) -> str:
    """Return what ``make bench`` prints."""
    return (
        f"Access is closed in two processes {found.withdrawn_ms:.0f} ms after it was withdrawn and {found.ended_ms:.0f} ms "
        f"after its time is over, at the latest; {found.looks} looks were begun after that\n"
    )
