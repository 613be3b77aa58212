"""Tokens: opaque random strings, of which only the SHA-256 is kept, and the requester that each stands for.

An access token is looked up once per request, a point read of one row. Refresh tokens rotate: each is good once, and one
that comes back a second time ends all tokens of its family, since either its owner or a thief has a copy.

Specs: https://www.rfc-editor.org/rfc/rfc6750, https://www.rfc-editor.org/rfc/rfc9700#section-4.14
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select, update

from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import SmartScopes
from app.db.database import Database, Reader, Recalled, Row, Transaction
from app.db.statements import hot
from app.fhir.release import Release
from app.identity.instants import from_us, to_us
from app.oauth.tables import authorization_code, client, token

_columns = token.c
_INSERT = hot(insert(token))
_REQUESTER = hot(
    select(
        _columns.requester_kind,
        _columns.display,
        _columns.scope,
        _columns.record_id,
        _columns.practice_id,
        _columns.client_id,
        _columns.grant_id,
        _columns.family_id,
        client.c.both_releases,
        _columns.binding,
        _columns.account_id,
        _columns.on_behalf_of,
        _columns.expires_at,
        _columns.token_hash,
    )
    .select_from(token.outerjoin(client, client.c.client_id == _columns.client_id))
    .where(
        _columns.token_hash == bindparam("token_hash"),
        _columns.is_refresh.is_(False),
        _columns.revoked_at.is_(None),
        client.c.ended_at.is_(None),  # true too where there is no client
    )
)
_ROW = hot(select(token).where(_columns.token_hash == bindparam("token_hash")))
_USE = hot(
    update(token)
    .where(_columns.token_hash == bindparam("which"), _columns.used_at.is_(None), _columns.revoked_at.is_(None))
    .values(used_at=bindparam("at"))
)
_unrevoked = update(token).where(_columns.revoked_at.is_(None)).values(revoked_at=bindparam("at"))
_REVOKE_ONE = hot(_unrevoked.where(_columns.token_hash == bindparam("which")))
_REVOKE_FAMILY = hot(_unrevoked.where(_columns.family_id == bindparam("family")))
_REVOKE_GRANT = hot(
    _unrevoked.where(_columns.record_id == bindparam("of_record"), _columns.grant_id == bindparam("which"))
)
_REVOKE_CLIENT = hot(_unrevoked.where(_columns.client_id == bindparam("of_client")))
_FORGET_TOKENS = hot(delete(token).where(_columns.expires_at < bindparam("before")))
_FORGET_CODES = hot(delete(authorization_code).where(authorization_code.c.expires_at < bindparam("before")))


@dataclass(frozen=True, slots=True)
class Token:
    """A token at rest, all instants in microseconds UTC; Authlib's questions are answered from it."""

    token_hash: str
    family_id: str
    is_refresh: bool
    requester_kind: RequesterKind
    display: str
    client_id: str
    record_id: int | None
    practice_id: str | None
    grant_id: str | None
    scope: str
    release: Release | None
    issued_at: int
    expires_at: int
    used_at: int | None = None
    revoked_at: int | None = None
    session_id: str | None = None
    binding: str | None = None
    account_id: str | None = None
    on_behalf_of: str = ""

    def check_client(self, client: object) -> bool:
        """Return whether the token was issued to this client."""
        return getattr(client, "client_id", None) == self.client_id

    def get_scope(self) -> str:
        """Return the scope string."""
        return self.scope

    def is_active(self, now_us: int) -> bool:
        """Return whether the token is good at this instant."""
        return self.expires_at > now_us and self.revoked_at is None and self.used_at is None


@dataclass(frozen=True, slots=True)
class Holder:
    """For whom a token is made; see ``Requester``."""

    kind: RequesterKind
    display: str
    client_id: str = ""
    record_id: int | None = None
    practice_id: str | None = None
    grant_id: str | None = None
    release: Release | None = None
    session_id: str | None = None
    binding: str | None = None
    account_id: str | None = None
    on_behalf_of: str = ""


def hashed(value: str) -> str:
    """Return what is kept of a code or token. They are random, so that a plain hash can't be turned back."""
    return hashlib.sha256(value.encode()).hexdigest()


async def find(reader: Reader, value: str, now: datetime) -> Requester | None:
    """Return whom an access token stands for; None if it is unknown, expired, revoked or a refresh token."""
    return _if_good(await of_hash(reader, hashed(value)), now)


async def recall(access: Recalled, value: str, now: datetime) -> Requester | None:
    """Return what ``find`` does, by what is remembered: for who looks again in the transaction that makes it count."""
    token_hash = hashed(value)
    return _if_good(await access.of(("token", token_hash), lambda reader: of_hash(reader, token_hash)), now)


async def of_hash(reader: Reader, token_hash: str) -> Requester | None:
    """Return whom an access token stands for, whether it is expired or not; None if it is unknown, revoked or a refresh token."""
    row = await reader.one(_REQUESTER, {"token_hash": token_hash})
    return None if row is None else _requester(row)


def _if_good(found: Requester | None, now: datetime) -> Requester | None:
    return found if found is not None and found.good_until is not None and now < found.good_until else None


