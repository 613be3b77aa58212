"""DPoP proofs and client certificates, as clients and proxies make them."""

import secrets
from base64 import b64encode, urlsafe_b64encode
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey


def proof(
    key: ECKey,
    method: str,
    url: str,
    now: datetime,
    *,
    access_token: str | None = None,
    header: Any = None,
    **changed: Any,
) -> str:
    """Return a proof; ``changed`` are claims, of which None leaves one out."""
    claims = {"jti": secrets.token_hex(8), "htm": method, "htu": url, "iat": int(now.timestamp())}
    if access_token is not None:
        claims["ath"] = urlsafe_b64encode(sha256(access_token.encode()).digest()).rstrip(b"=").decode()
    claims |= changed
    head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False), **(header or {})}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(head, kept, key, algorithms=[head["alg"]])


@cache
def certificate(name: str) -> str:
    """Return a certificate as a proxy hands it on (RFC 9440); the same for the same name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime(2026, 1, 1)  # noqa: DTZ001 - the library takes it for UTC
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3650))
        .sign(key, SHA256())
    )
    return f":{b64encode(made.public_bytes(Encoding.DER)).decode()}:"
