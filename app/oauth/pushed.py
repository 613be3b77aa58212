"""Pushed authorization requests: the client sends the request itself, and the browser carries only where it is kept.

A request has to be opened within a minute. Then there is time to log in and to decide, once: the decision uses it up.

Spec: https://www.rfc-editor.org/rfc/rfc9126
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select, update

from app.db.database import Database, Transaction
from app.db.statements import hot
from app.identity.instants import to_us
from app.oauth.exchange import Pairs
from app.oauth.tables import pushed_request
from app.oauth.tokens import hashed

PREFIX = "urn:ietf:params:oauth:request_uri:"
TO_OPEN = timedelta(seconds=60)
TO_DECIDE = timedelta(minutes=15)
LENGTH_MAX = 8192
"""Characters in the parameters of one request."""

_columns = pushed_request.c
_INSERT = hot(insert(pushed_request))
_ONE = hot(
    select(_columns.parameters).where(
        _columns.request_hash == bindparam("request_hash"),
        _columns.client_id == bindparam("client_id"),
        _columns.expires_at > bindparam("now"),
    )
)
_OPEN = hot(
    update(pushed_request)
    .where(_columns.request_hash == bindparam("which"), _columns.opened_at.is_(None))
    .values(opened_at=bindparam("at"), expires_at=bindparam("until"))
)
_USE = hot(
    delete(pushed_request).where(_columns.request_hash == bindparam("which"), _columns.expires_at > bindparam("now"))
)
_FORGET = hot(delete(pushed_request).where(_columns.expires_at <= bindparam("now")))


@dataclass(frozen=True, slots=True)
class Pushed:
    """A request that was pushed and may still be decided about."""

    request_hash: str
    pairs: Pairs


def keep(database: Database, client_id: str, pairs: Pairs, now: datetime) -> str:
    """Return the ``request_uri`` under which a request is kept; for code in a worker thread."""
    value = secrets.token_urlsafe(32)
    row = {
        "request_hash": hashed(value),
        "client_id": client_id,
        "parameters": json.dumps(pairs),
        "expires_at": to_us(now + TO_OPEN),
        "opened_at": None,
    }

    async def job(transaction: Transaction) -> None:
        await transaction.run(_FORGET, {"now": to_us(now)})
        await transaction.run(_INSERT, row)

    database.write_blocking(job)
    return PREFIX + value


def opened(database: Database, request_uri: str, client_id: str, now: datetime) -> Pushed | None:
    """Return the request of a client, None when there is none (any more); for code in a worker thread."""
    if not request_uri.startswith(PREFIX):
        return None
    request_hash = hashed(request_uri.removeprefix(PREFIX))
    wanted = {"request_hash": request_hash, "client_id": client_id, "now": to_us(now)}
    opening = {"which": request_hash, "at": to_us(now), "until": to_us(now + TO_DECIDE)}

    async def job(transaction: Transaction) -> Pushed | None:
        row = await transaction.one(_ONE, wanted)
        if row is None:
            return None
        await transaction.run(_OPEN, opening)
        return Pushed(request_hash, [(name, value) for name, value in json.loads(row[0])])

    return database.write_blocking(job)


async def use(transaction: Transaction, request_hash: str, now: datetime) -> bool:
    """Return whether the request could be used up; False when that was done before, or its time is over."""
    return await transaction.run(_USE, {"which": request_hash, "now": to_us(now)}) == 1
