"""The people of practices: who was invited with which role, and until when they belong to it.

A login for work is an account without a record; ``staff`` says for which practice. An invitation is a link that is good once, for a
week. Who left keeps their row, so that the log can be read, and loses the account with all that opens it.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from app.access.staff import StaffRole
from app.db.database import Reader, Row, Transaction
from app.db.statements import hot
from app.errors import ConflictError, NotFoundError, UnprocessableError
from app.identity.erase import erase_account
from app.identity.instants import from_us, to_us
from app.identity.tables import staff, staff_invitation

LIFETIME = timedelta(days=7)
NAME_LENGTH_MAX = 100
_REGISTRATION = re.compile(r"(?:(?:AGB|BIG|UZI) ?)?[0-9]{8,11}")
"""A number in a register of care: AGB has 8 digits, UZI 9, BIG 11."""

_columns = staff.c
_invited = staff_invitation.c
_INSERT = hot(insert(staff))
_ONE = hot(select(staff).where(_columns.account_id == bindparam("account_id"), _columns.ended_at.is_(None)))
_OF_PRACTICE = hot(
    select(staff)
    .where(_columns.practice_id == bindparam("practice_id"), _columns.ended_at.is_(None))
    .order_by(_columns.name, _columns.account_id)
)
_CHANGE = hot(
    update(staff)
    .where(_columns.account_id == bindparam("which"))
    .values(role=bindparam("new_role"), is_administrator=bindparam("administers"))
)
_END = hot(update(staff).where(_columns.account_id == bindparam("which")).values(ended_at=bindparam("at")))
_INVITE = hot(insert(staff_invitation).on_conflict_do_nothing())
_valid = _invited.expires_at > bindparam("now")
_INVITATION = hot(select(staff_invitation).where(_invited.token_hash == bindparam("token_hash"), _valid))
_INVITATIONS = hot(
    select(staff_invitation).where(_invited.practice_id == bindparam("practice_id"), _valid).order_by(_invited.name)
)
_SPEND = (
    update(staff_invitation)
    .where(_invited.practice_id == bindparam("which"), _invited.expires_at > 0)
    .values(name="", registration="", spent_until=_invited.expires_at, expires_at=0)
)
_USE = hot(_SPEND.where(_invited.token_hash == bindparam("token")))
_WITHDRAW_ALL = hot(_SPEND)
_FORGET = hot(
    delete(staff_invitation).where(_invited.expires_at <= bindparam("now"), _invited.spent_until <= bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class Described:
    """What somebody is at a practice; ``registration`` is their number in a register (UZI, AGB), empty when not told.

    Raises: UnprocessableError, when name or number can't be.
    """

    name: str
    role: StaffRole
    is_administrator: bool = False
    registration: str = ""

    def __post_init__(self) -> None:
        """Check the name and the number."""
        if not 0 < len(self.name) <= NAME_LENGTH_MAX or not self.name.isprintable() or not self.name.strip():
            raise UnprocessableError(f"The name has 1 to {NAME_LENGTH_MAX} characters.")
        if self.registration and not _REGISTRATION.fullmatch(self.registration):
            raise UnprocessableError("The registration is a number of 8 to 11 digits, with AGB, BIG or UZI before it.")
        if self.role is StaffRole.NONE and not self.is_administrator:
            raise UnprocessableError("Somebody of a practice has a role in care, or administers it.")

    @property
    def words(self) -> str:
        """Return it for the log."""
        parts = [self.name, self.role.value, *(["administrator"] if self.is_administrator else [])]
        return ", ".join([*parts, *([self.registration] if self.registration else [])])


@dataclass(frozen=True, slots=True)
class StaffMember:
    """Somebody who belongs to a practice."""

    account_id: str
    practice_id: str
    described: Described
    invited_at: datetime
    invited_by: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody who may join a practice; ``key`` names it and opens nothing."""

    key: str
    practice_id: str
    described: Described
    invited_at: datetime
    invited_by: str
    expires_at: datetime


async def invite(transaction: Transaction, practice_id: str, described: Described, by: str, now: datetime) -> str:
    """Return the secret of a new invitation, to be handed to the one it is for."""
    token = secrets.token_urlsafe(32)
    await invite_with(token, transaction, practice_id, described, by, now)
    return token


async def invite_with(
    token: str, transaction: Transaction, practice_id: str, described: Described, by: str, now: datetime
) -> bool:
    """Return whether the invitation with this secret is new; else it stands already, and stays as it is.

    Raises: ConflictError, when it was used or withdrawn.
    """
    await transaction.run(_FORGET, {"now": to_us(now)})
    row = {"token_hash": _hashed(token), "practice_id": practice_id, **_row(described)}
    times = {"invited_at": to_us(now), "invited_by": by, "expires_at": to_us(now + LIFETIME), "spent_until": 0}
    is_new = await transaction.run(_INVITE, {**row, **times}) == 1
    if not is_new and await invitation(transaction, token, now) is None:
        raise ConflictError("This invitation was used or withdrawn.")
    return is_new


