"""Telling people by mail that something stands out in their log, soon after it was written."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import structlog

from app.audit import alerts
from app.db.database import Database, Transaction
from app.jobs.notices import notify
from app.jobs.texts import NoticeKind
from app.store.changes import record_exists

EVERY = timedelta(minutes=1)

_log = structlog.get_logger()


class Watcher:
    """Goes through new entries of the log; any number may run on one database."""

    def __init__(self, database: Database, zone: ZoneInfo, now_us: Callable[[], int]) -> None:
        self._database = database
        self._zone = zone
        self._now_us = now_us

    async def watch(self) -> int:
        """Return how many people are to be told; goes on until nothing is new."""
        total = 0
        while True:
            begin, end, found = await alerts.look(self._database.reader, self._zone)
            if begin == end:
                return total

            async def job(
                transaction: Transaction, begin: int = begin, end: int = end, found: alerts.Found = found
            ) -> int:
                standing = {one: signs for one, signs in found.items() if await record_exists(transaction, one)}
                told = await alerts.tell(transaction, begin, end, standing, self._now_us())
                for record_id in told:
                    await notify(transaction, record_id=record_id, kind=NoticeKind.UNUSUAL, now_us=self._now_us())
                return len(told)

            total += await self._database.write(job)

    async def run_forever(self, stop: asyncio.Event, every: timedelta = EVERY) -> None:
        """Watch, and again after each pause, until ``stop`` is set."""
        while not stop.is_set():
            try:
                await self.watch()
            except Exception:  # noqa: BLE001 - an outage of the database ends; the loop has to be there then
                _log.exception("log not watched")
            try:
                await asyncio.wait_for(stop.wait(), every.total_seconds())
            except TimeoutError:
                continue
