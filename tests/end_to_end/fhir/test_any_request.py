"""Whatever is sent: no fault of ours, every refusal an OperationOutcome that changes nothing, and nothing of anybody else."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
import pytest
from sqlalchemy import text

from app.db.statements import hot
from app.fhir.release import Release
from app.fhir.validation.structure import parse
from app.fhir.xml.read import to_json
from tests.support.odd_requests import OddRequest, OddRequests
from tests.support.world import World, world_in

CALLERS = ("zonnestraal", "app of zonnestraal", "granted", "sensitive")
REQUESTS = 800
CHANGES = hot(text("SELECT record_id, count(*) FROM change GROUP BY record_id"))


async def sent(world: World, request: OddRequest, token: str) -> tuple[int, dict[bytes, bytes], bytes]:
    """Return status, headers and body of the answer to a request, which goes to the application as a server would hand it on."""
    path, _, query = f"/fhir/{request.release.path}{request.target}".partition("?")
    messages: list[Any] = []
    bodies = [{"type": "http.request", "body": request.body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not bodies:
            await asyncio.Event().wait()  # the client stays
        return bodies.pop(0)

    async def send(message: Any) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1:8000"), (b"authorization", f"Bearer {token}".encode()), *request.headers],
        "client": ("127.0.0.1", 5000),
        "server": ("127.0.0.1", 8000),
    }
    await world.application(scope, receive, send)
    start, *parts = messages
    return start["status"], dict(start["headers"]), b"".join(part.get("body", b"") for part in parts)


async def changes(world: World) -> dict[int, int]:
    """Return how many changes each record has."""
    return dict(await world.parts.database.reader.all(CHANGES, {}))


def outcome_of(release: Release, headers: dict[bytes, bytes], body: bytes) -> dict[str, Any]:
    """Return an OperationOutcome that is valid FHIR, in the format that the answer says."""
    as_json = to_json(release, body) if b"xml" in headers[b"content-type"] else body
    tree = parse(release, as_json, expected_type="OperationOutcome").tree
    assert all(issue["severity"] in {"fatal", "error", "warning", "information"} for issue in tree["issue"])
    return tree


@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize("seed", [1])
async def test_no_request_brings_the_server_out_of_its_stride(tmp_path: Path, who: str, seed: int) -> None:
    async with world_in(tmp_path) as world:
        requests = OddRequests(world, seed)
        before = await changes(world)
        answered: Counter[int] = Counter()
        for number in range(REQUESTS):
            request = requests.next()
            status, headers, body = await sent(world, request, world.made.tokens[who])
            told = (
                number,
                request.release,
                request.method,
                request.target,
                request.headers,
                request.body[:2000],
                body[:2000],
            )
            answered[status] += 1
            after = await changes(world)
            assert status < 500, told
            assert b"maanlicht" not in body.lower(), told
            assert after.get(world.maanlicht.record_id) == before.get(world.maanlicht.record_id), told
            if status >= 400:
                assert after == before, told
                if request.method != "HEAD":
                    assert outcome_of(request.release, headers, body)["issue"], told
            elif body and b"xml" not in headers[b"content-type"]:
                msgspec.json.decode(body)
            before = after
    assert min(answered[200], answered[400]) > REQUESTS / 20
