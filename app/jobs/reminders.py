"""Reminders: a person hears by mail that access will end, and that it has ended.

Put with the grant, for the day; what was changed or withdrawn meanwhile is told of no more.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import msgspec

from app.db.database import Transaction
from app.jobs import outbox
from app.jobs.notices import Notice, NoticeHandler
from app.jobs.outbox import Job
from app.jobs.texts import NoticeKind

KIND = "reminder"
"""The kind of the jobs; what ``ReminderHandler`` is registered under."""

AHEAD = timedelta(days=14)
"""How long before the end the first mail goes."""

_AHEAD_US = AHEAD // timedelta(microseconds=1)


class Reminder(msgspec.Struct, frozen=True):
    """The body of a job: what to tell, and the version of the grant that it is about."""

    notice: Notice
    grant_id: str
    version: int


async def remind(
    transaction: Transaction,
    *,
    record_id: int,
    grant_id: str,
    version: int,
    ends_us: int,
    now_us: int,
    language: str = "nl",
) -> None:
    """Have the person told ``AHEAD`` of the end of a grant, if that is still to come, and when it ends."""
    for kind, due_us in ((NoticeKind.ACCESS_ENDS_SOON, ends_us - _AHEAD_US), (NoticeKind.ACCESS_ENDED, ends_us)):
        if due_us > now_us:
            body = Reminder(Notice(kind, due_us, language), grant_id, version)
            await outbox.put(transaction, record_id=record_id, kind=KIND, body=body, now_us=due_us)


class ReminderHandler:
    """Mails a reminder if its grant is still what it was."""

    def __init__(self, notices: NoticeHandler, stands: Callable[[int, str, int], Awaitable[bool]]) -> None:
        self._notices = notices
        self._stands = stands

    async def __call__(self, job: Job) -> None:
        """Mail the notice in ``job``, unless that version of the grant was changed or withdrawn."""
        reminder = job.decoded(Reminder)
        if await self._stands(job.record_id, reminder.grant_id, reminder.version):
            await self._notices.send(job, reminder.notice)
