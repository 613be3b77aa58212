"""Public keys of clients, as a JWK Set without anything private.

Spec: https://www.rfc-editor.org/rfc/rfc7517
"""

from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization, RSAKey

from app.errors import BadRequestError

KINDS = frozenset({"EC", "RSA"})
KEYS_MAX = 50
RSA_BITS_MIN = 2048


def public_keys(jwks: Any, *, ignore_others: bool = False) -> KeySetSerialization:
    """Return the key set without anything private; ``ignore_others`` leaves keys of other kinds out instead of refusing.

    Raises: BadRequestError, when it is none, has symmetric keys, or no key is left.
    """
    given = jwks.get("keys") if isinstance(jwks, dict) else None
    if isinstance(given, list) and ignore_others:
        given = [key for key in given if _kind_of(key) in KINDS]
    if (
        not isinstance(given, list)
        or not 0 < len(given) <= KEYS_MAX
        or any(_kind_of(key) not in KINDS for key in given)
    ):
        raise BadRequestError("The keys are a JWK Set of EC or RSA keys, at least one.")
    try:
        keys = KeySet.import_key_set({"keys": given}).keys
    except (JoseError, KeyError, TypeError, ValueError) as error:
        raise BadRequestError("The keys are not a JWK Set.") from error
    if any(isinstance(key, RSAKey) and key.public_key.key_size < RSA_BITS_MIN for key in keys):
        raise BadRequestError(f"An RSA key has at least {RSA_BITS_MIN} bits.")
    return {"keys": [key.as_dict(private=False) for key in keys]}


def has_certificates(jwks: Any) -> bool:
    """Return whether each key of a JWK Set comes with the certificate that it is in (``x5c``)."""
    return all(isinstance(key.get("x5c"), list) and key["x5c"] for key in public_keys(jwks)["keys"])


def _kind_of(key: Any) -> str:
    return str(key.get("kty")) if isinstance(key, dict) else ""
