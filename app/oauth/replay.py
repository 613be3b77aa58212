"""What is good once: the ``jti`` of an assertion or of a proof, remembered on disk until it would have ended anyway."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from sqlalchemy import bindparam, delete
from sqlalchemy.dialects.postgresql import insert

from app.db.database import Transaction
from app.db.statements import hot
from app.identity.instants import to_us
from app.oauth.tables import used_assertion
from app.oauth.tokens import hashed

_USE = hot(
    insert(used_assertion)
    .values(client_id=bindparam("client_id"), jti_hash=bindparam("jti_hash"), expires_at=bindparam("expires_at"))
    .on_conflict_do_nothing()
)
_FORGET = hot(delete(used_assertion).where(used_assertion.c.expires_at < bindparam("now")))


def first_use(party: str, jti: str, until: datetime, now: datetime) -> Callable[[Transaction], Awaitable[bool]]:
    """Return the job that says whether ``party`` uses this jti for the first time."""
    row = {"client_id": party, "jti_hash": hashed(jti), "expires_at": to_us(until)}

    async def job(transaction: Transaction) -> bool:
        await transaction.run(_FORGET, {"now": to_us(now)})
        return await transaction.run(_USE, row) == 1

    return job
