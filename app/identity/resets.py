"""Links by which somebody who forgot their password sets another one: good once, for half an hour.

A link is one factor, the mailbox; the other one, a code of the phone or a recovery code, is asked for with it.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select

from app.db.database import Reader, Transaction
from app.db.statements import hot
from app.identity.accounts import folded
from app.identity.instants import to_us
from app.identity.tables import account, reset_link

LIFETIME = timedelta(minutes=30)

_columns = reset_link.c
_INSERT = hot(insert(reset_link))
_ACCOUNT = hot(
    select(account.c.account_id, account.c.mail).where(
        account.c.login == bindparam("login"), account.c.mail.is_not(None)
    )
)
_GET = hot(
    select(_columns.account_id).where(
        _columns.token_hash == bindparam("token_hash"), _columns.expires_at > bindparam("now")
    )
)
_END = hot(delete(reset_link).where(_columns.account_id == bindparam("account_id")))
_FORGET = hot(delete(reset_link).where(_columns.expires_at <= bindparam("now")))


@dataclass(frozen=True, slots=True)
class Reset:
    """A link to mail: where to, and the secret in it."""

    mail: str
    token: str


async def begin(transaction: Transaction, login: str, now: datetime) -> Reset | None:
    """Return a new link for the account of a login, None when there is none or it has no mail address."""
    row = await transaction.one(_ACCOUNT, {"login": folded(login)})
    if row is None:
        return None
    account_id, mail = row
    token = secrets.token_urlsafe(32)
    await transaction.run(_FORGET, {"now": to_us(now)})
    link = {"token_hash": _hashed(token), "account_id": account_id, "expires_at": to_us(now + LIFETIME)}
    await transaction.run(_INSERT, link)
    return Reset(mail, token)


async def account_of(reader: Reader, token: str, now: datetime) -> str:
    """Return the id of the account that a link is for, empty when it was used, is too old or never was."""
    row = await reader.one(_GET, {"token_hash": _hashed(token), "now": to_us(now)})
    return "" if row is None else str(row[0])


async def end(transaction: Transaction, account_id: str) -> None:
    """End all links of an account."""
    await transaction.run(_END, {"account_id": account_id})


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
