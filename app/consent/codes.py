"""The short code that a person makes and tells a practice, so that the practice can ask for access.

It says whose record is meant, and nothing else: it opens nothing. It is good once, for a day; a new one ends the one before.
"""

import hmac
import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from app.consent.tables import access_code
from app.db.database import Reader, Transaction
from app.db.statements import hot
from app.fhir.dates import microseconds, moment_of

LIFETIME = timedelta(days=1)
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 signs that nobody takes for another: no 0, 1, I or O."""

LENGTH = 8

_columns = access_code.c
_SET = hot(
    insert(access_code)
    .values({name: bindparam(name) for name in ("record_id", "code_hash", "expires_at")})
    .on_conflict_do_update(
        index_elements=["record_id"], set_={name: bindparam(name) for name in ("code_hash", "expires_at")}
    )
)
_FIND = hot(
    select(_columns.record_id).where(
        _columns.code_hash == bindparam("code_hash"), _columns.expires_at > bindparam("now")
    )
)
_STANDING = hot(
    select(_columns.expires_at).where(
        _columns.record_id == bindparam("record_id"), _columns.expires_at > bindparam("now")
    )
)
_END = hot(delete(access_code).where(_columns.record_id == bindparam("record_id")))


async def make(transaction: Transaction, key: bytes, record_id: int, now: datetime) -> str:
    """Return a new code for a record, such as ``K7QX-2MPA``; ``key`` makes what is kept of it."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    row = {"record_id": record_id, "code_hash": _hashed(key, code)}
    await transaction.run(_SET, {**row, "expires_at": microseconds(now + LIFETIME)})
    return f"{code[:4]}-{code[4:]}"


async def take(transaction: Transaction, key: bytes, typed: str, now: datetime) -> int | None:
    """Return the record that a code is of, and end the code; None if it is no code, or is over."""
    plain = "".join(sign for sign in typed.upper() if sign.isalnum())
    row = await transaction.one(_FIND, {"code_hash": _hashed(key, plain), "now": microseconds(now)})
    await transaction.run(_END, {"record_id": row[0] if row else 0})
    return row[0] if row else None


async def standing(reader: Reader, record_id: int, now: datetime) -> datetime | None:
    """Return when the code of a record ends, None if it has none now; the code itself is not kept."""
    row = await reader.one(_STANDING, {"record_id": record_id, "now": microseconds(now)})
    return None if row is None else moment_of(row[0])


def _hashed(key: bytes, code: str) -> bytes:
    return hmac.new(key, f"access code {code}".encode(), sha256).digest()
