"""Challenges: a random value that a passkey signs, good once, for five minutes, in the browser that asked for it.

A login at another party is kept in the same way: it too ends in the browser that began it, once.

A browser has one challenge for each purpose; asking again replaces it. Taking one ends it, whatever comes of it.

Spec: https://www.w3.org/TR/webauthn-3/#sctn-cryptographic-challenges
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from app.db.database import Transaction
from app.db.dialects import holds
from app.db.statements import hot
from app.identity.instants import to_us
from app.identity.tables import challenge

LIFETIME = timedelta(minutes=5)
VALUE_BYTES = 32

_columns = challenge.c
_SET = hot(
    insert(challenge)
    .values({name: bindparam(name) for name in _columns.keys()})  # noqa: SIM118 - a collection of columns, no mapping
    .on_conflict_do_update(
        index_elements=["bound_to", "purpose"],
        set_={name: bindparam(name) for name in ("value", "subject", "expires_at")},
    )
)
_this = (_columns.bound_to == bindparam("bound_to"), _columns.purpose == bindparam("purpose"))
_GET = hot(select(_columns.value, _columns.subject, _columns.expires_at).where(*_this))
_END = hot(delete(challenge).where(*_this))
_END_ABOUT = hot(delete(challenge).where(holds(_columns.subject, "account_id")))
_FORGET = hot(delete(challenge).where(_columns.expires_at <= bindparam("now")))


class Purpose(StrEnum):
    """What a challenge is for; one for another purpose is worth nothing."""

    LOGIN = "login"
    REGISTRATION = "registration"
    SIGN_UP = "sign-up"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge that was taken; ``subject`` is what it is about, empty where that is still open."""

    value: bytes
    subject: str


async def begin(transaction: Transaction, purpose: Purpose, browser: str, now: datetime, subject: str = "") -> bytes:
    """Return a new challenge for the browser that has the cookie value ``browser``."""
    value = secrets.token_bytes(VALUE_BYTES)
    await transaction.run(_FORGET, {"now": to_us(now)})
    key = {"bound_to": _hashed(browser), "purpose": purpose.value}
    await transaction.run(_SET, {**key, "value": value, "subject": subject, "expires_at": to_us(now + LIFETIME)})
    return value


async def take(transaction: Transaction, purpose: Purpose, browser: str, now: datetime) -> Challenge | None:
    """Return the challenge of a browser and end it; None when there is none or it is too old."""
    key = {"bound_to": _hashed(browser), "purpose": purpose.value}
    row = await transaction.one(_GET, key)
    await transaction.run(_END, key)
    return Challenge(bytes(row[0]), row[1]) if row is not None and row[2] > to_us(now) else None


async def end_about(transaction: Transaction, account_id: str) -> None:
    """End the challenges that are about an account."""
    await transaction.run(_END_ABOUT, {"account_id": account_id})


def _hashed(browser: str) -> str:
    return hashlib.sha256(browser.encode()).hexdigest()
