"""Which account is opened by whom at which provider; linked by the person while logged in, never by what a provider says."""

from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from app.db.database import Reader, Transaction
from app.db.statements import hot
from app.errors import ConflictError
from app.identity.instants import to_us
from app.identity.openid import Identity
from app.identity.tables import external_identity

_columns = external_identity.c
_this = (_columns.issuer == bindparam("issuer"), _columns.subject == bindparam("subject"))
_INSERT = hot(insert(external_identity))
_ACCOUNT = hot(select(_columns.account_id).where(*_this))
_USED = hot(
    update(external_identity)
    .where(_columns.issuer == bindparam("of_issuer"), _columns.subject == bindparam("of_subject"))
    .values(level=bindparam("new_level"))
)
_OF_ACCOUNT = hot(
    select(_columns.issuer, _columns.subject, _columns.level)
    .where(_columns.account_id == bindparam("account_id"))
    .order_by(_columns.linked_at)
)
_UNLINK = hot(
    delete(external_identity).where(
        _columns.account_id == bindparam("account_id"), _columns.issuer == bindparam("issuer")
    )
)


async def link(transaction: Transaction, account_id: str, identity: Identity, now: datetime) -> None:
    """Let ``identity`` open the account. Raises: ConflictError, when it opens one already."""
    key = {"issuer": identity.issuer, "subject": identity.subject}
    if await transaction.one(_ACCOUNT, key) is not None:
        raise ConflictError("This login is linked already.")
    row = {**key, "account_id": account_id, "level": identity.level, "linked_at": to_us(now)}
    await transaction.run(_INSERT, row)


async def opened(transaction: Transaction, identity: Identity) -> str:
    """Return the account that ``identity`` opens, whose level is kept; empty when there is none."""
    row = await transaction.one(_ACCOUNT, {"issuer": identity.issuer, "subject": identity.subject})
    if row is None:
        return ""
    used = {"of_issuer": identity.issuer, "of_subject": identity.subject, "new_level": identity.level}
    await transaction.run(_USED, used)
    return str(row[0])


async def of_account(reader: Reader, account_id: str) -> list[Identity]:
    """Return who opens an account, first linked first."""
    return [Identity(*row) for row in await reader.all(_OF_ACCOUNT, {"account_id": account_id})]


async def unlink(transaction: Transaction, account_id: str, issuer: str) -> bool:
    """Return whether a provider opened the account; it no longer does."""
    return await transaction.run(_UNLINK, {"account_id": account_id, "issuer": issuer}) > 0
