"""The people of practices: who was invited with which role, and until when they belong to it.

A login for work is an account without a record; ``staff`` says for which practice. Who left keeps their row, so that the log can
be read, and loses the account.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, select

from app.access.staff import StaffRole
from app.db.database import Reader, Row, Transaction
from app.db.statements import hot
from app.identity.instants import from_us, to_us
from app.identity.tables import staff

_columns = staff.c
_INSERT = hot(insert(staff))
_ONE = hot(select(staff).where(_columns.account_id == bindparam("account_id"), _columns.ended_at.is_(None)))


@dataclass(frozen=True, slots=True)
class Described:
    """What somebody is at a practice; ``registration`` is their number in a register (UZI, AGB), empty when not told."""

    name: str
    role: StaffRole
    is_administrator: bool = False
    registration: str = ""


@dataclass(frozen=True, slots=True)
class StaffMember:
    """Somebody who belongs to a practice, or did until ``ended_at``."""

    account_id: str
    practice_id: str
    described: Described
    invited_at: datetime
    invited_by: str
    ended_at: datetime | None = None


async def join(transaction: Transaction, member: StaffMember) -> None:
    """Let the account of ``member`` belong to their practice."""
    described = member.described
    await transaction.run(
        _INSERT,
        {
            "account_id": member.account_id,
            "practice_id": member.practice_id,
            "name": described.name,
            "role": described.role.value,
            "registration": described.registration,
            "is_administrator": described.is_administrator,
            "invited_at": to_us(member.invited_at),
            "invited_by": member.invited_by,
            "ended_at": None,
        },
    )


async def present(reader: Reader, account_id: str) -> StaffMember | None:
    """Return who has this login for work, None when nobody has it (any more). A point read."""
    row = await reader.one(_ONE, {"account_id": account_id})
    return None if row is None else _member(row)


def _member(row: Row) -> StaffMember:
    account_id, practice_id, name, role, registration, is_administrator, invited_at, invited_by, ended_at = row
    return StaffMember(
        account_id,
        practice_id,
        Described(name, StaffRole(role), bool(is_administrator), registration),
        from_us(invited_at),
        invited_by,
        None if ended_at is None else from_us(ended_at),
    )
