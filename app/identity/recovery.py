"""Recovery codes: ten codes on paper that each stand in once for the code of a phone that is gone.

They are shown when they are made and never again; kept is an HMAC of each, with a key that is not in the database.
"""

import hmac
import secrets
from base64 import b32encode
from hashlib import sha256

from sqlalchemy import bindparam, delete, func, insert, select

from app.db.database import Reader, Transaction
from app.db.statements import hot
from app.identity.tables import recovery_code

HOW_MANY = 10
_LENGTH, _GROUP = 16, 4
_LOOK_ALIKE = str.maketrans("018", "OIB")  # base32 has none of these digits: who reads one meant the letter

_columns = recovery_code.c
_INSERT = hot(insert(recovery_code))
_END = hot(delete(recovery_code).where(_columns.account_id == bindparam("account_id")))
_USE = hot(
    delete(recovery_code).where(
        _columns.account_id == bindparam("account_id"), _columns.code_hash == bindparam("code_hash")
    )
)
_LEFT = hot(select(func.count()).select_from(recovery_code).where(_columns.account_id == bindparam("account_id")))


class RecoveryCodes:
    """The recovery codes of all accounts; ``key`` (32 bytes) makes what is kept of them."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    async def renew(self, transaction: Transaction, account_id: str) -> list[str]:
        """Return new codes for an account, to be shown once; those from before are worth nothing any more."""
        await transaction.run(_END, {"account_id": account_id})
        made = [b32encode(secrets.token_bytes(10)).decode() for _ in range(HOW_MANY)]
        for code in made:
            await transaction.run(_INSERT, {"account_id": account_id, "code_hash": self._kept(account_id, code)})
        return ["-".join(code[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP)) for code in made]

    async def use(self, transaction: Transaction, account_id: str, typed: str) -> bool:
        """Return whether ``typed`` is a code of the account that was not used; it is used now."""
        code = "".join(sign for sign in typed.upper() if sign.isalnum()).translate(_LOOK_ALIKE)
        return await transaction.run(_USE, {"account_id": account_id, "code_hash": self._kept(account_id, code)}) == 1

    def _kept(self, account_id: str, code: str) -> bytes:
        return hmac.new(self._key, f"{account_id} {code}".encode(), sha256).digest()


async def left(reader: Reader, account_id: str) -> int:
    """Return how many codes of an account are not used yet."""
    row = await reader.one(_LEFT, {"account_id": account_id})
    return 0 if row is None else int(row[0])
