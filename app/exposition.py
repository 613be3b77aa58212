"""``/metrics``: what the processes counted, and what stands in the database, as Prometheus reads it.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/. Each metric has a row in docs/metrics.md.
"""

import asyncio
import hmac
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from app.audit.checkpoints import last_checkpoint
from app.db.health import revision
from app.metrics import COUNTED, Counter, Figures, Histogram, Left, summed
from app.wiring import Parts

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily

GAUGES = {
    "regie_http_requests_in_flight": "Requests that have no answer yet.",
    "regie_writer_waiting_jobs": "Writes that wait for the writer.",
    "regie_database_connections": "Connections to the database that are open to read with.",
    "regie_database_connections_in_use": "Those of them that are reading.",
    "regie_process_resident_memory_bytes": "Memory of the server's processes, the largest of them.",
    "regie_process_open_files": "Open files and connections of the server's processes, the most of one.",
}
"""What each process tells of itself at this moment."""

LOOPBACK = frozenset({"127.0.0.1", "::1"})
_LARGEST = frozenset({"regie_process_resident_memory_bytes", "regie_process_open_files"})
"""Of these the largest is told, since each process has a bound of its own; the others are added up."""

_WITHIN_S = 3.0
_log = structlog.get_logger()


class Exposition:
    """Tells who may know how the server is doing; ``token`` empty: only this machine, and nobody where a proxy asks from it."""

    def __init__(self, parts: Parts, figures: Figures) -> None:
        self._parts = parts
        self._figures = figures
        self._token = parts.settings.metrics_token.get_secret_value()

    def is_allowed(self, headers: Mapping[str, str], address: str) -> bool:
        """Return whether a request from an address may read the figures."""
        if self._token:
            return hmac.compare_digest(headers.get("authorization", "").encode(), f"Bearer {self._token}".encode())
        # What came by a proxy has an address of this machine as well.
        if self._parts.settings.is_https or "x-forwarded-for" in headers or "forwarded" in headers:
            return False
        return address in LOOPBACK

    async def text(self) -> bytes:
        """Return all metrics; without those of the database, if it does not answer within three seconds."""
        lefts = self._figures.all()
        families = [*(_counted(one, lefts) for one in COUNTED), *_gauges(lefts)]
        try:
            async with asyncio.timeout(_WITHIN_S):
                families += await self._of_database()
            is_up = 1.0
        except Exception:  # noqa: BLE001 - that is what is told; the figures of the processes are needed most now
            _log.warning("no figures of the database", exc_info=True)
            is_up = 0.0
        families += [_gauge("regie_database_up", "Whether the database answered when it was asked.", is_up)]
        families += list(self._of_program())
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Made(families))
        return generate_latest(registry)

    async def _of_database(self) -> list[Family]:
        reader, now_us = self._parts.database.reader, self._parts.context.now_us()
        waiting = await self._parts.deliverer.waiting()
        first_us = now_us if waiting.first_due_us is None else waiting.first_due_us
        overdue_s = max(0.0, (now_us - first_us) / 1e6)
        signed = await last_checkpoint(reader)
        schema = GaugeMetricFamily("regie_schema_info", "The revision of the database's tables.", labels=["revision"])
        schema.add_metric([await revision(reader)], 1)
        found: list[Family] = [
            _gauge("regie_jobs_waiting", "Jobs (mails, indexes) that are due and not done.", waiting.jobs),
            _gauge("regie_jobs_failing", "Those of them that failed at least once.", waiting.failing),
            _gauge("regie_jobs_tries_max", "How often the one that failed most was tried.", waiting.tries_max),
            _gauge("regie_jobs_overdue_seconds", "How long ago the first of them should have been done.", overdue_s),
            schema,
        ]
        if signed is not None:
            age_s = max(0.0, (now_us - signed) / 1e6)
            told = "Since the end of the audit log was last signed; no entries, no signature."
            found.append(_gauge("regie_audit_checkpoint_age_seconds", told, age_s))
        return found

    def _of_program(self) -> Iterator[Family]:
        free_bytes = self._parts.database.free_bytes()
        if free_bytes is not None:
            yield _gauge("regie_disk_free_bytes", "Room on the disk of the database; SQLite only.", free_bytes)
        build = GaugeMetricFamily("regie_build_info", "What runs here.", labels=["version", "python", "database"])
        database = self._parts.settings.database_url.partition(":")[0]
        build.add_metric([version("regie"), platform.python_version(), database], 1)
        yield build


class _Made(Collector):
    """Families that are made already, as a collector."""

    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        """Yield them."""
        yield from self._families


def _gauge(name: str, told: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, told, value=value)


def _gauges(lefts: list[Left]) -> Iterator[Family]:
    live = [left.gauges for left in lefts if left.is_live]
    yield _gauge("regie_processes", "Server processes that are there.", len(live))
    for name, told in GAUGES.items():
        values = [one[name] for one in live if name in one]
        if values:
            yield _gauge(name, told, max(values) if name in _LARGEST else sum(values))


def _counted(one: Counter | Histogram, lefts: list[Left]) -> Family:
    series = summed(lefts, one.name)
    if not one.labels:  # what has not happened yet is nought, so that its first time is a change
        series = series or {(): [0.0] * (len(one.bounds) + 2 if isinstance(one, Histogram) else 1)}
    if isinstance(one, Counter):
        counter = CounterMetricFamily(one.name, one.told, labels=one.labels)
        for labels, (value,) in series.items():
            counter.add_metric(labels, value)
        return counter
    histogram = HistogramMetricFamily(one.name, one.told, labels=one.labels)
    for labels, (*counts, total) in series.items():
        buckets, reached = [], 0.0
        for bound, count in zip((*one.bounds, float("inf")), counts, strict=True):
            reached += count
            buckets.append((str(bound) if bound != float("inf") else "+Inf", reached))
        histogram.add_metric(labels, buckets, total)
    return histogram
