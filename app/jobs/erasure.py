"""What is still to be done once a record was erased: mail its proof, note it for backups, overwrite what the database had of it.

The jobs are kept under nobody's record and hold its number and an address until they are done, a second later as a rule; the
transaction of the erasure puts them, so that a server that dies after it does them when it starts again. What they held is
overwritten too: each puts the job for that once it is done itself.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlsplit

import msgspec

from app.db.database import Database, Transaction
from app.errors import UnavailableError
from app.jobs import outbox
from app.jobs.deliver import Handler
from app.jobs.login_mail import NOBODY
from app.jobs.mail import Mail
from app.jobs.outbox import Job
from app.jobs.texts import LANGUAGES, written

MAIL_KIND, NOTE_KIND, OVERWRITE_KIND = "erasure-mail", "erasure-note", "overwrite"
"""The kinds of the jobs; what the handlers are registered under."""

OVERWRITE_AFTER_US = 5_000_000
"""How long after a job was done: its row has to be gone."""

_TEXTS = {
    "nl": (
        "Uw dossier is gewist",
        "Uw dossier bij Regie is gewist. U kunt er niet meer mee inloggen. Het komt niet terug.",
        (
            "Hieronder staat uw bewijs. Bewaar deze mail. Het bewijs zegt niets over uw gezondheid.\n"
            "Controleren kan met het programma verify_log.py."
        ),
    ),
    "en": (
        "Your record has been erased",
        "Your record at Regie has been erased. You cannot log in to it any more. It does not come back.",
        (
            "Your proof is below. Keep this mail. The proof says nothing about your health.\n"
            "You can check it with the program verify_log.py."
        ),
    ),
}


class Note(msgspec.Struct, frozen=True):
    """The body of a job: which record was erased, when in microseconds UTC, and the name of its proof."""

    record_id: int
    at_us: int
    proof: str


class Farewell(msgspec.Struct, frozen=True):
    """The body of a job: the proof of an erasure goes to ``to``; ``line`` is its first line."""

    to: str
    language: str
    record_id: int
    at_us: int
    line: str


async def put(transaction: Transaction, note: Note, farewells: list[Farewell]) -> None:
    """Have all that done, if ``transaction`` commits."""
    await outbox.put(transaction, record_id=NOBODY, kind=NOTE_KIND, body=note, now_us=note.at_us)
    for one in farewells:
        await outbox.put(transaction, record_id=NOBODY, kind=MAIL_KIND, body=one, now_us=one.at_us)


class OverwriteLater:
    """A handler of one of these jobs, after which the database overwrites what the job held."""

    def __init__(self, handler: Handler, database: Database, now_us: Callable[[], int]) -> None:
        self._handler = handler
        self._database = database
        self._now_us = now_us

    async def __call__(self, job: Job) -> None:
        """Do what the handler does."""
        await self._handler(job)

        async def put_overwrite(transaction: Transaction) -> None:
            due_us = self._now_us() + OVERWRITE_AFTER_US
            await outbox.put(transaction, record_id=NOBODY, kind=OVERWRITE_KIND, body={}, now_us=due_us)

        await self._database.write(put_overwrite)


class OverwriteHandler:
    """Has the database overwrite what was removed; ``overwrite`` tells whether that is done."""

    def __init__(self, overwrite: Callable[[], Awaitable[bool]]) -> None:
        self._overwrite = overwrite

    async def __call__(self, _: Job) -> None:
        """Do it. Raises: UnavailableError, while the database is too busy."""
        if not await self._overwrite():
            raise UnavailableError("The database is in use.")


class FarewellHandler:
    """Mails proofs; ``proof_of`` returns the lines of one, without what was counted of the record."""

    def __init__(
        self, mail: Mail, proof_of: Callable[[Farewell], Awaitable[bytes]], *, mail_from: str, base_url: str
    ) -> None:
        self._mail = mail
        self._proof_of = proof_of
        self._mail_from = mail_from
        self._base_url = base_url

    async def __call__(self, job: Job) -> None:
        """Mail the proof in ``job``."""
        body = job.decoded(Farewell)
        language = body.language if body.language in LANGUAGES else LANGUAGES[0]
        subject, *paragraphs = _TEXTS[language]
        proof = (await self._proof_of(body)).decode()
        message = written(body.to, subject, tuple(paragraphs), language)
        message.add_attachment(proof, subtype="x-ndjson", filename="regie-erased.ndjson")
        message["From"] = self._mail_from
        message["Date"] = format_datetime(datetime.fromtimestamp(body.at_us // 1_000_000, UTC))
        message["Message-ID"] = f"<{job.job_id}@{urlsplit(self._base_url).hostname}>"
        await self._mail.send(message)
