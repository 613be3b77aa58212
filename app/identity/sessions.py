"""Logins in the portal: a random cookie value, of which only the hash is kept.

A session begins half (the password was right) and becomes whole with the one-time code, under a new cookie value, so that
a value that was known before the login is worth nothing after it. It ends after a time without use, and in any case
after half a day.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select, update

from app.db.database import Reader, Transaction
from app.db.statements import hot
from app.identity.accounts import Account
from app.identity.instants import from_us, to_us
from app.identity.tables import account, portal_session

HALF_LIFETIME = timedelta(minutes=5)
"""How long there is to enter the one-time code."""

LONGEST = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
"""Use is written down at most this often, so that looking at pages costs no commit each."""

_columns = portal_session.c
_INSERT = hot(insert(portal_session))
_FIND = hot(
    select(
        _columns.second_factor,
        _columns.created_at,
        _columns.last_seen_at,
        account.c.account_id,
        account.c.login,
        account.c.record_id,
        account.c.name,
    )
    .join(account, account.c.account_id == _columns.account_id)
    .where(_columns.session_hash == bindparam("session_hash"), _columns.expires_at > bindparam("now"))
)
_IS_OPEN = hot(
    select(_columns.session_hash).where(
        _columns.session_hash >= bindparam("session_id"),
        _columns.session_hash < bindparam("after"),
        _columns.second_factor.is_(True),
        _columns.expires_at > bindparam("now"),
    )
)
_SEEN = hot(
    update(portal_session)
    .where(_columns.session_hash == bindparam("which"))
    .values(last_seen_at=bindparam("seen"), expires_at=bindparam("expires"))
)
_END = hot(delete(portal_session).where(_columns.session_hash == bindparam("session_hash")))
_FORGET = hot(delete(portal_session).where(_columns.expires_at <= bindparam("now")))


@dataclass(frozen=True, slots=True)
class Session:
    """A login; only one that ``is_whole`` opens anything."""

    session_id: str
    account: Account
    is_whole: bool
    created_at: datetime
    last_seen_at: datetime


async def begin_half(transaction: Transaction, account_id: str, now: datetime) -> str:
    """Return the cookie value of a new session that still needs the one-time code."""
    await transaction.run(_FORGET, {"now": to_us(now)})
    return await _insert(transaction, account_id, now, now + HALF_LIFETIME, second_factor=False)


async def make_whole(transaction: Transaction, cookie: str, account_id: str, now: datetime, idle: timedelta) -> str:
    """Return the cookie value of the whole session that takes the place of the half one."""
    await end(transaction, cookie)
    return await _insert(transaction, account_id, now, now + min(idle, LONGEST), second_factor=True)


async def find(reader: Reader, cookie: str, now: datetime) -> Session | None:
    """Return the session of a cookie value, half or whole; None if it is unknown or over. A point read."""
    row = await reader.one(_FIND, {"session_hash": _hashed(cookie), "now": to_us(now)})
    if row is None:
        return None
    is_whole, created_at, last_seen_at, account_id, login, record_id, name = row
    return Session(
        session_id=_hashed(cookie)[:16],
        account=Account(account_id, login, record_id, name),
        is_whole=bool(is_whole),
        created_at=from_us(created_at),
        last_seen_at=from_us(last_seen_at),
    )


async def seen(transaction: Transaction, cookie: str, session: Session, now: datetime, idle: timedelta) -> None:
    """Write down that a whole session is in use, which makes it last until ``idle`` after now."""
    expires_at = min(now + idle, session.created_at + LONGEST)
    await transaction.run(_SEEN, {"which": _hashed(cookie), "seen": to_us(now), "expires": to_us(expires_at)})


async def is_open(reader: Reader, session_id: str, now: datetime) -> bool:
    """Return whether the whole session of this id is not over."""
    span = {"session_id": session_id, "after": f"{session_id}g", "now": to_us(now)}  # g comes after all hexadecimal digits
    return await reader.one(_IS_OPEN, span) is not None


async def end(transaction: Transaction, cookie: str) -> None:
    """End a session, if there is one with this cookie value."""
    await transaction.run(_END, {"session_hash": _hashed(cookie)})


async def _insert(
    transaction: Transaction, account_id: str, now: datetime, expires_at: datetime, *, second_factor: bool
) -> str:
    cookie = secrets.token_urlsafe(32)
    await transaction.run(
        _INSERT,
        {
            "session_hash": _hashed(cookie),
            "account_id": account_id,
            "second_factor": second_factor,
            "created_at": to_us(now),
            "last_seen_at": to_us(now),
            "expires_at": to_us(expires_at),
        },
    )
    return cookie


def _hashed(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
