"""Erasing what a person allowed to whom."""

from sqlalchemy import bindparam, delete

from app.consent.tables import access_grant
from app.db.database import Transaction
from app.db.statements import hot

_ERASE = hot(delete(access_grant).where(access_grant.c.record_id == bindparam("record_id")))


async def erase(transaction: Transaction, record_id: int) -> int:
    """Return how many grants of a record were removed; those that were over too."""
    return await transaction.run(_ERASE, {"record_id": record_id})
