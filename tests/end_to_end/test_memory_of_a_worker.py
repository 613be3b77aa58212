"""How much memory a worker has of its own after it was asked for everything that it loads late, and for the same again and again."""

import asyncio
from pathlib import Path

import httpx
import msgspec

from app.fhir.release import Release
from tests.benchmarks.server import memory
from tests.support.campaign_http import Person, Server, new_people
from tests.support.ports import free_port
from tests.support.processes import served
from tests.support.running import Program

MEBIBYTE = 1024 * 1024
MOST = 250 * MEBIBYTE
"""The goal of docs/performance.md."""

GROWN = 64 * MEBIBYTE
"""What this little may add: two caches of pages of 16 MiB, the other release, and as much again; 18 MiB were measured."""

PEOPLE = 2
ROUNDS = 4
ENTRIES = 30
LOOKS = (
    "Observation?_count=100",
    "Observation?_sort=-date&_format=xml",
    "Patient/$everything",
    "metadata",
    "AuditEvent",
)
PAGES = ("login", "sign-up", "health/ready")


def synced(number: int) -> bytes:
    """Return a batch of measurements with much text, each of its own."""
    entries = [
        {
            "request": {"method": "POST", "url": "Observation"},
            "resource": {
                "resourceType": "Observation", "status": "final", "code": {"text": f"Weging {number}-{place}"},
                "effectiveDateTime": f"2026-0{1 + place % 9}-02T08:00:00+01:00", "valueString": f"{place} " * 500,
            },
        }
        for place in range(ENTRIES)
    ]  # fmt: skip
    return msgspec.json.encode({"resourceType": "Bundle", "type": "batch", "entry": entries})


async def ask(server: Server, person: Person, number: int) -> None:
    for release in Release:
        done = await server.send(person, release, "POST", "", synced(number))
        assert done.status_code == 200, done.text
        for path in LOOKS:
            answer = await server.send(person, release, "GET", path)
            assert answer.status_code == 200, f"{path}: {answer.text}"


async def test_a_worker_has_less_than_250_mebibytes_of_its_own_after_load(tmp_path: Path) -> None:
    program = Program(tmp_path, free_port(), {"REGIE_WORKERS": "1"}, loads_itself=True)
    async with httpx.AsyncClient(timeout=60) as http:
        with served(program) as process:
            server = Server(program.url, http)
            people = await new_people(program, server, PEOPLE)
            at_rest = memory(process.pid).anonymous
            for number in range(ROUNDS):
                await asyncio.gather(*(ask(server, person, number) for person in people))
                for page in PAGES:
                    assert (await http.get(f"{program.url}/{page}")).status_code == 200, page
            after = memory(process.pid).anonymous
    assert after < min(MOST, at_rest + GROWN), f"{after // MEBIBYTE} MiB, {at_rest // MEBIBYTE} of them at rest"
