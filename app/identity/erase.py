"""Erasing a login: those of a record that is erased, and that of somebody who leaves a practice."""

from collections import Counter

from sqlalchemy import bindparam, delete, null, select, update

from app.db.database import Reader, Transaction
from app.db.erasure import erase_rows
from app.db.statements import hot
from app.identity import challenges, tries
from app.identity.tables import account, failed_try, portal_session

_ACCOUNTS = hot(select(account.c.account_id).where(account.c.record_id == bindparam("record_id")))
_LOGIN = hot(select(account.c.login).where(account.c.account_id == bindparam("account_id")))
# Whoever is in this record for somebody is back in their own.
_LEAVE = hot(
    update(portal_session)
    .where(portal_session.c.acting_record_id == bindparam("record_id"))
    .values(acting_record_id=null(), acting_grant_id=null())
)
_FORGET_TRIES = hot(delete(failed_try).where(failed_try.c.bucket == bindparam("bucket")))


async def accounts_of(reader: Reader, record_id: int) -> list[str]:
    """Return the ids of the accounts that log in to a record."""
    return [account_id for (account_id,) in await reader.all(_ACCOUNTS, {"record_id": record_id})]


async def erase(transaction: Transaction, record_id: int) -> Counter[str]:
    """Return how many rows were removed of each table: the accounts of a record, and all that names them."""
    removed: Counter[str] = Counter()
    await transaction.run(_LEAVE, {"record_id": record_id})
    for account_id in await accounts_of(transaction, record_id):
        removed += await erase_account(transaction, account_id)
    return removed


async def erase_account(transaction: Transaction, account_id: str) -> Counter[str]:
    """Return how many rows were removed of each table: the account, and all that names it."""
    await challenges.end_about(transaction, account_id)
    row = await transaction.one(_LOGIN, {"account_id": account_id})
    mailed = tries.of_mail(row[0]) if row else ()
    for bucket in (*tries.of_code(account_id), *tries.of_mail(account_id), *mailed):
        await transaction.run(_FORGET_TRIES, {"bucket": bucket.name})
    return await erase_rows(transaction, "account_id", account_id)
