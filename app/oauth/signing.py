"""The keys that sign what this server says about people (id_token): RSA, in the database, encrypted at rest.

A key is published for an hour before it signs, so that who keeps the key set for a while knows it in time, and stays
published until all that it signed has ended. Numbers rise; the newest whose time has come signs.

Specs: https://openid.net/specs/openid-connect-core-1_0.html#RotateSigningKeys, https://www.rfc-editor.org/rfc/rfc7517
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from app.db.database import Database, Row, Transaction
from app.db.statements import hot
from app.identity.instants import to_us
from app.oauth.tables import signing_key

ALGORITHM = "RS256"
FAPI_ALGORITHM = "PS256"
KEY_BITS = 3072
PUBLISHED_BEFORE = timedelta(hours=1)
"""How long a new key is published before it signs: longer than anybody keeps the key set (``KEPT``)."""

KEPT = timedelta(minutes=10)
"""How long others may keep the key set."""

_NONCE_BYTES = 12
_columns = signing_key.c
_ALL = hot(select(signing_key).order_by(_columns.number))
_NEWEST = hot(select(func.max(_columns.number)))
_INSERT = hot(
    insert(signing_key)
    .values(
        number=bindparam("number"),
        private_key=bindparam("private_key"),
        published_at=bindparam("published_at"),
        signs_from=bindparam("signs_from"),
    )
    .on_conflict_do_nothing()
)
_FORGET = hot(delete(signing_key).where(_columns.number < bindparam("before")))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key with its thumbprint as ``kid``; ``signs_from`` is in microseconds UTC."""

    number: int
    key: RSAKey
    signs_from: int


class SigningKeys:
    """The keys in a database; ``secret`` (32 bytes) encrypts them, ``lifetime`` is that of what they sign."""

    def __init__(self, database: Database, secret: bytes, lifetime: timedelta, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._cipher = AESGCM(secret)
        self._lifetime = lifetime
        self._clock = clock
        self._opened: dict[int, SigningKey] = {}

    def signed(self, claims: dict[str, Any], algorithm: str = ALGORITHM) -> str:
        """Return a JWT of ``claims``, signed with the key of the moment; for code in a worker thread."""
        now_us = to_us(self._clock())
        keys = self._all()
        current = [one for one in keys if one.signs_from <= now_us][-1:] or keys[:1]
        header = {"alg": algorithm, "kid": current[0].key.kid}
        return jwt.encode(header, claims, current[0].key, algorithms=[algorithm])

    def published(self) -> dict[str, Any]:
        """Return the JWK Set of all keys whose signatures hold now or soon; for code in a worker thread."""
        ended_us = to_us(self._clock() - self._lifetime - KEPT)
        keys = self._all()
        over = {one.number for one, after in pairwise(keys) if after.signs_from < ended_us}
        return {"keys": [one.key.as_dict(private=False) for one in keys if one.number not in over]}

    async def rotate(self, transaction: Transaction, *, at_once: bool = False) -> None:
        """Add a key, which signs an hour from now; ``at_once`` it signs now and the others are gone, with what they signed."""
        now = self._clock()
        newest = await transaction.one(_NEWEST, {})
        number = ((newest and newest[0]) or 0) + 1
        await transaction.run(_INSERT, self._made(number, now, now if at_once else now + PUBLISHED_BEFORE))
        if at_once:
            await transaction.run(_FORGET, {"before": number})

    def _all(self) -> list[SigningKey]:
        """Return all keys, in order; the first is made by who asks first."""
        rows = self._database.read_blocking(_ALL, {})
        if not rows:
            now = self._clock()
            first = self._made(1, now, now)

            async def job(transaction: Transaction) -> None:
                await transaction.run(_INSERT, first)

            self._database.write_blocking(job)
            rows = self._database.read_blocking(_ALL, {})
        return [self._open(row) for row in rows]

    def _made(self, number: int, published_at: datetime, signs_from: datetime) -> dict[str, Any]:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        private_key = RSAKey.generate_key(KEY_BITS).as_der(private=True)
        return {
            "number": number,
            "private_key": nonce + self._cipher.encrypt(nonce, private_key, str(number).encode()),
            "published_at": to_us(published_at),
            "signs_from": to_us(signs_from),
        }

    def _open(self, row: Row) -> SigningKey:
        number, private_key, _, signs_from = row
        if number not in self._opened:
            nonce, encrypted = private_key[:_NONCE_BYTES], private_key[_NONCE_BYTES:]
            der = self._cipher.decrypt(nonce, encrypted, str(number).encode())
            key = RSAKey.import_key(der, {"use": "sig"})
            key.ensure_kid()
            self._opened[number] = SigningKey(number, key, signs_from)
        return self._opened[number]
