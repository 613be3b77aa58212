"""Erasing what is still to be delivered about a record."""

from sqlalchemy import bindparam, delete

from app.db.database import Transaction
from app.db.statements import hot
from app.jobs.tables import outbox

_ERASE = hot(delete(outbox).where(outbox.c.record_id == bindparam("record_id")))


async def erase(transaction: Transaction, record_id: int) -> int:
    """Return how many jobs of a record were removed."""
    return await transaction.run(_ERASE, {"record_id": record_id})
