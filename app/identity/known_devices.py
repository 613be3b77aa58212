"""Devices from which somebody logged in before, known by a cookie of their own that outlives the login.

A known device is no factor: it opens nothing. It may go on guessing where others have to wait, so that nobody can lock a
person out of their own devices by guessing, and a login from one that is not known is told to the person.
"""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from app.db.database import Reader, Transaction
from app.db.statements import hot
from app.identity.instants import to_us
from app.identity.tables import known_device

REMEMBERED = timedelta(days=400)
"""As long as browsers keep a cookie at most."""

_columns = known_device.c
_FIND = hot(
    select(_columns.last_seen_at).where(
        _columns.account_id == bindparam("account_id"),
        _columns.device_hash == bindparam("device_hash"),
        _columns.last_seen_at > bindparam("after"),
    )
)
_SEEN = hot(
    insert(known_device)
    .values(
        account_id=bindparam("account_id"), device_hash=bindparam("device_hash"), last_seen_at=bindparam("last_seen_at")
    )
    .on_conflict_do_update(
        index_elements=["account_id", "device_hash"], set_={"last_seen_at": bindparam("last_seen_at")}
    )
)
_FORGET = hot(delete(known_device).where(_columns.last_seen_at <= bindparam("before")))


async def is_known(reader: Reader, account_id: str, cookie: str, now: datetime) -> bool:
    """Return whether somebody logged in to the account with the device that has this cookie value."""
    key = {"account_id": account_id, "device_hash": _hashed(cookie), "after": to_us(now - REMEMBERED)}
    return bool(cookie) and await reader.one(_FIND, key) is not None


async def remember(transaction: Transaction, account_id: str, cookie: str, now: datetime) -> None:
    """Know the device from now on, after both factors were shown with it."""
    await transaction.run(_FORGET, {"before": to_us(now - REMEMBERED)})
    row = {"account_id": account_id, "device_hash": _hashed(cookie), "last_seen_at": to_us(now)}
    await transaction.run(_SEEN, row)


def _hashed(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
