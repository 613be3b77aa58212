"""What is done now and then, without being asked: forgetting the answers to repeated requests that are too old."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from app.db.database import Database
from app.store.forget import AT_ONCE, forget_answers

EVERY = timedelta(hours=1)

_log = structlog.get_logger()


class Forgetter:
    """Forgets answers that were ``kept`` for so long; any number may run on one database."""

    def __init__(self, database: Database, kept: timedelta, now_us: Callable[[], int]) -> None:
        self._database = database
        self._kept_us = kept // timedelta(microseconds=1)
        self._now_us = now_us

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
            except Exception:  # noqa: BLE001 - an outage of the database ends; the loop has to be there then
                _log.exception("answers not forgotten")
            try:
                await asyncio.wait_for(stop.wait(), every.total_seconds())
            except TimeoutError:
                continue
