"""Telling people by mail of what is new in their log, soon after it was written, and of what a birthday changes."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from zoneinfo import ZoneInfo

import structlog

from app.access.grant import Grant
from app.access.representation import AGREES_FROM, ALONE_FROM, ends_by_law, turns
from app.audit import alerts
from app.audit.doings import Doing
from app.audit.unusual import Unusual
from app.consent import grants
from app.db.database import Database, Transaction
from app.jobs.notices import notify
from app.jobs.texts import NoticeKind
from app.store.changes import record_exists

EVERY = timedelta(minutes=1)
BIRTHDAYS_EVERY = timedelta(hours=1)
LATE = timedelta(days=7)
"""How long after a birthday it is still told, by a server that did not run."""

_TOLD_BY: dict[alerts.Sign, NoticeKind] = {
    **dict.fromkeys(Unusual, NoticeKind.UNUSUAL),
    Doing.ASKED: NoticeKind.ACCESS_ASKED,
    Doing.TASK: NoticeKind.TASK_WAITS,
    Doing.PLAN: NoticeKind.PLAN_CHANGED,
    Doing.MESSAGE: NoticeKind.MESSAGE,
}
_AGES = {AGREES_FROM: NoticeKind.MAY_AGREE, ALONE_FROM: NoticeKind.DECIDES_ALONE}

_log = structlog.get_logger()


class Watcher:
    """Goes through new entries of the log, and through birthdays; any number may run on one database."""

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
                for record_id, signs in told.items():
                    for kind in sorted({_TOLD_BY[sign] for sign in signs}):
                        await notify(transaction, record_id=record_id, kind=kind, now_us=self._now_us())
                return len(told)

            total += await self._database.write(job)

    async def birthdays(self) -> int:
        """Return how many children became of an age in the last days at which a parent may do less; they and the parents are told."""
        total = 0
        for age, kind in _AGES.items():
            found = [grant for grant in await self._parents(age) if self._ended(grant, age)]
            for record_id, ended in groupby(found, key=lambda grant: grant.record_id):
                accounts = sorted({grant.grantee_id for grant in ended})
                tell = partial(self._tell, record_id=record_id, kind=kind, accounts=accounts)
                total += await self._database.write(tell)
        return total

    async def _parents(self, age: int) -> list[Grant]:
        today = datetime.fromtimestamp(self._now_us() / 1_000_000, UTC).date()
        # A year has 365 or 366 days: these are all whom it may be about, and some more.
        first, last = today - timedelta(days=366 * age) - LATE, today - timedelta(days=365 * age - 1)
        return await grants.parents_of_born(self._database.reader, first, last)

    def _ended(self, grant: Grant, age: int) -> bool:
        """Return whether this birthday, of the last days, ended what a parent might do."""
        mandate, now = grant.mandate, datetime.fromtimestamp(self._now_us() / 1_000_000, UTC)
        if mandate is None or mandate.birth_date is None:
            return False
        at = turns(mandate.birth_date, age, mandate.zone)
        return ends_by_law(mandate) == at and grant.given_at < at <= grant.until and at <= now < at + LATE

    async def _tell(self, transaction: Transaction, *, record_id: int, kind: NoticeKind, accounts: list[str]) -> int:
        now_us = self._now_us()
        if not await record_exists(transaction, record_id) or not await alerts.tell_once(
            transaction, record_id, kind.value, now_us
        ):
            return 0
        await notify(transaction, record_id=record_id, kind=kind, now_us=now_us)
        for account_id in accounts:
            await notify(
                transaction, record_id=record_id, kind=NoticeKind.CHILD_OLDER, now_us=now_us, account_id=account_id
            )
        return 1

    async def run_forever(self, stop: asyncio.Event, every: timedelta = EVERY) -> None:
        """Watch, and again after each pause, until ``stop`` is set."""
        looked_us = 0
        while not stop.is_set():
            try:
                await self.watch()
                if self._now_us() - looked_us >= BIRTHDAYS_EVERY // timedelta(microseconds=1):
                    looked_us = self._now_us()
                    await self.birthdays()
            except Exception:  # noqa: BLE001 - an outage of the database ends; the loop has to be there then
                _log.exception("log not watched")
            try:
                await asyncio.wait_for(stop.wait(), every.total_seconds())
            except TimeoutError:
                continue
