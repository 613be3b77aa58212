"""Authorization codes at rest: short-lived, good once, bound to client, redirect URI and code challenge.

Spec: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2, https://www.rfc-editor.org/rfc/rfc7636
"""

from dataclasses import asdict, dataclass

from sqlalchemy import bindparam, insert, select, update

from app.db.database import Database, Transaction
from app.db.statements import hot
from app.fhir.release import Release
from app.oauth.tables import authorization_code
from app.oauth.tokens import hashed, revoke_family

_columns = authorization_code.c
_INSERT = hot(insert(authorization_code))
_ROW = hot(select(authorization_code).where(_columns.code_hash == bindparam("code_hash")))
_USE = hot(
    update(authorization_code)
    .where(_columns.code_hash == bindparam("which"), _columns.used_at.is_(None))
    .values(used_at=bindparam("at"))
)


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A code, all instants in microseconds UTC; ``family_id`` is that of the tokens it will be exchanged for."""

    code_hash: str
    family_id: str
    client_id: str
    record_id: int
    grant_id: str
    redirect_uri: str
    scope: str
    code_challenge: str
    release: Release | None
    expires_at: int
    used_at: int | None = None
    nonce: str | None = None
    session_id: str | None = None
    binding: str | None = None
    auth_time: int | None = None

    @property
    def code_challenge_method(self) -> str:
        """Return the one method there is."""
        return "S256"

    def get_redirect_uri(self) -> str:
        """Return the redirect URI of the authorization request."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """Return the scope that the person agreed to."""
        return self.scope


async def keep(transaction: Transaction, code: AuthorizationCode) -> None:
    """Write a new code."""
    row = asdict(code)
    release = row.pop("release")
    await transaction.run(_INSERT, {**row, "fhir_release": None if release is None else release.value})


async def use(transaction: Transaction, code: AuthorizationCode, now_us: int) -> bool:
    """Return whether the code could be used up; if it was used before, the tokens it gave are revoked instead."""
    if await transaction.run(_USE, {"which": code.code_hash, "at": now_us}) == 1:
        return True
    await revoke_family(transaction, code.family_id, now_us)
    return False


def read_blocking(database: Database, value: str) -> AuthorizationCode | None:
    """Return the code as it is at rest, whatever its state; for code in a worker thread."""
    rows = database.read_blocking(_ROW, {"code_hash": hashed(value)})
    if not rows:
        return None
    code_hash, family_id, client_id, record_id, grant_id, redirect_uri, scope, challenge, release, *rest = rows[0]
    return AuthorizationCode(
        code_hash,
        family_id,
        client_id,
        record_id,
        grant_id,
        redirect_uri,
        scope,
        challenge,
        None if release is None else Release(release),
        *rest,
    )
