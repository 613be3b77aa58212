"""A large answer is never in memory as a whole."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from app.fhir.release import Release
from app.rest.application import FhirApplication
from app.store.everything import PART
from tests.support.in_process import Inside, inside

PADDING = 4000
BUNDLES = 7
ENTRIES = 250


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Inside]:
    async with inside(tmp_path) as made:
        yield made


async def test_everything_of_a_large_record_takes_the_memory_of_some_parts(person: Inside) -> None:
    for number in range(BUNDLES):
        measured = [person.observation(f"large-{number}-{place}", padding=PADDING) for place in range(ENTRIES)]
        entries = b",".join(
            b'{"resource":' + one + b',"request":{"method":"POST","url":"Observation"}}' for one in measured
        )
        sent = b'{"resourceType":"Bundle","type":"transaction","entry":[' + entries + b"]}"
        assert (await person.http.post("/", content=sent, headers=person.headers)).status_code == 200
    size = parts = 0
    coming: list[MutableMapping[str, Any]] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        if not coming:
            await asyncio.Event().wait()  # who asked stays
        return coming.pop()

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal size, parts
        size += len(message.get("body", b""))
        parts += 1

    asked = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": "/fhir/r4/Patient/$everything",
        "query_string": b"", "headers": [(b"authorization", person.headers["Authorization"].encode())],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "scheme": "http",
    }  # fmt: skip
    application = FhirApplication(person.parts.context, Release.R4, body_size_max=1 << 20, trust_forwarded=False)
    tracemalloc.start()
    try:
        await application(asked, receive, send)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > BUNDLES * ENTRIES * PADDING
    assert parts > BUNDLES * ENTRIES / PART
    assert peak < size / 2, f"{peak} bytes for an answer of {size}"
