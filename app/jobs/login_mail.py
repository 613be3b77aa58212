"""Mail that is part of logging in: a code that confirms an address, and the link for a forgotten password.

It says nothing about health and names nobody. Whether there is an account is found out when the mail is made, not when the
page is answered, so that the page can't tell.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlsplit

import msgspec

from app.db.database import Transaction
from app.jobs import outbox
from app.jobs.mail import Mail
from app.jobs.outbox import Job
from app.jobs.texts import LANGUAGES, written

CODE_KIND, RESET_KIND = "mail-code", "password-reset"
"""The kinds of the jobs; what the handlers are registered under."""

NOBODY = 0
"""The record of a job that is about a login name: whose it is, and whether it is anybody's, is not known yet."""

_CODES = {
    "nl": (
        "Uw code voor Regie",
        "Uw code is: {code}",
        "Typ deze code op de pagina waar u hem aanvroeg. De code werkt een half uur.",
    ),
    "en": (
        "Your code for Regie",
        "Your code is: {code}",
        "Type it on the page where you asked for it. It works for half an hour.",
    ),
}
_RESETS: dict[str, tuple[str, str, str]] = {
    "nl": (
        "Een nieuw wachtwoord kiezen",
        "Iemand vroeg om een nieuw wachtwoord voor uw inlog. Was u dat? Kies het dan hier:\n{link}",
        (
            "Dat kan een half uur, en maar één keer. U heeft ook een code van uw telefoon nodig, of een herstelcode. "
            "Vroeg u dit niet? Dan hoeft u niets te doen."
        ),
    ),
    "en": (
        "Choose a new password",
        "Someone asked for a new password for your login. Was it you? Then choose it here:\n{link}",
        (
            "You can do that for half an hour, and once. You also need a code from your phone, or a recovery code.\n"
            "Did you not ask for this? Then you have to do nothing."
        ),
    ),
}


class MailCode(msgspec.Struct, frozen=True):
    """The body of a job: a code, and where it goes."""

    to: str
    code: str
    at_us: int
    language: str


class PasswordReset(msgspec.Struct, frozen=True):
    """The body of a job: somebody forgot the password of this login."""

    login: str
    at_us: int
    language: str


async def mail_code(transaction: Transaction, record_id: int, body: MailCode) -> None:
    """Have a code mailed, if ``transaction`` commits."""
    await outbox.put(transaction, record_id=record_id, kind=CODE_KIND, body=body, now_us=body.at_us)


async def mail_reset(transaction: Transaction, body: PasswordReset) -> None:
    """Have a link mailed to whoever has this login, if there is anybody, and ``transaction`` commits."""
    await outbox.put(transaction, record_id=NOBODY, kind=RESET_KIND, body=body, now_us=body.at_us)


class LoginMail:
    """The handlers of both; ``new_link`` makes a link for a login and returns address and secret, None for nobody."""

    def __init__(
        self,
        mail: Mail,
        new_link: Callable[[str], Awaitable[tuple[str, str] | None]],
        *,
        mail_from: str,
        base_url: str,
    ) -> None:
        self._mail = mail
        self._new_link = new_link
        self._mail_from = mail_from
        self._base_url = base_url

    async def code(self, job: Job) -> None:
        """Mail a code."""
        body = job.decoded(MailCode)
        subject, first, last = _CODES[_spoken(body.language)]
        await self._send(job, body.to, body.at_us, subject, (first.format(code=body.code), last), body.language)

    async def reset(self, job: Job) -> None:
        """Mail a link, to nobody if nobody has the login."""
        body = job.decoded(PasswordReset)
        made = await self._new_link(body.login)
        if made is None:
            return
        to, secret = made
        subject, first, last = _RESETS[_spoken(body.language)]
        link = f"{self._base_url}/login/reset?token={secret}"
        await self._send(job, to, body.at_us, subject, (first.format(link=link), last), body.language)

    async def _send(
        self, job: Job, to: str, at_us: int, subject: str, paragraphs: tuple[str, ...], language: str
    ) -> None:
        message = written(to, subject, paragraphs, _spoken(language))
        message["From"] = self._mail_from
        message["Date"] = format_datetime(datetime.fromtimestamp(at_us // 1_000_000, UTC))
        message["Message-ID"] = f"<{job.job_id}@{urlsplit(self._base_url).hostname}>"
        await self._mail.send(message)


def _spoken(language: str) -> str:
    return language if language in LANGUAGES else LANGUAGES[0]