async def issue(
    transaction: Transaction,
    holder: Holder,
    *,
    scope: str,
    lifetime: timedelta,
    now: datetime,
    family_id: str = "",
    is_refresh: bool = False,
    value: str = "",
) -> str:
    """Return a new token, in a new family unless one is given."""
    value = value or new_value()
    await transaction.run(
        _INSERT,
        {
            "token_hash": hashed(value),
            "family_id": family_id or new_family(),
            "is_refresh": is_refresh,
            "requester_kind": holder.kind.value,
            "display": holder.display,
            "client_id": holder.client_id,
            "record_id": holder.record_id,
            "practice_id": holder.practice_id,
            "grant_id": holder.grant_id,
            "scope": scope,
            "fhir_release": None if holder.release is None else holder.release.value,
            "issued_at": to_us(now),
            "expires_at": to_us(now + lifetime),
            "used_at": None,
            "revoked_at": None,
            "session_id": holder.session_id,
            "binding": holder.binding,
            "account_id": holder.account_id,
            "on_behalf_of": holder.on_behalf_of,
        },
    )
    return value


async def issue_for_patient(
    transaction: Transaction, *, record_id: int, display: str, scope: str, lifetime: timedelta, now: datetime
) -> str:
    """Return an access token with which the person of a record sees their own; for commands on the machine itself."""
    holder = Holder(RequesterKind.PERSON, display, record_id=record_id)
    return await issue(transaction, holder, scope=scope, lifetime=lifetime, now=now)


async def issue_for_practice(
    transaction: Transaction, *, practice_id: str, display: str, scope: str, lifetime: timedelta, now: datetime
) -> str:
    """Return an access token with which a practice sees what was granted to it; for commands on the machine itself."""
    holder = Holder(RequesterKind.PRACTICE, display, practice_id=practice_id)
    return await issue(transaction, holder, scope=scope, lifetime=lifetime, now=now)


async def issue_for_operator(transaction: Transaction, *, scope: str, lifetime: timedelta, now: datetime) -> str:
    """Return an access token of who runs the server; for commands on the machine itself."""
    return await issue(transaction, Holder(RequesterKind.OPERATOR, "operator"), scope=scope, lifetime=lifetime, now=now)


async def use(transaction: Transaction, old: Token, now_us: int) -> bool:
    """Return whether a refresh token could be used up; if it was used before, its whole family is revoked instead."""
    if await transaction.run(_USE, {"which": old.token_hash, "at": now_us}) == 1:
        return True
    await revoke_family(transaction, old.family_id, now_us)
    return False


async def is_good(transaction: Transaction, held: Token, now: datetime) -> bool:
    """Return whether a token is good still."""
    row = await transaction.one(_ROW, {"token_hash": held.token_hash})
    return row is not None and _token(row).is_active(to_us(now))


async def revoke(transaction: Transaction, revoked: Token, now_us: int) -> None:
    """Revoke an access token, or a refresh token with all that came from the same authorization (RFC 7009)."""
    if revoked.is_refresh:
        await revoke_family(transaction, revoked.family_id, now_us)
    else:
        await transaction.run(_REVOKE_ONE, {"which": revoked.token_hash, "at": now_us})


async def revoke_family(transaction: Transaction, family_id: str, now_us: int) -> None:
    """Revoke all tokens of a family."""
    await transaction.run(_REVOKE_FAMILY, {"family": family_id, "at": now_us})


async def revoke_of_grant(transaction: Transaction, record_id: int, grant_id: str, now: datetime) -> int:
    """Return how many tokens were revoked that rest on a grant; call it where the grant is withdrawn."""
    return await transaction.run(_REVOKE_GRANT, {"of_record": record_id, "which": grant_id, "at": to_us(now)})


async def revoke_of_client(transaction: Transaction, client_id: str, now_us: int) -> int:
    """Return how many tokens of a client were revoked."""
    return await transaction.run(_REVOKE_CLIENT, {"of_client": client_id, "at": now_us})


async def forget(transaction: Transaction, now: datetime) -> None:
    """Delete codes and tokens that ended more than a day ago: nothing can be done with them, nor learnt from them."""
    before = {"before": to_us(now - timedelta(days=1))}
    await transaction.run(_FORGET_TOKENS, before)
    await transaction.run(_FORGET_CODES, before)


def read_blocking(database: Database, value: str) -> Token | None:
    """Return the token as it is at rest, whatever its state; for code in a worker thread."""
    rows = database.read_blocking(_ROW, {"token_hash": hashed(value)})
    return _token(rows[0]) if rows else None


def new_value() -> str:
    """Return a new code or token: 256 random bits."""
    return secrets.token_urlsafe(32)


def new_family() -> str:
    """Return the id of a new family."""
    return secrets.token_hex(12)


def _token(row: Row) -> Token:
    (
        token_hash,
        family_id,
        is_refresh,
        kind,
        display,
        client_id,
        record_id,
        practice_id,
        grant_id,
        scope,
        release,
        *ends,
    ) = row
    return Token(
        token_hash,
        family_id,
        bool(is_refresh),
        RequesterKind(kind),
        display,
        client_id,
        record_id,
        practice_id,
        grant_id,
        scope,
        None if release is None else Release(release),
        *ends,
    )


def _requester(row: Row) -> Requester:
    kind_name, display, scope, record_id, practice_id, client_id, grant_id, family_id, *rest = row
    both_releases, binding, account_id, on_behalf_of, expires_at, token_hash = rest
    kind = RequesterKind(kind_name)
    parties = {
        RequesterKind.APP: client_id,
        RequesterKind.PRACTICE: practice_id,
        RequesterKind.REPRESENTATIVE: account_id,
    }
    party = parties.get(kind)
    return Requester(
        kind=kind,
        actor=f"{kind.value}:{party}" if party else kind.value,
        display=display,
        scopes=SmartScopes.of(scope),
        record_id=record_id,
        practice_id=practice_id,
        client_id=client_id,
        grant_id=grant_id,
        token_id=family_id,
        both_releases=bool(both_releases),
        bound_to=binding or "",
        token_hash=token_hash,
        good_until=from_us(expires_at),
        on_behalf_of=on_behalf_of,
    )
