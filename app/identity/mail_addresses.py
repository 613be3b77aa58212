"""The mail address of an account: taken only after a code that was mailed there came back, within half an hour.

What is mailed to people goes to such an address and to no other.
"""

import hmac
import re
import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from app.db.database import Reader, Transaction
from app.db.statements import hot
from app.identity.instants import to_us
from app.identity.tables import account, mail_code

LIFETIME = timedelta(minutes=30)
TRIES = 5
LENGTH_MAX = 254
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"[\w!#$%&'*+/=?^`{{|}}~-]+(?:\.[\w!#$%&'*+/=?^`{{|}}~-]+)*@{_LABEL}(?:\.{_LABEL})*", re.ASCII)

_columns = mail_code.c
_kept = ("mail", "code_hash", "tries_left", "expires_at")
_SET = hot(
    insert(mail_code)
    .values({name: bindparam(name) for name in ("account_id", *_kept)})
    .on_conflict_do_update(index_elements=["account_id"], set_={name: bindparam(name) for name in _kept})
)
_GET = hot(
    select(_columns.mail, _columns.code_hash).where(
        _columns.account_id == bindparam("account_id"),
        _columns.tries_left > 0,
        _columns.expires_at > bindparam("now"),
    )
)
_TRIED = hot(
    update(mail_code).where(_columns.account_id == bindparam("account_id")).values(tries_left=_columns.tries_left - 1)
)
_END = hot(delete(mail_code).where(_columns.account_id == bindparam("account_id")))
_FORGET = hot(delete(mail_code).where(_columns.expires_at <= bindparam("now")))
_TAKE = hot(update(account).where(account.c.account_id == bindparam("which")).values(mail=bindparam("mail")))
_OF_ACCOUNT = hot(select(account.c.mail).where(account.c.account_id == bindparam("account_id")))
_OF_RECORD = hot(
    select(account.c.mail).where(account.c.record_id == bindparam("record_id"), account.c.mail.is_not(None))
)


def is_address(text: str) -> bool:
    """Return whether mail can be sent to this: one plain address, as browsers take it in a form.

    Spec: https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
    """
    return len(text) <= LENGTH_MAX and _ADDRESS.fullmatch(text) is not None


class MailAddresses:
    """The mail addresses of accounts; ``key`` (32 bytes) makes what is kept of the codes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    async def begin(self, transaction: Transaction, account_id: str, mail: str, now: datetime) -> str:
        """Return the code of six digits to mail to ``mail``; one from before is worth nothing any more."""
        code = f"{secrets.randbelow(1_000_000):06}"
        await transaction.run(_FORGET, {"now": to_us(now)})
        row = {"account_id": account_id, "mail": mail, "code_hash": self._hashed(account_id, code)}
        await transaction.run(_SET, {**row, "tries_left": TRIES, "expires_at": to_us(now + LIFETIME)})
        return code

    async def confirm(self, transaction: Transaction, account_id: str, typed: str, now: datetime) -> bool:
        """Return whether ``typed`` is the code; then the address is the account's from now on."""
        row = await transaction.one(_GET, {"account_id": account_id, "now": to_us(now)})
        await transaction.run(_TRIED, {"account_id": account_id})
        code = self._hashed(account_id, typed.replace(" ", ""))
        if row is None or not hmac.compare_digest(bytes(row[1]), code):
            return False
        await transaction.run(_END, {"account_id": account_id})
        await transaction.run(_TAKE, {"which": account_id, "mail": row[0]})
        return True

    def _hashed(self, account_id: str, code: str) -> bytes:
        return hmac.new(self._key, f"{account_id} {code}".encode(), sha256).digest()


async def of_account(reader: Reader, account_id: str) -> str:
    """Return the address of an account, empty when it has none."""
    row = await reader.one(_OF_ACCOUNT, {"account_id": account_id})
    return "" if row is None or row[0] is None else str(row[0])


async def of_record(reader: Reader, record_id: int) -> list[str]:
    """Return the addresses of whose record this is."""
    return [mail for (mail,) in await reader.all(_OF_RECORD, {"record_id": record_id})]
