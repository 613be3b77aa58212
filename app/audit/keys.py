"""The keys that sign checkpoints, seals, cuts and receipts: Ed25519, each published and vouched for by the one before it.

Private keys are derived from one secret and a number, and are nowhere at rest. What was signed is checked with the key whose
time it was made in. Who trusts one key can follow the others from it.

Specs: https://www.rfc-editor.org/rfc/rfc8032, https://www.rfc-editor.org/rfc/rfc8037 (as a JWK, and its thumbprint)
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import func, insert, select, union_all

from app.audit.tables import audit, audit_cut, audit_head, audit_key
from app.db.database import Reader, Transaction
from app.db.statements import hot

KEY_BYTES = 32
_ALL = hot(select(audit_key).order_by(audit_key.c.number))
_INSERT = hot(insert(audit_key))
_signed = union_all(
    select(audit.c.instant).join(audit_head, (audit_head.c.stream == audit.c.stream) & (audit_head.c.n == audit.c.n)),
    select(audit_cut.c.instant),
).subquery()
_LAST_SIGNED = hot(select(func.max(_signed.c.instant)))
"""No earlier than the last checkpoint and cut: the log's time stands still after a clock that was ahead is set right."""


def base64url(data: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Return the bytes of base64url without padding. Raises: ValueError."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that signs from ``since`` (microseconds UTC); ``endorsement`` is by the key before it, empty for the first."""

    number: int
    raw: bytes
    since: int
    endorsement: bytes

    @property
    def thumbprint(self) -> str:
        """Return the ``kid`` (RFC 7638): 43 characters that people can compare."""
        text = f'{{"crv":"Ed25519","kty":"OKP","x":"{base64url(self.raw)}"}}'
        return base64url(hashlib.sha256(text.encode()).digest())

    def verifies(self, signature: bytes, text: bytes) -> bool:
        """Return whether this key signed ``text``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, text)
        except InvalidSignature:
            return False
        return True

    def as_jwk(self) -> dict[str, str | int]:
        """Return the JWK, with the two members of our own that lead from one key to the next."""
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "use": "sig",
            "alg": "EdDSA",
            "kid": self.thumbprint,
            "x": base64url(self.raw),
            "since": self.since,
            "endorsement": base64url(self.endorsement),
        }


def endorsed_text(since: int, raw: bytes) -> bytes:
    """Return the bytes that a key signs to vouch for the next."""
    return f"regie audit key {since} {raw.hex()}".encode()


def key_of(keys: Sequence[PublicKey], instant: int) -> PublicKey:
    """Return the key that signs at ``instant``; ``keys`` are in order, and what is older than the first is the first's."""
    return next((key for key in reversed(keys) if key.since <= instant), keys[0])


async def published(reader: Reader) -> list[PublicKey]:
    """Return all keys, the oldest first."""
    return [PublicKey(*row) for row in await reader.all(_ALL, {})]


def keys_of(jwks: Sequence[Mapping[str, object]]) -> list[PublicKey]:
    """Return the keys of a JWK Set as they were published, the oldest first.

    Raises: ValueError, if they are none, out of order, or one is not vouched for by the one before it.
    """
    found: list[PublicKey] = []
    for number, jwk in enumerate(jwks, 1):
        raw, since, endorsement = (from_base64url(str(jwk.get("x"))), jwk.get("since"), str(jwk.get("endorsement", "")))
        key = PublicKey(number, raw, since if isinstance(since, int) else -1, from_base64url(endorsement))
        before = found[-1] if found else None
        if len(raw) != KEY_BYTES or key.since <= (before.since if before else -1):
            raise ValueError("This is no key of a log.")
        if before and not before.verifies(key.endorsement, endorsed_text(key.since, key.raw)):
            raise ValueError("A key is not vouched for by the one before it.")
        found.append(key)
    if not found:
        raise ValueError("There is no key.")
    return found


class AuditKeys:
    """The private keys; ``secret`` is 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def private(self, number: int) -> Ed25519PrivateKey:
        """Return key ``number``, from 1."""
        if number == 1:
            return Ed25519PrivateKey.from_private_bytes(self._secret)
        return Ed25519PrivateKey.from_private_bytes(
            HKDF(SHA256(), 32, None, f"regie audit key {number}".encode()).derive(self._secret)
        )

    def first(self) -> PublicKey:
        """Return the first key as it holds before it was published: for what was signed before keys were."""
        return PublicKey(1, self.private(1).public_key().public_bytes_raw(), 0, b"")

    def made(self, key: PublicKey) -> bool:
        """Return whether a published key is one of these."""
        return self.private(key.number).public_key().public_bytes_raw() == key.raw

    async def current(self, transaction: Transaction, now_us: int) -> Ed25519PrivateKey:
        """Return the key that signs at this moment; the first is made by who asks first."""
        found = await published(transaction)
        if not found:
            found = [await self.rotate(transaction, now_us)]
        return self.private(key_of(found, now_us).number)

    async def rotate(self, transaction: Transaction, now_us: int) -> PublicKey:
        """Return the new key, which signs from now on; the one before it vouches for it."""
        before = await published(transaction)
        number = len(before) + 1
        # Two keys never begin at one moment, and a clock that was turned back does not give a key the time of another.
        last = await transaction.one(_LAST_SIGNED, {})
        since = max(now_us, before[-1].since + 1, ((last and last[0]) or 0) + 1) if before else now_us
        raw = self.private(number).public_key().public_bytes_raw()
        endorsement = self.private(before[-1].number).sign(endorsed_text(since, raw)) if before else b""
        made = PublicKey(number, raw, since, endorsement)
        row = {"number": number, "public_key": raw, "since": since, "endorsement": endorsement}
        await transaction.run(_INSERT, row)
        return made


def key_set(keys: Sequence[PublicKey]) -> bytes:
    """Return the keys as a JWK Set."""
    return msgspec.json.encode({"keys": [key.as_jwk() for key in keys]})
