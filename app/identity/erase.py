"""Erasing a login: those of a record that is erased, and that of somebody who leaves a practice."""

from sqlalchemy import bindparam, delete, select

from app.db.database import Transaction
from app.db.statements import hot
from app.identity import challenges, identities, known_devices, resets, tries
from app.identity.tables import account, failed_try, mail_code, passkey, portal_session, recovery_code

_ACCOUNTS = hot(select(account.c.account_id).where(account.c.record_id == bindparam("record_id")))
_END_SESSIONS = hot(delete(portal_session).where(portal_session.c.account_id == bindparam("account_id")))
_END_PASSKEYS = hot(delete(passkey).where(passkey.c.account_id == bindparam("account_id")))
_END_CODES = hot(delete(recovery_code).where(recovery_code.c.account_id == bindparam("account_id")))
_END_MAIL_CODE = hot(delete(mail_code).where(mail_code.c.account_id == bindparam("account_id")))
_FORGET_TRIES = hot(delete(failed_try).where(failed_try.c.bucket == bindparam("bucket")))
_ERASE = hot(delete(account).where(account.c.account_id == bindparam("account_id")))


async def erase(transaction: Transaction, record_id: int) -> int:
    """Return how many accounts, sessions, passkeys and recovery codes of a record were removed."""
    found = await transaction.all(_ACCOUNTS, {"record_id": record_id})
    return sum([await erase_account(transaction, account_id) for (account_id,) in found])


async def erase_account(transaction: Transaction, account_id: str) -> int:
    """Return how many rows of an account were removed: the account, its sessions, passkeys and recovery codes."""
    removed = await transaction.run(_END_SESSIONS, {"account_id": account_id})
    removed += await transaction.run(_END_PASSKEYS, {"account_id": account_id})
    removed += await transaction.run(_END_CODES, {"account_id": account_id})
    await transaction.run(_END_MAIL_CODE, {"account_id": account_id})
    await resets.end(transaction, account_id)
    await challenges.end_about(transaction, account_id)
    await identities.end(transaction, account_id)
    await known_devices.forget(transaction, account_id)
    for bucket in tries.of_code(account_id):
        await transaction.run(_FORGET_TRIES, {"bucket": bucket.name})
    return removed + await transaction.run(_ERASE, {"account_id": account_id})
