"""Up to which change of a person's record somebody of a practice said that they saw it.

It goes with the record and with the login, whichever is erased first.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from app.db.database import Reader, Transaction
from app.db.statements import hot
from app.identity.instants import from_us, to_us
from app.identity.tables import staff_look

_columns = staff_look.c
_ONE = hot(
    select(_columns.seq, _columns.seen_at).where(
        _columns.record_id == bindparam("record_id"), _columns.account_id == bindparam("account_id")
    )
)
_SEEN = hot(
    insert(staff_look)
    .values({column.name: bindparam(column.name) for column in _columns})
    .on_conflict_do_update(
        index_elements=["record_id", "account_id"], set_={"seq": bindparam("seq"), "seen_at": bindparam("seen_at")}
    )
)


@dataclass(frozen=True, slots=True)
class StaffLook:
    """The number of the last change that somebody saw, and when (UTC) they said so."""

    seq: int
    seen_at: datetime


async def last_look(reader: Reader, record_id: int, account_id: str) -> StaffLook | None:
    """Return what somebody saw of a record, None when they never said so. A point read."""
    row = await reader.one(_ONE, {"record_id": record_id, "account_id": account_id})
    return None if row is None else StaffLook(row[0], from_us(row[1]))


async def saw(transaction: Transaction, record_id: int, account_id: str, look: StaffLook) -> None:
    """Keep that somebody saw a record up to a change; in place of what they saw before."""
    await transaction.run(
        _SEEN,
        {"record_id": record_id, "account_id": account_id, "seq": look.seq, "seen_at": to_us(look.seen_at)},
    )
