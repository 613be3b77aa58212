"""The FHIR base of R4 inside this process, with a clock that can be set and a database that faults can be put into."""

import random
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
from pydantic import SecretStr

from app.db.database import Transaction
from app.fhir.release import Release
from app.oauth import tokens
from app.rest.application import FhirApplication
from app.settings import Settings
from app.store.ids import record_in
from app.wiring import Parts, wire
from tests.support.database import migrated, taken_away
from tests.support.soundness import Soundness

BASE_URL = "http://127.0.0.1:8000"


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the present instant."""
        return self.now

    def move(self, **by: float) -> None:
        """Move on, or back, by this much, as ``timedelta`` takes it."""
        self.now += timedelta(**by)


@dataclass
class Inside:
    """One person's app and the parts behind it."""

    parts: Parts
    clock: Clock
    soundness: Soundness
    http: httpx.AsyncClient
    token: str = ""
    patient_id: str = ""
    record_id: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def observation(self, mark: str, *, id_: str = "", kg: str = "72.50", padding: int = 0) -> bytes:
        """Return a weight that can be found by its mark; ``padding`` is a number of bytes that it is longer."""
        own_id = f'"id":"{id_}",' if id_ else ""
        text = b64encode(random.Random(padding).randbytes(padding * 3 // 4)).decode()  # no shorter when it is packed
        note = f'"note":[{{"text":"{text}"}}],' if padding else ""
        return (
            f'{{"resourceType":"Observation",{own_id}"identifier":[{{"value":"{mark}"}}],"status":"final",'
            '"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},'
            f'"subject":{{"reference":"Patient/{self.patient_id}"}},"effectiveDateTime":"2026-03-01",{note}'
            f'"valueQuantity":{{"value":{kg},"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}}}'
        ).encode()

    async def create(self, body: bytes, **headers: str) -> httpx.Response:
        """Return the answer to a create."""
        return await self.http.post("/Observation", content=body, headers={**self.headers, **headers})

    async def found(self, mark: str) -> list[dict[str, object]]:
        """Return what a search for a mark finds."""
        answer = await self.http.get("/Observation", params={"identifier": mark}, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return [entry["resource"] for entry in answer.json().get("entry", [])]


@asynccontextmanager
async def inside(folder: Path, url: str = "") -> AsyncIterator[Inside]:
    """Give a database (a new one, if none is named) with one person, and that person's token."""
    url = url or migrated(folder)
    settings = Settings(
        database_url=url,
        secret_file=folder / "secret",
        erased_list=folder / "erased",
        mail_url=SecretStr(f"file:{folder / 'mail'}"),
        base_url=BASE_URL,
        access_token_lifetime=timedelta(days=1),
    )
    clock = Clock()
    parts = wire(settings, clock)
    application = FhirApplication(
        parts.context, Release.R4, body_size_max=settings.body_size_max, trust_forwarded=False
    )
    transport = httpx.ASGITransport(app=application)
    try:
        async with httpx.AsyncClient(transport=transport, base_url=f"{BASE_URL}/fhir/r4") as http:
            soundness = Soundness(url, settings.secret_file, BASE_URL)
            made = Inside(parts, clock, soundness, http)
            await _add_person(made)
            yield made
    finally:
        parts.close()
        taken_away(url)


async def _add_person(made: Inside) -> None:
    lifetime = made.parts.settings.access_token_lifetime

    async def for_operator(transaction: Transaction) -> str:
        return await tokens.issue_for_operator(
            transaction, scope="system/*.cruds", lifetime=lifetime, now=made.clock.now
        )

    async def for_person(transaction: Transaction) -> str:
        return await tokens.issue_for_patient(
            transaction,
            record_id=made.record_id,
            display="Zonnestraal-Testpersoon",
            scope="patient/*.cruds",
            lifetime=lifetime,
            now=made.clock.now,
        )

    json = {"Content-Type": "application/fhir+json"}
    operator = await made.parts.database.write(for_operator)
    body = msgspec.json.encode({"resourceType": "Patient", "name": [{"family": "Zonnestraal-Testpersoon"}]})
    answer = await made.http.post("/Patient", content=body, headers={"Authorization": f"Bearer {operator}", **json})
    assert answer.status_code == 201, answer.text
    made.patient_id = str(answer.json()["id"])
    made.record_id = record_in(made.patient_id) or 0
    made.token = await made.parts.database.write(for_person)
    made.headers = {"Authorization": f"Bearer {made.token}", **json}
