"""Logins in the portal: a random cookie value, of which only the hash is kept.

A session begins half (the password was right) and becomes whole with the second factor, under a new cookie value, so that
a value that was known before the login is worth nothing after it. It ends after a time without use, and in any case
after half a day. When the second factor was last shown is kept: some pages ask for it anew.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select, update

from app.db.database import Reader, Transaction
from app.db.statements import hot
from app.errors import AuthenticationError
from app.identity.accounts import Account
from app.identity.display import Display
from app.identity.instants import from_us, to_us
from app.identity.tables import account, portal_session

HALF_LIFETIME = timedelta(minutes=5)
"""How long there is to enter the one-time code."""

LONGEST = timedelta(hours=12)
FRESH = timedelta(minutes=10)
"""How long a second factor that was shown counts for what changes how to log in."""

SEEN_EVERY = timedelta(minutes=1)
"""Use is written down at most this often, so that looking at pages costs no commit each."""

_columns = portal_session.c
_INSERT = hot(insert(portal_session))
_LAST_SEEN = hot(select(account.c.seen_at).where(account.c.account_id == bindparam("account_id")))
_PERSON_SEEN = hot(update(account).where(account.c.account_id == bindparam("which")).values(seen_at=bindparam("seen")))
_FIND = hot(
    select(
        _columns.second_factor,
        _columns.created_at,
        _columns.last_seen_at,
        _columns.proven_at,
        _columns.session_id,
        account.c.account_id,
        account.c.login,
        account.c.record_id,
        account.c.name,
        account.c.display,
        _columns.seen_before,
        _columns.acting_record_id,
        _columns.acting_grant_id,
    )
    .join(account, account.c.account_id == _columns.account_id)
    .where(_columns.session_hash == bindparam("session_hash"), _columns.expires_at > bindparam("now"))
)
_IS_OPEN = hot(
    select(_columns.session_hash).where(
        _columns.session_id == bindparam("session_id"),
        _columns.second_factor.is_(True),
        _columns.expires_at > bindparam("now"),
    )
)
_SEEN = hot(
    update(portal_session)
    .where(_columns.session_hash == bindparam("which"))
    .values(last_seen_at=bindparam("seen"), expires_at=bindparam("expires"))
)
_ACT = hot(
    update(portal_session)
    .where(_columns.session_hash == bindparam("which"))
    .values(acting_record_id=bindparam("record"), acting_grant_id=bindparam("grant"))
)
_RENEW = hot(
    update(portal_session)
    .where(_columns.session_hash == bindparam("which"))
    .values(session_hash=bindparam("new"), proven_at=bindparam("proven"))
)
_OPEN = hot(
    select(_columns.session_id, _columns.device, _columns.way, _columns.created_at, _columns.last_seen_at)
    .where(
        _columns.account_id == bindparam("account_id"),
        _columns.second_factor.is_(True),
        _columns.expires_at > bindparam("now"),
    )
    .order_by(_columns.last_seen_at.desc(), _columns.session_id)
)
_END_ONE = hot(
    delete(portal_session).where(
        _columns.account_id == bindparam("account_id"), _columns.session_id == bindparam("session_id")
    )
)
_END_OTHERS = hot(
    delete(portal_session).where(
        _columns.account_id == bindparam("account_id"), _columns.session_hash != bindparam("kept")
    )
)
_END = hot(delete(portal_session).where(_columns.session_hash == bindparam("session_hash")))
_FORGET = hot(delete(portal_session).where(_columns.expires_at <= bindparam("now")))


@dataclass(frozen=True, slots=True)
class Acting:
    """In whose record a session acts, other than its person's own, and on which grant."""

    record_id: int
    grant_id: str


@dataclass(frozen=True, slots=True)
class Session:
    """A login; only one that ``is_whole`` opens anything. ``session_id`` tells nothing about the cookie's value.

    ``seen_before`` is when its person was last here before it, None for the first time. ``acting`` None: it is about the
    person's own record.
    """

    session_id: str
    account: Account
    is_whole: bool
    created_at: datetime
    last_seen_at: datetime
    proven_at: datetime
    seen_before: datetime | None = None
    acting: Acting | None = None


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session as its person sees it; ``device`` and ``way`` are plain words, empty when they are not known."""

    session_id: str
    device: str
    way: str
    created_at: datetime
    last_seen_at: datetime


async def begin_half(transaction: Transaction, account_id: str, now: datetime) -> str:
    """Return the cookie value of a new session that still needs the one-time code."""
    await transaction.run(_FORGET, {"now": to_us(now)})
    return await _insert(transaction, account_id, now, now + HALF_LIFETIME)


async def make_whole(
    transaction: Transaction,
    cookie: str,
    account_id: str,
    now: datetime,
    idle: timedelta,
    *,
    way: str = "",
    device: str = "",
) -> str:
    """Return the cookie value of a whole session, which takes the place of the one that the browser had, if any.

    ``way`` says in words which factors were shown, ``device`` from where.
    """
    await end(transaction, cookie)
    expires_at = now + min(idle, LONGEST)
    return await _insert(transaction, account_id, now, expires_at, proven_at=to_us(now), way=way, device=device)


async def renew(transaction: Transaction, cookie: str, now: datetime) -> str:
    """Return the new cookie value of a whole session whose person showed a second factor again.

    It keeps its id and ends when it would have.
    """
    renewed = secrets.token_urlsafe(32)
    await transaction.run(_RENEW, {"which": _hashed(cookie), "new": _hashed(renewed), "proven": to_us(now)})
    return renewed


async def act(transaction: Transaction, cookie: str, acting: Acting | None) -> None:
    """Let a whole session be about the record of another, or (None) about the person's own again."""
    record_id, grant_id = (None, None) if acting is None else (acting.record_id, acting.grant_id)
    await transaction.run(_ACT, {"which": _hashed(cookie), "record": record_id, "grant": grant_id})


