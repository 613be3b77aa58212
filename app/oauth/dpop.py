"""DPoP: who uses a token proves that it holds the key that the token was given to.

Spec: https://www.rfc-editor.org/rfc/rfc9449
"""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import unquote, urlsplit

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import import_key
from joserfc.jws import JWSRegistry

from app.errors import BadRequestError
from app.oauth.nonces import Nonces
from app.oauth.public_keys import public_keys

ALGORITHMS = ["ES256", "PS256"]
LIFETIME = timedelta(seconds=60)
"""How long a proof is good after it was made; clocks may differ by as much the other way."""

PROOF_LENGTH_MAX = 4096
JTI_LENGTH_MAX = 256
_PRIVATE = frozenset("d p q dp dq qi oth k".split())
_PORTS = {"https": 443, "http": 80}


class _Registry(JWSRegistry):
    """Rules for the form of a proof: an RSA key in its header is longer than headers usually are."""

    max_header_length = PROOF_LENGTH_MAX


_REGISTRY = _Registry(algorithms=ALGORITHMS)


class BadProofError(Exception):
    """The proof is missing, or proves nothing; the text is for who builds the client."""


class NonceNeededError(BadProofError):
    """The proof is right, but has no nonce of this server, or an old one."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that is right, as long as its ``jti`` comes for the first time; ``jkt`` is the thumbprint of the key."""

    jkt: str
    jti: str


def checked(
    proof: str, *, method: str, url: str, now: datetime, access_token: str | None = None, nonces: Nonces | None = None
) -> Proof:
    """Return what a proof for this request says; with an access token it has to name that one, with ``nonces`` have one.

    Raises: BadProofError, NonceNeededError.
    """
    if not proof.isascii() or len(proof) > PROOF_LENGTH_MAX:
        raise BadProofError("The proof is too long, or no JWT.")
    try:
        header = jws.extract_compact(proof.encode(), registry=_REGISTRY).headers()
        if header.get("typ") != "dpop+jwt" or header.get("alg") not in ALGORITHMS:
            raise BadProofError(f"The proof is a dpop+jwt, signed with one of {', '.join(ALGORITHMS)}.")
        given = header.get("jwk")
        if not isinstance(given, dict) or not _PRIVATE.isdisjoint(given):
            raise BadProofError("The jwk of the proof is a public key.")
        (public,) = public_keys({"keys": [given]})["keys"]
        key = import_key(public)
        claims = jwt.decode(proof, key, algorithms=ALGORITHMS, registry=_REGISTRY).claims
    except (JoseError, ValueError, TypeError, KeyError, RecursionError, BadRequestError) as error:
        raise BadProofError("The proof is no JWT that is signed with the key in it.") from error
    _check(claims, method, url, now, access_token)
    if nonces is not None and not nonces.is_good(str(claims.get("nonce")), now):
        raise NonceNeededError("The proof needs the nonce that comes with this answer.")
    return Proof(key.thumbprint(), claims["jti"])


def _check(claims: dict[str, Any], method: str, url: str, now: datetime, access_token: str | None) -> None:
    jti, htu, made_at = claims.get("jti"), claims.get("htu"), claims.get("iat")
    if not isinstance(jti, str) or not jti.isprintable() or not 0 < len(jti) <= JTI_LENGTH_MAX:
        raise BadProofError("The proof needs a jti, of plain characters.")
    if claims.get("htm") != method or not isinstance(htu, str) or _place(htu) != _place(url):
        raise BadProofError("The htm and htu of the proof are not those of this request.")
    # Not in whole seconds: a proof that were good for a part of one longer could be used again, as its jti is forgotten by then.
    first, last = (now - LIFETIME).timestamp(), (now + LIFETIME).timestamp()
    if not isinstance(made_at, int) or not first <= made_at <= last:
        raise BadProofError("The iat of the proof is not now.")
    if access_token is not None:
        digest = urlsafe_b64encode(sha256(access_token.encode()).digest()).rstrip(b"=")
        if not hmac.compare_digest(str(claims.get("ath")).encode(errors="replace"), digest):
            raise BadProofError("The ath of the proof is not that of the access token.")


def _place(url: str) -> tuple[str, str, int | None, list[str]]:
    """Return what of a URL is compared: not the query, nor how its path is escaped."""
    try:
        parts = urlsplit(url)
        path = [unquote(part) for part in parts.path.split("/") if part]
        return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme), path
    except ValueError as error:
        raise BadProofError("The htu of the proof is no URL.") from error
