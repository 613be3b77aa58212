"""Traces by OpenTelemetry, for who sets ``REGIE_TRACES_URL``; nothing of this is loaded otherwise.

A span for each request, for each decision of the gate, each statement and each group that the writer commits. Attributes are names that the
program has itself (routes, tables, operations, classes of errors), numbers, and the id of the request: no path, query, value or
address, and no message of an exception. What a caller says of its trace is its number and nothing else; whether it is kept is
decided here, by chance and not by that number, so that nobody can have all of theirs kept.

Sources: https://www.w3.org/TR/trace-context/, https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import AccessScope
from app.db.database import Recalled, Row
from app.db.lockstep import Asked, Lockstep
from app.db.postgres import PostgresDatabase
from app.db.postgres_connections import PostgresReader
from app.db.rows import Change
from app.db.sqlite import SqliteDatabase, SqliteReader, SqliteTransaction
from app.db.statements import Statement
from app.db.waiting import Waiting
from app.interactions.gate import Gate
from app.logs import scrub
from app.main import Regie
from app.settings import Settings
from app.web.ends import ANSWERED, METHODS
from app.wiring import Kinds

EXPORT_TIMEOUT_S = 2
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+\"?(\w+)")
_propagator = TraceContextTextMapPropagator()
_tracer: trace.Tracer = trace.NoOpTracer()


class _Share(TraceIdRatioBased):
    """Keeps a share of all traces, whatever number a caller chose for theirs."""

    def __init__(self, rate: float) -> None:
        super().__init__(rate)
        self._chance = Random()  # noqa: S311 - nothing depends on it that is secret

    def should_sample(
        self, parent_context: Context | None, trace_id: int, *others: Any, **named: Any
    ) -> SamplingResult:
        """Return whether a trace is kept."""
        del trace_id
        return super().should_sample(parent_context, self._chance.getrandbits(128), *others, **named)


def export_to(settings: Settings, processor: SpanProcessor | None = None) -> TracerProvider:
    """Return what hands the spans of this process on, to ``processor`` or to the collector of the settings."""
    global _tracer  # noqa: PLW0603 - one of a process, set at its start
    share = _Share(settings.traces_sampled)
    provider = TracerProvider(
        sampler=ParentBased(share, remote_parent_sampled=share, remote_parent_not_sampled=share),
        resource=Resource.create({"service.name": "regie", "service.version": version("regie")}),
    )
    exporter = OTLPSpanExporter(f"{settings.traces_url}/v1/traces", timeout=EXPORT_TIMEOUT_S)
    provider.add_span_processor(processor or BatchSpanProcessor(exporter))
    _tracer = provider.get_tracer("regie")
    return provider


@contextmanager
def _span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, context: Context | None = None, **given: Any
) -> Iterator[Span]:
    """Begin a span that ends with the block; an exception leaves its class in it, never its message."""
    attributes = {key.replace("__", "."): value for key, value in given.items()}
    with _tracer.start_as_current_span(
        name, context, kind, attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(Status(StatusCode.ERROR))
            raise


@lru_cache(maxsize=4096)
def _named(text: str) -> tuple[str, str]:
    """Return what a statement does, and to which table; the text itself stays here."""
    found = _TABLE.search(text)
    return text.split(maxsplit=1)[0].upper(), found[1] if found else ""


def _statement(system: str, text: str) -> AbstractContextManager[Span]:
    operation, table = _named(text)
    return _span(
        f"{operation} {table}", SpanKind.CLIENT,
        db__system__name=system, db__operation__name=operation, db__collection__name=table,
    )  # fmt: skip


class _SqliteReads(SqliteReader):
    """Reading from SQLite, with spans."""

    __slots__ = ()

    async def all(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        """Return all rows."""
        with _statement("sqlite", statement.sqlite.text):
            return await super().all(statement, parameters)

    async def one(self, statement: Statement, parameters: dict[str, Any]) -> Row | None:
        """Return the first row, or None."""
        with _statement("sqlite", statement.sqlite.text):
            return await super().one(statement, parameters)


class _SqliteWrites(_SqliteReads, SqliteTransaction):
    """A transaction of SQLite, with spans."""

    __slots__ = ()

    async def run(self, statement: Statement, parameters: dict[str, Any]) -> int:
        """Return how many rows the statement changed."""
        with _statement("sqlite", statement.sqlite.text):
            return await super().run(statement, parameters)

    async def change_rows(self, *changes: Change) -> list[int]:
        """Change rows of all tables."""
        text = next((statement.sqlite for statement, rows in changes if rows), "")
        with _statement("sqlite", text) if text else nullcontext():
            return await super().change_rows(*changes)


class _PostgresReads(PostgresReader):
    """Reading from PostgreSQL, with spans."""

    async def all(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        """Return all rows."""
        with _statement("postgresql", statement.postgresql.text):
            return await super().all(statement, parameters)

    async def one(self, statement: Statement, parameters: dict[str, Any]) -> Row | None:
        """Return the first row, or None."""
        with _statement("postgresql", statement.postgresql.text):
            return await super().one(statement, parameters)


class _PostgresWrites(Lockstep):
    """What drives jobs on PostgreSQL, with a span for what is asked of the database, by one job or several."""

    async def _run(self, statement: Statement, parameters: dict[str, Any]) -> int:
        with _statement("postgresql", statement.postgresql.text):
            return await super()._run(statement, parameters)

    async def _read(self, statement: Statement, asked: list[Asked]) -> None:
        with _statement("postgresql", statement.postgresql.text):
            await super()._read(statement, asked)

    async def _change(self, asked: list[Asked]) -> None:
        with _statement("postgresql", asked[0].changes[0][0].sqlite):
            await super()._change(asked)


class TracedSqlite(SqliteDatabase):
    """A SQLite file, with spans."""

    reads = _SqliteReads
    writes = _SqliteWrites

    def _commit_group(self, group: list[Waiting]) -> None:
        with _span("writer group", regie__jobs=len(group)):
            super()._commit_group(group)


class TracedPostgres(PostgresDatabase):
    """A database of PostgreSQL, with spans."""

    reads = _PostgresReads
    drives = _PostgresWrites

    async def _commit_group(self, group: list[Waiting]) -> None:
        with _span("writer group", regie__jobs=len(group)):
            await super()._commit_group(group)


class TracedGate(Gate):
    """The gate, with spans."""

    async def scope(self, requester: Requester, wish: Wish, access: Recalled) -> AccessScope:
        """Return what the requester may touch."""
        with _span("gate decision", regie__requester_kind=requester.kind.value):
            return await super().scope(requester, wish, access)


def trace_headers() -> dict[str, str]:
    """Return what tells another server which trace this is part of."""
    headers: dict[str, str] = {}
    _propagator.inject(headers)
    return headers


KINDS = Kinds(TracedSqlite, TracedPostgres, TracedGate, trace_headers)


class TracedRegie(Regie):
    """The application, with a span for each request."""

    kinds = KINDS

    def __init__(self, settings: Settings, figures: Path | None = None, processor: SpanProcessor | None = None) -> None:
        super().__init__(settings, figures)
        self._provider = export_to(settings, processor)

    async def _answer(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        parent = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
        context = _propagator.extract({"traceparent": parent.decode("latin-1")}, Context())
        with _span(method, SpanKind.SERVER, context, http__request__method=method) as span:
            await super()._answer(scope, receive, send)
            if answered := scope.get(ANSWERED):
                route, status, request_id = answered
                span.update_name(f"{method} {route}")
                span.set_attributes(
                    {"http.route": route, "http.response.status_code": status, "regie.request_id": scrub(request_id)}
                )
                if status >= 500:
                    span.set_status(Status(StatusCode.ERROR))

    async def end(self) -> None:
        """Hand on what was gathered."""
        await asyncio.to_thread(self._provider.shutdown)
