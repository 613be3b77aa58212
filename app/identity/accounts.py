"""Accounts: a login with a password (Argon2) and a one-time code (TOTP).

A login that does not exist costs the same time as a wrong password, so that nobody learns who has an account. The secret
of the one-time code is encrypted at rest (AES-GCM) with a key that is not in the database; a code is good once.

Specs: https://www.rfc-editor.org/rfc/rfc9106 (Argon2), https://www.rfc-editor.org/rfc/rfc6238 (TOTP)
"""

import hmac
import secrets
import unicodedata
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import anyio
import anyio.to_thread
import pyotp
from argon2 import (
    DEFAULT_HASH_LENGTH,
    DEFAULT_MEMORY_COST,
    DEFAULT_PARALLELISM,
    DEFAULT_RANDOM_SALT_LENGTH,
    DEFAULT_TIME_COST,
)
from argon2.low_level import ARGON2_VERSION
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from sqlalchemy import bindparam, func, insert, select, update

from app.access.scope import DIRECTORY
from app.db.database import Database, Reader, Row, Transaction
from app.db.statements import hot
from app.errors import ConflictError
from app.identity.display import AS_DEVICE, Display
from app.identity.instants import to_us
from app.identity.mail_addresses import is_address
from app.identity.tables import account

PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX = 12, 256
STEP_SECONDS = 30
_NONCE_BYTES = 12
_hasher = PasswordHash.recommended()


def _hash_of_none() -> str:
    """Return what no password gives and takes as long to check as any; made of chance, as to hash takes 0.17 s at each start."""
    salt, digest = (
        b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (DEFAULT_RANDOM_SALT_LENGTH, DEFAULT_HASH_LENGTH)
    )
    costs = f"m={DEFAULT_MEMORY_COST},t={DEFAULT_TIME_COST},p={DEFAULT_PARALLELISM}"
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


_UNKNOWN_LOGIN_HASH = _hash_of_none()

