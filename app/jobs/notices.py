"""Notices: a person hears by mail that something happened to the access to their record.

Put with the change it is about, and mailed later to each address that the person has by then.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlsplit

import msgspec

from app.db.database import Transaction
from app.jobs import outbox
from app.jobs.mail import Mail
from app.jobs.outbox import Job
from app.jobs.texts import NoticeKind, notice

KIND = "notice"
"""The kind of the jobs; what ``NoticeHandler`` is registered under."""


class Notice(msgspec.Struct, frozen=True):
    """The body of a job: what happened, when in microseconds UTC, told in which language.

    ``account_id`` is whose login it is about, if it is one for work; empty for all who log in to the record of the job.
    """

    kind: NoticeKind
    at_us: int
    language: str
    account_id: str = ""


async def notify(
    transaction: Transaction,
    *,
    record_id: int,
    kind: NoticeKind,
    now_us: int,
    language: str = "nl",
    account_id: str = "",
) -> None:
    """Have the person of ``record_id`` told, or who has the login for work ``account_id``, if ``transaction`` commits.

    ``language`` is that of the page on which it happened, if there was one.
    """
    body = Notice(kind, now_us, language, account_id)
    await outbox.put(transaction, record_id=record_id, kind=KIND, body=body, now_us=now_us)


class NoticeHandler:
    """Mails a notice to every address of its person: one message for each, so that none shows another."""

    def __init__(
        self, mail: Mail, addresses: Callable[[int, str], Awaitable[list[str]]], *, mail_from: str, base_url: str
    ) -> None:
        self._mail = mail
        self._addresses = addresses
        self._mail_from = mail_from
        self._base_url = base_url

    async def __call__(self, job: Job) -> None:
        """Mail the notice in ``job``."""
        await self.send(job, job.decoded(Notice))

    async def send(self, job: Job, told: Notice) -> None:
        """Mail a notice to the person that ``job`` is about; without an address nothing is sent."""
        for address in await self._addresses(job.record_id, told.account_id):
            message = notice(told.kind, to=address, language=told.language, base_url=self._base_url)
            message["From"] = self._mail_from
            # Both come from the job and not from the moment: the second try makes the same bytes.
            message["Date"] = format_datetime(datetime.fromtimestamp(told.at_us // 1_000_000, UTC))
            message["Message-ID"] = self._message_id(job, address)
            await self._mail.send(message)

    def _message_id(self, job: Job, address: str) -> str:
        """Return an id that is the same for each try and differs between addresses; it tells neither."""
        digest = hashlib.sha256(f"{job.job_id} {address}".encode()).hexdigest()[:32]
        return f"<{digest}@{urlsplit(self._base_url).hostname}>"
