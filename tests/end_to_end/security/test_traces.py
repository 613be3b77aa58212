"""Traces: what they have, and that they have nothing of anybody."""

import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app import traced
from tests.end_to_end.fhir.test_any_request import CALLERS, sent
from tests.end_to_end.security.test_logs import ROUTES_KNOWN, secrets_of
from tests.support.odd_requests import OddRequests
from tests.support.running import running
from tests.support.world import World, world_in

REQUESTS = 200
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Spans go here instead of to a collector."""
    memory = InMemorySpanExporter()
    monkeypatch.setattr(traced, "BatchSpanProcessor", SimpleSpanProcessor)
    monkeypatch.setattr(traced, "OTLPSpanExporter", lambda *_, **__: memory)
    return memory


def settings(sampled: float = 1) -> dict[str, Any]:
    return {"traces_url": "http://127.0.0.1:1", "traces_sampled": sampled}


async def look(world: World, **headers: str) -> None:
    own = {"Authorization": f"Bearer {world.made.tokens['zonnestraal']}", **headers}
    assert (await world.http.get("/fhir/r4/Observation?code=29463-7", headers=own)).status_code == 200


async def test_a_request_is_a_span_with_the_decision_and_the_statements_below_it(
    tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    async with world_in(tmp_path, **settings()) as world:
        spans.clear()
        await look(world, traceparent=f"00-{TRACE_ID}-00f067aa0ba902b7-01", tracestate="who=zonnestraal")
    found = spans.get_finished_spans()
    (request,) = [span for span in found if span.kind.name == "SERVER"]
    assert request.name == "GET /fhir/r4/{type}"
    assert f"{request.context.trace_id:032x}" == TRACE_ID
    attributes = dict(request.attributes or {})
    assert attributes.pop("regie.request_id")
    assert attributes == {
        "http.request.method": "GET",
        "http.route": "/fhir/r4/{type}",
        "http.response.status_code": 200,
    }
    below = [span for span in found if span.context.trace_id == request.context.trace_id and span is not request]
    assert "gate decision" in {span.name for span in below}
    assert any(span.name.startswith("SELECT ") for span in below)
    (group,) = [span for span in found if span.name == "writer group"]
    assert dict(group.attributes or {}) == {"regie.jobs": 1}
    assert "INSERT audit" in {
        span.name for span in found if span.parent and span.parent.span_id == group.context.span_id
    }


async def test_who_asks_does_not_decide_what_is_kept(tmp_path: Path, spans: InMemorySpanExporter) -> None:
    async with world_in(tmp_path, **settings(sampled=0)) as world:
        await look(world, traceparent=f"00-{TRACE_ID}-00f067aa0ba902b7-01")
    assert spans.get_finished_spans() == ()


async def test_no_number_of_a_trace_has_it_kept(tmp_path: Path, spans: InMemorySpanExporter) -> None:
    async with world_in(tmp_path, **settings(sampled=0.001)) as world:
        for number in range(1, 31):
            await look(world, traceparent=f"00-4bf92f3577b34da6{number:016x}-00f067aa0ba902b7-01")
    kept = {span.context.trace_id for span in spans.get_finished_spans()}
    assert len([trace_id for trace_id in kept if 0 < trace_id % 2**64 <= 30]) < 10


async def test_a_method_that_is_none_is_not_named(tmp_path: Path, spans: InMemorySpanExporter) -> None:
    async with world_in(tmp_path, **settings()) as world:
        spans.clear()
        assert (await world.http.request("ZONNES", "/fhir/r4/Patient")).status_code == 405
    (request,) = [span for span in spans.get_finished_spans() if span.kind.name == "SERVER"]
    assert "ZONNES" not in str(request.to_json())


def text_of(span: ReadableSpan) -> str:
    return str(span.to_json()).lower()


async def test_spans_have_nothing_of_anybody_whatever_is_asked(tmp_path: Path, spans: InMemorySpanExporter) -> None:
    async with world_in(tmp_path, **settings()) as world:
        requests, chance = OddRequests(world, 11), random.Random(11)
        for _ in range(REQUESTS):
            await sent(world, requests.next(), world.made.tokens[chance.choice(CALLERS)])
        await world.http.get("/login?name=Zonnestraal")
        secrets = secrets_of(world)
    found = spans.get_finished_spans()
    routes = {str((span.attributes or {})["http.route"]) for span in found if span.kind.name == "SERVER"}
    assert routes <= ROUTES_KNOWN | {"/login"}
    assert len([span for span in found if span.kind.name == "SERVER"]) == REQUESTS + 1
    for text in map(text_of, found):
        for secret in secrets:
            assert secret not in text, text
    assert not any(span.events for span in found)
    assert {key for span in found for key in span.attributes or {}} <= {
        "http.request.method", "http.route", "http.response.status_code", "regie.request_id", "error.type",
        "db.system.name", "db.operation.name", "db.collection.name", "regie.jobs", "regie.requester_kind",
    }  # fmt: skip


def test_a_collector_gets_the_spans_of_the_program_also_the_last(tmp_path: Path) -> None:
    came: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{collector.server_port}"
        with running(tmp_path, REGIE_TRACES_URL=url, REGIE_TRACES_SAMPLED="1") as program:
            assert httpx.get(f"{program.url}/fhir/r4/metadata").status_code == 200
        collector.shutdown()
    exported = [ExportTraceServiceRequest.FromString(body) for body in came]
    names = {
        span.name for one in exported for of in one.resource_spans for scope in of.scope_spans for span in scope.spans
    }
    assert {"GET /fhir/r4/metadata", "GET /health/ready"} <= names
