"""Erasing what a person allowed to whom, and who asked them."""

from sqlalchemy import bindparam, delete

from app.consent import codes, requests
from app.consent.tables import access_grant
from app.db.database import Transaction
from app.db.statements import hot

_ERASE = hot(delete(access_grant).where(access_grant.c.record_id == bindparam("record_id")))


async def erase(transaction: Transaction, record_id: int) -> int:
    """Return how many grants, requests and codes of a record were removed; those that were over too."""
    removed = await transaction.run(_ERASE, {"record_id": record_id})
    return removed + await requests.erase(transaction, record_id) + await codes.end(transaction, record_id)
