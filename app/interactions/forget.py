"""What is done now and then, without being asked: forgetting the answers to repeated requests, and the audit log, that are too old."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from app.audit.events import Event
from app.audit.log import AuditLog
from app.audit.retention import cut
from app.db.database import Database, Transaction
from app.store.forget import AT_ONCE, forget_answers

EVERY = timedelta(hours=1)

_log = structlog.get_logger()


class LogCutter:
    """Takes out of the log what is older than it is ``kept``, and tells so in the log."""

    def __init__(self, database: Database, audit: AuditLog, kept: timedelta) -> None:
        self._database = database
        self._audit = audit
        self._kept_us = kept // timedelta(microseconds=1)

    async def cut_due(self, now_us: int) -> int:
        """Return how many entries were taken out; others get to write in between."""

        async def job(transaction: Transaction) -> int:
            removed = await cut(transaction, self._audit.keys, now_us - self._kept_us, now_us)
            if removed:
                told = Event("log-cut", kind="operator", actor="regie", display="Regie", count=removed)
                await self._audit.record(transaction, told)
            return removed

        total = 0
        while removed := await self._database.write(job):
            total += removed
        return total


class Forgetter:
    """Forgets answers that were ``kept`` for so long, and the log by ``cutter``; any number may run on one database."""

    def __init__(self, database: Database, kept: timedelta, now_us: Callable[[], int], cutter: LogCutter) -> None:
        self._database = database
        self._kept_us = kept // timedelta(microseconds=1)
        self._now_us = now_us
        self._cutter = cutter

    async def forget_due(self) -> int:
        """Return how many answers were forgotten; others get to write in between."""
        total = 0
        while found := await forget_answers(self._database, self._now_us() - self._kept_us):
            total += found
            if found < AT_ONCE:
                break
        return total

    async def run_forever(self, stop: asyncio.Event, every: timedelta = EVERY) -> None:
        """Forget what is due, and again after each pause, until ``stop`` is set."""
        while not stop.is_set():
            try:
                await self.forget_due()
                await self._cutter.cut_due(self._now_us())
            except Exception:  # noqa: BLE001 - an outage of the database ends; the loop has to be there then
                _log.exception("not forgotten")
            try:
                await asyncio.wait_for(stop.wait(), every.total_seconds())
            except TimeoutError:
                continue
