"""Carrying out what the outbox holds: at least once, however the process ends.

Claim (a transaction), run the handler (outside any transaction, so that a slow mail server holds up nobody), remove or
put off (a transaction). A process that is killed between two of these leaves a lease, and after it the job is tried
again: a handler must be one that may run twice. A job is never given up; one that keeps failing is tried ever more
rarely and shows in ``Deliverer.waiting``.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import structlog

from app.db.database import Database, Transaction
from app.jobs import outbox
from app.jobs.outbox import Job, Waiting

Handler = Callable[[Job], Awaitable[None]]
"""Delivers one job, or raises; it may be run again for a job that it has delivered already."""

FIRST_DELAY = timedelta(seconds=15)
LONGEST_DELAY = timedelta(hours=6)

_log = structlog.get_logger()


def delay_after(tries: int) -> timedelta:
    """Return how long to wait after the ``tries``-th failure: twice as long each time, up to ``LONGEST_DELAY``."""
    doublings = min(max(tries - 1, 0), 20)  # beyond 20 it is the longest anyway, and the number stays small
    return min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY)


def _wall_clock_us() -> int:
    return time.time_ns() // 1000


class Deliverer:
    """Takes jobs from the outbox and hands each to the handler of its kind; any number may run on one database.

    A handler has ``time_limit``, which ends well before the ``lease``: after the lease the job is anyone's.
    """

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        *,
        now_us: Callable[[], int] = _wall_clock_us,
        lease: timedelta = timedelta(minutes=5),
        time_limit: timedelta = timedelta(minutes=2),
        pause: timedelta = timedelta(seconds=1),
        at_once: int = 8,
    ) -> None:
        if time_limit >= lease:
            message = "A handler would outlive its lease."
            raise ValueError(message)
        self._database = database
        self._handlers = handlers
        self._now_us = now_us
        self._lease_us = lease // timedelta(microseconds=1)
        self._time_limit = time_limit
        self._pause = pause
        self._at_once = at_once

    async def deliver_due(self) -> int:
        """Return how many jobs were tried, at most ``at_once`` of them; 0 when nothing is due.

        What a handler raises is kept with its job. Raises: UnavailableError, if the database did not take an outcome.
        """
        # Most looks find nothing: they must not take the writer's time.
        if not await outbox.is_due(self._database.reader, self._now_us()):
            return 0

        async def claim(transaction: Transaction) -> list[Job]:
            now_us = self._now_us()
            return await outbox.claim(transaction, now_us=now_us, lease_us=self._lease_us, limit=self._at_once)

        jobs = await self._database.write(claim)
        # All are waited for: what goes wrong with one must not break off another halfway.
        ends = await asyncio.gather(*(self._deliver(job) for job in jobs), return_exceptions=True)
        for failure in ends:
            if failure is not None:
                raise failure
        return len(jobs)

    async def run_forever(self, stop: asyncio.Event) -> None:
        """Deliver what is due, and what becomes due, until ``stop`` is set; jobs in hand are finished first."""
        while not stop.is_set():
            try:
                tried = await self.deliver_due()
            except Exception:  # noqa: BLE001 - an outage of the database ends; the loop has to be there then
                _log.exception("outbox not reachable")
                tried = 0
            if not tried:
                await _wait(stop, self._pause)

    async def waiting(self) -> Waiting:
        """Return how much is not delivered that was due."""
        return await outbox.waiting(self._database.reader, self._now_us())

    async def _deliver(self, job: Job) -> None:
        try:
            async with asyncio.timeout(self._time_limit.total_seconds()):
                await self._handlers[job.kind](job)
        except Exception as error:  # noqa: BLE001 - whatever it is, the job stays, and its class is kept with it
            # What ran out of time may still be busy in a thread: it has the rest of its lease before the next try.
            since_us = job.due_us if isinstance(error, TimeoutError) else self._now_us()
            await self._put_off(job, since_us, type(error).__name__)
            return

        async def end(transaction: Transaction) -> None:
            await outbox.end(transaction, job)

        await self._database.write(end)

    async def _put_off(self, job: Job, since_us: int, error: str) -> None:
        due_us = since_us + delay_after(job.tries) // timedelta(microseconds=1)
        _log.warning("job failed", job_id=job.job_id, kind=job.kind, tries=job.tries, error=error)

        async def postpone(transaction: Transaction) -> None:
            await outbox.postpone(transaction, job, due_us=due_us, error=error)

        await self._database.write(postpone)


async def _wait(stop: asyncio.Event, pause: timedelta) -> None:
    """Return when ``stop`` is set, after ``pause`` at the latest."""
    try:
        await asyncio.wait_for(stop.wait(), pause.total_seconds())
    except TimeoutError:
        return
