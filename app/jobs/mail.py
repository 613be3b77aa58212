"""Mail, and its two ways out: a folder of files, and an SMTP server.

A message that is sent again has the same Message-ID: in the folder it is the same file, and a mail server or reader can
see that it has it already.

Spec: https://www.rfc-editor.org/rfc/rfc5322 (messages), https://www.rfc-editor.org/rfc/rfc3207 (STARTTLS),
https://www.rfc-editor.org/rfc/rfc8314 (implicit TLS)
"""

import asyncio
import os
import smtplib
import ssl
import tempfile
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit

TIMEOUT_S = 15
"""Longest silence of the mail server, in seconds, at each step of a conversation."""

_NOT_A_SERVER = "REGIE_MAIL_URL has to be file:FOLDER, smtp://HOST:PORT or smtps://USER:PASSWORD@HOST."
"""Says nothing about what it is instead, which may hold a password."""

_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


class Mail(Protocol):
    """A way out for messages that have From, To, Date and Message-ID."""

    async def send(self, message: EmailMessage) -> None:
        """Return when somebody else answers for the message, or it is on disk; raise whatever prevents that."""
        ...


class FileMail:
    """A folder with a file for each message: for trying out, and for a mail system that collects them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def send(self, message: EmailMessage) -> None:
        """Put the message in the folder; half a message is never seen there. Raises: OSError."""
        await asyncio.to_thread(self._put, message)

    def _put(self, message: EmailMessage) -> None:
        path = self.folder / f"{quote(message['Message-ID'].strip('<>'), safe='@')}.eml"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Under a name of its own until it is whole and on disk; mkstemp makes it for this user only.
        descriptor, unfinished = tempfile.mkstemp(dir=self.folder, prefix=".", suffix=".part")
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
                file.write(message.as_bytes(policy=policy.SMTP))
                file.flush()
                os.fsync(file.fileno())
            Path(unfinished).replace(path)
        except BaseException:
            Path(unfinished).unlink()
            raise
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)  # without it the name may be gone after a power cut, and the job with it
        finally:
            os.close(folder)


class SmtpMail:
    """An SMTP server, always over TLS unless it is on this machine.

    ``smtps://`` begins with TLS (port 465), ``smtp://`` turns to it by STARTTLS (port 587 with a user, else 25) and sends
    nothing to a server that can't. User and password are percent-encoded in the URL.
    """

    def __init__(self, url: str, *, tls: ssl.SSLContext | None = None) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError(_NOT_A_SERVER) from None
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise ValueError(_NOT_A_SERVER)
        self._host = parts.hostname
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._begins_with_tls = parts.scheme == "smtps"
        self._port = port or (465 if self._begins_with_tls else 587 if self._user else 25)
        self._tls = tls or ssl.create_default_context()

    async def send(self, message: EmailMessage) -> None:
        """Hand the message to the server. Raises: OSError, smtplib.SMTPException (one too), ssl.SSLError (one too)."""
        await asyncio.to_thread(self._hand_over, message)

    def _hand_over(self, message: EmailMessage) -> None:
        with self._connected() as server:
            if self._user:
                server.login(self._user, self._password)
            server.send_message(message)

    def _connected(self) -> smtplib.SMTP:
        if self._begins_with_tls:
            return smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT_S, context=self._tls)
        server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_S)
        try:
            server.ehlo()
            # Demanded, not taken when offered: somebody in between could leave the offer out.
            if self._host not in _THIS_MACHINE or server.has_extn("starttls"):
                server.starttls(context=self._tls)
        except BaseException:
            server.close()
            raise
        return server


def mail_at(url: str) -> Mail:
    """Return the way out that a URL names: ``file:FOLDER``, ``smtp://HOST:PORT``, ``smtps://USER:PASSWORD@HOST``.

    Raises: ValueError, for any other.
    """
    if url.startswith("file:"):
        return FileMail(Path(unquote(urlsplit(url).path)))
    return SmtpMail(url)
