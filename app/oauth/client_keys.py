"""The public keys with which the system of a practice proves who it is: seen, added, and retired.

Old and new are good side by side, so that a system can change over without a gap. A key is known by its thumbprint. A private key is
never taken. When a key is retired the tokens of the system end too, and that of its registration: whoever has that key may have them.

Spec: https://www.rfc-editor.org/rfc/rfc7517, https://www.rfc-editor.org/rfc/rfc7638
"""

import json
from dataclasses import dataclass
from typing import Any

from joserfc.jwk import JWKRegistry
from sqlalchemy import bindparam, null, update

from app.db.database import Transaction
from app.db.statements import hot
from app.errors import BadRequestError, ConflictError, NotFoundError
from app.oauth import clients, tokens
from app.oauth.clients import Client
from app.oauth.public_keys import KEYS_MAX, public_keys
from app.oauth.remote_keys import check_url
from app.oauth.tables import client

_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members of a JWK that are secret (RFC 7518 section 6)."""

_SET_KEYS = hot(update(client).where(client.c.client_id == bindparam("which")).values(jwks=bindparam("new_keys")))
_SET_URL = hot(update(client).where(client.c.client_id == bindparam("which")).values(jwks_uri=bindparam("new_url")))

_END_REGISTRATION = hot(update(client).where(client.c.client_id == bindparam("which")).values(registration_hash=null()))


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key of a client; ``kind`` is ``EC P-384`` or ``RSA``, ``kid`` the name by which the system calls it."""

    thumbprint: str
    kind: str
    kid: str


def keys_of(of: Client) -> list[PublicKey]:
    """Return the keys of a client that are kept here."""
    return [
        PublicKey(
            _thumbprint(key),
            " ".join(str(key[part]) for part in ("kty", "crv") if part in key),
            str(key.get("kid", "")),
        )
        for key in of.key_set["keys"]
    ]


async def add_key(transaction: Transaction, client_id: str, given: Any) -> str:
    """Return the thumbprint of a key that is good from now on; ``given`` is a public JWK, or a JWK Set with one.

    A key without ``kid`` is called by its thumbprint. Raises: NotFoundError; BadRequestError, for what is no public key;
    ConflictError, when the client has the key already.
    """
    known = await _client(transaction, client_id)
    named = given.get("keys", [given]) if isinstance(given, dict) else given
    if not isinstance(named, list) or len(named) != 1 or not isinstance(named[0], dict):
        raise BadRequestError("Give one public key, as a JWK.")
    if _PRIVATE & named[0].keys():
        raise BadRequestError(
            "This is a private key, which others have seen now. Make a new pair, and give its public key."
        )
    (key,) = public_keys({"keys": named})["keys"]
    thumbprint = _thumbprint(key)
    kept = list(known.key_set["keys"])
    if thumbprint in {_thumbprint(one) for one in kept}:
        raise ConflictError("This key is known already.")
    if len(kept) >= KEYS_MAX:
        raise ConflictError("There are too many keys: retire one first.")
    await _set(transaction, client_id, [*kept, {"kid": thumbprint, **key}])
    return thumbprint


async def retire_key(transaction: Transaction, client_id: str, thumbprint: str, now_us: int) -> None:
    """Let a key prove nothing from now on. Raises: NotFoundError; ConflictError, for the only one."""
    known = await _client(transaction, client_id)
    left = [key for key in known.key_set["keys"] if _thumbprint(key) != thumbprint]
    if len(left) == len(known.key_set["keys"]):
        raise NotFoundError("This key is not known.")
    if not left and known.jwks_uri is None:
        raise ConflictError("This is the only key: first add the new one.")
    await _set(transaction, client_id, left)
    await _end_tokens(transaction, client_id, now_us)


async def set_url(transaction: Transaction, client_id: str, url: str, now_us: int) -> None:
    """Take the keys at ``url`` too, or (empty) no more. Raises: NotFoundError, BadRequestError; ConflictError, if none is left."""
    known = await _client(transaction, client_id)
    if url:
        check_url(url)
    elif not known.key_set["keys"]:
        raise ConflictError("There is no other key: first add one.")
    await transaction.run(_SET_URL, {"which": client_id, "new_url": url or None})
    if known.jwks_uri is not None:
        await _end_tokens(transaction, client_id, now_us)


async def _end_tokens(transaction: Transaction, client_id: str, now_us: int) -> None:
    """End what whoever has the key may have too: tokens, and that of the registration, which could put the key back."""
    await tokens.revoke_of_client(transaction, client_id, now_us)
    await transaction.run(_END_REGISTRATION, {"which": client_id})


async def _client(transaction: Transaction, client_id: str) -> Client:
    found = await clients.get(transaction, client_id)
    if found is None or found.is_public or found.certificate is not None:
        raise NotFoundError("There is no such system with keys.")
    return found


async def _set(transaction: Transaction, client_id: str, keys: list[Any]) -> None:
    await transaction.run(_SET_KEYS, {"which": client_id, "new_keys": json.dumps({"keys": keys}) if keys else None})


def _thumbprint(key: Any) -> str:
    return JWKRegistry.import_key(key).thumbprint()
