"""Launches: a person opens an app from the portal, and the app's request then carries a proof of that.

A launch is for one app, one record and one login, holds five minutes, and is used up by the decision.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch
"""

import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select

from app.db.database import Reader, Transaction
from app.db.statements import hot
from app.identity.instants import to_us
from app.oauth.tables import launch
from app.oauth.tokens import hashed

LIFETIME = timedelta(minutes=5)

_columns = launch.c
_INSERT = hot(insert(launch))
_this = (
    _columns.launch_hash == bindparam("launch_hash"),
    _columns.client_id == bindparam("client_id"),
    _columns.record_id == bindparam("record_id"),
    _columns.session_id == bindparam("session_id"),
    _columns.expires_at > bindparam("now"),
)
_ONE = hot(select(_columns.expires_at).where(*_this))
_USE = hot(delete(launch).where(*_this))
_FORGET = hot(delete(launch).where(_columns.expires_at <= bindparam("now")))


@dataclass(frozen=True, slots=True)
class Launch:
    """For whom a launch is: the app, the record, and the login in which it was made."""

    client_id: str
    record_id: int
    session_id: str


async def keep(transaction: Transaction, made: Launch, now: datetime) -> str:
    """Return the value of a new launch."""
    value = secrets.token_urlsafe(32)
    await transaction.run(_FORGET, {"now": to_us(now)})
    row = {**asdict(made), "launch_hash": hashed(value), "expires_at": to_us(now + LIFETIME)}
    await transaction.run(_INSERT, row)
    return value


async def fits(reader: Reader, value: str, wanted: Launch, now: datetime) -> bool:
    """Return whether a launch is for this app, record and login, and holds."""
    return await reader.one(_ONE, _named(value, wanted, now)) is not None


async def use(transaction: Transaction, value: str, wanted: Launch, now: datetime) -> bool:
    """Return whether such a launch was there to be used up."""
    return await transaction.run(_USE, _named(value, wanted, now)) == 1


def _named(value: str, wanted: Launch, now: datetime) -> dict[str, object]:
    return {**asdict(wanted), "launch_hash": hashed(value), "now": to_us(now)}
