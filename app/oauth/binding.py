"""What a token is bound to, so that who finds it can do nothing with it: a DPoP key or a client certificate.

A bound token says ``jkt:`` and the thumbprint of the key, or ``x5t:`` and that of the certificate. The certificate comes in a
header of the proxy that ended TLS (``certificates.py``).

Specs: https://www.rfc-editor.org/rfc/rfc9449, https://www.rfc-editor.org/rfc/rfc8705
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from app.db.database import Transaction
from app.oauth import certificates, dpop
from app.oauth.certificates import BadCertificateError
from app.oauth.dpop import BadProofError, Proof
from app.oauth.exchange import Payload
from app.oauth.nonces import Nonces
from app.oauth.replay import first_use

KEY, CERTIFICATE = "jkt:", "x5t:"
SCHEMES = frozenset({"bearer", "dpop"})


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request shows beside its token: ``scheme`` in lower case, the DPoP header, the certificate's; empty for none."""

    scheme: str
    token: str
    proof: str
    certificate: str
    method: str
    url: str


def thumbprint(certificate: str) -> str:
    """Return the ``x5t#S256`` of a certificate as a proxy hands it on. Raises: BadProofError."""
    try:
        return certificates.thumbprint(certificates.read(certificate))
    except BadCertificateError as error:
        raise BadProofError(str(error)) from error


def bound_to_key(payload: Payload) -> str | None:
    """Return what the tokens of an authorization request are to be bound to, by its ``dpop_jkt``; None for nothing yet."""
    named = payload.data.get("dpop_jkt")
    return None if named is None else KEY + named


def of_token_request(
    proof: str, certificate: str, url: str, now: datetime, nonces: Nonces | None = None
) -> tuple[str | None, Proof | None]:
    """Return what a token that is asked for at ``url`` is to be bound to, None for nothing, and the proof to be used up.

    Raises: BadProofError.
    """
    if proof:
        found = dpop.checked(proof, method="POST", url=url, now=now, nonces=nonces)
        return KEY + found.jkt, found
    return (CERTIFICATE + thumbprint(certificate), None) if certificate else (None, None)


def of_use(bound_to: str, shown: Shown, now: datetime, nonces: Nonces | None = None) -> Proof | None:
    """Return the proof to be used up when a token is used as it has to be; None where there is none to use up.

    Raises: BadProofError.
    """
    if bound_to.startswith(KEY):
        if shown.scheme != "dpop":
            raise BadProofError("This token is used with DPoP.")
        proof = dpop.checked(
            shown.proof, method=shown.method, url=shown.url, now=now, access_token=shown.token, nonces=nonces
        )
        if not hmac.compare_digest(bound_to, KEY + proof.jkt):
            raise BadProofError("The token is bound to another key.")
        return proof
    if shown.scheme != "bearer":
        raise BadProofError("This token is not bound to a key.")
    if bound_to and not (
        shown.certificate and hmac.compare_digest(bound_to, CERTIFICATE + thumbprint(shown.certificate))
    ):
        raise BadProofError("The token is bound to another certificate.")
    return None


def told(bound_to: str) -> dict[str, object]:
    """Return what introspection says of a bound token."""
    if bound_to.startswith(KEY):
        return {"token_type": "DPoP", "cnf": {"jkt": bound_to.removeprefix(KEY)}}
    return {"cnf": {"x5t#S256": bound_to.removeprefix(CERTIFICATE)}}


def use(proof: Proof, now: datetime) -> Callable[[Transaction], Awaitable[bool]]:
    """Return the job that says whether a proof comes for the first time."""
    return first_use(KEY + proof.jkt, proof.jti, now + 2 * dpop.LIFETIME, now)