async def invitation(reader: Reader, token: str, now: datetime) -> Invitation | None:
    """Return what a secret invites to, None when it was used or withdrawn, is too old or never was."""
    row = await reader.one(_INVITATION, {"token_hash": _hashed(token), "now": to_us(now)})
    return None if row is None else _invitation(row)


async def invitations(reader: Reader, practice_id: str, now: datetime) -> list[Invitation]:
    """Return who may still join a practice, by name."""
    return [_invitation(row) for row in await reader.all(_INVITATIONS, {"practice_id": practice_id, "now": to_us(now)})]


async def withdraw(transaction: Transaction, practice_id: str, key: str) -> None:
    """End an invitation of a practice: its link is good no more, however often its form is sent again. Raises: NotFoundError."""
    if not await transaction.run(_USE, {"token": key, "which": practice_id}):
        raise NotFoundError("There is no such invitation.")


async def join(transaction: Transaction, token: str, account_id: str, now: datetime) -> StaffMember:
    """Return who the account belongs to from now on; the invitation is used up. Raises: NotFoundError, when there is none."""
    invited = await invitation(transaction, token, now)
    if invited is None:
        raise NotFoundError("There is no such invitation.")
    await withdraw(transaction, invited.practice_id, invited.key)
    member = StaffMember(account_id, invited.practice_id, invited.described, invited.invited_at, invited.invited_by)
    row = {"account_id": account_id, "practice_id": member.practice_id, **_row(member.described)}
    times = {"invited_at": to_us(member.invited_at), "invited_by": member.invited_by, "ended_at": None}
    await transaction.run(_INSERT, {**row, **times})
    return member


async def present(reader: Reader, account_id: str) -> StaffMember | None:
    """Return who has this login for work, None when nobody has it (any more). A point read."""
    row = await reader.one(_ONE, {"account_id": account_id})
    return None if row is None else _member(row)


async def of_practice(reader: Reader, practice_id: str) -> list[StaffMember]:
    """Return who belongs to a practice now, by name."""
    return [_member(row) for row in await reader.all(_OF_PRACTICE, {"practice_id": practice_id})]


async def one_of(reader: Reader, practice_id: str, account_id: str) -> StaffMember:
    """Return one who belongs to a practice now. Raises: NotFoundError."""
    member = await present(reader, account_id)
    if member is None or member.practice_id != practice_id:
        raise NotFoundError("Nobody with this login belongs to this practice.")
    return member


async def change(
    transaction: Transaction, practice_id: str, account_id: str, role: StaffRole, *, administers: bool
) -> StaffMember:
    """Return somebody in their new role, in force at their next request.

    Who administers no more may know the links of invitations: those of the practice end.

    Raises: NotFoundError; ConflictError, when nobody would be left to administer the practice; UnprocessableError.
    """
    member = await one_of(transaction, practice_id, account_id)
    described = Described(member.described.name, role, administers, member.described.registration)
    await transaction.run(_CHANGE, {"which": account_id, "new_role": role.value, "administers": administers})
    await _check_administered(transaction, member)
    if member.described.is_administrator and not administers:
        await transaction.run(_WITHDRAW_ALL, {"which": practice_id})
    return StaffMember(account_id, practice_id, described, member.invited_at, member.invited_by)


async def end(transaction: Transaction, practice_id: str, account_id: str, now: datetime) -> StaffMember:
    """Return who left: their login is erased with all its sessions, and with an administrator the practice's invitations.

    Raises: NotFoundError; ConflictError, when nobody would be left to administer the practice.
    """
    member = await one_of(transaction, practice_id, account_id)
    await transaction.run(_END, {"which": account_id, "at": to_us(now)})
    await _check_administered(transaction, member)
    if member.described.is_administrator:
        await transaction.run(_WITHDRAW_ALL, {"which": practice_id})
    await erase_account(transaction, account_id)
    return member


async def _check_administered(transaction: Transaction, member: StaffMember) -> None:
    """Raise ConflictError if ``member`` was the last who administered the practice."""
    others = await of_practice(transaction, member.practice_id)
    if member.described.is_administrator and not any(one.described.is_administrator for one in others):
        raise ConflictError("Somebody has to administer the practice.")


def _row(described: Described) -> dict[str, object]:
    return {
        "name": described.name,
        "role": described.role.value,
        "registration": described.registration,
        "is_administrator": described.is_administrator,
    }


def _member(row: Row) -> StaffMember:
    account_id, practice_id, name, role, registration, is_administrator, invited_at, invited_by, _ = row
    described = Described(name, StaffRole(role), bool(is_administrator), registration)
    return StaffMember(account_id, practice_id, described, from_us(invited_at), invited_by)


def _invitation(row: Row) -> Invitation:
    key, practice_id, name, role, registration, is_administrator, invited_at, invited_by, expires_at, _ = row
    described = Described(name, StaffRole(role), bool(is_administrator), registration)
    return Invitation(key, practice_id, described, from_us(invited_at), invited_by, from_us(expires_at))


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