_INSERT = hot(insert(account))
_columns = (account.c.account_id, account.c.login, account.c.record_id, account.c.name, account.c.display)
_BY_LOGIN = hot(select(account.c.password_hash, *_columns).where(account.c.login == bindparam("login")))
_BY_ID = hot(select(*_columns).where(account.c.account_id == bindparam("account_id")))
_BY_RECORD = hot(select(*_columns).where(account.c.record_id == bindparam("record_id")).order_by(account.c.account_id))
_HAS_PASSWORD = hot(select(account.c.password_hash != "").where(account.c.account_id == bindparam("account_id")))
_TOTP = hot(
    select(account.c.totp_secret, account.c.totp_last_step).where(account.c.account_id == bindparam("account_id"))
)
_SET_PASSWORD = hot(
    update(account).where(account.c.account_id == bindparam("which")).values(password_hash=bindparam("new"))
)
_MOVE = hot(update(account).where(account.c.record_id == bindparam("old")).values(record_id=bindparam("new")))
_SET_TOTP = hot(
    update(account)
    .where(account.c.account_id == bindparam("which"))
    .values(totp_secret=bindparam("new"), totp_last_step=0)
)
_HAS_TOTP = hot(select(func.length(account.c.totp_secret)).where(account.c.account_id == bindparam("account_id")))
_USE_STEP = hot(
    update(account)
    .where(account.c.account_id == bindparam("which"), account.c.totp_last_step < bindparam("step"))
    .values(totp_last_step=bindparam("step"))
)


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can log in; ``record_id`` is their own record, None for a login for work (see ``staff``)."""

    account_id: str
    login: str
    record_id: int | None
    name: str
    display: Display = AS_DEVICE

    @property
    def logged_at(self) -> int:
        """Return the record at which the log has what this login does: the own one; for work, that of the directory."""
        return DIRECTORY if self.record_id is None else self.record_id


def folded(login: str) -> str:
    """Return the form in which logins are compared: case, width and spaces around make no difference."""
    return unicodedata.normalize("NFKC", login).strip().casefold()


def new_account_id() -> str:
    """Return an id for an account; it tells nothing about the person."""
    return secrets.token_hex(12)


class Accounts:
    """The accounts in a database; ``key`` (32 bytes) encrypts the secrets of one-time codes."""

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._cipher = AESGCM(key)
        # Each check takes 64 MiB and a core: a flood of logins must not take all of either.
        self._at_once = anyio.CapacityLimiter(2)

    async def hash_password(self, password: str) -> str:
        """Return the hash to keep of ``password``; do this before a transaction, since it is slow on purpose."""
        return await anyio.to_thread.run_sync(_hasher.hash, password, limiter=self._at_once)

    async def create(
        self,
        transaction: Transaction,
        *,
        login: str,
        password_hash: str,
        name: str,
        record_id: int | None,
        totp_secret: str,
        now: datetime,
        account_id: str = "",
        is_confirmed: bool = True,
    ) -> str:
        """Return the id of the new account, which is ``account_id`` if the caller made one with ``new_account_id``.

        A login that is a mail address is where mail goes, if it ``is_confirmed``.

        ``totp_secret`` is base32, as authenticator apps take it. It and ``password_hash`` are empty for somebody who has
        passkeys only.
        Raises: ConflictError, when the login is taken.
        """
        if await transaction.one(_BY_LOGIN, {"login": folded(login)}) is not None:
            raise ConflictError("This login name can't be used.")
        account_id = account_id or new_account_id()
        await transaction.run(
            _INSERT,
            {
                "account_id": account_id,
                "login": folded(login),
                "password_hash": password_hash,
                "totp_secret": self._encrypted(account_id, totp_secret) if totp_secret else b"",
                "totp_last_step": 0,
                "record_id": record_id,
                "name": name,
                "created_at": to_us(now),
                "display": "",
                "seen_at": None,
                "mail": folded(login) if is_confirmed and is_address(folded(login)) else None,
            },
        )
        return account_id

    async def verify_password(self, login: str, password: str) -> Account | None:
        """Return the account, or None when login or password is wrong: both take the same time."""
        row = await self._database.reader.one(_BY_LOGIN, {"login": folded(login)})
        kept = (row[0] if row is not None else "") or _UNKNOWN_LOGIN_HASH  # without a password it costs the same time
        is_right = len(password) <= PASSWORD_LENGTH_MAX and await anyio.to_thread.run_sync(
            partial(_matches, password, kept), limiter=self._at_once
        )
        return _account(row[1:]) if row is not None and is_right else None

    async def verify_totp(self, transaction: Transaction, account_id: str, code: str, now: datetime) -> bool:
        """Return whether ``code`` is right now, or one step of 30 seconds off; a code that was used is not right."""
        row = await transaction.one(_TOTP, {"account_id": account_id})
        if row is None or not row[0]:
            return False
        totp = pyotp.TOTP(self._decrypted(account_id, row[0]), interval=STEP_SECONDS)
        current = int(now.timestamp()) // STEP_SECONDS
        typed = code.replace(" ", "").encode()
        right = [
            step
            for step in (current - 1, current, current + 1)
            if hmac.compare_digest(totp.generate_otp(step).encode(), typed) and step > row[1]
        ]
        if not right:
            return False
        return await transaction.run(_USE_STEP, {"which": account_id, "step": right[0]}) == 1

    async def set_password(self, transaction: Transaction, account_id: str, password_hash: str) -> None:
        """Let another password open the account."""
        await transaction.run(_SET_PASSWORD, {"which": account_id, "new": password_hash})

    async def set_totp(self, transaction: Transaction, account_id: str, totp_secret: str) -> None:
        """Let the codes of another phone open the account; those of the one before are worth nothing any more."""
        await transaction.run(_SET_TOTP, {"which": account_id, "new": self._encrypted(account_id, totp_secret)})

    async def has_totp(self, reader: Reader, account_id: str) -> bool:
        """Return whether the account has a phone with codes."""
        row = await reader.one(_HAS_TOTP, {"account_id": account_id})
        return row is not None and bool(row[0])

    async def has_password(self, reader: Reader, account_id: str) -> bool:
        """Return whether the account can be opened with a password and a code."""
        row = await reader.one(_HAS_PASSWORD, {"account_id": account_id})
        return row is not None and bool(row[0])

    async def get(self, reader: Reader, account_id: str) -> Account | None:
        """Return the account, None when there is none."""
        row = await reader.one(_BY_ID, {"account_id": account_id})
        return None if row is None else _account(row)

    async def by_login(self, reader: Reader, login: str) -> Account | None:
        """Return the account of a login without any proof; for commands on the machine itself."""
        row = await reader.one(_BY_LOGIN, {"login": folded(login)})
        return None if row is None else _account(row[1:])

    async def of_record(self, reader: Reader, record_id: int) -> list[Account]:
        """Return the accounts of the person whose record this is."""
        return [_account(row) for row in await reader.all(_BY_RECORD, {"record_id": record_id})]

    def _encrypted(self, account_id: str, secret: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), account_id.encode())

    def _decrypted(self, account_id: str, kept: bytes) -> str:
        return self._cipher.decrypt(kept[:_NONCE_BYTES], kept[_NONCE_BYTES:], account_id.encode()).decode()


async def name_of(reader: Reader, account_id: str) -> str | None:
    """Return the name of the person of an account, None when there is none."""
    row = await reader.one(_BY_ID, {"account_id": account_id})
    return None if row is None else _account(row).name


def _matches(password: str, kept: str) -> bool:
    try:
        return _hasher.verify(password, kept)
    except UnknownHashError:  # an account whose password was switched off
        return False


def _account(row: Row) -> Account:
    account_id, login, record_id, name, display = row
    return Account(account_id, login, record_id, name, Display.of(display))


async def move(transaction: Transaction, record_id: int, to: int) -> None:
    """Let who logs in to a record log in to another one from now on, which takes its place."""
    await transaction.run(_MOVE, {"old": record_id, "new": to})
