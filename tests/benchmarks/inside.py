"""What parts of the server take by themselves, in this process: the checks of one resource, and a search in a large record.

CPU time, since it holds on a busy machine; the best of several rounds.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import AccessScope
from app.audit.events import Trace
from app.fhir.packages.library import Library
from app.fhir.packages.own import PROFILES
from app.fhir.release import Release
from app.fhir.validation.invariants import broken_rules
from app.fhir.validation.profile import Profiles
from app.fhir.validation.structure import parse
from app.interactions.gate import Deed, Gate, Touched
from app.interactions.search import search
from app.oauth import tokens
from app.rest.request import read_pairs
from app.rest.response import searchset
from tests.support.in_process import Inside, inside

RELEASE = Release.R4
EXAMPLE = PROFILES / RELEASE.path / "examples" / "blood-pressure.json"
ENTRIES = 500
ROUNDS = 7
_FIRST = datetime(2016, 1, 1, 8, 0)  # noqa: DTZ001 - the offset is written behind it
_CODES = ("85354-9", "29463-7", "8867-4", "2708-6")
SEARCHES = {
    "code and a month": "code=http://loinc.org|29463-7&date=ge2017-01-01&date=lt2017-02-01",
    "code and half a year": "code=http://loinc.org|29463-7&date=ge2017-01-01&date=lt2017-07-01",
    "code, newest 20": "code=http://loinc.org|29463-7&_sort=-date&_count=20",
}


T = TypeVar("T")


class Unlogged(Gate):
    """The gate without its entry in the log: for what a search takes by itself."""

    async def look(
        self,
        requester: Requester,
        _: Trace,
        wish: Wish,
        __: Deed,
        action: Callable[[AccessScope], Awaitable[tuple[T, Sequence[Touched]]]],
    ) -> T:
        """Return what ``action`` read within the scope."""
        answer, _touched = await action(await self.scope(requester, wish, await self.database.access()))
        return answer


@dataclass(frozen=True, slots=True)
class Part:
    """One part: ``microseconds`` of CPU for each time."""

    name: str
    microseconds: float


def parts_of(folder: Path, observations: int) -> list[Part]:
    """Return what each part takes; ``folder`` is made, for the record with so many observations."""
    folder.mkdir()
    return [*checks(), *asyncio.run(searches(folder, observations))]


def checks() -> list[Part]:
    """Return what it takes to check a blood pressure that names its profile."""
    tree = json.loads(EXAMPLE.read_bytes())
    tree.pop("extension", None)  # a plain one
    body = json.dumps(tree, separators=(",", ":")).encode()
    parsed = parse(RELEASE, body)
    profiles = Profiles(RELEASE, Library(PROFILES / "none", PROFILES).definitions(RELEASE).resolved)
    steps: dict[str, Callable[[], object]] = {
        "structure": lambda: parse(RELEASE, body),
        "rules of FHIR": lambda: broken_rules(RELEASE, parsed, parsed.resource_type),
        "its profile": lambda: profiles.validate(parsed.tree),
    }
    return [Part(f"blood pressure: {name}", _best(step, 2000)) for name, step in steps.items()]


async def searches(folder: Path, observations: int) -> list[Part]:
    """Return what searches take in the record of one person.

    By itself: from the parameters to the bytes of the Bundle, inside what the grants allow. As a request: from a client of
    HTTP in this process to its answer, with the entry in the log that is on disk before the answer goes out.
    """
    found = []
    async with inside(folder) as person:
        for start in range(0, observations, ENTRIES):
            await _fill(person, range(start, start + ENTRIES))
        for name, query in SEARCHES.items():

            async def ask(query: str = query) -> None:
                answer = await person.http.get(f"/Observation?{query}", headers=person.headers)
                assert answer.status_code == 200, answer.text

            alone = await _alone(person, query)
            found.append(Part(f"{observations:,} observations: {name}", await _best_of(alone, 50)))
            found.append(Part(f"{name}, as a request", await _best_of(ask, 20)))
    return found


async def _alone(person: Inside, query: str) -> Callable[[], Awaitable[None]]:
    """Return the search by itself."""
    context, pairs = person.parts.context, read_pairs(query)
    gate = Unlogged(
        context.database, context.gate.audit, context.clock, context.now_us, context.index_key, tokens.of_hash
    )
    context, base = replace(context, gate=gate), context.fhir_base(RELEASE)
    who = await tokens.find(context.database.reader, person.token, context.clock())
    assert who is not None

    async def ask() -> None:
        page = await search(context, who, Trace("benchmark"), RELEASE, "Observation", pairs)
        assert page.matches
        searchset(base, RELEASE, page)

    return ask


async def _fill(person: Inside, numbers: range) -> None:
    entries = [
        {"resource": _measurement(person, number), "request": {"method": "POST", "url": "Observation"}}
        for number in numbers
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = await person.http.post("/", content=json.dumps(bundle), headers=person.headers)
    assert answer.status_code == 200, answer.text


def _measurement(person: Inside, number: int) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(person.observation(str(number), kg=f"{60 + number % 40}.5"))
    tree["code"]["coding"][0]["code"] = _CODES[number % len(_CODES)]
    return {**tree, "effectiveDateTime": f"{(_FIRST + timedelta(hours=9 * number)).isoformat()}+01:00"}


def _best(step: Callable[[], object], times: int) -> float:
    """Return the microseconds of CPU that a step takes, in the best of ROUNDS."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(times):
            step()
        rounds.append((time.process_time() - start) / times)
    return min(rounds) * 1_000_000


async def _best_of(ask: Callable[[], Awaitable[None]], times: int) -> float:
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(times):
            await ask()
        rounds.append((time.process_time() - start) / times)
    return min(rounds) * 1_000_000


def parts_table(found: list[Part]) -> str:
    """Return what people read."""
    lines = [f"{'in the server':<60}{'cpu us':>10}"]
    return "\n".join([*lines, *(f"{part.name:<60}{part.microseconds:>10.0f}" for part in found)]) + "\n"
