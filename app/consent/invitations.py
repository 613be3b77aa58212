"""Invitations to help: what a person allows somebody who is still to come, under a code that they tell them.

Only the hash of the code is kept. It is good once, for a week.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select

from app.access.categories import Category
from app.access.representation import Power
from app.access.smart_scope import Action
from app.consent.codes import ALPHABET
from app.consent.tables import helper_invitation
from app.db.database import Reader, Row, Transaction
from app.db.statements import hot

LIFETIME = timedelta(days=7)
CODE_LENGTH = 12
"""Signs of a code: 60 random bits."""

WAITING_MAX = 20
"""Invitations of one record that wait at once."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_columns = helper_invitation.c
_INSERT = hot(insert(helper_invitation))
_ONE = hot(
    select(helper_invitation).where(
        _columns.code_hash == bindparam("code_hash"), _columns.expires_at > bindparam("now")
    )
)
_OF_RECORD = hot(
    select(helper_invitation)
    .where(_columns.record_id == bindparam("record_id"), _columns.expires_at > bindparam("now"))
    .order_by(_columns.expires_at, _columns.code_hash)
)
_END = hot(
    delete(helper_invitation).where(
        _columns.record_id == bindparam("of_record"), _columns.code_hash == bindparam("code_hash")
    )
)
_FORGET = hot(delete(helper_invitation).where(_columns.expires_at <= bindparam("now")))


@dataclass(frozen=True, slots=True)
class Invitation:
    """What is offered; ``invitation_id`` opens nothing. ``called`` is what the one who invites calls who is to help."""

    record_id: int
    represented: str
    called: str
    categories: Category
    actions: Action
    powers: Power
    until: datetime
    invitation_id: str = ""


def code_from(seed: bytes) -> str:
    """Return a code, in groups of four characters, made of ``seed``: at least ``CODE_LENGTH`` bytes that nobody can guess."""
    code = "".join(ALPHABET[byte % len(ALPHABET)] for byte in seed[:CODE_LENGTH])
    return "-".join(code[at : at + 4] for at in range(0, CODE_LENGTH, 4))


async def make(transaction: Transaction, invitation: Invitation, code: str, now: datetime) -> None:
    """Keep a new invitation under a ``code``, of ``code_from``, that was never one before."""
    await transaction.run(_FORGET, {"now": _us(now)})
    row = {
        "code_hash": _hashed(code),
        "record_id": invitation.record_id,
        "represented": invitation.represented,
        "called": invitation.called,
        "categories": int(invitation.categories),
        "actions": int(invitation.actions),
        "powers": int(invitation.powers),
        "ends_at": _us(invitation.until),
        "expires_at": _us(now + LIFETIME),
    }
    await transaction.run(_INSERT, row)


async def find(reader: Reader, code: str, now: datetime) -> Invitation | None:
    """Return the invitation of a code, however it was typed; None if there is none, or not any more."""
    row = await reader.one(_ONE, {"code_hash": _hashed(code), "now": _us(now)})
    return None if row is None else _invitation(row)


async def of_record(reader: Reader, record_id: int, now: datetime) -> list[Invitation]:
    """Return the invitations to help with a record that wait."""
    return [_invitation(row) for row in await reader.all(_OF_RECORD, {"record_id": record_id, "now": _us(now)})]


async def end(transaction: Transaction, record_id: int, invitation_id: str) -> bool:
    """Return whether there was such an invitation to this record, which is over now."""
    return await transaction.run(_END, {"of_record": record_id, "code_hash": invitation_id}) == 1


def _hashed(code: str) -> str:
    plain = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()


def _us(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _invitation(row: Row) -> Invitation:
    code_hash, record_id, represented, called, categories, actions, powers, ends_at, _ = row
    until = _EPOCH + timedelta(microseconds=ends_at)
    return Invitation(
        record_id, represented, called, Category(categories), Action(actions), Power(powers), until, code_hash
    )
