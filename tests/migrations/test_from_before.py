"""A database that an older version wrote is brought up to date: its tables while that version serves, its index when it has ended.

Nothing is lost, and searches find the same, by the rules of the index of either version.
The older version is taken from the project's history; without one the test is skipped.
"""

import asyncio
import io
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.db.migrate import migrate
from app.fhir.packages.library import Library
from app.fhir.packages.own import PROFILES
from app.fhir.release import Release
from app.fhir.search.custom import of_library
from app.fhir.search.definitions import install
from tests.support.forked import ROOT
from tests.support.ports import free_port
from tests.support.running import PROGRAM, Program
from tests.support.soundness import Soundness

BEFORE = "f7e782a7e9b6213d2b44826872845e46e7be1bdd"
"""The first version that has all that CHANGELOG.md says can't serve beside what came before it."""

CLIENTS = 3
ROUNDS = 4
SEARCHES = (
    "Observation?patient={patient}&_count=200",
    "Observation?patient={patient}&code=http://loinc.org|29463-7,http://loinc.org|85354-9&_sort=-date&_count=50",
    "Observation?patient={patient}&date=ge2026-01-01&date=lt2026-07-01&_count=200",
    "Observation?patient={patient}&code-value-quantity=29463-7$gt70&_count=200",
    "Observation?subject:Patient.family=Testpersoon&patient={patient}&_summary=count",
    "Condition?patient={patient}&_count=100",
    "MedicationRequest?patient={patient}&_include=MedicationRequest:medication&_count=100",
    "CarePlan?patient={patient}&_revinclude=Provenance:target&_count=100",
    "Goal?patient={patient}&_count=100",
    "Patient?_id={patient}",
    "Patient?family=testpersoon&_count=100",
    "Organization?name=praktijk&_count=100",
)


@dataclass
class Before(Program):
    """The older version, in the folder ``code``, on the same database as a program of today."""

    code: Path = Path()

    def variables(self) -> dict[str, str]:
        """Return the environment: what is imported is that version's."""
        return super().variables() | {"PYTHONPATH": str(self.code)}

    def run(self, *arguments: str) -> str:
        """Return what a command prints."""
        done = subprocess.run(
            [sys.executable, *PROGRAM[1:], *arguments], cwd=self.code, env=self.variables(), capture_output=True, text=True, check=True
        )  # fmt: skip
        return done.stdout.strip()

    def spawn(self) -> "subprocess.Popen[bytes]":
        """Return the process of its server."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*PROGRAM, "serve"], cwd=self.code, env=self.variables(), stdout=log, stderr=log, start_new_session=True
            )


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The older version's files."""
    found = subprocess.run(["git", "archive", BEFORE], cwd=ROOT, capture_output=True, check=False)
    if found.returncode:
        pytest.skip(f"needs the project's history, with {BEFORE[:7]}")
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


async def found(http: httpx.AsyncClient, base: str, patients: Sequence[str]) -> dict[str, Any]:
    """Return what each search finds, in its order, by what is asked."""
    everything = {}
    for patient in patients:
        for search in SEARCHES:
            asked = search.format(patient=patient)
            answer = await http.get(f"{base}/fhir/stu3/{asked}")
            assert answer.status_code == 200, (asked, answer.text[:300])
            bundle = answer.json()
            everything[asked] = (bundle.get("total"), [entry["resource"] for entry in bundle.get("entry", ())])
    return everything