async def find(reader: Reader, cookie: str, now: datetime) -> Session | None:
    """Return the session of a cookie value, half or whole; None if it is unknown or over. A point read."""
    row = await reader.one(_FIND, {"session_hash": _hashed(cookie), "now": to_us(now)})
    if row is None:
        return None
    is_whole, created_at, last_seen_at, proven_at, session_id, *rest = row
    account_id, login, record_id, name, display, seen_before, acting_record_id, acting_grant_id = rest
    return Session(
        session_id=session_id,
        account=Account(account_id, login, record_id, name, Display.of(display)),
        is_whole=bool(is_whole),
        created_at=from_us(created_at),
        last_seen_at=from_us(last_seen_at),
        proven_at=from_us(proven_at),
        seen_before=None if seen_before is None else from_us(seen_before),
        acting=None if acting_record_id is None else Acting(acting_record_id, acting_grant_id),
    )


async def of_account(reader: Reader, account_id: str, now: datetime) -> list[OpenSession]:
    """Return the whole sessions of an account that are not over, last used first."""
    found = await reader.all(_OPEN, {"account_id": account_id, "now": to_us(now)})
    return [
        OpenSession(session_id, device, way, from_us(created), from_us(seen))
        for session_id, device, way, created, seen in found
    ]


async def seen(transaction: Transaction, cookie: str, session: Session, now: datetime, idle: timedelta) -> None:
    """Write down that a whole session is in use, which makes it last until ``idle`` after now, and its person here."""
    expires_at = min(now + idle, session.created_at + LONGEST)
    await transaction.run(_SEEN, {"which": _hashed(cookie), "seen": to_us(now), "expires": to_us(expires_at)})
    await transaction.run(_PERSON_SEEN, {"which": session.account.account_id, "seen": to_us(now)})


async def is_open(reader: Reader, session_id: str, now: datetime) -> bool:
    """Return whether the whole session of this id is not over."""
    return await reader.one(_IS_OPEN, {"session_id": session_id, "now": to_us(now)}) is not None


async def end(transaction: Transaction, cookie: str) -> None:
    """End a session, if there is one with this cookie value."""
    await transaction.run(_END, {"session_hash": _hashed(cookie)})


async def end_one(transaction: Transaction, account_id: str, session_id: str) -> bool:
    """Return whether the account had a session of this id, which is over now."""
    return await transaction.run(_END_ONE, {"account_id": account_id, "session_id": session_id}) > 0


async def end_others(transaction: Transaction, account_id: str, kept: str = "") -> int:
    """Return how many sessions of an account were ended: all but the one of the cookie value ``kept``."""
    return await transaction.run(_END_OTHERS, {"account_id": account_id, "kept": _hashed(kept)})


async def _insert(
    transaction: Transaction,
    account_id: str,
    now: datetime,
    expires_at: datetime,
    *,
    proven_at: int = 0,
    way: str = "",
    device: str = "",
) -> str:
    last = await transaction.one(_LAST_SEEN, {"account_id": account_id})
    if last is None:
        raise AuthenticationError("This login is not there any more.")
    cookie = secrets.token_urlsafe(32)
    await transaction.run(
        _INSERT,
        {
            "session_hash": _hashed(cookie),
            "account_id": account_id,
            "second_factor": proven_at > 0,
            "created_at": to_us(now),
            "last_seen_at": to_us(now),
            "expires_at": to_us(expires_at),
            "proven_at": proven_at,
            "way": way,
            "device": device,
            "session_id": secrets.token_hex(8),
            "acting_record_id": None,
            "acting_grant_id": None,
            "seen_before": last[0],
        },
    )
    if proven_at:
        await transaction.run(_PERSON_SEEN, {"which": account_id, "seen": to_us(now)})
    return cookie


def _hashed(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
