"""Forgetting answers that were kept for a request that comes again, once they are too old to be asked for."""

from sqlalchemy import bindparam, delete, select
from sqlalchemy import tuple_ as row_of

from app.db.database import Database, Reader, Transaction
from app.db.statements import hot
from app.store.tables import idempotency

AT_ONCE = 500

_old = (
    select(idempotency.c.record_id, idempotency.c.client, idempotency.c.key)
    .where(idempotency.c.instant < bindparam("before"))
    .order_by(idempotency.c.instant)
)
_ANY = hot(_old.limit(1))
_FORGET = hot(
    delete(idempotency).where(
        row_of(idempotency.c.record_id, idempotency.c.client, idempotency.c.key).in_(_old.limit(AT_ONCE))
    )
)


async def forget_answers(database: Database, before_us: int) -> int:
    """Return how many answers from before an instant were forgotten: at most ``AT_ONCE``, in one short transaction."""
    if not await _is_any(database.reader, before_us):
        return 0

    async def job(transaction: Transaction) -> int:
        return await transaction.run(_FORGET, {"before": before_us})

    return await database.write(job)


async def _is_any(reader: Reader, before_us: int) -> bool:
    return await reader.one(_ANY, {"before": before_us}) is not None