async def write(http: httpx.AsyncClient, base: str, patient: str, mark: str) -> list[int]:
    """Return the statuses of a create, a read, a change, and a search."""
    thing = {
        "resourceType": "Observation", "status": "final", "identifier": [{"system": "urn:regie:test", "value": mark}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": f"Patient/{patient}"}, "effectiveDateTime": "2026-05-01",
        "valueQuantity": {"value": 70, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }  # fmt: skip
    made = await http.post(f"{base}/fhir/stu3/Observation", json=thing)
    if made.status_code != 201:
        return [made.status_code]
    url = f"{base}/fhir/stu3/Observation/{made.json()['id']}"
    read = await http.get(url)
    changed = await http.put(url, json=made.json() | {"status": "amended"})
    again = await http.get(f"{base}/fhir/stu3/Observation?patient={patient}&identifier={mark}")
    assert len(again.json().get("entry", ())) == 1, again.text[:300]
    return [made.status_code, read.status_code, changed.status_code, again.status_code]


@dataclass
class Use:
    """Clients that write with one server, one request after the other, until ``enough``."""

    http: httpx.AsyncClient
    base: str
    patient: str
    enough: asyncio.Event
    rounds: list[int]
    statuses: Counter[int]

    async def go_on(self, number: int) -> None:
        """Write, read, change and search."""
        while not self.enough.is_set():
            mark = f"{number}-{self.rounds[number]}"
            self.statuses.update(await write(self.http, self.base, self.patient, mark))
            self.rounds[number] += 1

    async def more(self) -> None:
        """Wait until each was answered some times more."""
        wanted = max(self.rounds) + ROUNDS
        async with asyncio.timeout(120):
            while min(self.rounds) < wanted:  # noqa: ASYNC110 - those who count are several
                await asyncio.sleep(0.02)

    async def check(self, base: str) -> None:
        """Assert that each thing is found at ``base``, once, as it was changed."""
        for number, done in enumerate(self.rounds):
            for index in range(done):
                url = f"{base}/fhir/stu3/Observation?patient={self.patient}&identifier={number}-{index}"
                (entry,) = (await self.http.get(url)).json()["entry"]
                assert entry["resource"]["status"] == "amended"


async def test_what_an_older_version_wrote_is_found_by_this_one_as_it_was_by_that(tmp_path: Path, code: Path) -> None:
    own = {"REGIE_BASE_URL": "http://127.0.0.1:8000", "REGIE_ACCESS_TOKEN_LIFETIME": "PT10H"}
    before, now = Before(tmp_path, free_port(), own, code), Program(tmp_path, free_port(), own)
    await asyncio.to_thread(before.run, "migrate")
    await asyncio.to_thread(before.run, "demo")
    token = await asyncio.to_thread(before.run, "token", "issue", "--operator")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    serving = [await asyncio.to_thread(before.start)]
    try:
        async with httpx.AsyncClient(headers=headers, timeout=60) as http:
            answer = await http.get(f"{before.url}/fhir/stu3/Patient?_count=100")
            assert answer.status_code == 200, answer.text
            people = answer.json()["entry"]
            *patients, written = [entry["resource"]["id"] for entry in people]
            told = await found(http, before.url, patients)
            assert sum(bool(resources) or bool(total) for total, resources in told.values()) > len(told) / 3
            use = Use(http, before.url, written, asyncio.Event(), [0] * CLIENTS, Counter())
            using = [asyncio.create_task(use.go_on(number)) for number in range(CLIENTS)]
            await use.more()
            assert await asyncio.to_thread(migrate, now.database_url)
            await use.more()
            assert await found(http, before.url, patients) == told, "the older version, with the tables of now"
            use.enough.set()
            await asyncio.gather(*using)
            assert set(use.statuses) == {200, 201}, use.statuses
            serving[0].terminate()
            await asyncio.to_thread(serving[0].wait, 20)
            assert "Indexed anew" in await asyncio.to_thread(now.run, "migrate")
            serving.append(await asyncio.to_thread(now.start))
            assert await found(http, now.url, patients) == told, "with the index of now"
            assert set(await write(http, now.url, written, "now")) == {200, 201}
            assert await asyncio.to_thread(now.run, "reindex") == "The index is up to date."
            await asyncio.to_thread(now.run, "reindex", "--all")
            assert await found(http, now.url, patients) == told, "indexed once more"
            await use.check(now.url)
    finally:
        for process in serving:
            process.terminate()
            process.wait(timeout=60)
    assert "sound" in await asyncio.to_thread(now.run, "audit", "verify")
    for release in Release:  # as the server did: Regie has search parameters of its own
        install(release, of_library(Library(tmp_path / "packages", PROFILES), release).parameters)
    await asyncio.to_thread(Soundness(now.database_url, tmp_path / "secret", own["REGIE_BASE_URL"]).check)
