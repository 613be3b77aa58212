"""Erasing the codes, launches and tokens that open a record."""

from sqlalchemy import bindparam, delete

from app.db.database import Transaction
from app.db.statements import hot
from app.oauth.tables import authorization_code, launch, token

_ERASE = [
    hot(delete(table).where(table.c.record_id == bindparam("record_id")))
    for table in (authorization_code, launch, token)
]


async def erase(transaction: Transaction, record_id: int) -> int:
    """Return how many codes, launches and tokens of a record were removed."""
    return sum([await transaction.run(statement, {"record_id": record_id}) for statement in _ERASE])
