"""DPoP proofs and client certificates, as clients and proxies make them."""

import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH


def proof(
    key: ECKey | RSAKey,
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


@dataclass(frozen=True)
class Issuer:
    """An authority that says whose a certificate is."""

    name: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def pem(self) -> bytes:
        """Return its own certificate."""
        basic, use = x509.BasicConstraints(ca=True, path_length=None), _SIGNS_CERTIFICATES
        made = self._begun(self.name, self.key.public_key()).add_extension(basic, critical=True)
        made = made.add_extension(use, critical=True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
        return made.sign(self.key, SHA256()).public_bytes(Encoding.PEM)

    def issued(
        self, name: str, names: Sequence[x509.GeneralName] = (), *, use: x509.ObjectIdentifier = CLIENT_AUTH
    ) -> str:
        """Return a certificate for ``name``, as a proxy hands it on."""
        made = self._begun(name, ec.generate_private_key(ec.SECP256R1()).public_key())
        made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        made = made.add_extension(issuer, critical=False)
        if names:
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return f":{b64encode(made.sign(self.key, SHA256()).public_bytes(Encoding.DER)).decode()}:"

    def _begun(self, name: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        start = datetime(2026, 1, 1)  # noqa: DTZ001 - the library takes it for UTC
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=365))
        )


_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
